import { writeSync } from 'node:fs';
import type { FileRegion, MinidumpError } from '../io/index.js';

/** Writes all of `bytes` to a place in a file. */
export function writeAt(fd: number, position: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

/**
 * A part of a file that is a sink.
 *
 * @param open gives the descriptor of the file; fails once it is closed
 */
export function fileRegion(
  open: () => number,
  position: number,
  failure: (error: unknown) => MinidumpError,
): FileRegion {
  return {
    fd: open(),
    position,
    failure,
    writeAt: (at, bytes) => {
      try {
        writeAt(open(), at, bytes);
      } catch (error) {
        throw failure(error);
      }
    },
  };
}
