import { checkLength, malformed } from '../../../format/index.js';
import type { Piece } from '../pieces.js';

/** The entries of a list in a stream. */
export interface EntryTable {
  /** Of the first entry. */
  start: number;
  stride: number;
  count: number;
  /** Where the count is. */
  countAt: number;
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function checkedTable(what: string, bytes: Uint8Array, table: EntryTable, least: number): EntryTable {
  const { start, stride, count } = table;
  if (stride < least)
    throw malformed(what, `entries of ${least} bytes or more`, `entries of ${stride} bytes`);
  if (start + count * stride > bytes.length) {
    throw malformed(what, `${count} entries of ${stride} bytes from ${start}`, `${bytes.length} bytes`);
  }
  return table;
}

/** A count and its entries; Breakpad's four bytes of padding are told as in `decodeCountedList`. */
export function countedTable(
  what: string,
  bytes: Uint8Array,
  stride: number,
  littleEndian: boolean,
): EntryTable {
  checkLength(what, bytes, 4);
  const count = viewOf(bytes).getUint32(0, littleEndian);
  const start = bytes.length === 8 + count * stride ? 8 : 4;
  return checkedTable(what, bytes, { start, stride, count, countAt: 0 }, stride);
}

/** A list whose head tells its own size, the size of an entry, and their number, 32 bits each. */
export function headedTable(
  what: string,
  bytes: Uint8Array,
  head: number,
  least: number,
  littleEndian: boolean,
): EntryTable {
  checkLength(what, bytes, head);
  const view = viewOf(bytes);
  const table: EntryTable = {
    start: view.getUint32(0, littleEndian),
    stride: view.getUint32(4, littleEndian),
    count: view.getUint32(8, littleEndian),
    countAt: 8,
  };
  return checkedTable(what, bytes, table, least);
}

/** Makes the bytes of a piece its own, and leaves out the entries that are not to be kept. What surrounds them stays. */
export function keepEntries(
  piece: Piece,
  table: EntryTable,
  kept: readonly number[],
  littleEndian: boolean,
): EntryTable {
  const { bytes } = piece;
  if (kept.length === table.count) {
    piece.bytes = bytes.slice();
    return table;
  }
  const { start, stride, count, countAt } = table;
  const behind = start + count * stride;
  const next = new Uint8Array(bytes.length - (count - kept.length) * stride);
  next.set(bytes.subarray(0, start));
  kept.forEach((index, i) => {
    const at = start + index * stride;
    next.set(bytes.subarray(at, at + stride), start + i * stride);
  });
  next.set(bytes.subarray(behind), start + kept.length * stride);
  viewOf(next).setUint32(countAt, kept.length, littleEndian);
  piece.bytes = next;
  return { ...table, count: kept.length };
}

/** Where each entry begins. */
export function placesOf({ start, stride, count }: EntryTable): number[] {
  return Array.from({ length: count }, (_, i) => start + i * stride);
}
