import { RowList, sortedOrder } from './lists.js';
import { RowBlockWriter } from './row-blocks.js';
import { StringTable } from './strings.js';

/** Values of a packed row of lines. */
export const LINE_VALUES = { line: 0, file: 1, count: 2 } as const;
/** Values of a packed row of inlined calls. `file` is one more than its number: 0 is "not known", as in the old form. */
export const INLINE_VALUES = { line: 0, file: 1, origin: 2, count: 3 } as const;

/** Columns of the tables. Addresses are RVAs, in a low and a high half; names and rules are offsets into the strings. */
export const FUNCTION = {
  low: 0,
  high: 1,
  size: 2,
  parameterSize: 3,
  name: 4,
  firstLineBlock: 5,
  lineBlocks: 6,
  firstInlineBlock: 7,
  inlineBlocks: 8,
  width: 9,
} as const;
export const PUBLIC = { low: 0, high: 1, parameterSize: 2, name: 3, width: 4 } as const;
/** Of FILE and INLINE_ORIGIN records. */
export const NAMED = { id: 0, name: 1, width: 2 } as const;
/** Of STACK CFI INIT records. */
export const CFI = { low: 0, high: 1, size: 2, rules: 3, firstDelta: 4, deltas: 5, width: 6 } as const;
/** Of the STACK CFI records after one: `offset` counts from the start of that. */
export const CFI_DELTA = { offset: 0, rules: 1, width: 2 } as const;
export const WINDOWS = {
  start: 0,
  size: 1,
  prologSize: 2,
  epilogSize: 3,
  parameterSize: 4,
  savedRegisterSize: 5,
  localSize: 6,
  maxStackSize: 7,
  program: 8,
  allocatesBasePointer: 9,
  width: 10,
} as const;

/** Texts of MODULE and INFO records, as offsets into the strings; 0 where there are none. */
export const HEAD_TEXTS = ['os', 'cpu', 'id', 'name', 'codeId', 'codeFile', 'url'] as const;
export type HeadText = (typeof HEAD_TEXTS)[number];

export const HIGH = 0x1_0000_0000;
/** More broken lines than this, and the file is called corrupt. Breakpad stops reading there. */
export const MAX_BROKEN_LINES = 100;

/** All records of a .sym file. */
export class SymTables {
  readonly strings = new StringTable();
  readonly head: Record<HeadText, number> = {
    os: 0,
    cpu: 0,
    id: 0,
    name: 0,
    codeId: 0,
    codeFile: 0,
    url: 0,
  };
  readonly functions = new RowList(FUNCTION.width);
  readonly lines = new RowBlockWriter(LINE_VALUES.count);
  readonly inlines = new RowBlockWriter(INLINE_VALUES.count);
  readonly publics = new RowList(PUBLIC.width);
  readonly files = new RowList(NAMED.width);
  readonly origins = new RowList(NAMED.width);
  readonly cfi = new RowList(CFI.width);
  readonly cfiDeltas = new RowList(CFI_DELTA.width);
  /** STACK WIN records of type 4. */
  readonly frameData = new RowList(WINDOWS.width);
  /** STACK WIN records of type 0. */
  readonly fpo = new RowList(WINDOWS.width);
  /** Bytes of the .sym file. */
  sourceSize = 0;
  /** Lines that could not be read, without those of INLINE records. */
  brokenLines = 0;
  /** INLINE records that could not be read. Breakpad does not count them as errors either. */
  brokenInlines = 0;
}

/** Brings the tables into order, and drops what overlaps: of two ranges the one that starts later goes, as in rust-minidump. */
export function sortTables(tables: SymTables): void {
  dropOverlaps(tables.functions, FUNCTION.size);
  dropOverlaps(tables.cfi, CFI.size);
  dropOverlaps(tables.frameData, WINDOWS.size, false);
  dropOverlaps(tables.fpo, WINDOWS.size, false);
  sortPublics(tables);
  sortNamed(tables.files);
  sortNamed(tables.origins);
}

/** The first columns of each are the start, in two halves if `wide`. Of ranges that start together the shortest stays. */
function dropOverlaps(list: RowList, sizeColumn: number, wide = true): void {
  const { width } = list;
  const startOf = (row: number) => {
    const { numbers } = list;
    return numbers[row * width]! + (wide ? numbers[row * width + 1]! * HIGH : 0);
  };
  const sizeOf = (row: number) => list.numbers[row * width + sizeColumn]!;
  const order = sortedOrder(list.length, (a, b) => startOf(a) - startOf(b) || sizeOf(a) - sizeOf(b));
  if (order) list.take(order);
  let end = 0;
  let kept = 0;
  const keep = new Uint32Array(list.length);
  for (let row = 0; row < list.length; row++) {
    const start = startOf(row);
    if (start < end) continue;
    end = start + sizeOf(row);
    keep[kept++] = row;
  }
  if (kept < list.length) list.take(keep.subarray(0, kept));
}

/** Where several stand at one address the last is found, in the order of rust-minidump: by parameter size, then by name. */
function sortPublics({ publics, strings }: SymTables): void {
  const { width } = publics;
  const column = (row: number, which: number) => publics.numbers[row * width + which]!;
  const order = sortedOrder(
    publics.length,
    (a, b) =>
      column(a, PUBLIC.high) - column(b, PUBLIC.high) ||
      column(a, PUBLIC.low) - column(b, PUBLIC.low) ||
      column(a, PUBLIC.parameterSize) - column(b, PUBLIC.parameterSize) ||
      strings.compare(column(a, PUBLIC.name), column(b, PUBLIC.name)),
  );
  if (order) publics.take(order);
}

/** Of records with one number the last counts: rows that compare alike keep their order, and the last is looked up. */
function sortNamed(list: RowList): void {
  const idOf = (row: number) => list.numbers[row * NAMED.width + NAMED.id]!;
  const order = sortedOrder(list.length, (a, b) => idOf(a) - idOf(b));
  if (order) list.take(order);
}
