import { closeSync, openSync } from 'node:fs';
import { readSome } from '../../node/read.js';

/** Most files of /proc that are read again and again are shorter. */
let buffer = Buffer.allocUnsafe(16 * 1024);

/**
 * A file of /proc that is read again and again through one descriptor: the kernel writes it anew for each read from its start. The
 * descriptor belongs to this very process: when its id is given to another one, reading fails.
 */
export class ProcFile implements Disposable {
  readonly path: string;
  #fd: number | undefined;
  #error: string | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Why the last `read` gave nothing: `EACCES`, `ESRCH`, `ENOENT` … */
  get error(): string | undefined {
    return this.#error;
  }

  /** The text, a character a byte; undefined where it is absent or forbidden. */
  read(): string | undefined {
    try {
      this.#fd ??= openSync(this.path, 'r');
      let filled = 0;
      for (;;) {
        if (filled === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
        const got = readSome(this.#fd, buffer, filled, buffer.length - filled, filled);
        if (got === 0) break;
        filled += got;
      }
      this.#error = undefined;
      return buffer.toString('latin1', 0, filled);
    } catch (error) {
      this.#error = (error as NodeJS.ErrnoException).code ?? String(error);
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
