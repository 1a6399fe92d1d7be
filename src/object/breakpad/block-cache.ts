import { readRange, type Source, type Task } from '../../io/index.js';

/** A page. Look-ups go to places all over an index: of larger blocks little would be used. */
const BLOCK_SIZE = 1 << 12;
/** So many keys are of one source: 4 GiB, the most that an index has. */
const MOST_BLOCKS = 1 << 20;
const DEFAULT_BYTES = 32 << 20;

/** Blocks of several sources that were read, up to so many bytes together. Where there are too many, those go that were not used for long. */
export class BlockStore {
  /** In two halves: when the recent one is full, the other one goes, and it takes its place. */
  #recent = new Map<number, DataView>();
  #before = new Map<number, DataView>();
  readonly #half: number;
  #sources = 0;

  constructor(bytes = DEFAULT_BYTES) {
    this.#half = Math.max(1, Math.floor(bytes / BLOCK_SIZE / 2));
  }

  /** Where the keys of one more source begin. */
  addSource(): number {
    return this.#sources++ * MOST_BLOCKS;
  }

  get(key: number): DataView | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const before = this.#before.get(key);
    if (before !== undefined) this.set(key, before);
    return before;
  }

  set(key: number, block: DataView): void {
    if (this.#recent.size >= this.#half) {
      this.#before = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, block);
  }
}

/** Reads small ranges of a source: the blocks that they lie in are read and kept. */
export class BlockCache {
  readonly source: Source;
  readonly #store: BlockStore;
  readonly #firstKey: number;

  constructor(source: Source, store = new BlockStore()) {
    this.source = source;
    this.#store = store;
    this.#firstKey = store.addSource();
  }

  /** The range must lie inside the source. What comes back is not to be changed. */
  *read(offset: number, length: number): Task<Uint8Array> {
    const found = this.find(offset, length);
    if (found !== undefined)
      return new Uint8Array(found.view.buffer, found.view.byteOffset + found.at, length);
    const number = Math.floor(offset / BLOCK_SIZE);
    const at = offset - number * BLOCK_SIZE;
    if (at + length > BLOCK_SIZE) return yield* readRange(this.source, offset, length, 'symbol index');
    const start = number * BLOCK_SIZE;
    const bytes = yield* readRange(this.source, start, this.#sizeAt(start), 'symbol index');
    this.#keep(number, bytes);
    return bytes.subarray(at, at + length);
  }

  /**
   * Where a range is that lies in one block, if that was read before or the source answers at once; undefined otherwise. A look-up has some
   * fifty steps, and a task for each would cost more than they do.
   */
  find(offset: number, length: number): { view: DataView; at: number } | undefined {
    const number = Math.floor(offset / BLOCK_SIZE);
    const at = offset - number * BLOCK_SIZE;
    if (at + length > BLOCK_SIZE) return undefined;
    let view = this.#store.get(this.#firstKey + number);
    if (view === undefined) {
      const start = number * BLOCK_SIZE;
      const size = this.#sizeAt(start);
      const bytes = this.source.readNow?.(start, size);
      // A file that was cut off meanwhile: `read` says so.
      if (bytes?.length !== size) return undefined;
      view = this.#keep(number, bytes);
    }
    return { view, at };
  }

  #sizeAt(start: number): number {
    return Math.min(BLOCK_SIZE, this.source.size - start);
  }

  #keep(number: number, bytes: Uint8Array): DataView {
    const block = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#store.set(this.#firstKey + number, block);
    return block;
  }
}
