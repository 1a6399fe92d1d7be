import { readRange, type Source, type Task } from '../../io/index.js';

const BLOCK_SIZE = 1 << 15;
/** 4 MiB at most are kept of one source. */
const MAX_BLOCKS = 128;

/** Reads small ranges of a source: the blocks that they lie in are read and kept. Where there are too many, the oldest goes. */
export class BlockCache {
  readonly source: Source;
  readonly #blocks = new Map<number, Uint8Array>();

  constructor(source: Source) {
    this.source = source;
  }

  /** The range must lie inside the source. What comes back is not to be changed. */
  *read(offset: number, length: number): Task<Uint8Array> {
    const first = Math.floor(offset / BLOCK_SIZE);
    const within = offset - first * BLOCK_SIZE;
    if (within + length <= BLOCK_SIZE) {
      const block = this.#blocks.get(first) ?? (yield* this.#load(first));
      return block.subarray(within, within + length);
    }
    return yield* readRange(this.source, offset, length, 'symbol index');
  }

  *#load(number: number): Task<Uint8Array> {
    const offset = number * BLOCK_SIZE;
    const length = Math.min(BLOCK_SIZE, this.source.size - offset);
    const block = yield* readRange(this.source, offset, length, 'symbol index');
    if (this.#blocks.size >= MAX_BLOCKS) {
      for (const oldest of this.#blocks.keys()) {
        this.#blocks.delete(oldest);
        break;
      }
    }
    this.#blocks.set(number, block);
    return block;
  }
}
