import { fstatSync, readSync } from 'node:fs';

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

/** All of a file, wherever its descriptor stands. */
export function readWhole(fd: number): Buffer {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  let done = 0;
  while (done < bytes.length) {
    const got = readSome(fd, bytes, done, bytes.length - done, done);
    if (got === 0) break;
    done += got;
  }
  return bytes.subarray(0, done);
}
