import { MinidumpError } from '../errors.js';
import { type Decompress, outlineOf } from './frame.js';

/** `decompress` of the package fzstd. */
export type FzstdDecompress = (bytes: Uint8Array, into?: Uint8Array) => Uint8Array;

const MARK_SIZE = 16;

/**
 * Makes fzstd, which is JavaScript and runs everywhere, decompress single frames: `fzstdDecompressor(fzstd.decompress)`.
 *
 * fzstd does not tell how much it has written into the array that it was given, and does not look at checksums. So a block with a
 * mark of random bytes is put behind the frame's last one: only a frame of just the right size has it just behind the end.
 */
export function fzstdDecompressor(decompress: FzstdDecompress): Decompress {
  return (frame, size) => {
    const { lastBlock, blocksEnd } = outlineOf(frame);
    const mark = crypto.getRandomValues(new Uint8Array(MARK_SIZE));
    const marked = new Uint8Array(blocksEnd + 3 + MARK_SIZE);
    marked.set(frame.subarray(0, blocksEnd));
    marked[4]! &= ~4; // no checksum
    marked[lastBlock]! &= ~1; // not the last one any more
    marked[blocksEnd] = 1 | ((MARK_SIZE << 3) & 0xff); // the last block, stored as it is
    marked.set(mark, blocksEnd + 3);
    const bytes = new Uint8Array(size + MARK_SIZE);
    try {
      decompress(marked, bytes);
    } catch (cause) {
      throw new MinidumpError(
        'malformed',
        `a zstd frame cannot be decompressed: ${(cause as Error).message}`,
        {
          cause,
        },
      );
    }
    if (mark.some((byte, i) => bytes[size + i] !== byte)) {
      throw new MinidumpError('malformed', `a zstd frame does not hold the ${size} bytes that it should`);
    }
    return bytes.subarray(0, size);
  };
}
