import { closeSync, constants, lstatSync, mkdirSync, openSync, renameSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FileStore, FolderFile, NewFile } from '../io/index.js';
import { DiskFile } from './disk-folder.js';
import { fileFailure } from './file-failure.js';
import { writeAt } from './file-region.js';
import { hiddenName } from './hidden-name.js';
import { noteUse, removeFile, trimFolder } from './trim-folder.js';

/** What such a folder may hold, in bytes, if nobody says otherwise: debug files of a browser have 2 to 3 GiB. */
const DEFAULT_LIMIT = 16 * 1024 ** 3;
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;
/** `ap/app.pdb/ID/app.pdb`, and nothing deeper. */
const DEPTH = 3;

/**
 * A folder on the disk that files are downloaded to. Any number of processes may use it at once: a file is written under a hidden name, and
 * renamed when it was found to be right, so it is whole or not there.
 */
export class DownloadFolder implements FileStore {
  readonly name: string;
  readonly #limit: number | undefined;
  /** Bytes in the folder when they were last counted, and what was added since. */
  #size: number | undefined;

  /** @param limit the most bytes of all files; undefined for a folder in which nothing may be removed */
  constructor(folder: string, limit: number | undefined = DEFAULT_LIMIT) {
    this.name = folder;
    this.#limit = limit;
  }

  open(path: string): FolderFile | undefined {
    const whole = join(this.name, path);
    try {
      const stat = lstatSync(whole);
      // Not through a link: whoever may write to the folder could point it elsewhere.
      if (!stat.isFile()) return undefined;
      const file = new DiskFile(whole);
      noteUse(whole, stat);
      return file;
    } catch {
      return undefined;
    }
  }

  create(): NewFile {
    let hidden: string;
    let fd: number | undefined;
    try {
      mkdirSync(this.name, { recursive: true, mode: PRIVATE_FOLDER });
      hidden = hiddenName(this.name);
      const { O_WRONLY, O_CREAT, O_EXCL } = constants;
      fd = openSync(hidden, O_WRONLY | O_CREAT | O_EXCL, PRIVATE_FILE);
    } catch (cause) {
      throw fileFailure(cause, this.name);
    }
    let size = 0;
    const close = () => {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    };
    const discard = () => {
      close();
      removeFile(hidden);
    };
    return {
      discard,
      write: (bytes) => {
        try {
          writeAt(fd!, size, bytes);
        } catch (cause) {
          throw fileFailure(cause, this.name);
        }
        size += bytes.length;
      },
      read: (path) => {
        close();
        const now = Math.floor(Date.now() / 1000);
        // Whole seconds: the time of last change is part of what a file is told by, and is written again with each use.
        utimesSync(hidden, now, now);
        return new DiskFile(hidden, join(this.name, path));
      },
      keep: (path) => {
        try {
          close();
          const whole = join(this.name, path);
          mkdirSync(dirname(whole), { recursive: true, mode: PRIVATE_FOLDER });
          renameSync(hidden, whole);
          this.#added(size);
        } catch {
          // It is read from where it is, and fetched again the next time.
          discard();
        }
      },
    };
  }

  #added(size: number): void {
    if (this.#limit === undefined) return;
    if (this.#size !== undefined) this.#size += size;
    if (this.#size === undefined || this.#size > this.#limit)
      this.#size = trimFolder(this.name, this.#limit, DEPTH);
  }
}
