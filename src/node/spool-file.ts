import { randomBytes } from 'node:crypto';
import { closeSync, constants, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MinidumpError, type Source } from '../io/index.js';

/** Not in `fs.constants`; the same number on every architecture that Node runs on. */
const __O_TMPFILE = 0o20000000;
const MODE = 0o600;
const PAGE = 4096;
const ZEROS = Buffer.alloc(PAGE);

/**
 * Bytes that are put aside in a file without a name: it is gone with its last descriptor, whatever ends this process, and
 * nobody else finds it. Pages of zeros take no space. Fill it with `write`, then read it as a source.
 */
export class SpoolFile implements Source, Disposable {
  readonly #folder: string;
  #fd: number | undefined;
  #size = 0;

  /** @param folder where the file lies, without a name */
  constructor(folder: string) {
    this.#folder = folder;
    try {
      this.#fd = openUnnamed(folder);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const missing = code === 'ENOENT' || code === 'ENOTDIR';
      throw new MinidumpError(
        missing ? 'output-folder' : 'output-denied',
        missing ? `there is no folder ${folder} to spool into` : `cannot spool into ${folder}: ${code}`,
        { advice: 'Name another folder with --spool.', cause },
      );
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Appends bytes. */
  write(bytes: Uint8Array): void {
    const fd = this.#open();
    try {
      // Pages as the file has them: a run of pages that are not all zero is written at once.
      let runStart = 0;
      for (let at = 0; at < bytes.length; ) {
        const length = Math.min(PAGE - ((this.#size + at) % PAGE), bytes.length - at);
        const zero = ZEROS.compare(bytes, at, at + length, 0, length) === 0;
        if (zero) {
          writeAll(fd, bytes.subarray(runStart, at), this.#size + runStart);
          runStart = at + length;
        }
        at += length;
      }
      writeAll(fd, bytes.subarray(runStart), this.#size + runStart);
      this.#size += bytes.length;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const full = code === 'ENOSPC' || code === 'EDQUOT';
      throw new MinidumpError(
        full ? 'disk-full' : 'write-failed',
        `spooling into ${this.#folder} failed: ${code}`,
        {
          advice: 'Name a folder with more space with --spool.',
          cause,
        },
      );
    }
  }

  /** All has been written: zeros at the end count, too. */
  finish(): void {
    ftruncateSync(this.#open(), this.#size);
  }

  read(offset: number, length: number): Uint8Array {
    const wanted = Math.max(0, Math.min(length, this.#size - offset));
    const bytes = new Uint8Array(wanted);
    for (let done = 0; done < wanted; ) {
      const got = readSync(this.#open(), bytes, done, Math.min(wanted - done, 1 << 30), offset + done);
      if (got === 0) return bytes.subarray(0, done);
      done += got;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    if (this.#fd === undefined) throw new MinidumpError('invalid-argument', 'the spool was closed');
    return this.#fd;
  }
}

/** Where things are put aside unless the user says where. */
export function spoolFolder(): string {
  return tmpdir();
}

function openUnnamed(folder: string): number {
  if (process.platform === 'linux') {
    try {
      const flags = __O_TMPFILE | constants.O_DIRECTORY | constants.O_EXCL | constants.O_RDWR;
      return openSync(folder, flags, MODE);
    } catch (error) {
      // A file system or a kernel without such files.
      const { code } = error as NodeJS.ErrnoException;
      if (!['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL'].includes(code ?? '')) throw error;
    }
  }
  const name = join(folder, `.mdmp-${randomBytes(12).toString('hex')}`);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  const fd = openSync(name, flags, MODE);
  unlinkSync(name);
  return fd;
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}
