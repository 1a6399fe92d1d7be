import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import { ByteReader } from '../bytes.js';
import { sectionAt } from './headers.js';
import { directoryOf, type PeImage } from './image.js';

/** So many bytes of the table are read at once. */
const BLOCK = 4096;
const MAX_BLOCKS = 64;
/** Larger tables are cut: those of browsers have some 10 MiB. */
const MAX_SIZE = 256 * 1024 * 1024;

export interface FoundEntry {
  readonly start: number;
  /** Behind the start. */
  readonly rest: ByteReader;
  /** False where the entry of code behind it may be one that is not there. */
  readonly isFollowed: boolean;
}

/**
 * What a list of all entries may still cost, in operations of their prologues and epilogues. Chains, and epilogues that are shared, let a
 * small file ask for far more than functions have on average. Who lists takes from it before the work is done: it may fail.
 */
export interface ListBudget {
  left: number;
}

/** The exception directory: entries of a fixed size, sorted by the RVA that each begins with. */
export class EntryTable {
  readonly count: number;
  readonly #image: PeImage;
  readonly #address: number;
  readonly #entrySize: number;
  readonly #perBlock: number;
  readonly #blocks = new Map<number, ByteReader>();

  /** There were to be more entries than are there. */
  readonly #isCut: boolean;

  private constructor(image: PeImage, address: number, count: number, entrySize: number, isCut: boolean) {
    this.#image = image;
    this.#address = address;
    this.count = count;
    this.#isCut = isCut;
    this.#entrySize = entrySize;
    this.#perBlock = Math.floor(BLOCK / entrySize);
  }

  /** Undefined where there is none, or nothing of it is there. */
  static open(image: PeImage, entrySize: number): EntryTable | undefined {
    const directory = directoryOf(image.headers, 'exception');
    if (directory === undefined) return undefined;
    // A damaged size may say gigabytes.
    const section = sectionAt(image.headers.sections, directory.address);
    const end = section ? section.address + (section.virtualSize || section.size) : image.headers.imageSize;
    const size = Math.min(directory.size, MAX_SIZE, Math.max(0, end - directory.address));
    const count = Math.floor(size / entrySize);
    if (count === 0) return undefined;
    return new EntryTable(image, directory.address, count, entrySize, size < directory.size);
  }

  /** An entry, as a reader at its beginning; undefined where it is not there. */
  *entry(index: number): Task<ByteReader | undefined> {
    const number = Math.floor(index / this.#perBlock);
    let block = this.#blocks.get(number);
    if (block === undefined) {
      const first = number * this.#perBlock;
      const length = Math.min(this.#perBlock, this.count - first) * this.#entrySize;
      const bytes = yield* this.#image.read(this.#address + first * this.#entrySize, length);
      if (bytes === undefined) return undefined;
      block = new ByteReader(bytes, '.pdata');
      if (this.#blocks.size >= MAX_BLOCKS) this.#blocks.delete(this.#blocks.keys().next().value!);
      this.#blocks.set(number, block);
    }
    block.position = (index % this.#perBlock) * this.#entrySize;
    return block;
  }

  /**
   * All entries in their order, as long as something is left to spend. What is broken costs its entry.
   *
   * @param always what the list may cost however small the table is
   * @param ofEntry what it may cost for each entry, besides
   * @param list tells of the entry that begins at an RVA; `rest` is behind that
   */
  *each(
    always: number,
    ofEntry: number,
    list: (start: number, rest: ByteReader, budget: ListBudget) => Task<void>,
  ): Task<void> {
    const budget = { left: always };
    for (let i = 0; i < this.count && budget.left > 0; i++) {
      const reader = yield* this.entry(i);
      // Zeros fill the table up, or it is cut off: a damaged size may make gigabytes of either.
      const start = reader?.u32() ?? 0;
      if (reader === undefined || start === 0) return;
      budget.left += ofEntry;
      yield* unlessBroken(list(start, reader, budget));
    }
  }

  /**
   * The last entry that begins at or before an RVA: a reader behind its start, or null where all begin after it. Undefined where the
   * table is not all there.
   */
  *find(rva: number): Task<FoundEntry | null | undefined> {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = yield* this.entry(middle);
      if (entry === undefined) return undefined;
      // Linkers sort; what fills the table up is zero, and at its end.
      const start = entry.u32();
      if (start !== 0 && start <= rva) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const rest = yield* this.entry(low - 1);
    return rest && { start: rest.u32(), rest, isFollowed: low < this.count || !this.#isCut };
  }
}
