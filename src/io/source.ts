import { MinidumpError } from './errors.js';

/**
 * Where bytes are read from: a file, a `Blob`, bytes in memory, a range of something larger.
 *
 * `read` gives exactly `length` bytes from `offset`, or fewer only at the end of the source; it may answer at once
 * or with a promise, so that one parser serves memory, files and networks.
 */
export interface Source {
  /** Length in bytes. */
  readonly size: number;
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** The same, where a source always answers at once: for many small reads, each of which would be a step of a task otherwise. */
  readNow?(offset: number, length: number): Uint8Array;
}

/** A source over bytes in memory. What `read` gives is a view, not a copy. */
export class BytesSource implements Source {
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array | ArrayBuffer) {
    // A plain view, also of Node's Buffer: what is read is a Uint8Array to everyone.
    this.#bytes =
      bytes instanceof Uint8Array
        ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        : new Uint8Array(bytes);
    this.size = this.#bytes.byteLength;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.subarray(offset, Math.min(offset + length, this.size));
  }

  readNow(offset: number, length: number): Uint8Array {
    return this.read(offset, length);
  }
}

/** A source over a `Blob` or a browser `File`; only the ranges that are asked for are read. */
export class BlobSource implements Source {
  readonly size: number;
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
    this.size = blob.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    return new Uint8Array(await this.#blob.slice(offset, end).arrayBuffer());
  }
}

/** Refuses a range that does not lie inside `size` bytes: sizes and offsets from a file are not to be trusted. */
export function checkRange(what: string, offset: number, length: number, size: number): void {
  if (
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(length) ||
    offset < 0 ||
    length < 0 ||
    offset + length > size
  ) {
    throw new MinidumpError(
      'truncated',
      `${what}: ${length} bytes at ${offset} reach past the end (${size} bytes)`,
      {
        expected: `a range inside ${size} bytes`,
        found: `${length} bytes at ${offset}`,
      },
    );
  }
}
