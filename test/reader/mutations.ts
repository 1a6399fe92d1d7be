/**
 * The seeds of a run: one that is the same in every run, and one that is not, or the one of MDMP_FUZZ_SEED. A failed
 * test has its seed in its name.
 */
export const fuzzSeeds: readonly number[] = [
  1,
  Number(process.env.MDMP_FUZZ_SEED ?? Math.floor(Math.random() * 0x1_0000_0000)),
];

/** The same numbers in every run (mulberry32). */
export function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Numbers that counts, sizes and offsets go wrong with. */
function nasty(random: (below: number) => number, size: number): number {
  const numbers = [0, 1, 2, 3, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
  const near = [size - 4, size - 1, size, size + 1, random(size), random(size), random(size), random(256)];
  const all = [...numbers, ...near];
  return all[random(all.length)]!;
}

/** Changes a few places: numbers of header, directory and the starts of streams above all. */
export function mutate(
  bytes: Uint8Array,
  places: readonly number[],
  random: (below: number) => number,
): Uint8Array {
  const mutated = random(8) === 0 ? bytes.slice(0, random(bytes.length)) : bytes.slice();
  if (mutated.length < 8) return mutated;
  const view = new DataView(mutated.buffer);
  for (let n = 1 + random(6); n > 0; n--) {
    const at = random(4) === 0 ? random(mutated.length) : places[random(places.length)]! + random(64);
    if (at + 8 > mutated.length) continue;
    switch (random(4)) {
      case 0:
        mutated[at] = random(256);
        break;
      case 1:
        view.setUint32(at & ~3, nasty(random, bytes.length), true);
        break;
      case 2:
        view.setBigUint64(at & ~3, BigInt(nasty(random, bytes.length)) << BigInt(random(33)), true);
        break;
      default: {
        const from = random(mutated.length - 8);
        mutated.copyWithin(at, from, from + random(64));
      }
    }
  }
  return mutated;
}
