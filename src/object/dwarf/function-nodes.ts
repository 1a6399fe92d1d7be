import { NumberList } from '../number-list.js';

/** Of one unit; no real program comes near that. */
export const MAX_NODES = 1 << 21;
/** Numbers that a node has. The DIE of an inlined subroutine is negative. */
const DIE = 0;
const NEXT = 1;
const CALL_FILE = 2;
const CALL_LINE = 3;
const FIRST_RANGE = 4;
const ENTRY = 5;
const ORIGIN = 6;
const FIELDS = 7;
/** In the place of an entry. */
const UNKNOWN = -1;

/**
 * The subprograms and inlined subroutines of a unit, in the order of their DIEs: a tree as numbers, as a unit may have a
 * hundred thousand of them. Addresses are those of the file.
 */
export class FunctionNodes {
  readonly #fields = new NumberList();
  /** Start and end, one pair after the other. */
  readonly #ranges = new NumberList();

  get count(): number {
    return this.#fields.length / FIELDS;
  }

  /** Bytes. */
  get weight(): number {
    return (this.#fields.length + this.#ranges.length) * 8;
  }

  /**
   * Adds a node without ranges that is open: what is added before `close` is inside it. Gives its number.
   *
   * @param origin the DIE of the function that it is code of (DW_AT_abstract_origin), in this file; 0 where it has none
   */
  add(die: number, inlined: boolean, callFile: number, callLine: number, origin: number): number {
    const index = this.count;
    const fields = this.#fields;
    fields.push(inlined ? -die : die);
    fields.push(index + 1);
    fields.push(callFile);
    fields.push(callLine);
    fields.push(this.#ranges.length);
    fields.push(UNKNOWN);
    fields.push(origin);
    return index;
  }

  /** A range of the node that was added last. */
  addRange(start: number, end: number): void {
    this.#ranges.push(start);
    this.#ranges.push(end);
  }

  /** DW_AT_low_pc or DW_AT_entry_pc of the node that was added last: where it begins. */
  setEntry(address: number | undefined): void {
    this.#fields.set((this.count - 1) * FIELDS + ENTRY, address ?? UNKNOWN);
  }

  /** Another DIE than a node is -1. */
  close(index: number): void {
    if (index >= 0) this.#fields.set(index * FIELDS + NEXT, this.count);
  }

  isInlined(index: number): boolean {
    return this.#field(index, DIE) < 0;
  }

  /** Offset of its DIE. */
  die(index: number): number {
    return Math.abs(this.#field(index, DIE));
  }

  /** The number of the node behind the last that is inside this one. */
  next(index: number): number {
    return this.#field(index, NEXT);
  }

  callFile(index: number): number {
    return this.#field(index, CALL_FILE);
  }

  callLine(index: number): number {
    return this.#field(index, CALL_LINE);
  }

  /** The DIE of the function that it is code of; 0 where it has none of its own. */
  origin(index: number): number {
    return this.#field(index, ORIGIN);
  }

  entry(index: number): number | undefined {
    const entry = this.#field(index, ENTRY);
    return entry === UNKNOWN ? undefined : entry;
  }

  /** Where the first of its ranges begins. */
  firstStart(index: number): number | undefined {
    const first = this.#field(index, FIRST_RANGE);
    return first < this.rangesEnd(index) ? this.#ranges.at(first) : undefined;
  }

  /** Where the one of its ranges begins that covers an address. */
  covering(index: number, address: number): number | undefined {
    const end = this.rangesEnd(index);
    for (let i = this.#field(index, FIRST_RANGE); i < end; i += 2) {
      const start = this.#ranges.at(i);
      if (address >= start && address < this.#ranges.at(i + 1)) return start;
    }
    return undefined;
  }

  /** The ranges of a node are those from here to the same of the next, one pair after the other: see `rangeNumber`. */
  firstRange(index: number): number {
    return this.#field(index, FIRST_RANGE);
  }

  /** Behind the last. */
  rangesEnd(index: number): number {
    return index + 1 < this.count ? this.#field(index + 1, FIRST_RANGE) : this.#ranges.length;
  }

  /** Start of a range, or its end at an odd place. */
  rangeNumber(at: number): number {
    return this.#ranges.at(at);
  }

  /** The ranges of the functions, each with the number of its node, as Intervals take them. */
  functionRanges(): NumberList {
    const triples = new NumberList();
    for (let index = 0; index < this.count; index++) {
      if (this.isInlined(index)) continue;
      const end = this.rangesEnd(index);
      for (let i = this.#field(index, FIRST_RANGE); i < end; i += 2) {
        triples.push(this.#ranges.at(i));
        triples.push(this.#ranges.at(i + 1));
        triples.push(index);
      }
    }
    return triples;
  }

  #field(index: number, field: number): number {
    return this.#fields.at(index * FIELDS + field);
  }
}
