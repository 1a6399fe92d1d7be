import { concat } from './bytes.js';
import { MinidumpError } from './errors.js';

/**
 * Where a dump is written to: bytes in order, each once. Nobody seeks, so a pipe or a socket serves as well as a file.
 */
export interface Sink {
  /**
   * Whether `write` may wait for somebody: a pipe, a socket, a program's own code. While a process is held nothing is written
   * to such a sink; it is spooled until the process runs again.
   */
  readonly mayWait: boolean;
  /** It may wait, but for no reader: it computes (compresses). What is frozen, and holds nobody up, is written to it directly. */
  readonly computes?: boolean;
  /** Takes all of `bytes`; the caller may reuse the buffer once it has returned or the promise is settled. */
  write(bytes: Uint8Array): void | Promise<void>;
  /**
   * Of a file: takes the next bytes, so many, without writing them. Whoever asked writes them, in any order; what is not written is
   * zeros. Absent where bytes can only follow each other.
   */
  reserve?(length: number): FileRegion;
  /** All has been written: make it final. */
  close(): void | Promise<void>;
  /** The dump failed: leave nothing behind. Never throws. */
  abort(): void | Promise<void>;
}

/** A part of a file that somebody else writes. */
export interface FileRegion {
  readonly fd: number;
  /** Where it begins in the file. */
  readonly position: number;
  /** Writes bytes to a place in the file. */
  writeAt(position: number, bytes: Uint8Array): void;
  /** What a system call that failed on the file is told as. */
  failure(error: unknown): MinidumpError;
}

/** Stands in for a sink where the callback is to write the dump by itself (IoStartCallback): fails if it does not. */
export class NoSink implements Sink {
  readonly mayWait = false;

  write(): void {
    throw new MinidumpError(
      'invalid-argument',
      'there is nowhere to write the dump to: no output was given, and the callback did not take it over',
      {
        advice:
          'Name an output, or let the callback write it: IoStartCallback answered with S_FALSE, or ioWriteAll.',
      },
    );
  }

  close(): void {}

  abort(): void {}
}

/** A sink that keeps everything in memory. */
export class BytesSink implements Sink {
  readonly mayWait = false;
  readonly #parts: Uint8Array[] = [];

  write(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
  }

  close(): void {}

  abort(): void {
    this.#parts.length = 0;
  }

  /** What was written so far, as one array. */
  bytes(): Uint8Array {
    return concat(this.#parts);
  }
}
