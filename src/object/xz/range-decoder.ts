import { broken } from '../bytes.js';

/** The probability that a bit is 0, of 2048, before anything is known. */
const EVEN = 1024;
const TOP = 2 ** 24;

export function resetProbabilities(probabilities: Uint16Array): void {
  probabilities.fill(EVEN);
}

/** The arithmetic decoder of LZMA: bits, each with a probability that learns. */
export class RangeDecoder {
  readonly #bytes: Uint8Array;
  #position = 0;
  #range = 0xffffffff;
  #code = 0;

  /** All of a chunk. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    if (this.#next() !== 0) throw broken('LZMA data', 'a first byte of 0', 'another');
    for (let i = 0; i < 4; i++) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  /** Whether all was used up, as it is at the end of a chunk that is whole. */
  get finished(): boolean {
    return this.#code === 0 && this.#position === this.#bytes.length;
  }

  #next(): number {
    const byte = this.#bytes[this.#position++];
    if (byte === undefined) throw broken('LZMA data', 'more bytes', `an end after ${this.#bytes.length}`);
    return byte;
  }

  #normalize(): void {
    if (this.#range >= TOP) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  bit(probabilities: Uint16Array, index: number): 0 | 1 {
    const probability = probabilities[index]!;
    const bound = (this.#range >>> 11) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      probabilities[index] = probability + ((2048 - probability) >> 5);
      this.#normalize();
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    probabilities[index] = probability - (probability >> 5);
    this.#normalize();
    return 1;
  }

  /** Bits of even probability, the highest first. */
  direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit) this.#code -= this.#range;
      value = value * 2 + bit;
      this.#normalize();
    }
    return value;
  }

  /** A number whose bits have probabilities that depend on those before, the highest first. */
  tree(probabilities: Uint16Array, from: number, bits: number): number {
    let node = 1;
    for (let i = 0; i < bits; i++) node = node * 2 + this.bit(probabilities, from + node);
    return node - (1 << bits);
  }

  /** The same, the lowest bit first. */
  reverseTree(probabilities: Uint16Array, from: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(probabilities, from + node);
      node = node * 2 + bit;
      value += bit << i;
    }
    return value;
  }
}
