import { MinidumpError } from '../../io/index.js';
import { ByteList } from './lists.js';
import { MAX_VARINT, writeVarint } from './varint.js';

/** So many places are looked at in the table; after that a text is stored once more. Bounds what chosen texts can cost. */
const MAX_PROBES = 16;
/** Texts are spoken of by 32-bit offsets. */
const MAX_BYTES = 0xffff_ffff;

/**
 * Texts, each once and as the bytes of the file, with its length in front. CFI rules repeat endlessly: 240,000 records
 * have a few hundred texts.
 */
export class StringTable {
  readonly list = new ByteList(1 << 16);
  /** Offsets of texts, by their hash; 0 is a free place. */
  #offsets = new Uint32Array(1 << 10);
  #hashes = new Uint32Array(1 << 10);
  #count = 0;

  constructor() {
    // The empty text: at 0, so that 0 may mean "none".
    this.list.bytes[this.list.length++] = 0;
  }

  /** The offset of a text; 0 is the empty one. */
  add(source: Uint8Array, from: number, to: number): number {
    if (from >= to) return 0;
    let hash = 0x811c9dc5;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ source[i]!, 0x01000193);
    // The low bits of FNV-1a alone are poor.
    hash = (hash ^ (hash >>> 15)) >>> 0;
    if (this.#count * 2 >= this.#offsets.length) this.#grow();
    const mask = this.#offsets.length - 1;
    for (let probe = 0, place = hash & mask; probe < MAX_PROBES; probe++, place = (place + 1) & mask) {
      const offset = this.#offsets[place]!;
      if (offset === 0) {
        this.#offsets[place] = this.list.length;
        this.#hashes[place] = hash;
        this.#count++;
        break;
      }
      if (this.#hashes[place] === hash && this.#isAt(offset, source, from, to)) return offset;
    }
    return this.#append(source, from, to);
  }

  #append(source: Uint8Array, from: number, to: number): number {
    const { list } = this;
    const offset = list.length;
    if (offset + MAX_VARINT + to - from > MAX_BYTES) {
      throw new MinidumpError('unsupported', 'symbol file: more than 4 GiB of names');
    }
    list.reserve(MAX_VARINT + to - from);
    list.length = writeVarint(list.bytes, offset, to - from);
    list.bytes.set(source.subarray(from, to), list.length);
    list.length += to - from;
    return offset;
  }

  #isAt(offset: number, source: Uint8Array, from: number, to: number): boolean {
    const { bytes } = this.list;
    let length = 0;
    let at = offset;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (length !== to - from) return false;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== source[from + i]) return false;
    return true;
  }

  /** Compares two texts byte by byte, as Rust and strcmp do. */
  compare(a: number, b: number): number {
    const left = this.bytesAt(a);
    const right = this.bytesAt(b);
    const common = Math.min(left.length, right.length);
    for (let i = 0; i < common; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
    return left.length - right.length;
  }

  bytesAt(offset: number): Uint8Array {
    const { bytes } = this.list;
    let length = 0;
    let unit = 1;
    let at = offset;
    for (;;) {
      const byte = bytes[at++]!;
      length += (byte & 0x7f) * unit;
      if (byte < 0x80) return bytes.subarray(at, at + length);
      unit *= 0x80;
    }
  }

  #grow(): void {
    const { length } = this.#offsets;
    const offsets = new Uint32Array(length * 2);
    const hashes = new Uint32Array(length * 2);
    const mask = offsets.length - 1;
    for (let i = 0; i < length; i++) {
      if (this.#offsets[i] === 0) continue;
      let place = this.#hashes[i]! & mask;
      // A text that finds no place near is forgotten here, and at worst stored twice.
      let probe = 0;
      while (offsets[place] !== 0 && ++probe < MAX_PROBES) place = (place + 1) & mask;
      if (offsets[place] !== 0) continue;
      offsets[place] = this.#offsets[i]!;
      hashes[place] = this.#hashes[i]!;
    }
    this.#offsets = offsets;
    this.#hashes = hashes;
  }
}
