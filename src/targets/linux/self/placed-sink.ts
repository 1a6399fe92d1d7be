import { type FileRegion, MinidumpError, type Sink } from '../../../io/index.js';
import { fileRegion, writeAt } from '../../../node/file-region.js';

/** A file of another process could not be written: that one knows what to say of it. */
export class OutputFailed extends MinidumpError {
  /** `ENOSPC` … */
  readonly systemCode: string;

  constructor(cause: NodeJS.ErrnoException) {
    super('write-failed', cause.message, { cause });
    this.systemCode = cause.code ?? '';
  }
}

/** A part of a file that another process has opened, and makes final. */
export class PlacedSink implements Sink {
  readonly mayWait = false;
  readonly #fd: number;
  #position: number;

  constructor(fd: number, position: number) {
    this.#fd = fd;
    this.#position = position;
  }

  write(bytes: Uint8Array): void {
    try {
      writeAt(this.#fd, this.#position, bytes);
    } catch (error) {
      throw failure(error);
    }
    this.#position += bytes.length;
  }

  reserve(length: number): FileRegion {
    const position = this.#position;
    this.#position += length;
    return fileRegion(() => this.#fd, position, failure);
  }

  close(): void {}

  abort(): void {}
}

function failure(error: unknown): MinidumpError {
  if (error instanceof MinidumpError) return error;
  return new OutputFailed(error as NodeJS.ErrnoException);
}
