import { ByteList, RowList } from './lists.js';
import { MAX_VARINT, VarintReader, writeVarint, zigzag } from './varint.js';

/**
 * Rows of ranges, 2.6 million in a large file, packed: 16 bytes a row become 3 or 4. A block has up to 64 rows and begins
 * anew, so that a lookup finds its block by binary search and unpacks that one.
 *
 * A row is a varint: twice the size of the range, plus 1 if it does not begin where the one before it ends; then, if so, the
 * distance (signed); then each value as the distance (signed) from that of the row before, which for the first is 0.
 */
export const ROWS_PER_BLOCK = 64;

/** Columns of the directory: the depth of inlined calls (0 for lines), the start of the first range, the offset of its bytes. */
export const BLOCK = { depth: 0, start: 1, offset: 2, width: 3 } as const;

/** Columns of a row before it is packed; values follow. */
export const ROW = { start: 0, size: 1, values: 2 } as const;

/** Most bytes of a packed block of so many values. */
export function maxBlockBytes(values: number): number {
  return ROWS_PER_BLOCK * (2 + values) * MAX_VARINT;
}

export class RowBlockWriter {
  readonly directory = new RowList(BLOCK.width);
  readonly packed = new ByteList(1 << 16);
  readonly #end: number;

  /** `values` columns of a row are packed; others that follow are not. */
  constructor(values: number) {
    this.#end = ROW.values + values;
  }

  /** Packs rows `from` to `to` of a list, in order of start, into blocks of one depth. */
  add(rows: RowList, from: number, to: number, depth: number): void {
    const { width, numbers } = rows;
    const { packed } = this;
    for (let first = from; first < to; first += ROWS_PER_BLOCK) {
      const end = Math.min(first + ROWS_PER_BLOCK, to);
      packed.reserve((end - first) * width * MAX_VARINT);
      const block = this.directory.add();
      const blocks = this.directory.numbers;
      const { bytes } = packed;
      let out = packed.length;
      let expected = numbers[first * width + ROW.start]!;
      blocks[block + BLOCK.depth] = depth;
      blocks[block + BLOCK.start] = expected;
      blocks[block + BLOCK.offset] = out;
      // The row of zeros that the values of the first row are compared with.
      let before = -1;
      for (let at = first * width, stop = end * width; at < stop; at += width) {
        const start = numbers[at + ROW.start]!;
        const size = numbers[at + ROW.size]!;
        if (start === expected) out = writeVarint(bytes, out, size * 2);
        else {
          out = writeVarint(bytes, out, size * 2 + 1);
          out = writeVarint(bytes, out, zigzag(start - expected));
        }
        expected = start + size;
        for (let column = ROW.values; column < this.#end; column++) {
          const last = before < 0 ? 0 : numbers[before + column]!;
          out = writeVarint(bytes, out, zigzag(numbers[at + column]! - last));
        }
        before = at;
      }
      packed.length = out;
    }
  }
}

/** A row that was found. `start` counts from where the block's does. */
export interface FoundRow {
  start: number;
  values: number[];
}

/** The last row of a block that begins at or before an address, if it covers it; undefined also where the bytes are broken. */
export function findRow(
  packed: Uint8Array,
  blockStart: number,
  valueCount: number,
  address: number,
): FoundRow | undefined {
  const reader = new VarintReader(packed);
  const values = new Array<number>(valueCount).fill(0);
  let expected = blockStart;
  let found: FoundRow | undefined;
  for (let row = 0; row < ROWS_PER_BLOCK && !reader.atEnd; row++) {
    const head = reader.unsigned();
    const start = expected + (head % 2 === 1 ? reader.signed() : 0);
    const size = Math.floor(head / 2);
    for (let i = 0; i < valueCount; i++) values[i] = values[i]! + reader.signed();
    if (reader.failed || start > address || values.some((value) => value < 0)) break;
    expected = start + size;
    found = address < expected ? { start, values: [...values] } : undefined;
  }
  return found;
}
