import { MinidumpError } from '../io/index.js';

/** What is broken, and where. */
export function broken(what: string, expected: string, found: string): MinidumpError {
  return new MinidumpError('malformed', `${what}: expected ${expected}, found ${found}`, { expected, found });
}

const utf8 = new TextDecoder();

/** The text before the first NUL; undefined if there is no NUL. */
export function cString(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : utf8.decode(bytes.subarray(0, end));
}

/** The text of a field that it may fill: up to the first NUL, or all. */
export function paddedText(bytes: Uint8Array): string {
  return cString(bytes) ?? utf8.decode(bytes);
}

/**
 * A place in little-endian bytes that moves on as they are read. Whatever reaches past the end is `malformed`.
 * 64-bit values come as numbers: those above 2^53 are rounded, and fail wherever they are used as an offset.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #what: string;
  readonly #view: DataView;
  readonly end: number;
  position: number;

  /** `what` names these bytes in errors. */
  constructor(bytes: Uint8Array, what: string, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#what = what;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = position;
    this.end = Math.min(end, bytes.length);
    if (!(position >= 0 && position <= this.end)) throw this.broken(`a place inside ${this.end} bytes`);
  }

  /** An error at this place. */
  broken(expected: string): MinidumpError {
    return broken(this.#what, expected, `something else at ${this.position} of ${this.end}`);
  }

  get left(): number {
    return this.end - this.position;
  }

  #take(size: number): number {
    const at = this.position;
    if (!(size >= 0 && size <= this.end - at)) throw this.broken(`${size} bytes more`);
    this.position = at + size;
    return at;
  }

  skip(size: number): void {
    this.#take(size);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  i8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2), true);
  }

  u24(): number {
    const at = this.#take(3);
    return this.#view.getUint16(at, true) + this.#view.getUint8(at + 2) * 0x10000;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  u64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  i64(): number {
    const at = this.#take(8);
    return this.#view.getInt32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  /** All 64 bits. */
  wide(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** An unsigned integer of 1, 2, 4 or 8 bytes. */
  unsigned(size: number): number {
    if (size === 8) return this.u64();
    if (size === 4) return this.u32();
    if (size === 2) return this.u16();
    if (size === 1) return this.u8();
    throw this.broken('an integer of 1, 2, 4 or 8 bytes');
  }

  /** ULEB128. */
  uleb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      // Compilers and linkers pad with 0x80 bytes: their length says nothing of the value.
      if ((byte & 0x7f) !== 0) {
        if (scale > 2 ** 70) throw this.broken('a number of 64 bits');
        value += (byte & 0x7f) * scale;
      }
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }

  /** SLEB128. */
  sleb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      if (byte < 0x80) return value + (byte >= 0x40 ? byte - 0x80 : byte) * scale;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (scale > 2 ** 70) throw this.broken('a number of 64 bits');
    }
  }

  /** ULEB128 or SLEB128 as 64 bits, exactly. */
  wideLeb(signed: boolean): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (signed && byte >= 0x40) value -= 1n << (shift + 7n);
        return BigInt.asUintN(64, value);
      }
    }
    throw this.broken('a number of 64 bits');
  }

  skipLeb(): void {
    while (this.u8() >= 0x80);
  }

  /** A view of the next bytes, not a copy. */
  take(size: number): Uint8Array {
    const at = this.#take(size);
    return this.bytes.subarray(at, at + size);
  }

  /** The text before the next NUL. */
  string(): string {
    const from = this.position;
    this.skipString();
    return utf8.decode(this.bytes.subarray(from, this.position - 1));
  }

  skipString(): void {
    const at = this.bytes.indexOf(0, this.position);
    if (at < 0 || at >= this.end) throw this.broken('a text that ends');
    this.position = at + 1;
  }
}
