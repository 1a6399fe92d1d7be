import { concat } from './bytes.js';
import { MinidumpError } from './errors.js';
import type { Folder, FolderFile } from './folder.js';
import { BytesSource } from './source.js';

/** A folder that files are put into. */
export interface FileStore extends Folder {
  /** A new file, which nobody sees until it is kept. Fails with a MinidumpError where none can be made. */
  create(): NewFile;
}

/** A file on its way into a store. */
export interface NewFile {
  /** Appends bytes, which may be reused then. */
  write(bytes: Uint8Array): void;
  /** To read what was written, when all was; under the name that it will have at `path`. */
  read(path: string): FolderFile;
  /** Puts it at a path of the store, over what was there. Where that fails, it is discarded. */
  keep(path: string): void;
  /** Leaves nothing behind; who has it open goes on reading it. */
  discard(): void;
}

/** A store in memory, as for a web page. */
export class MemoryStore implements FileStore {
  readonly name: string;
  readonly #limit: number;
  readonly #files = new Map<string, Uint8Array>();
  #size = 0;

  /** @param limit the most bytes of all files that are kept; those that came first go first */
  constructor(name = 'memory', limit = 512 * 1024 ** 2) {
    this.name = name;
    this.#limit = limit;
  }

  open(path: string): FolderFile | undefined {
    const bytes = this.#files.get(path);
    return bytes && new MemoryFile(`${this.name}/${path}`, bytes);
  }

  create(): NewFile {
    let pieces: Uint8Array[] = [];
    let size = 0;
    const whole = () => {
      if (pieces.length !== 1) pieces = [concat(pieces)];
      return pieces[0]!;
    };
    return {
      write: (bytes) => {
        size += bytes.length;
        if (size > this.#limit)
          throw new MinidumpError('unsupported', `more than ${this.#limit} bytes are not kept in memory`);
        pieces.push(bytes.slice());
      },
      read: (path) => new MemoryFile(`${this.name}/${path}`, whole()),
      keep: (path) => this.#keep(path, whole()),
      discard: () => {
        pieces = [];
      },
    };
  }

  #keep(path: string, bytes: Uint8Array): void {
    this.#size += bytes.length - (this.#files.get(path)?.length ?? 0);
    this.#files.delete(path);
    this.#files.set(path, bytes);
    for (const [first, { length }] of this.#files) {
      if (this.#size <= this.#limit) break;
      this.#files.delete(first);
      this.#size -= length;
    }
  }
}

class MemoryFile extends BytesSource implements FolderFile {
  readonly name: string;
  readonly stamp: string;

  constructor(name: string, bytes: Uint8Array) {
    super(bytes);
    this.name = name;
    this.stamp = `${bytes.length}`;
  }

  [Symbol.dispose](): void {}
}
