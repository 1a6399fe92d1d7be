import type { Task } from '../../io/index.js';
import { orderBy } from '../number-list.js';
import type { SymbolListener } from '../symbol-listing.js';
import type { CodeSpan } from './dwarf-file.js';
import type { FunctionNodes } from './function-nodes.js';
import type { LineRows } from './line-program.js';
import { LineSweep } from './line-sweep.js';

/** Calls inlined into each other; those of real programs are some tens deep. */
const MAX_DEPTH = 1024;

/** How often the inlined calls of functions in several ranges are looked through, for each node of the unit: real ones have a few ranges. */
const LOOKS = 64;
const LOOKS_ALWAYS = 1 << 20;

/** What the DIEs of a unit are called, and which files its line table speaks of: numbers of the listener. */
export interface UnitTexts {
  functionName(node: number): Task<string>;
  origin(node: number): Task<number>;
  /** -1 for one that the table does not have. */
  file(fileNumber: number): Task<number>;
}

/** Tells the functions of one unit, the lowest first, each range as one. */
export class UnitListing {
  readonly #nodes: FunctionNodes;
  readonly #rows: LineRows | undefined;
  readonly #texts: UnitTexts;
  readonly #span: CodeSpan;
  readonly #listener: SymbolListener;
  /** By number in the line table: a number of the listener, or -1. */
  readonly #files = new Map<number, number>();
  #looks: number;

  constructor(
    nodes: FunctionNodes,
    rows: LineRows | undefined,
    texts: UnitTexts,
    span: CodeSpan,
    listener: SymbolListener,
  ) {
    this.#nodes = nodes;
    this.#rows = rows;
    this.#texts = texts;
    this.#span = span;
    this.#listener = listener;
    this.#looks = LOOKS_ALWAYS + LOOKS * nodes.count;
  }

  *list(inlines: boolean): Task<void> {
    const ranges = this.#nodes.functionRanges();
    const count = ranges.length / 3;
    const order = orderBy(count, (i) => ranges.at(3 * i));
    const sweep = this.#rows && new LineSweep(this.#rows);
    /** Pieces of lines of one function: start, size and row. */
    const pieces: number[] = [];
    const keep = (start: number, size: number, row: number) => {
      pieces.push(start, size, row);
    };
    let node = -1;
    let name = '';
    let lastStart = -1;
    let lastEnd = -1;
    for (let i = 0; i < count; i++) {
      const at = 3 * order[i]!;
      const start = ranges.at(at);
      const end = ranges.at(at + 1);
      // Linkers leave functions in that they have discarded, at address 0 or in no segment.
      if (start === 0 || start < this.#span.base || end > this.#span.end || end <= start) continue;
      // Of assembler code each label that stands there is one: the first of them, as in symbol tables.
      if (start === lastStart && end === lastEnd) continue;
      lastStart = start;
      lastEnd = end;
      if (node !== ranges.at(at + 2)) {
        node = ranges.at(at + 2);
        name = yield* this.#texts.functionName(node);
      }
      this.#listener.function(start - this.#span.base, end - start, 0, name);
      if (inlines) yield* this.#listInlines(node, start, end);
      sweep?.take(start, end, keep);
      yield* this.#listLines(pieces);
      pieces.length = 0;
    }
  }

  *#listLines(pieces: readonly number[]): Task<void> {
    const rows = this.#rows!;
    const { base } = this.#span;
    let fileNumber = -1;
    let file = -1;
    for (let i = 0; i < pieces.length; i += 3) {
      const row = pieces[i + 2]!;
      const wanted = rows.file(row);
      if (wanted !== fileNumber) {
        fileNumber = wanted;
        file = yield* this.#file(wanted);
      }
      if (file >= 0) this.#listener.line(pieces[i]! - base, pieces[i + 1]!, rows.line(row), file);
    }
  }

  *#file(fileNumber: number): Task<number> {
    let file = this.#files.get(fileNumber);
    if (file === undefined) {
      file = yield* this.#texts.file(fileNumber);
      this.#files.set(fileNumber, file);
    }
    return file;
  }

  /** The calls that were inlined into one range of a function: of the ranges of each, those that begin there. */
  *#listInlines(node: number, start: number, end: number): Task<void> {
    const nodes = this.#nodes;
    const last = nodes.next(node);
    /** Where the calls end that are around the next. */
    const around: number[] = [];
    const ranges: number[] = [];
    for (let i = node + 1; i < last && this.#looks > 0; ) {
      this.#looks--;
      // A function in a function is one of its own.
      if (!nodes.isInlined(i)) {
        i = nodes.next(i);
        continue;
      }
      while (around.length > 0 && i >= around[around.length - 1]!) around.pop();
      ranges.length = 0;
      this.#clip(i, start, end, ranges);
      // GCC (-gstrict-dwarf) gives calls in several pieces none: those inside take their place.
      if (ranges.length > 0 && around.length < MAX_DEPTH) {
        const callFile = yield* this.#file(nodes.callFile(i));
        const file = callFile < 0 ? this.#listener.file('<unknown>') : callFile;
        const origin = yield* this.#texts.origin(i);
        this.#listener.inline(around.length, nodes.callLine(i), file, origin, ranges);
        around.push(nodes.next(i));
      }
      i++;
    }
  }

  #clip(node: number, start: number, end: number, into: number[]): void {
    const nodes = this.#nodes;
    const { base } = this.#span;
    const last = nodes.rangesEnd(node);
    this.#looks -= (last - nodes.firstRange(node)) / 2;
    for (let at = nodes.firstRange(node); at < last; at += 2) {
      const from = nodes.rangeNumber(at);
      if (from < start || from >= end) continue;
      const to = Math.min(nodes.rangeNumber(at + 1), end);
      if (to > from) into.push(from - base, to - from);
    }
  }
}
