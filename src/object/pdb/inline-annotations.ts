import type { ByteReader } from '../bytes.js';
import { LineRanges } from './line-ranges.js';

/** Operations of binary annotations (cvinfo.h, BA_OP_…). */
const CODE_OFFSET = 1;
const CHANGE_CODE_OFFSET_BASE = 2;
const CHANGE_CODE_OFFSET = 3;
const CHANGE_CODE_LENGTH = 4;
const CHANGE_FILE = 5;
const CHANGE_LINE_OFFSET = 6;
const CHANGE_LINE_END_DELTA = 7;
const CHANGE_RANGE_KIND = 8;
const CHANGE_COLUMN_START = 9;
const CHANGE_COLUMN_END_DELTA = 10;
const CHANGE_CODE_OFFSET_AND_LINE_OFFSET = 11;
const CHANGE_CODE_LENGTH_AND_CODE_OFFSET = 12;
const CHANGE_COLUMN_END = 13;

/**
 * The code and lines of an inlined call: the annotations of S_INLINESITE, to the end of the record. Ranges are relative to the start of
 * the function, and end at its size at the latest.
 *
 * @param line the first line of the function that was inlined
 * @param file the offset of the checksum of its file
 */
export function readInlineAnnotations(
  reader: ByteReader,
  line: number,
  file: number,
  size: number,
): LineRanges {
  const ranges = new LineRanges();
  let base = 0;
  let offset = 0;
  /** The last range has no end yet: it reaches to the next one. */
  let open = false;
  const begin = (length?: number) => {
    const start = base + offset;
    close(start);
    ranges.add(start, length === undefined ? start : Math.min(size, start + length), Math.max(0, line), file);
    open = length === undefined;
  };
  const close = (end: number) => {
    if (open) ranges.setEnd(ranges.count - 1, Math.min(size, end));
    open = false;
  };
  while (reader.left > 0) {
    const operation = reader.u8();
    // Padding.
    if (operation === 0) break;
    switch (operation) {
      case CODE_OFFSET:
        offset = compressed(reader);
        break;
      case CHANGE_CODE_OFFSET_BASE:
        base = compressed(reader);
        break;
      case CHANGE_CODE_OFFSET:
        offset += compressed(reader);
        begin();
        break;
      case CHANGE_CODE_LENGTH: {
        // Offsets that follow count from the end of the range.
        const length = compressed(reader);
        offset += length;
        close(base + offset);
        break;
      }
      case CHANGE_FILE:
        file = compressed(reader);
        break;
      case CHANGE_LINE_OFFSET:
        line += signed(compressed(reader));
        break;
      case CHANGE_CODE_OFFSET_AND_LINE_OFFSET: {
        const both = compressed(reader);
        line += signed(both >>> 4);
        offset += both & 15;
        begin();
        break;
      }
      case CHANGE_CODE_LENGTH_AND_CODE_OFFSET: {
        const length = compressed(reader);
        offset += compressed(reader);
        begin(length);
        break;
      }
      case CHANGE_LINE_END_DELTA:
      case CHANGE_RANGE_KIND:
      case CHANGE_COLUMN_START:
      case CHANGE_COLUMN_END_DELTA:
      case CHANGE_COLUMN_END:
        compressed(reader);
        break;
      default:
        throw reader.broken('a binary annotation');
    }
  }
  close(size);
  return ranges.sorted();
}

/** 7, 14 or 29 bits, big-endian; the first byte tells how many. */
function compressed(reader: ByteReader): number {
  const first = reader.u8();
  if (first < 0x80) return first;
  if (first < 0xc0) return ((first & 0x3f) << 8) | reader.u8();
  if (first >= 0xe0) throw reader.broken('a compressed number');
  return ((first & 0x1f) << 24) | (reader.u8() << 16) | (reader.u8() << 8) | reader.u8();
}

/** The sign is the lowest bit. */
const signed = (value: number): number => ((value & 1) === 0 ? value >>> 1 : -(value >>> 1));
