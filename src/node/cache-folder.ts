import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Cache, CachedSource } from '../io/index.js';
import { defaultCacheFolder } from './default-cache-folder.js';
import { FileSource } from './file-source.js';
import { hiddenName } from './hidden-name.js';

/** What a cache may hold, in bytes, if nobody says otherwise. */
const DEFAULT_LIMIT = 2 * 1024 ** 3;
/** When it is full, so much of the limit stays: not every file that is added shall have all looked at. */
const KEPT = 0.8;
/** Unfinished files that are older than this are of processes that were killed. Milliseconds. */
const STALE = 60 * 60 * 1000;
/** The last use of a file is written down not more often than this. Milliseconds. */
const USE_STEP = 60 * 60 * 1000;
const LONGEST_NAME = 120;
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;
const HIDDEN = '.mdmp-';

export interface CacheOptions {
  /** The most bytes that the files of the folder may have together; what was not used for longest goes first. */
  limit?: number | undefined;
}

/**
 * A cache in a folder: one file a key. Any number of processes may use it at once. A file is written under a hidden name and renamed, so it
 * is whole or not there; one that another process removes stays readable for those who have it open.
 *
 * Nothing here throws: a folder that cannot be written is a cache that keeps nothing.
 */
export class CacheFolder implements Cache {
  readonly folder: string;
  readonly #limit: number;
  /** Bytes in the folder when they were last counted, and what was added since. */
  #size: number | undefined;

  constructor(folder = defaultCacheFolder(), { limit = DEFAULT_LIMIT }: CacheOptions = {}) {
    this.folder = folder;
    this.#limit = limit;
  }

  open(key: string): CachedSource | undefined {
    const path = join(this.folder, fileName(key));
    try {
      const stat = lstatSync(path);
      // Not through a link: whoever may write to the folder could point it elsewhere.
      if (!stat.isFile()) return undefined;
      const { mtimeMs } = stat;
      const source = new FileSource(path);
      const now = Date.now();
      if (now - mtimeMs > USE_STEP) touch(path, now);
      return source;
    } catch {
      return undefined;
    }
  }

  store(key: string, pieces: Iterable<Uint8Array>): void {
    let hidden: string | undefined;
    try {
      mkdirSync(this.folder, { recursive: true, mode: PRIVATE_FOLDER });
      hidden = hiddenName(this.folder);
      const size = writeNew(hidden, pieces);
      renameSync(hidden, join(this.folder, fileName(key)));
      hidden = undefined;
      if (this.#size !== undefined) this.#size += size;
      if (this.#size === undefined || this.#size > this.#limit) this.#trim();
    } catch {
      if (hidden !== undefined) remove(hidden);
    }
  }

  /** Removes what was not used for longest until there is room, and what killed processes have left. */
  #trim(): void {
    const files: { path: string; size: number; used: number }[] = [];
    let total = 0;
    const now = Date.now();
    for (const name of readdirSync(this.folder)) {
      const path = join(this.folder, name);
      try {
        const { size, mtimeMs } = statSync(path);
        if (!name.startsWith(HIDDEN)) {
          files.push({ path, size, used: mtimeMs });
          total += size;
        } else if (now - mtimeMs > STALE) remove(path);
      } catch {
        // Another process was faster.
      }
    }
    if (total > this.#limit) {
      files.sort((a, b) => a.used - b.used);
      for (const { path, size } of files) {
        if (total <= this.#limit * KEPT) break;
        remove(path);
        total -= size;
      }
    }
    this.#size = total;
  }
}

/** A key as the name of a file. What may not stand in one, or is too long, is told apart by a digest. */
function fileName(key: string): string {
  if (/^[\w-][\w.-]*$/.test(key) && key.length <= LONGEST_NAME) return key;
  const digest = digestOf(key);
  return `${key.replaceAll(/[^\w-]+/g, '_').slice(0, LONGEST_NAME - digest.length - 1)}.${digest}`;
}

/**
 * 128 bits that differ where keys do: FNV-1a from four starts. Whoever asks checks what comes back, so nobody gains by keys that are alike;
 * and `node:crypto` would take 3 ms of a command to load.
 */
function digestOf(key: string): string {
  const bytes = new TextEncoder().encode(key);
  let digest = '';
  for (let start = 1; start <= 4; start++) {
    let hash = Math.imul(0x811c9dc5, start) ^ start;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    // Its low bits alone are poor.
    hash ^= hash >>> 15;
    digest += (hash >>> 0).toString(16).padStart(8, '0');
  }
  return digest;
}

function writeNew(path: string, pieces: Iterable<Uint8Array>): number {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL, PRIVATE_FILE);
  let total = 0;
  try {
    for (const piece of pieces) {
      for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
      total += piece.length;
    }
  } finally {
    closeSync(fd);
  }
  return total;
}

function touch(path: string, now: number): void {
  try {
    utimesSync(path, now / 1000, now / 1000);
  } catch {
    // It is someone else's, or gone.
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already.
  }
}
