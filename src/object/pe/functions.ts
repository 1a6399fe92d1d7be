import { MinidumpError, type Task } from '../../io/index.js';
import { orderBy, upperBound } from '../number-list.js';
import { type PeHeaders, sectionAt } from './headers.js';

/** A function of a symbol table or of the exports. Its size is not known. */
export interface PeFunction {
  /** As it is stored. */
  readonly name: string;
  /** RVA. */
  readonly start: number;
}

/** What a table says, one entry after the other. */
export interface FoundFunctions {
  readonly starts: Uint32Array;
  /** Where the name is: `nameOf` knows. */
  readonly names: Uint32Array;
  /** Of those that begin together, the first of the highest rank is taken. */
  readonly ranks: Uint8Array;
  readonly count: number;
  /** Bytes of all names, where they do not overlap. */
  readonly textSize: number;
  nameOf(name: number): Task<string | undefined>;
}

const SMALL_TEXT = 1 << 20;

/** Functions by address, as numbers: names are read when they are asked for. */
export class PeFunctions {
  readonly #headers: PeHeaders;
  readonly #starts: Uint32Array;
  readonly #names: Uint32Array;
  readonly #textSize: number;
  readonly #nameOf: (name: number) => Task<string | undefined>;

  constructor(headers: PeHeaders, { starts, names, ranks, count, textSize, nameOf }: FoundFunctions) {
    this.#textSize = textSize;
    this.#headers = headers;
    this.#nameOf = nameOf;
    const order = orderBy(count, (i) => starts[i]!);
    const kept = new Uint32Array(count);
    let length = 0;
    for (const i of order) {
      const last = length === 0 ? undefined : kept[length - 1]!;
      if (last === undefined || starts[last] !== starts[i]) kept[length++] = i;
      else if (ranks[i]! > ranks[last]!) kept[length - 1] = i;
    }
    this.#starts = Uint32Array.from({ length }, (_, i) => starts[kept[i]!]!);
    this.#names = Uint32Array.from({ length }, (_, i) => names[kept[i]!]!);
  }

  get count(): number {
    return this.#starts.length;
  }

  /** The last that begins at or before an RVA, in its section. */
  *at(rva: number): Task<PeFunction | undefined> {
    const index = upperBound(this.#starts, rva) - 1;
    const start = this.#starts[index];
    if (start === undefined) return undefined;
    const { sections } = this.#headers;
    if (sectionAt(sections, start) !== sectionAt(sections, rva)) return undefined;
    return yield* this.#function(index);
  }

  /** All of them, by address. A name that is broken costs its function. */
  *each(use: (one: PeFunction) => void): Task<void> {
    // In a damaged table each name may reach to the end of all.
    let left = this.#textSize * 4 + SMALL_TEXT;
    for (let i = 0; i < this.count && left > 0; i++) {
      try {
        const one = yield* this.#function(i);
        left -= one?.name.length ?? 1;
        if (one) use(one);
      } catch (error) {
        if (!(error instanceof MinidumpError) || error.code !== 'malformed') throw error;
        left -= Math.min(this.#textSize, SMALL_TEXT);
      }
    }
  }

  *#function(index: number): Task<PeFunction | undefined> {
    const name = yield* this.#nameOf(this.#names[index]!);
    return name ? { name, start: this.#starts[index]! } : undefined;
  }
}
