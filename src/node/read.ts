import { fstatSync, readSync } from 'node:fs';

/** read(2) gives at most 2 GiB - 4 KiB at once, and Node refuses a length of 2 GiB and more. */
const LARGEST_READ = 1 << 30;

/**
 * read(2) or pread(2), again where a signal came in between: file systems that are served by a program (FUSE, NFS) say EINTR.
 *
 * @param position in the file; null for where it stands
 */
export function readSome(
  fd: number,
  into: Uint8Array,
  offset: number,
  length: number,
  position: number | bigint | null,
): number {
  for (;;) {
    try {
      return readSync(fd, into, offset, length, position);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EINTR') throw error;
    }
  }
}

/** Fills `into` from a place in a file. Gives how many bytes came: fewer where the file ends. */
export function readAt(fd: number, position: number, into: Uint8Array): number {
  let done = 0;
  while (done < into.length) {
    const got = readSome(fd, into, done, Math.min(into.length - done, LARGEST_READ), position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** All of a file, wherever its descriptor stands. */
export function readWhole(fd: number): Buffer {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  return bytes.subarray(0, readAt(fd, 0, bytes));
}
