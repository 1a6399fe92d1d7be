import { MinidumpError } from '../errors.js';

export const FRAME_MAGIC = 0xfd2fb528;
/** 0x184d2a50 to 0x184d2a5f. */
export const SKIPPABLE = 0x184d2a5;
/** What `zstd` itself takes without being told to (ZSTD_WINDOWLOG_LIMIT_DEFAULT). */
export const MAX_WINDOW = 1n << 27n;
export const MAX_BLOCK = 128 * 1024;

/**
 * Where the frames of a zstd stream begin and end (RFC 8878, 3.1): a decoder is given one frame at a time, and no frame that asks for
 * more memory than `zstd` would give it.
 */
export class ZstdFrames {
  readonly #emit: (bytes: Uint8Array, first: boolean, last: boolean) => void;
  /** What is being collected until it is complete. */
  #pending: Uint8Array = new Uint8Array();
  #state: 'frame' | 'block' | 'content' | 'checksum' | 'skip' = 'frame';
  /** Bytes that pass through unseen. */
  #left = 0;
  #hasChecksum = false;
  #lastBlock = false;

  /** @param emit gets the bytes of each frame in order */
  constructor(emit: (bytes: Uint8Array, first: boolean, last: boolean) => void) {
    this.#emit = emit;
  }

  /** Whether the bytes so far end with the end of a frame. */
  get complete(): boolean {
    return this.#state === 'frame' && this.#pending.length === 0;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left > 0) {
        const some = bytes.subarray(at, at + this.#left);
        this.#left -= some.length;
        at += some.length;
        this.#pass(some);
        continue;
      }
      const wanted = this.#wanted() - this.#pending.length;
      const some = bytes.subarray(at, at + wanted);
      at += some.length;
      this.#pending = joined(this.#pending, some);
      if (this.#pending.length === this.#wanted()) this.#take();
    }
  }

  /** Bytes of content: passed on, and when they are all there, what follows. */
  #pass(bytes: Uint8Array): void {
    const done = this.#left === 0;
    if (this.#state === 'skip') {
      if (done) this.#state = 'frame';
      return;
    }
    const last = done && (this.#state === 'checksum' || (this.#lastBlock && !this.#hasChecksum));
    this.#emit(bytes, false, last);
    if (done) this.#after();
  }

  #after(): void {
    if (this.#state === 'checksum') this.#state = 'frame';
    else if (!this.#lastBlock) this.#state = 'block';
    else if (this.#hasChecksum) {
      this.#state = 'checksum';
      this.#left = 4;
    } else this.#state = 'frame';
  }

  /** How long what is being collected has to be; of a frame's header that shows as it comes. */
  #wanted(): number {
    if (this.#state === 'block') return 3;
    if (this.#pending.length < 4) return 4;
    if (this.#isSkippable()) return 8;
    if (word(this.#pending) !== FRAME_MAGIC) return 4;
    return this.#pending.length < 5 ? 5 : headerSize(this.#pending[4]!);
  }

  #isSkippable(): boolean {
    return word(this.#pending) >>> 4 === SKIPPABLE;
  }

  #take(): void {
    const bytes = this.#pending;
    if (this.#state === 'block') {
      this.#pending = new Uint8Array();
      this.#takeBlock(bytes);
      return;
    }
    if (!this.#isSkippable() && word(bytes) !== FRAME_MAGIC) {
      throw new MinidumpError('malformed', 'what follows a zstd frame is none', {
        expected: `0x${FRAME_MAGIC.toString(16)}`,
        found: `0x${word(bytes).toString(16)}`,
      });
    }
    this.#pending = new Uint8Array();
    if (word(bytes) >>> 4 === SKIPPABLE) {
      this.#left = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
      this.#state = this.#left > 0 ? 'skip' : 'frame';
      return;
    }
    const window = windowSize(bytes);
    if (window > MAX_WINDOW) {
      throw new MinidumpError('unsupported', `this zstd stream needs a window of ${window >> 20n} MiB`, {
        advice: 'Decompress it first: zstd -d --long=31 FILE',
      });
    }
    this.#hasChecksum = (bytes[4]! & 4) !== 0;
    this.#state = 'block';
    this.#emit(bytes, true, false);
  }

  #takeBlock(bytes: Uint8Array): void {
    const header = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16);
    this.#lastBlock = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3 || size > MAX_BLOCK) {
      throw new MinidumpError('malformed', `a zstd block of type ${type} and ${size} bytes`);
    }
    this.#state = 'content';
    this.#left = type === 1 ? 1 : size;
    this.#emit(bytes, false, this.#left === 0 && this.#lastBlock && !this.#hasChecksum);
    if (this.#left === 0) this.#after();
  }
}

export function headerSize(descriptor: number): number {
  const single = (descriptor >> 5) & 1;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  const contentSize = descriptor >> 6 === 0 ? single : 1 << (descriptor >> 6);
  return 5 + (single ? 0 : 1) + dictionary + contentSize;
}

/** Of a single-segment frame it is the size of the content. */
export function windowSize(header: Uint8Array): bigint {
  const descriptor = header[4]!;
  if (((descriptor >> 5) & 1) === 0) {
    const base = 1n << BigInt(10 + (header[5]! >> 3));
    return base + (base >> 3n) * BigInt(header[5]! & 7);
  }
  const size = descriptor >> 6 === 0 ? 1 : 1 << (descriptor >> 6);
  let value = size === 2 ? 256n : 0n;
  const bytes = header.subarray(header.length - size);
  bytes.forEach((byte, i) => {
    value += BigInt(byte) << BigInt(8 * i);
  });
  return value;
}

function word(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
