import { closeSync, constants, lstatSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Cache, CachedSource } from '../io/index.js';
import { defaultCacheFolder } from './default-cache-folder.js';
import { writeAt } from './file-region.js';
import { FileSource } from './file-source.js';
import { hiddenName } from './hidden-name.js';
import { noteUse, removeFile, trimFolder } from './trim-folder.js';

/** What a cache may hold, in bytes, if nobody says otherwise. */
const DEFAULT_LIMIT = 2 * 1024 ** 3;
const LONGEST_NAME = 120;
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

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
      const source = new FileSource(path);
      noteUse(path, stat);
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
      if (this.#size === undefined || this.#size > this.#limit)
        this.#size = trimFolder(this.folder, this.#limit);
    } catch {
      if (hidden !== undefined) removeFile(hidden);
    }
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
      writeAt(fd, total, piece);
      total += piece.length;
    }
  } finally {
    closeSync(fd);
  }
  return total;
}
