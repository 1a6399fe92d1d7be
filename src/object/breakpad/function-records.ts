import { BROKEN, type Fields } from './fields.js';
import { RowList, sortedOrder } from './lists.js';
import { ROW } from './row-blocks.js';
import { FUNCTION, HIGH, INLINE_VALUES, LINE_VALUES, type SymTables } from './tables.js';

/** Calls that were inlined into each other more deeply are dropped. Real code has fewer than 50. */
export const MAX_INLINE_DEPTH = 512;

/** Where the records of the latest FUNC go: what is packed, and for inlined calls their depth. */
const LINE_WIDTH = ROW.values + LINE_VALUES.count;
const INLINE_WIDTH = ROW.values + INLINE_VALUES.count + 1;
const INLINE_DEPTH = INLINE_WIDTH - 1;

/** FUNC records, and the lines and INLINE records that follow each. */
export class FunctionRecords {
  readonly #tables: SymTables;
  readonly #lines = new RowList(LINE_WIDTH);
  readonly #inlines = new RowList(INLINE_WIDTH);
  /** Of the latest FUNC; no size: its lines are dropped with it. */
  #start = 0;
  #size = 0;
  #open = false;
  #lineEnd = 0;
  #linesInOrder = true;

  constructor(tables: SymTables) {
    this.#tables = tables;
  }

  /** FUNC [m] address size parameter-size name. One without a size covers nothing and is dropped. */
  open(bytes: Uint8Array, fields: Fields): boolean {
    this.close();
    this.#open = true;
    this.#size = 0;
    // "m": the same code has several names. The others stand nowhere.
    fields.takes('m');
    const start = fields.hex();
    const size = fields.hex32();
    const parameterSize = fields.hex32();
    if (start === BROKEN || size === BROKEN || parameterSize === BROKEN) return false;
    if (start + size > Number.MAX_SAFE_INTEGER) return false;
    if (size === 0) return true;
    this.#start = start;
    this.#size = size;
    const { functions, strings } = this.#tables;
    const row = functions.add();
    functions.numbers[row + FUNCTION.low] = start % HIGH;
    functions.numbers[row + FUNCTION.high] = Math.floor(start / HIGH);
    functions.numbers[row + FUNCTION.size] = size;
    functions.numbers[row + FUNCTION.parameterSize] = parameterSize;
    functions.numbers[row + FUNCTION.name] = strings.add(bytes, fields.rest(), fields.end);
    return true;
  }

  /** False if there is no function that the line could belong to. */
  addLine(address: number, size: number, line: number, file: number): boolean {
    let start = address - this.#start;
    let length = size;
    if (start < 0) {
      length += start;
      start = 0;
    }
    if (start >= this.#size || length <= 0) return this.#open;
    if (start < this.#lineEnd) this.#linesInOrder = false;
    this.#lineEnd = start + length;
    const rows = this.#lines;
    const at = rows.add();
    const numbers = rows.numbers;
    numbers[at + ROW.start] = start;
    numbers[at + ROW.size] = length;
    numbers[at + ROW.values + LINE_VALUES.line] = line;
    numbers[at + ROW.values + LINE_VALUES.file] = file;
    return true;
  }

  /** INLINE depth call-line [call-file] origin (address size)+. The old form lacks the file: then the number of fields is odd. */
  addInline(fields: Fields): boolean {
    const count = fields.count();
    const old = count % 2 === 1;
    if (!this.#open || count < (old ? 5 : 6)) return false;
    const depth = fields.decimal();
    const line = fields.lineNumber();
    const file = old ? 0 : fields.decimal() + 1;
    const origin = fields.decimal();
    if (depth === BROKEN || line === BROKEN || origin === BROKEN || (!old && file === 0)) return false;
    if (depth >= MAX_INLINE_DEPTH) return false;
    for (let pair = (count - (old ? 3 : 4)) / 2; pair > 0; pair--) {
      const address = fields.hex();
      const size = fields.hex32();
      if (address === BROKEN || size === BROKEN) return false;
      const start = Math.max(address - this.#start, 0);
      const length = size + Math.min(address - this.#start, 0);
      if (start >= this.#size || length <= 0) continue;
      const rows = this.#inlines;
      const at = rows.add();
      rows.numbers[at + ROW.start] = start;
      rows.numbers[at + ROW.size] = length;
      rows.numbers[at + ROW.values + INLINE_VALUES.line] = line;
      rows.numbers[at + ROW.values + INLINE_VALUES.file] = Math.min(file, 0xffff_ffff);
      rows.numbers[at + ROW.values + INLINE_VALUES.origin] = origin;
      rows.numbers[at + INLINE_DEPTH] = depth;
    }
    return true;
  }

  /** What follows belongs to no function. */
  close(): void {
    if (this.#open && this.#size > 0) {
      const { functions, lines, inlines } = this.#tables;
      const row = (functions.length - 1) * FUNCTION.width;
      functions.numbers[row + FUNCTION.firstLineBlock] = lines.directory.length;
      if (this.#lines.length > 0) this.#packLines();
      functions.numbers[row + FUNCTION.lineBlocks] =
        lines.directory.length - functions.numbers[row + FUNCTION.firstLineBlock]!;
      functions.numbers[row + FUNCTION.firstInlineBlock] = inlines.directory.length;
      if (this.#inlines.length > 0) this.#packInlines();
      functions.numbers[row + FUNCTION.inlineBlocks] =
        inlines.directory.length - functions.numbers[row + FUNCTION.firstInlineBlock]!;
    }
    this.#open = false;
    this.#size = 0;
    this.#lineEnd = 0;
    this.#linesInOrder = true;
    this.#lines.clear();
    this.#inlines.clear();
  }

  /** Lines that overlap are dropped, but the first; of those that start together the shortest stays. */
  #packLines(): void {
    const rows = this.#lines;
    if (!this.#linesInOrder) {
      const start = (row: number) => rows.numbers[row * LINE_WIDTH + ROW.start]!;
      const size = (row: number) => rows.numbers[row * LINE_WIDTH + ROW.size]!;
      const order = sortedOrder(rows.length, (a, b) => start(a) - start(b) || size(a) - size(b));
      if (order) rows.take(order);
      let end = 0;
      const kept = Uint32Array.from({ length: rows.length }, (_, row) => row).filter((row) => {
        if (start(row) < end) return false;
        end = start(row) + size(row);
        return true;
      });
      rows.take(kept);
    }
    this.#tables.lines.add(rows, 0, rows.length, 0);
  }

  /** Depth by depth. Ranges may overlap: the one that starts last before an address counts, as in rust-minidump. */
  #packInlines(): void {
    const rows = this.#inlines;
    const start = (row: number) => rows.numbers[row * INLINE_WIDTH + ROW.start]!;
    const depth = (row: number) => rows.numbers[row * INLINE_WIDTH + INLINE_DEPTH]!;
    const order = sortedOrder(rows.length, (a, b) => depth(a) - depth(b) || start(a) - start(b));
    if (order) rows.take(order);
    for (let from = 0, to = 0; from < rows.length; from = to) {
      while (to < rows.length && depth(to) === depth(from)) to++;
      this.#tables.inlines.add(rows, from, to, depth(from));
    }
  }
}
