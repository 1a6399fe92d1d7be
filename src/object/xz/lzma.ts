import { broken } from '../bytes.js';
import type { Output } from './output.js';
import { type RangeDecoder, resetProbabilities } from './range-decoder.js';

const STATES = 12;
const MAX_POSITION_STATES = 16;
const LITERAL_SIZE = 0x300;
/** The shortest match. */
const MIN_MATCH = 2;
/** Distances from this slot on have bits of even probability in the middle. */
const FIRST_DIRECT_SLOT = 14;
const ALIGN_BITS = 4;

/** Probabilities of a length (2 to 273). */
class Lengths {
  readonly #choice = new Uint16Array(2);
  readonly #low = new Uint16Array(MAX_POSITION_STATES * 8);
  readonly #middle = new Uint16Array(MAX_POSITION_STATES * 8);
  readonly #high = new Uint16Array(256);

  reset(): void {
    for (const one of [this.#choice, this.#low, this.#middle, this.#high]) resetProbabilities(one);
  }

  decode(range: RangeDecoder, positionState: number): number {
    if (range.bit(this.#choice, 0) === 0) return range.tree(this.#low, positionState * 8, 3);
    if (range.bit(this.#choice, 1) === 0) return 8 + range.tree(this.#middle, positionState * 8, 3);
    return 16 + range.tree(this.#high, 0, 8);
  }
}

/** The decoder of LZMA (lzma-specification.txt of the LZMA SDK): literals, and matches of what came before. */
export class LzmaDecoder {
  readonly #output: Output;
  #literalContext = 0;
  #literalPosition = 0;
  #positionMask = 0;
  #state = 0;
  /** The last distances, less one, the latest first. */
  #repeats = [0, 0, 0, 0];
  readonly #isMatch = new Uint16Array(STATES * MAX_POSITION_STATES);
  readonly #isRepeat = new Uint16Array(STATES);
  readonly #isRepeat0 = new Uint16Array(STATES);
  readonly #isRepeat1 = new Uint16Array(STATES);
  readonly #isRepeat2 = new Uint16Array(STATES);
  readonly #isLongRepeat0 = new Uint16Array(STATES * MAX_POSITION_STATES);
  readonly #slots = new Uint16Array(4 * 64);
  readonly #special = new Uint16Array(128);
  readonly #align = new Uint16Array(1 << ALIGN_BITS);
  readonly #lengths = new Lengths();
  readonly #repeatLengths = new Lengths();
  #literals = new Uint16Array();

  constructor(output: Output) {
    this.#output = output;
  }

  /** The byte with the three numbers that a stream was made with. */
  setProperties(byte: number): void {
    const positionBits = Math.floor(byte / 45);
    const literalPosition = Math.floor(byte / 9) % 5;
    const literalContext = byte % 9;
    if (positionBits > 4 || literalContext + literalPosition > 4)
      throw broken('LZMA data', 'properties that LZMA2 allows', `${byte}`);
    this.#positionMask = (1 << positionBits) - 1;
    this.#literalPosition = literalPosition;
    this.#literalContext = literalContext;
    this.#literals = new Uint16Array(LITERAL_SIZE << (literalContext + literalPosition));
  }

  reset(): void {
    this.#state = 0;
    this.#repeats = [0, 0, 0, 0];
    this.#lengths.reset();
    this.#repeatLengths.reset();
    const tables = [this.#isMatch, this.#isRepeat, this.#isRepeat0, this.#isRepeat1, this.#isRepeat2];
    const others = [this.#isLongRepeat0, this.#slots, this.#special, this.#align, this.#literals];
    for (const one of [...tables, ...others]) resetProbabilities(one);
  }

  /** So many bytes: a chunk ends between two symbols. */
  decode(range: RangeDecoder, size: number): void {
    const output = this.#output;
    const end = output.length + size;
    while (output.length < end) {
      const positionState = output.sinceReset & this.#positionMask;
      if (range.bit(this.#isMatch, this.#state * MAX_POSITION_STATES + positionState) === 0) {
        this.#literal(range);
        continue;
      }
      const length = this.#match(range, positionState);
      if (length > end - output.length) throw broken('LZMA data', 'a match inside its chunk', 'a longer one');
      output.copy(this.#repeats[0]! + 1, length);
    }
  }

  #literal(range: RangeDecoder): void {
    const output = this.#output;
    const position = output.sinceReset & ((1 << this.#literalPosition) - 1);
    const context = (position << this.#literalContext) + (output.back(1) >> (8 - this.#literalContext));
    const from = LITERAL_SIZE * context;
    let symbol = 1;
    if (this.#state >= 7) {
      // Behind a match the byte that would have gone on with it is the likeliest not to come.
      let other = output.back(this.#repeats[0]! + 1);
      while (symbol < 0x100) {
        const expected = (other >> 7) & 1;
        other <<= 1;
        const bit = range.bit(this.#literals, from + ((1 + expected) << 8) + symbol);
        symbol = symbol * 2 + bit;
        if (bit !== expected) break;
      }
    }
    while (symbol < 0x100) symbol = symbol * 2 + range.bit(this.#literals, from + symbol);
    output.push(symbol & 0xff);
    const state = this.#state;
    this.#state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  }

  /** Its length; its distance is the latest then. */
  #match(range: RangeDecoder, positionState: number): number {
    const state = this.#state;
    const after = (early: number, late: number) => {
      this.#state = state < 7 ? early : late;
    };
    if (range.bit(this.#isRepeat, state) === 0) {
      const length = this.#lengths.decode(range, positionState);
      after(7, 10);
      const [first, second, third] = this.#repeats as [number, number, number, number];
      this.#repeats = [this.#distance(range, length), first, second, third];
      return MIN_MATCH + length;
    }
    if (range.bit(this.#isRepeat0, state) === 0) {
      if (range.bit(this.#isLongRepeat0, state * MAX_POSITION_STATES + positionState) === 0) {
        after(9, 11);
        return 1;
      }
    } else {
      let which = 1;
      if (range.bit(this.#isRepeat1, state) === 1) which = 2 + range.bit(this.#isRepeat2, state);
      const [distance] = this.#repeats.splice(which, 1);
      this.#repeats.unshift(distance!);
    }
    const length = MIN_MATCH + this.#repeatLengths.decode(range, positionState);
    after(8, 11);
    return length;
  }

  #distance(range: RangeDecoder, length: number): number {
    const slot = range.tree(this.#slots, Math.min(length, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 + (slot & 1)) * 2 ** bits;
    if (slot < FIRST_DIRECT_SLOT) return base + range.reverseTree(this.#special, base - slot, bits);
    const middle = range.direct(bits - ALIGN_BITS) * 2 ** ALIGN_BITS;
    return base + middle + range.reverseTree(this.#align, 0, ALIGN_BITS);
  }
}
