import zlib from 'node:zlib';
import { type Compressor, type Decompress, MinidumpError } from '../../io/index.js';
import { LEVEL } from './level.js';

/** What `node:zlib` has since Node 22.15 and 23.8; the declarations are those of Node 20. */
interface ZstdZlib {
  zstdCompress?: (
    bytes: Uint8Array,
    options: object,
    done: (error: Error | null, result: Uint8Array) => void,
  ) => void;
  zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array;
  constants: { ZSTD_c_compressionLevel: number; ZSTD_c_checksumFlag: number };
}
const { zstdCompress, zstdDecompressSync, constants } = zlib as unknown as ZstdZlib;

/** Node's own zstd, in threads of libuv's; undefined where Node has none. */
export function nodeCompressor(): Compressor | undefined {
  if (zstdCompress === undefined) return undefined;
  const params = { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 };
  return {
    compress: (bytes) =>
      new Promise((resolve, reject) => {
        // Room for all of it: else a thread is asked once for each 16 KiB.
        const chunkSize = Math.max(64, bytes.length + (bytes.length >> 8) + 512);
        const options = { chunkSize, pledgedSrcSize: bytes.length, params };
        zstdCompress(bytes, options, (error, frame) => {
          if (error) reject(failed(error));
          else resolve(frame);
        });
      }),
    close: () => {},
  };
}

/** The same for decompression; it looks at checksums. */
export function nodeDecompressor(): Decompress | undefined {
  if (zstdDecompressSync === undefined) return undefined;
  return (frame, size) => {
    let bytes: Uint8Array;
    try {
      bytes = zstdDecompressSync(frame, { chunkSize: size + 64, maxOutputLength: size });
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'it holds more' : cause;
      throw new MinidumpError(
        'malformed',
        `a zstd frame cannot be decompressed into ${size} bytes: ${why instanceof Error ? why.message : why}`,
        { cause },
      );
    }
    if (bytes.length === size) return bytes;
    throw new MinidumpError('malformed', `a zstd frame holds ${bytes.length} bytes in place of ${size}`);
  };
}

function failed(cause: Error): MinidumpError {
  return new MinidumpError('write-failed', `compressing the dump failed: ${cause.message}`, { cause });
}
