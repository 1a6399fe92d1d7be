import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { MinidumpError, type Source } from '../io/index.js';
import { readAt } from './read.js';

/**
 * A source over a file. Nothing is loaded but the ranges that are asked for, and these at once: it serves the
 * synchronous functions as well as the asynchronous ones. Close it, or declare it with `using`.
 */
export class FileSource implements Source, Disposable {
  /** Length in bytes when the file was opened. */
  readonly size: number;
  readonly #file: string;
  #fd: number | undefined;

  /** Fails with `input-unreadable` if there is no such file, or it is none. */
  constructor(file: string) {
    this.#file = file;
    try {
      // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
      this.#fd = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    } catch (cause) {
      throw unreadable(file, cause);
    }
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      this.close();
      throw new MinidumpError(
        'input-unreadable',
        `${file} is ${stat.isDirectory() ? 'a folder' : 'not a regular file'}`,
        { advice: 'Give the path of a dump file.' },
      );
    }
    this.size = stat.size;
  }

  read(offset: number, length: number): Uint8Array {
    if (this.#fd === undefined) throw new MinidumpError('invalid-argument', `${this.#file} was closed`);
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    // Not zeroed, as all of it is overwritten; not from Node's pool, as whoever keeps a small part would keep a pool alive.
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(wanted).buffer);
    try {
      // Fewer where it was truncated since it was opened.
      return bytes.subarray(0, readAt(this.#fd, offset, bytes));
    } catch (cause) {
      throw unreadable(this.#file, cause);
    }
  }

  readNow(offset: number, length: number): Uint8Array {
    return this.read(offset, length);
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function unreadable(file: string, cause: unknown): MinidumpError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new MinidumpError('input-unreadable', `there is no file ${file}`, {
      advice: 'Check the path.',
      cause,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new MinidumpError('input-unreadable', `no permission to read ${file}`, {
      advice: 'Dumps are written with mode 0600: read them as the user who wrote them.',
      cause,
    });
  }
  return new MinidumpError('input-unreadable', `cannot read ${file}: ${(cause as Error).message}`, { cause });
}
