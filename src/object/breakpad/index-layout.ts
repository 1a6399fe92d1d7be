import { BLOCK } from './row-blocks.js';
import { CFI, CFI_DELTA, FUNCTION, HEAD_TEXTS, NAMED, PUBLIC, WINDOWS } from './tables.js';

/**
 * A symIndex is a .sym file in a form that is looked up without being read as a whole. All numbers are little-endian, 32 bits.
 *
 * Header, HEADER_SIZE bytes:
 *
 *     0  "MDMPSYM\0"
 *     8  VERSION
 *    12  FNV-1a of the header, with 0 in this place
 *    16  size of the whole index
 *    20  size of the .sym file, low half
 *    24  the same, high half
 *    28  broken lines of the .sym file
 *    32  broken INLINE records
 *    36  7 texts: os, cpu, id and name of MODULE, id and file of INFO CODE_ID, INFO URL
 *    64  13 sections, each: offset, size in bytes
 *
 * A text is the offset of a string in the section of that name; 0 is the empty one. A string there is its length as a varint
 * (varint.ts), and its bytes, as they are in the .sym file.
 *
 * The other sections are rows of numbers; the columns stand in tables.ts, and in row-blocks.ts for the directories of blocks.
 *
 *     functions     FUNCTION, by address. Its lines are `lineBlocks` blocks from `firstLineBlock` on; inlined calls alike
 *     lineBlocks    BLOCK. The bytes of a block end where those of the next row begin
 *     lineRows      blocks of rows (row-blocks.ts) with the values line, file. Addresses count from the start of the function
 *     inlineBlocks  BLOCK, by depth and start within a function
 *     inlineRows    blocks with the values call line, call file + 1, origin
 *     publics       PUBLIC, by address
 *     files         NAMED, by id
 *     origins       NAMED, by id
 *     cfi           CFI, by address. Its deltas are `deltas` rows from `firstDelta` on
 *     cfiDeltas     CFI_DELTA, by offset within a CFI row
 *     frameData     WINDOWS, by address: STACK WIN 4
 *     fpo           WINDOWS, by address: STACK WIN 0
 *
 * Ranges of one section do not overlap. Whatever is changed here, in tables.ts, in row-blocks.ts or in what is kept of a .sym
 * file is a new VERSION: an index of another one is not opened, but made again.
 */
export const MAGIC = Uint8Array.from('MDMPSYM\0', (char) => char.charCodeAt(0));
export const VERSION = 1;

export const SECTIONS = [
  'strings',
  'functions',
  'lineBlocks',
  'lineRows',
  'inlineBlocks',
  'inlineRows',
  'publics',
  'files',
  'origins',
  'cfi',
  'cfiDeltas',
  'frameData',
  'fpo',
] as const;
export type SectionName = (typeof SECTIONS)[number];

/** Bytes of a row; 1 for sections that have none. */
export const ROW_SIZES: Readonly<Record<SectionName, number>> = {
  strings: 1,
  functions: FUNCTION.width * 4,
  lineBlocks: BLOCK.width * 4,
  lineRows: 1,
  inlineBlocks: BLOCK.width * 4,
  inlineRows: 1,
  publics: PUBLIC.width * 4,
  files: NAMED.width * 4,
  origins: NAMED.width * 4,
  cfi: CFI.width * 4,
  cfiDeltas: CFI_DELTA.width * 4,
  frameData: WINDOWS.width * 4,
  fpo: WINDOWS.width * 4,
};

export const HEADER = {
  version: 8,
  checksum: 12,
  size: 16,
  sourceSizeLow: 20,
  sourceSizeHigh: 24,
  brokenLines: 28,
  brokenInlines: 32,
  texts: 36,
  sections: 36 + HEAD_TEXTS.length * 4,
} as const;
export const HEADER_SIZE = HEADER.sections + SECTIONS.length * 8;

/** The checksum of a header. */
export function checksumOf(header: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < HEADER_SIZE; i++) {
    const byte = i >= HEADER.checksum && i < HEADER.checksum + 4 ? 0 : header[i]!;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
