import { crc32 } from 'node:zlib';

/** What V8 made of one script. */
export interface CachedCode {
  /** CRC-32 of the source that it was made of, and its length in bytes. V8 itself compares the length only. */
  readonly sourceCrc: number;
  readonly sourceLength: number;
  readonly data: Buffer;
}

const MAGIC = 'MDMPCODE';
const VERSION = 1;
const HEADER_SIZE = 24;
/** V8 copies what lies elsewhere. */
const ALIGNMENT = 8;

type Row = [name: string, sourceCrc: number, sourceLength: number, offset: number, length: number];

/**
 * A file of compiled scripts. Little-endian, 32 bits:
 *
 *     0  "MDMPCODE"
 *     8  VERSION
 *    12  CRC-32 of all that follows
 *    16  bytes of the table
 *    20  0
 *    24  the table, JSON: rows of name, CRC-32 and length of the source, offset and length of the data in what follows
 *        the data of each script, at multiples of 8
 *
 * V8 trusts these bytes. The CRC keeps out damage; what others write is kept out by where the file lies.
 */
export function writeCodeFile(codes: ReadonlyMap<string, CachedCode>): Buffer[] {
  const rows: Row[] = [];
  const pieces: Buffer[] = [];
  let offset = 0;
  for (const [name, { sourceCrc, sourceLength, data }] of codes) {
    rows.push([name, sourceCrc, sourceLength, offset, data.length]);
    const padding = -data.length & (ALIGNMENT - 1);
    pieces.push(data, Buffer.alloc(padding));
    offset += data.length + padding;
  }
  const text = Buffer.from(JSON.stringify(rows));
  const table = Buffer.alloc(text.length + (-text.length & (ALIGNMENT - 1)), ' ');
  text.copy(table);
  const header = Buffer.alloc(HEADER_SIZE);
  header.write(MAGIC, 'latin1');
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(table.length, 16);
  let sum = crc32(header.subarray(16));
  for (const piece of [table, ...pieces]) sum = crc32(piece, sum);
  header.writeUInt32LE(sum, 12);
  return [header, table, ...pieces];
}

/** Nothing of a file that is none, of another version, cut off or damaged. */
export function readCodeFile(file: Buffer): Map<string, CachedCode> {
  const codes = new Map<string, CachedCode>();
  if (file.length < HEADER_SIZE || file.toString('latin1', 0, MAGIC.length) !== MAGIC) return codes;
  if (file.readUInt32LE(8) !== VERSION || file.readUInt32LE(12) !== crc32(file.subarray(16))) return codes;
  const start = HEADER_SIZE + file.readUInt32LE(16);
  for (const row of JSON.parse(file.toString('utf8', HEADER_SIZE, start)) as Row[]) {
    const [name, sourceCrc, sourceLength, offset, length] = row;
    codes.set(name, {
      sourceCrc,
      sourceLength,
      data: file.subarray(start + offset, start + offset + length),
    });
  }
  return codes;
}
