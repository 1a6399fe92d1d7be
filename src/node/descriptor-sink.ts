import { fstatSync, writeSync } from 'node:fs';
import { MinidumpError, type Sink } from '../io/index.js';

/** A sink over a file descriptor that belongs to the caller: it is neither closed nor truncated here. */
export class DescriptorSink implements Sink {
  readonly mayWait: boolean;
  readonly #fd: number;

  constructor(fd: number) {
    if (!Number.isInteger(fd) || fd < 0) {
      throw new MinidumpError('invalid-argument', `${String(fd)} is not a file descriptor`);
    }
    this.#fd = fd;
    // EBADF comes from the first write, as an error of its own kind.
    this.mayWait = !regularFile(fd);
  }

  write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const full = code === 'ENOSPC' || code === 'EDQUOT';
      throw new MinidumpError(full ? 'disk-full' : 'write-failed', `writing the dump failed: ${code}`, {
        cause,
      });
    }
  }

  close(): void {}

  abort(): void {}
}

function regularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}
