import { MinidumpError } from '../errors.js';
import type { Sink } from '../sink.js';
import { SeekTableWriter } from './seek-table.js';

/** Makes zstd frames. */
export interface Compressor {
  /**
   * One whole zstd frame of `bytes`, which stay as they are until it is made. It may be made in `room` and be a part of that, if there
   * is enough.
   */
  compress(bytes: Uint8Array, room?: Uint8Array): Promise<Uint8Array>;
  /** Gives back what it holds, and gives up what it is doing. Never throws. */
  close(): void | Promise<void>;
}

/**
 * What a reader has to decompress for one byte. Frames of 4 MiB come to 0.3 % less, and take a browser, or Node before 22.15,
 * 90 ms each (docs/evidence/compression.md).
 */
const FRAME = 1024 * 1024;
/** Compressed side by side, while the next one is filled. */
const AT_ONCE = 2;
/** What does not shrink grows a little: ZSTD_compressBound of a frame. */
const ROOM = FRAME + (FRAME >> 8);

/** Used again and again: what the engine throws away it collects late. */
interface Buffers {
  readonly bytes: Uint8Array;
  readonly room: Uint8Array;
}

/** A frame on its way. */
interface Underway {
  size: number;
  /** Free again once it is written; undefined for a frame of zeros, which is compressed once for all. */
  buffers: Buffers | undefined;
  compressed: Promise<Uint8Array>;
}

/**
 * Compresses what is written to it, and writes that to another sink: zstd frames of 1 MiB, each by itself, and a seek table
 * behind them, so that a reader decompresses only what it wants. Any zstd decoder takes it.
 *
 * It holds six megabytes and a bit, whatever is written.
 */
export class SeekableZstdSink implements Sink {
  readonly mayWait = true;
  readonly computes: boolean;
  readonly #sink: Sink;
  readonly #compressor: Compressor;
  readonly #table = new SeekTableWriter();
  readonly #underway: Underway[] = [];
  readonly #spare: Buffers[] = [];
  #buffers = newBuffers();
  #filled = 0;
  #zeros: Promise<Uint8Array> | undefined;
  #written = 0;

  constructor(sink: Sink, compressor: Compressor) {
    this.#sink = sink;
    this.computes = !sink.mayWait;
    this.#compressor = compressor;
  }

  /** Bytes that were written so far, compressed. */
  get compressedSize(): number {
    return this.#written;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (bytes.length >= FRAME - this.#filled) return this.#writeFrames(bytes);
    this.#buffers.bytes.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  async close(): Promise<void> {
    if (this.#filled > 0) await this.#endFrame();
    while (this.#underway.length > 0) await this.#writeOldest();
    await this.#pass(this.#table.bytes());
    await this.#compressor.close();
    await this.#sink.close();
  }

  async abort(): Promise<void> {
    this.#filled = 0;
    await this.#compressor.close();
    await Promise.allSettled(this.#underway.map(({ compressed }) => compressed));
    this.#underway.length = 0;
    await this.#sink.abort();
  }

  async #writeFrames(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const some = bytes.subarray(at, at + FRAME - this.#filled);
      this.#buffers.bytes.set(some, this.#filled);
      this.#filled += some.length;
      at += some.length;
      if (this.#filled === FRAME) await this.#endFrame();
    }
  }

  /** Has the frame compressed that is in the buffer, as soon as no more than one other is. */
  async #endFrame(): Promise<void> {
    while (this.#underway.length >= AT_ONCE) await this.#writeOldest();
    const size = this.#filled;
    const buffers = this.#buffers;
    this.#filled = 0;
    if (size === FRAME && isZero(buffers.bytes)) {
      this.#zeros ??= this.#compressor.compress(new Uint8Array(FRAME));
      this.#begin({ size, buffers: undefined, compressed: this.#zeros });
      return;
    }
    const compressed = this.#compressor.compress(buffers.bytes.subarray(0, size), buffers.room);
    this.#begin({ size, buffers, compressed });
    this.#buffers = this.#spare.pop() ?? newBuffers();
  }

  #begin(frame: Underway): void {
    // It is waited for later, perhaps never: a failure must not take the process down.
    frame.compressed.catch(() => {});
    this.#underway.push(frame);
  }

  async #writeOldest(): Promise<void> {
    const { size, buffers, compressed } = this.#underway[0]!;
    const bytes = await compressed;
    this.#underway.shift();
    if (bytes.length === 0) throw new MinidumpError('write-failed', 'the zstd compressor gave nothing');
    await this.#pass(bytes);
    this.#table.add(bytes.length, size);
    if (buffers !== undefined) this.#spare.push(buffers);
  }

  async #pass(bytes: Uint8Array): Promise<void> {
    await this.#sink.write(bytes);
    this.#written += bytes.length;
  }
}

function newBuffers(): Buffers {
  return { bytes: new Uint8Array(FRAME), room: new Uint8Array(ROOM) };
}

function isZero(bytes: Uint8Array): boolean {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
