import { ByteReader, broken } from '../bytes.js';
import { crc32 } from '../crc32.js';
import { LzmaDecoder } from './lzma.js';
import { Output } from './output.js';
import { RangeDecoder } from './range-decoder.js';

const HEADER_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const LZMA2 = 0x21;
const CRC32 = 1;
/** Bytes of the check behind a block, by its kind: none, CRC-32, CRC-64, SHA-256 and those that nobody uses. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
/** Symbol tables come down to a fifth or so; a hostile file could make a thousand bytes of one. */
const MAX_RATIO = 200;
const MAX_SIZE = 256 * 1024 * 1024;

/**
 * Decompresses the blocks of a stream in the xz file format 1.2 (tukaani.org/xz/xz-file-format.txt) with LZMA2 alone, as `xz` makes it
 * without further options. Of checks only CRC-32 is compared.
 *
 * @throws MinidumpError `malformed` if it is broken, filtered otherwise, or would become implausibly large
 */
export function decompressXz(packed: Uint8Array): Uint8Array {
  const reader = new ByteReader(packed, 'xz data');
  if (HEADER_MAGIC.some((byte) => reader.u8() !== byte)) throw reader.broken('a header of xz');
  const flags = reader.take(2);
  if (flags[0] !== 0 || flags[1]! > 15 || reader.u32() !== crc32(flags)) throw reader.broken('flags of xz');
  const output = new Output(Math.min(MAX_SIZE, 64 * 1024 + packed.length * MAX_RATIO));
  for (let size = reader.u8(); size !== 0; size = reader.u8()) {
    reader.position--;
    checkBlockHeader(reader.take((size + 1) * 4));
    const from = output.length;
    const start = reader.position;
    decompressLzma2(reader, output);
    reader.skip((4 - ((reader.position - start) % 4)) % 4);
    const check = reader.take(CHECK_SIZES[flags[1]!]!);
    if (flags[1] === CRC32 && new ByteReader(check, 'xz data').u32() !== crc32(output.bytes(from)))
      throw broken('xz data', 'its checksum', 'another');
  }
  return output.bytes();
}

/** Throws where there is a filter besides LZMA2. */
function checkBlockHeader(bytes: Uint8Array): void {
  const reader = new ByteReader(bytes, 'xz block header', 1, bytes.length - 4);
  const flags = reader.u8();
  if (flags & 0x40) reader.skipLeb();
  if (flags & 0x80) reader.skipLeb();
  if ((flags & 3) !== 0 || reader.uleb() !== LZMA2) throw reader.broken('LZMA2 alone');
  const end = bytes.length - 4;
  if (new ByteReader(bytes, 'xz block header', end).u32() !== crc32(bytes.subarray(0, end)))
    throw reader.broken('the checksum of the header');
}

/** The chunks of LZMA2, to their end. */
function decompressLzma2(reader: ByteReader, output: Output): void {
  const lzma = new LzmaDecoder(output);
  const u16 = () => reader.u8() * 256 + reader.u8();
  // What the next chunk must bring: a fresh dictionary, then properties.
  let needsDictionary = true;
  let needsProperties = true;
  for (let control = reader.u8(); control !== 0; control = reader.u8()) {
    const resetsDictionary = control === 1 || control >= 0xe0;
    if (resetsDictionary) output.reset();
    else if (needsDictionary) throw reader.broken('a chunk that starts a dictionary');
    needsDictionary = false;
    if (control < 0x80) {
      if (control > 2) throw reader.broken('a chunk of LZMA2');
      output.append(reader.take(u16() + 1));
      continue;
    }
    const size = (control & 0x1f) * 65536 + u16() + 1;
    const packedSize = u16() + 1;
    const reset = (control >> 5) & 3;
    if (reset >= 2) {
      lzma.setProperties(reader.u8());
      needsProperties = false;
    } else if (needsProperties) throw reader.broken('properties of LZMA');
    if (reset >= 1) lzma.reset();
    const range = new RangeDecoder(reader.take(packedSize));
    lzma.decode(range, size);
    if (!range.finished) throw reader.broken('a chunk that ends with its data');
  }
}
