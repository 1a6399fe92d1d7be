import { MAX_VARINT, writeVarint, zigzag } from './varint.js';

const CHUNK = 1 << 16;

/** Numbers as varints, one after the other, in pieces that are never copied. */
export class PackedNumbers {
  readonly #chunks: Uint8Array[] = [];
  /** Bytes used of each. */
  readonly #ends: number[] = [];
  #bytes = new Uint8Array(CHUNK);
  #at = CHUNK;

  /** Where the next number goes. */
  get place(): number {
    return this.#at > CHUNK - MAX_VARINT
      ? this.#chunks.length * CHUNK
      : (this.#chunks.length - 1) * CHUNK + this.#at;
  }

  push(value: number): void {
    if (this.#at > CHUNK - MAX_VARINT) {
      if (this.#chunks.length > 0) this.#ends.push(this.#at);
      this.#bytes = new Uint8Array(CHUNK);
      this.#chunks.push(this.#bytes);
      this.#at = 0;
    }
    // Most are small.
    if (value < 0x80) this.#bytes[this.#at++] = value;
    else this.#at = writeVarint(this.#bytes, this.#at, value);
  }

  pushSigned(value: number): void {
    this.push(zigzag(value));
  }

  /** Gives them again, when no more come. */
  reader(): PackedReader {
    return new PackedReader(this.#chunks, this.#ends);
  }
}

/** Never reads more numbers than were pushed: who reads knows how many there are. */
export class PackedReader {
  readonly #chunks: readonly Uint8Array[];
  readonly #ends: readonly number[];
  #index = 0;
  #at = 0;
  #bytes: Uint8Array = new Uint8Array();
  #end = 0;

  constructor(chunks: readonly Uint8Array[], ends: readonly number[]) {
    this.#chunks = chunks;
    this.#ends = ends;
  }

  /** Goes to a place, as `PackedNumbers.place` gave it. */
  seek(place: number): void {
    this.#index = Math.floor(place / CHUNK);
    this.#at = place - this.#index * CHUNK;
    this.#bytes = this.#chunks[this.#index] ?? new Uint8Array();
    this.#end = this.#ends[this.#index] ?? CHUNK;
  }

  next(): number {
    if (this.#at >= this.#end) {
      this.#index++;
      this.#at = 0;
      this.#bytes = this.#chunks[this.#index]!;
      this.#end = this.#ends[this.#index] ?? CHUNK;
    }
    const bytes = this.#bytes;
    let byte = bytes[this.#at++]!;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let unit = 0x80; ; unit *= 0x80) {
      byte = bytes[this.#at++]!;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  }

  nextSigned(): number {
    const value = this.next();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
