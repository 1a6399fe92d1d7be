import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import type { SectionData } from '../section-data.js';

const SIGNATURE = 0xeffe_effe;
const HEADER_SIZE = 12;
/** File names are asked for again and again. */
const MAX_KEPT = 4096;

/** `/names`: the texts that all modules share, found by their offset: names of source files, programs of frame data. */
export class PdbStrings {
  readonly #texts: SectionData;
  readonly #kept = new Map<number, string>();

  private constructor(texts: SectionData) {
    this.#texts = texts;
  }

  static *open(data: SectionData): Task<PdbStrings> {
    const reader = new ByteReader(yield* data.read(0, HEADER_SIZE), data.name);
    if (reader.u32() !== SIGNATURE) throw broken(data.name, 'the signature effeeffe', 'another');
    reader.skip(4); // The hash function is of interest to those who look texts up.
    return new PdbStrings(data.slice(HEADER_SIZE, reader.u32()));
  }

  *text(offset: number): Task<string> {
    const known = this.#kept.get(offset);
    if (known !== undefined) return known;
    const text = yield* this.#texts.text(offset);
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(offset, text);
    return text;
  }
}
