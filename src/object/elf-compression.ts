import { awaited, MinidumpError, type Task } from '../io/index.js';
import { ByteReader, broken } from './bytes.js';

/**
 * What unpacks compressed sections; each gives all bytes, or throws. `size` is how many there should be. Those that answer with a
 * promise, as what browsers have does, want to be run asynchronously.
 */
export interface Decompressors {
  /** zlib (RFC 1950); `inflateStream` is one that browsers and Node have. */
  inflate?(bytes: Uint8Array, size: number): Uint8Array | Promise<Uint8Array>;
  /** Zstandard (RFC 8878). */
  zstd?(bytes: Uint8Array, size: number): Uint8Array | Promise<Uint8Array>;
}

/** With a header of ELF's own (SHF_COMPRESSED), or as GNU tools did before it: `.zdebug_…`, "ZLIB" and a size. */
export type SectionCompression = 'header' | 'gnu';

const ELFCOMPRESS_ZLIB = 1;
const ELFCOMPRESS_ZSTD = 2;
const COMPRESSION_HEADER_SIZE = { 4: 12, 8: 24 } as const;
const GNU_HEADER_SIZE = 12;
/** zlib cannot do better than 1032 to 1, and no debug information comes near that. */
const MAX_RATIO = 1032;
const MAX_SIZE = 2 ** 32;

export function* decompressSection(
  name: string,
  packed: Uint8Array,
  compression: SectionCompression,
  pointerSize: 4 | 8,
  decompress: Decompressors,
): Task<Uint8Array> {
  const reader = new ByteReader(packed, `section ${name}`);
  let size: number;
  let method = ELFCOMPRESS_ZLIB;
  if (compression === 'gnu') {
    // The old sections may be uncompressed under their name, where that was shorter.
    if (packed.length < GNU_HEADER_SIZE || new TextDecoder().decode(packed.subarray(0, 4)) !== 'ZLIB')
      return packed;
    const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
    size = view.getUint32(4, false) * 2 ** 32 + view.getUint32(8, false);
    reader.skip(GNU_HEADER_SIZE);
  } else {
    method = reader.u32();
    if (pointerSize === 8) reader.skip(4);
    size = reader.unsigned(pointerSize);
    reader.position = COMPRESSION_HEADER_SIZE[pointerSize];
  }
  const body = packed.subarray(reader.position);
  if (size > MAX_SIZE || size > body.length * MAX_RATIO) {
    throw broken(`section ${name}`, `what ${body.length} bytes can hold`, `a size of ${size}`);
  }
  if (method !== ELFCOMPRESS_ZLIB && method !== ELFCOMPRESS_ZSTD)
    throw broken(`section ${name}`, 'zlib or zstd', `compression ${method}`);
  const format = method === ELFCOMPRESS_ZLIB ? 'zlib' : 'zstd';
  const unpack = method === ELFCOMPRESS_ZLIB ? decompress.inflate : decompress.zstd;
  if (unpack === undefined) {
    throw new MinidumpError(
      'unsupported',
      `section ${name} is compressed with ${format}, which nothing unpacks here`,
    );
  }
  let bytes: Uint8Array;
  try {
    bytes = yield* awaited(unpack(body, size));
  } catch (cause) {
    if (cause instanceof MinidumpError && cause.code === 'async-source') throw cause;
    throw new MinidumpError('malformed', `section ${name} cannot be decompressed (${format})`, { cause });
  }
  // Fewer are no harm: what refers to the rest finds nothing.
  if (bytes.length > size)
    throw broken(`section ${name}`, `${size} bytes`, `${bytes.length} after ${format}`);
  return bytes;
}
