import { closeSync, constants, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import {
  type FileRegion,
  MinidumpError,
  type Sink,
  type Source,
  type Task,
  writeBytes,
} from '../io/index.js';
import { fileRegion, writeAt } from './file-region.js';
import { hiddenName } from './hidden-name.js';
import { readAt } from './read.js';
import { canCreatePrivateFile, createPrivateFile } from './windows-file.js';

/** Not in `fs.constants`; the same number on every architecture that Node runs on. */
const __O_TMPFILE = 0o20000000;
const MODE = 0o600;
const CHUNK = 1024 * 1024;
const PAGE = 4096;
const ZEROS = Buffer.alloc(PAGE);

const failures = new WeakSet<Error>();

/** Whether it is the spool that failed, not where the dump goes to: both have the same codes. */
export function isSpoolFailure(error: unknown): boolean {
  return error instanceof Error && failures.has(error);
}

/**
 * Bytes that are put aside: a dump between a process that must not wait and a reader who may, a core that is decompressed. They lie
 * in a file without a name, which only this process can open and of which nothing is left when it ends, however it ends.
 * Pages of zeros take no space. It is filled as a sink, and read as a source.
 *
 * Everything is synchronous, as a process may stand still while it is written.
 */
export class Spool implements Sink, Source, Disposable {
  readonly mayWait = false;
  readonly #folder: string;
  #fd: number | undefined;
  #size = 0;

  /** @param folder the system's folder for temporary files by default */
  constructor(folder: string = tmpdir()) {
    this.#folder = resolve(folder);
    try {
      this.#fd = openUnnamed(this.#folder) ?? openUnlinked(this.#folder);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Bytes that were written so far. */
  get size(): number {
    return this.#size;
  }

  write(bytes: Uint8Array): void {
    try {
      // Pages as the file has them: a run of pages that are not all zero is written at once.
      let run = 0;
      for (let at = 0; at < bytes.length; ) {
        const length = Math.min(PAGE - ((this.#size + at) % PAGE), bytes.length - at);
        if (ZEROS.compare(bytes, at, at + length, 0, length) === 0) {
          writeAt(this.#open(), this.#size + run, bytes.subarray(run, at));
          run = at + length;
        }
        at += length;
      }
      writeAt(this.#open(), this.#size + run, bytes.subarray(run));
    } catch (error) {
      throw this.#failure(error);
    }
    this.#size += bytes.length;
  }

  reserve(length: number): FileRegion {
    const position = this.#size;
    this.#size += length;
    return fileRegion(
      () => this.#open(),
      position,
      (error) => this.#failure(error),
    );
  }

  /** Zeros at the end count, too. */
  close(): void {
    try {
      ftruncateSync(this.#open(), this.#size);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.#size - offset)));
    this.#read(offset, bytes);
    return bytes;
  }

  abort(): void {
    this[Symbol.dispose]();
  }

  /** Writes what lies here to `sink`, in order. `written` is told the number of bytes after each piece. */
  *copyTo(sink: Sink, written: (bytes: number) => void): Task<void> {
    const buffer = new Uint8Array(CHUNK);
    for (let at = 0; at < this.#size; ) {
      const piece = buffer.subarray(0, Math.min(CHUNK, this.#size - at));
      this.#read(at, piece);
      yield* writeBytes(sink, piece);
      at += piece.length;
      written(at);
    }
  }

  /** Gives the space back. */
  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd === undefined) return;
    try {
      closeSync(fd);
    } catch {} // Whatever happened before is what the user must hear of.
  }

  #read(offset: number, into: Uint8Array): void {
    let count: number;
    try {
      count = readAt(this.#open(), offset, into);
    } catch (error) {
      throw this.#failure(error);
    }
    if (count < into.length)
      throw new MinidumpError('write-failed', `the spool in ${this.#folder} lost its contents`);
  }

  #open(): number {
    if (this.#fd === undefined) throw new MinidumpError('write-failed', 'the spool was closed');
    return this.#fd;
  }

  #failure(error: unknown): MinidumpError {
    const failure = this.#named(error);
    failures.add(failure);
    return failure;
  }

  #named(cause: unknown): MinidumpError {
    if (cause instanceof MinidumpError) return cause;
    const elsewhere = 'choose another folder with spool (--spool DIR)';
    switch ((cause as NodeJS.ErrnoException).code) {
      case 'ENOSPC':
      case 'EDQUOT':
      case 'EFBIG':
        return new MinidumpError(
          'disk-full',
          `no space left to spool in ${this.#folder}, where a dump lies until its reader has taken it`,
          { advice: `Make room there, or ${elsewhere}, or write to a file.`, cause },
        );
      case 'ENOENT':
      case 'ENOTDIR':
        return new MinidumpError('output-folder', `there is no folder ${this.#folder} to spool in`, {
          advice: `Create it, or ${elsewhere}.`,
          cause,
        });
      case 'EACCES':
      case 'EPERM':
      case 'EROFS':
        return new MinidumpError('output-denied', `nothing may be spooled in ${this.#folder}`, {
          advice: `Allow it, or ${elsewhere}.`,
          cause,
        });
      default:
        return new MinidumpError(
          'write-failed',
          `cannot spool in ${this.#folder}: ${(cause as Error).message}`,
          { advice: `To spool it elsewhere, ${elsewhere}.`, cause },
        );
    }
  }
}

/** O_EXCL: it can never be given a name. Undefined where there are no such files. */
function openUnnamed(folder: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const flags = __O_TMPFILE | constants.O_DIRECTORY | constants.O_RDWR | constants.O_EXCL;
    return openSync(folder, flags, MODE);
  } catch (error) {
    // EISDIR: a kernel before 3.11. The others: a file system without them (NFS, FAT, older overlayfs).
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL'].includes(code)) return undefined;
    throw error;
  }
}

function openUnlinked(folder: string): number {
  const name = hiddenName(folder);
  if (canCreatePrivateFile()) return createPrivateFile(name, true);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  const fd = openSync(name, flags, MODE);
  try {
    unlinkSync(name);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}
