import { broken } from '../bytes.js';

const WHAT = 'MSZIP data';
const END_OF_BLOCK = 256;
const LONGEST_CODE = 15;
/** Lengths and distances of a match: the least of each code, and how many bits follow it (RFC 1951, 3.2.5). */
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258,
];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
  6145, 8193, 12289, 16385, 24577,
];
const DISTANCE_BITS = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
/** In which order the lengths of the codes for lengths of codes come. */
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A Huffman code, decoded bit by bit as canonical codes allow. */
interface Code {
  /** Symbols in the order of their codes. */
  readonly symbols: Uint16Array;
  /** How many codes there are of each length. */
  readonly counts: Uint16Array;
}

/**
 * Deflate (RFC 1951) with a dictionary: what was unpacked before. Our own, as MSZIP goes on with the last 32 KiB from block to block, and what
 * browsers have (DecompressionStream) takes no dictionary.
 *
 * @param output the dictionary is before `from`; what is unpacked goes from there on to `to`
 * @throws `malformed` if it is broken, or is not exactly so much
 */
export function inflateInto(packed: Uint8Array, output: Uint8Array, from: number, to: number): void {
  const bits = new Bits(packed);
  let at = from;
  let last = false;
  while (!last) {
    last = bits.take(1) === 1;
    const kind = bits.take(2);
    if (kind === 0) {
      const stored = bits.stored();
      if (stored.length > to - at) throw tooMuch(to - from);
      output.set(stored, at);
      at += stored.length;
    } else if (kind === 1) at = inflateBlock(bits, FIXED_LENGTHS, FIXED_DISTANCES, output, at, to);
    else if (kind === 2) {
      const [lengths, distances] = readCodes(bits);
      at = inflateBlock(bits, lengths, distances, output, at, to);
    } else throw broken(WHAT, 'a kind of block', 'kind 3');
  }
  if (at !== to) throw broken(WHAT, `${to - from} bytes in a block`, `${at - from}`);
}

const tooMuch = (size: number) => broken(WHAT, `at most ${size} bytes in a block`, 'more');

function inflateBlock(
  bits: Bits,
  lengths: Code,
  distances: Code,
  output: Uint8Array,
  start: number,
  to: number,
): number {
  let at = start;
  for (;;) {
    const symbol = bits.symbol(lengths);
    if (symbol === END_OF_BLOCK) return at;
    if (symbol < END_OF_BLOCK) {
      if (at >= to) throw tooMuch(to - start);
      output[at++] = symbol;
      continue;
    }
    const length = LENGTH_BASE[symbol - 257];
    if (length === undefined) throw broken(WHAT, 'a length', `code ${symbol}`);
    const count = length + bits.take(LENGTH_BITS[symbol - 257]!);
    const code = bits.symbol(distances);
    const base = DISTANCE_BASE[code];
    if (base === undefined) throw broken(WHAT, 'a distance', `code ${code}`);
    const distance = base + bits.take(DISTANCE_BITS[code]!);
    if (distance > at) throw broken(WHAT, `a distance of at most ${at}`, `${distance}`);
    if (count > to - at) throw tooMuch(to - start);
    for (let i = 0; i < count; i++, at++) output[at] = output[at - distance]!;
  }
}

function readCodes(bits: Bits): [Code, Code] {
  const lengthCount = bits.take(5) + 257;
  const distanceCount = bits.take(5) + 1;
  const orderCount = bits.take(4) + 4;
  const ofLengths = new Uint8Array(CODE_ORDER.length);
  for (let i = 0; i < orderCount; i++) ofLengths[CODE_ORDER[i]!] = bits.take(3);
  const code = codeOf(ofLengths);
  const lengths = new Uint8Array(lengthCount + distanceCount);
  for (let i = 0; i < lengths.length; ) {
    const symbol = bits.symbol(code);
    if (symbol < 16) {
      lengths[i++] = symbol;
      continue;
    }
    if (symbol === 16 && i === 0) throw broken(WHAT, 'a length to repeat', 'none');
    const repeated = symbol === 16 ? lengths[i - 1]! : 0;
    const count = symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7);
    if (i + count > lengths.length) throw broken(WHAT, `${lengths.length} lengths of codes`, 'more');
    lengths.fill(repeated, i, i + count);
    i += count;
  }
  return [codeOf(lengths.subarray(0, lengthCount)), codeOf(lengths.subarray(lengthCount))];
}

function codeOf(lengths: Uint8Array): Code {
  const counts = new Uint16Array(LONGEST_CODE + 1);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  let left = 1;
  const places = new Uint16Array(LONGEST_CODE + 2);
  for (let length = 1; length <= LONGEST_CODE; length++) {
    left = left * 2 - counts[length]!;
    if (left < 0) throw broken(WHAT, 'a Huffman code', 'more codes than bits');
    places[length + 1] = places[length]! + counts[length]!;
  }
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length > 0) symbols[places[length]!++] = symbol;
  });
  return { symbols, counts };
}

const FIXED_LENGTHS = codeOf(
  Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
);
const FIXED_DISTANCES = codeOf(new Uint8Array(30).fill(5));

/** Bits of bytes, the lowest first. */
class Bits {
  readonly #bytes: Uint8Array;
  #at = 0;
  #held = 0;
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(count: number): number {
    while (this.#count < count) {
      if (this.#at >= this.#bytes.length) throw broken(WHAT, 'more bytes', 'its end');
      this.#held |= this.#bytes[this.#at++]! << this.#count;
      this.#count += 8;
    }
    const value = this.#held & ((1 << count) - 1);
    this.#held >>>= count;
    this.#count -= count;
    return value;
  }

  symbol({ symbols, counts }: Code): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      code |= this.take(1);
      const count = counts[length]!;
      if (code - count < first) return symbols[index + code - first]!;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw broken(WHAT, 'a Huffman code', 'one of no symbol');
  }

  /** A block that is not compressed: from the next whole byte on. */
  stored(): Uint8Array {
    this.#at -= this.#count >> 3;
    this.#held = 0;
    this.#count = 0;
    const [low, high, notLow, notHigh] = this.#bytes.subarray(this.#at, this.#at + 4);
    if (notHigh === undefined || (low! ^ notLow!) !== 0xff || (high! ^ notHigh) !== 0xff)
      throw broken(WHAT, 'the size of a stored block', 'something else');
    const start = this.#at + 4;
    const length = low! | (high! << 8);
    if (start + length > this.#bytes.length) throw broken(WHAT, `${length} stored bytes`, 'fewer');
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }
}
