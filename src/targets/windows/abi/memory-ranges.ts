import { checkRange, checkRangeCount } from '../../../dump/answers.js';
import type { AddressRange } from '../../../dump/ranges.js';
import type { PartialOutput } from './callback-fields.js';

/** MemorySize is a ULONG; whole pages, so that no range ends inside one. */
const MAX_SIZE = 0xffff_f000n;

/**
 * The ranges that MemoryCallback or RemoveMemoryCallback names, one call each. DbgHelp takes less than 4 GiB at a time: a larger
 * one is handed over in pieces, for which the routine is not asked.
 */
export class MemoryRanges {
  #rest: AddressRange | undefined;
  #count = 0;

  /** The next piece of a range that has been named, if there is one. */
  next(): PartialOutput | undefined {
    const range = this.#rest;
    if (range === undefined) return undefined;
    const size = range.end - range.start;
    const piece = size < MAX_SIZE ? size : MAX_SIZE;
    this.#rest = piece === size ? undefined : { start: range.start + piece, end: range.end };
    return { MemoryBase: range.start, MemorySize: Number(piece) };
  }

  /** Takes a range from the routine's output and gives its first piece; undefined if it named none. */
  name(output: PartialOutput): PartialOutput | undefined {
    this.#rest = checkRange({ MemoryBase: output.MemoryBase!, MemorySize: output.MemorySize! });
    if (this.#rest !== undefined) checkRangeCount(++this.#count);
    return this.next();
  }
}
