import { readSync } from 'node:fs';

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
