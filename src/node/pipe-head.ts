import { MinidumpError, type Source } from '../io/index.js';
import { readSome } from './read.js';

/** Headers and notes of a process with a million threads are some gigabytes; nobody has these. */
const MAX_HEAD = 1 << 30;
const CHUNK = 1024 * 1024;

/**
 * The beginning of what comes through a pipe, as a source: it reads on only as far as it is asked, and keeps what it has
 * read. Its size is not known, so it says the largest there is.
 */
export class PipeHead implements Source {
  readonly size = Number.MAX_SAFE_INTEGER;
  readonly #fd: number;
  #bytes = Buffer.alloc(64 * 1024);
  #length = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset + length > MAX_HEAD) {
      throw new MinidumpError(
        'malformed',
        `what comes first in the pipe is said to be ${offset + length} bytes long`,
      );
    }
    if (this.#bytes.length < offset + length) {
      const grown = Buffer.alloc(Math.max(offset + length, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    while (this.#length < offset + length) {
      const got = readPipe(this.#fd, this.#bytes.subarray(this.#length, offset + length));
      if (got === 0) break;
      this.#length += got;
    }
    const bytes = this.#bytes.subarray(offset, Math.min(offset + length, this.#length));
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Passes on all that came and is still to come. */
  drain(write: (bytes: Uint8Array) => void): void {
    write(this.#bytes.subarray(0, this.#length));
    const buffer = Buffer.alloc(CHUNK);
    for (;;) {
      const got = readPipe(this.#fd, buffer);
      if (got === 0) return;
      write(buffer.subarray(0, got));
    }
  }
}

/** Gives 0 at the end. */
function readPipe(fd: number, into: Uint8Array): number {
  for (;;) {
    try {
      return readSome(fd, into, 0, into.length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code === 'EINTR') continue;
      // A shell's pipe may be non-blocking; the kernel's is not.
      if (code === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
        continue;
      }
      throw new MinidumpError('input-unreadable', `the pipe cannot be read: ${code}`, { cause: error });
    }
  }
}
