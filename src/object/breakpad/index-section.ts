import { MinidumpError, type Task } from '../../io/index.js';
import type { BlockCache } from './block-cache.js';

const NOTHING = new Uint8Array(0);

export function malformedIndex(expected: string, found: string): MinidumpError {
  return new MinidumpError('malformed', `symbol index: expected ${expected}, found ${found}`, {
    advice: 'Delete the index; it is made again from the .sym file.',
    expected,
    found,
  });
}

/** Rows of numbers in an index. */
export class Section {
  readonly #cache: BlockCache;
  readonly #offset: number;
  readonly #rowSize: number;
  /** Rows. */
  readonly length: number;

  /** The section lies inside the source, and has whole rows: whoever makes one has seen to that. */
  constructor(cache: BlockCache, offset: number, size: number, rowSize: number) {
    this.#cache = cache;
    this.#offset = offset;
    this.#rowSize = rowSize;
    this.length = size / rowSize;
  }

  /** The bytes of some rows; where there are not so many, the index is broken. */
  *bytes(first: number, count: number): Task<Uint8Array> {
    if (first + count > this.length) {
      throw malformedIndex(`rows ${first} to ${first + count}`, `${this.length} rows`);
    }
    if (count === 0) return NOTHING;
    return yield* this.#cache.read(this.#offset + first * this.#rowSize, count * this.#rowSize);
  }

  *rows(first: number, count: number): Task<DataView> {
    const bytes = yield* this.bytes(first, count);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  *row(number: number): Task<Row> {
    return this.#find(number) ?? new Row(yield* this.rows(number, 1), 0);
  }

  #find(number: number): Row | undefined {
    if (number >= this.length) return undefined;
    const found = this.#cache.find(this.#offset + number * this.#rowSize, this.#rowSize);
    return found && new Row(found.view, found.at);
  }

  /**
   * The number of the last row, from `first` and before `end`, that does not lie after what is looked for; `first - 1` if
   * all do. Rows must be in order.
   */
  *last(first: number, end: number, isAfter: (row: Row) => boolean): Task<number> {
    let low = first;
    let high = end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (isAfter(this.#find(middle) ?? (yield* this.row(middle)))) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }
}

/** The numbers of a row. */
export class Row {
  readonly #view: DataView;
  readonly #offset: number;

  constructor(view: DataView, offset: number) {
    this.#view = view;
    this.#offset = offset;
  }

  get(column: number): number {
    return this.#view.getUint32(this.#offset + column * 4, true);
  }

  /** An address of two halves. */
  wide(low: number, high: number): number {
    return this.get(low) + this.get(high) * 0x1_0000_0000;
  }
}
