import { readRange, type Source, type Task } from '../io/index.js';

const CHUNK = 1024 * 1024;

let table: Uint32Array | undefined;

/** CRC-32 as in zlib and in `.gnu_debuglink`; `before` is that of the bytes before these. */
export function crc32(bytes: Uint8Array, before = 0): number {
  table ??= Uint32Array.from({ length: 256 }, (_, i) => {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

/** Of a whole file, read piece by piece: what a debug file is compared by with the link that names it. */
export function* crc32Of(source: Source): Task<number> {
  let crc = 0;
  for (let at = 0; at < source.size; at += CHUNK) {
    crc = crc32(yield* readRange(source, at, Math.min(CHUNK, source.size - at)), crc);
  }
  return crc;
}
