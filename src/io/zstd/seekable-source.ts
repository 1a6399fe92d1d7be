import { MinidumpError } from '../errors.js';
import type { Source } from '../source.js';
import type { Task } from '../task.js';
import { type Decompress, outlineOf } from './frame.js';
import { readSeekTable, type SeekTable } from './seek-table.js';

/** Frames that are kept, in bytes; the last one is, whatever its size. */
const CACHE = 8 * 1024 * 1024;
/** A larger frame is not decompressed: it would have to lie in memory whole. */
const LARGEST_FRAME = 128 * 1024 * 1024;
/** A few bytes of zstd may claim to be gigabytes, and rightly so: what is asked for at once is limited. */
const LARGEST_READ = 512 * 1024 * 1024;

/**
 * What a zstd file with a seek table holds. Only frames that are asked for are read and decompressed, and some of them kept. It
 * answers at once where the source below does.
 */
export class SeekableZstdSource implements Source {
  /** Length in bytes of what was compressed. */
  readonly size: number;
  /** Length in bytes of the compressed file. */
  readonly compressedSize: number;
  readonly #source: Source;
  readonly #decompress: Decompress;
  readonly #table: SeekTable;
  /** The one that was used last is the last. */
  readonly #kept = new Map<number, Uint8Array | Promise<Uint8Array>>();
  #keptBytes = 0;

  private constructor(source: Source, decompress: Decompress, table: SeekTable) {
    this.#source = source;
    this.#decompress = decompress;
    this.#table = table;
    this.size = table.starts.at(-1)!;
    this.compressedSize = source.size;
  }

  /**
   * @returns undefined if the source has no seek table
   * @throws MinidumpError `malformed` if it has one that cannot be true
   */
  static *openTask(source: Source, decompress: Decompress): Task<SeekableZstdSource | undefined> {
    const table = yield* readSeekTable(source);
    return table && new SeekableZstdSource(source, decompress, table);
  }

  read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    const wanted = Math.max(0, end - offset);
    if (wanted > LARGEST_READ) {
      throw new MinidumpError('unsupported', `${wanted} bytes of a compressed dump are too many at once`, {
        advice: 'Read it in pieces, or decompress the file first: zstd -d FILE',
      });
    }
    const bytes = new Uint8Array(wanted);
    if (wanted === 0) return bytes;
    return this.#fill(bytes, offset, this.#frameAt(offset));
  }

  /** Copies what frames have from the one on that `offset` lies in; waits only from the first one on that comes later. */
  #fill(bytes: Uint8Array, offset: number, first: number): Uint8Array | Promise<Uint8Array> {
    const end = offset + bytes.length;
    const { starts } = this.#table;
    const copy = (index: number, frame: Uint8Array) => {
      const start = starts[index]!;
      const from = Math.max(offset, start);
      bytes.set(frame.subarray(from - start, end - start), from - offset);
    };
    for (let index = first; index < starts.length - 1 && starts[index]! < end; index++) {
      const frame = this.#frame(index);
      if (!(frame instanceof Uint8Array)) return this.#fillLater(copy, bytes, index, end);
      copy(index, frame);
    }
    return bytes;
  }

  async #fillLater(
    copy: (index: number, frame: Uint8Array) => void,
    bytes: Uint8Array,
    first: number,
    end: number,
  ): Promise<Uint8Array> {
    const { starts } = this.#table;
    for (let index = first; index < starts.length - 1 && starts[index]! < end; index++) {
      copy(index, await this.#frame(index));
    }
    return bytes;
  }

  #frameAt(offset: number): number {
    const { starts } = this.#table;
    let low = 0;
    for (let high = starts.length - 1; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  #frame(index: number): Uint8Array | Promise<Uint8Array> {
    const kept = this.#kept.get(index);
    if (kept !== undefined) {
      this.#kept.delete(index);
      this.#kept.set(index, kept);
      return kept;
    }
    const { offsets, compressed } = this.#table;
    const read = this.#source.read(offsets[index]!, compressed[index]!);
    if (read instanceof Uint8Array) {
      const frame = this.#unpacked(index, read);
      this.#keep(index, frame);
      return frame;
    }
    // Kept from now on, so that ranges of one frame which are asked for together cost one frame.
    const frame = read.then((bytes) => this.#unpacked(index, bytes));
    this.#keep(index, frame);
    frame.then(
      (bytes) => {
        if (this.#kept.get(index) === frame) this.#kept.set(index, bytes);
      },
      () => {
        if (this.#kept.get(index) === frame) this.#drop(index);
      },
    );
    return frame;
  }

  #unpacked(index: number, packed: Uint8Array): Uint8Array {
    const wanted = this.#table.compressed[index]!;
    if (packed.length !== wanted) {
      throw new MinidumpError('truncated', `got ${packed.length} of the ${wanted} bytes of a zstd frame`);
    }
    const size = this.#sizeOf(index);
    if (size > LARGEST_FRAME) {
      throw new MinidumpError('unsupported', `a zstd frame holds ${size} bytes, too many at once`, {
        advice: 'Decompress the file first: zstd -d FILE',
      });
    }
    if (size > outlineOf(packed).most) {
      throw new MinidumpError('malformed', `a zstd frame cannot hold the ${size} bytes that it should`);
    }
    return this.#decompress(packed, size);
  }

  #keep(index: number, frame: Uint8Array | Promise<Uint8Array>): void {
    this.#kept.set(index, frame);
    this.#keptBytes += this.#sizeOf(index);
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= CACHE || oldest === index) break;
      this.#drop(oldest);
    }
  }

  #drop(index: number): void {
    this.#kept.delete(index);
    this.#keptBytes -= this.#sizeOf(index);
  }

  #sizeOf(index: number): number {
    const { starts } = this.#table;
    return starts[index + 1]! - starts[index]!;
  }
}
