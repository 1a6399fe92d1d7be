import { MinidumpError } from '../errors.js';
import type { Sink } from '../sink.js';
import { SeekTableWriter } from './seek-table.js';

/** Makes zstd frames. */
export interface Compressor {
  /** One whole zstd frame of `bytes`, which stay as they are until it is made. */
  compress(bytes: Uint8Array): Promise<Uint8Array>;
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

/** A frame on its way. */
interface Underway {
  size: number;
  /** Free again once it is compressed; undefined for a frame of zeros, which is compressed once for all. */
  buffer: Uint8Array | undefined;
  compressed: Promise<Uint8Array>;
}

/**
 * Compresses what is written to it, and writes that to another sink: zstd frames of 1 MiB, each by itself, and a seek table
 * behind them, so that a reader decompresses only what it wants. Any zstd decoder takes it.
 *
 * It holds four megabytes and a bit, whatever is written.
 */
export class SeekableZstdSink implements Sink {
  readonly mayWait = true;
  readonly #sink: Sink;
  readonly #compressor: Compressor;
  readonly #table = new SeekTableWriter();
  readonly #underway: Underway[] = [];
  readonly #spare: Uint8Array[] = [];
  #buffer: Uint8Array = new Uint8Array(FRAME);
  #filled = 0;
  #zeros: Promise<Uint8Array> | undefined;
  #written = 0;

  constructor(sink: Sink, compressor: Compressor) {
    this.#sink = sink;
    this.#compressor = compressor;
  }

  /** Bytes that were written so far, compressed. */
  get compressedSize(): number {
    return this.#written;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (bytes.length >= FRAME - this.#filled) return this.#writeFrames(bytes);
    this.#buffer.set(bytes, this.#filled);
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
      this.#buffer.set(some, this.#filled);
      this.#filled += some.length;
      at += some.length;
      if (this.#filled === FRAME) await this.#endFrame();
    }
  }

  /** Has the frame compressed that is in the buffer, as soon as no more than one other is. */
  async #endFrame(): Promise<void> {
    while (this.#underway.length >= AT_ONCE) await this.#writeOldest();
    const size = this.#filled;
    const buffer = this.#buffer;
    this.#filled = 0;
    if (size === FRAME && isZero(buffer)) {
      this.#zeros ??= this.#compressor.compress(new Uint8Array(FRAME));
      this.#begin({ size, buffer: undefined, compressed: this.#zeros });
      return;
    }
    this.#begin({ size, buffer, compressed: this.#compressor.compress(buffer.subarray(0, size)) });
    this.#buffer = this.#spare.pop() ?? new Uint8Array(FRAME);
  }

  #begin(frame: Underway): void {
    // It is waited for later, perhaps never: a failure must not take the process down.
    frame.compressed.catch(() => {});
    this.#underway.push(frame);
  }

  async #writeOldest(): Promise<void> {
    const { size, buffer, compressed } = this.#underway[0]!;
    const bytes = await compressed;
    this.#underway.shift();
    if (buffer !== undefined) this.#spare.push(buffer);
    if (bytes.length === 0) throw new MinidumpError('write-failed', 'the zstd compressor gave nothing');
    await this.#pass(bytes);
    this.#table.add(bytes.length, size);
  }

  async #pass(bytes: Uint8Array): Promise<void> {
    await this.#sink.write(bytes);
    this.#written += bytes.length;
  }
}

function isZero(bytes: Uint8Array): boolean {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
