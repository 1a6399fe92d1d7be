import { close, closeSync, constants, fstat, fstatSync, open, openSync, read, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import { LineReader } from './line-reader.js';

const openFile = promisify(open);
const statFile = promisify(fstat);
const readFile = promisify(read);
const closeFile = promisify(close);

/** Without waiting for a writer where it is a named pipe, and never as a controlling terminal. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const CHUNK = 64 * 1024;

/** A log file by its descriptor: it may get another name, or none. */
export class FollowedFile {
  readonly #fd: number;
  readonly #identity: string;
  readonly #lines: LineReader;
  #offset: number;
  #closed = false;

  private constructor(fd: number, stats: Stats, from: 'start' | 'end', onLine: (line: string) => void) {
    this.#fd = fd;
    this.#identity = identity(stats);
    this.#offset = from === 'end' ? stats.size : 0;
    this.#lines = new LineReader(onLine);
  }

  /** Opens a file whose later lines are wanted. What stands at its end without an end of line is no later line, but what is added to it is. */
  static openAtEnd(path: string, onLine: (line: string) => void): FollowedFile {
    const fd = openSync(path, FLAGS);
    try {
      const stats = fstatSync(fd);
      checkFile(stats);
      return new FollowedFile(fd, stats, 'end', onLine);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Opens a file that has come up later: all of its lines are wanted. */
  static async openAtStart(path: string, onLine: (line: string) => void): Promise<FollowedFile> {
    const fd = await openFile(path, FLAGS);
    try {
      const stats = await statFile(fd);
      checkFile(stats);
      return new FollowedFile(fd, stats, 'start', onLine);
    } catch (error) {
      await closeFile(fd);
      throw error;
    }
  }

  /** Whether these are the attributes of this file. */
  is(stats: Stats): boolean {
    return identity(stats) === this.#identity;
  }

  /** Reads what has come since; the number of bytes. */
  async read(): Promise<number> {
    const { size } = await statFile(this.#fd);
    if (size < this.#offset) {
      // Emptied and begun anew, as `copytruncate` of logrotate does.
      this.#offset = 0;
      this.#lines.drop();
    }
    const chunk = Buffer.allocUnsafe(CHUNK);
    const start = this.#offset;
    while (this.#offset < size && !this.#closed) {
      const { bytesRead } = await readFile(this.#fd, chunk, 0, CHUNK, this.#offset);
      if (bytesRead === 0) break;
      this.#offset += bytesRead;
      this.#lines.add(chunk.subarray(0, bytesRead));
    }
    return this.#offset - start;
  }

  /** Nothing more will come. Not while it is being read. */
  async end(): Promise<void> {
    this.#closed = true;
    this.#lines.finish();
    await closeFile(this.#fd);
  }

  /** Makes a `read` that goes on come to its end. */
  stop(): void {
    this.#closed = true;
  }
}

function checkFile(stats: Stats): void {
  if (!stats.isFile()) throw new Error('it is no regular file');
}

function identity({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
