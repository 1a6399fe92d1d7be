import { MinidumpError } from '../errors.js';
import { FRAME_MAGIC, headerSize, MAX_BLOCK, MAX_WINDOW, SKIPPABLE, windowSize } from './frames.js';

/**
 * Takes the bytes of one zstd frame and gives what it holds, exactly `size` bytes; throws if it holds more or less. The frame's
 * outline has been checked by then (`outlineOf`), what is in its blocks has not.
 */
export type Decompress = (frame: Uint8Array, size: number) => Uint8Array;

/** Where the parts of a zstd frame are (RFC 8878, 3.1.1). */
export interface FrameOutline {
  /** Offset of the header of the last block. */
  lastBlock: number;
  /** Offset behind the last block: the end of the frame, or its checksum. */
  blocksEnd: number;
  hasChecksum: boolean;
  /** It cannot hold more bytes than that, whatever is in its blocks. */
  most: number;
}

/** Whether bytes are the beginning of a zstd file. */
export function isZstd(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  const magic = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  return magic === FRAME_MAGIC || magic >>> 4 === SKIPPABLE;
}

/** Four bytes are the smallest block, a byte that is repeated. */
const SMALLEST_BLOCK = 4;

/** The most that so many bytes of zstd can come to. */
export function mostOf(compressed: number): number {
  return Math.ceil(compressed / SMALLEST_BLOCK) * MAX_BLOCK;
}

/** @throws MinidumpError `malformed` if the bytes are not one frame and nothing else, `unsupported` if it wants too much memory */
export function outlineOf(frame: Uint8Array): FrameOutline {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6 || view.getUint32(0, true) !== FRAME_MAGIC) throw broken('does not begin as one');
  const header = headerSize(frame[4]!);
  if (header > frame.length) throw broken('ends within its header');
  if ((frame[4]! & 3) !== 0) {
    throw new MinidumpError('unsupported', 'a zstd frame wants a dictionary, which mdmp does not have');
  }
  const window = windowSize(frame.subarray(0, header));
  if (window > MAX_WINDOW) {
    throw new MinidumpError('unsupported', `a zstd frame wants a window of ${window >> 20n} MiB`, {
      advice: 'Decompress it first: zstd -d --long=31 FILE',
    });
  }
  const hasChecksum = (frame[4]! & 4) !== 0;
  let most = 0;
  for (let at = header; ; ) {
    if (at + 3 > frame.length) throw broken('ends before its last block');
    const bits = frame[at]! | (frame[at + 1]! << 8) | (frame[at + 2]! << 16);
    const type = (bits >> 1) & 3;
    const size = bits >> 3;
    if (type === 3 || size > MAX_BLOCK) throw broken(`has a block of type ${type} and ${size} bytes`);
    most += type === 2 ? MAX_BLOCK : size;
    const next = at + 3 + (type === 1 ? 1 : size);
    if ((bits & 1) === 0) {
      at = next;
      continue;
    }
    if (next + (hasChecksum ? 4 : 0) !== frame.length) throw broken('ends elsewhere than its blocks');
    return { lastBlock: at, blocksEnd: next, hasChecksum, most };
  }
}

function broken(what: string): MinidumpError {
  return new MinidumpError('malformed', `a zstd frame ${what}`);
}
