import { expect, it } from 'vitest';
import { BytesSource, MinidumpError } from '../../src/io/index.js';
import { Minidump, toJson } from '../../src/reader/index.js';
import { describeWith, needsCorpus } from '../support/tools.js';
import { corpusBytes, corpusDumps } from './corpus.js';

/** Mutations in all; MDMP_FUZZ=1000000 for a night. */
const total = Number(process.env.MDMP_FUZZ ?? 3000);

/** The same numbers in every run (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Counts what is read: what a reader asks for is what it holds in memory. */
class CountingSource extends BytesSource {
  bytes = 0;

  override read(offset: number, length: number): Uint8Array {
    this.bytes += length;
    return super.read(offset, length);
  }
}

/** Numbers that counts, sizes and offsets go wrong with. */
function nasty(random: (below: number) => number, size: number): number {
  const numbers = [0, 1, 2, 3, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
  const near = [size - 4, size - 1, size, size + 1, random(size), random(size), random(size), random(256)];
  const all = [...numbers, ...near];
  return all[random(all.length)]!;
}

/** Changes a few places: numbers of header, directory and the starts of streams above all. */
function mutate(bytes: Uint8Array, places: readonly number[], random: (below: number) => number): Uint8Array {
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

/** Reads all that can be read, and fails at anything but a MinidumpError. */
function readAll(source: CountingSource): void {
  const tolerate = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof MinidumpError)) throw error;
    }
  };
  tolerate(() => {
    const dump = Minidump.openSync(source);
    for (const entry of dump.directory.slice(0, 64)) tolerate(() => toJson(dump.readSync(entry)));
    tolerate(() => {
      const memory = dump.memorySync();
      let last = 0n;
      for (const { start, end } of memory.ranges()) {
        if (start < last || end <= start || end > 1n << 64n) throw new Error(`ranges: ${start}-${end}`);
        last = end;
      }
      for (const { start } of memory.ranges().slice(0, 4)) memory.readSync(start, 64);
    });
  });
}

describeWith([needsCorpus], 'damaged dumps', () => {
  const names = corpusDumps();
  const each = Math.ceil(total / names.length);

  it.each(names)(
    `%s: ${each} mutations give MinidumpErrors only, in bounded time and memory`,
    (name) => {
      const bytes = corpusBytes(name);
      const random = generator(name.length * 7919 + bytes.length);
      const { directory } = Minidump.openSync(bytes);
      const places = [
        0,
        0,
        0x20,
        0x20,
        0x60,
        ...directory.flatMap(({ rva }) => [rva, rva, rva + 64, rva + random(4096)]),
      ];
      for (let i = 0; i < each; i++) {
        const source = new CountingSource(mutate(bytes, places, random));
        const started = performance.now();
        try {
          readAll(source);
        } catch (error) {
          throw new Error(`mutation ${i}`, { cause: error });
        }
        expect(performance.now() - started, `mutation ${i}: milliseconds`).toBeLessThan(5000);
        // A stream at a time, each with parts that may be as long as the file a few times over.
        expect(source.bytes / bytes.length, `mutation ${i}: times the file`).toBeLessThan(64 * 20);
      }
    },
    120_000 + total * 100,
  );
});
