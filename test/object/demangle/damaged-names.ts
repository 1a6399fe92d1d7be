import { generator } from '../../reader/mutations.js';

interface Damage {
  /** The letters that are put in. */
  readonly alphabet: string;
  /** So many at the beginning stay. */
  readonly kept: number;
  /** Pieces of other names that are put in are shorter than this. */
  readonly piece?: number;
  readonly seed?: number;
}

/** Names with one to three changes, always the same: letters taken out, and letters or pieces of other names put in. */
export function* damagedNames(
  names: readonly string[],
  { alphabet, kept, piece = 9, seed = 20240611 }: Damage,
): Iterable<string> {
  const random = generator(seed);
  for (let round = 0; round < 20_000; round++) {
    let name = names[random(names.length)]!;
    for (let changes = 1 + random(3); changes > 0; changes--) {
      const at = kept + random(name.length);
      const other = names[random(names.length)]!;
      const from = random(other.length);
      const put =
        random(2) === 0 ? alphabet[random(alphabet.length)]! : other.slice(from, from + random(piece));
      name = name.slice(0, at) + put + name.slice(at + random(3));
    }
    yield name;
  }
}
