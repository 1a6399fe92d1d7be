import { lstatSync, readdirSync, rmdirSync, type Stats, unlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { HIDDEN } from './hidden-name.js';

/** When a folder is full, so much of the limit stays: not every file that is added shall have all looked at. */
const KEPT = 0.8;
/** Unfinished files that are older than this are of processes that were killed. Milliseconds. */
const STALE = 60 * 60 * 1000;
/** The last use of a file is written down not more often than this. Milliseconds. */
const USE_STEP = 60 * 60 * 1000;

interface Kept {
  readonly path: string;
  readonly size: number;
  readonly used: number;
}

/**
 * Removes files that were not used for longest until there is room, and what killed processes have left.
 *
 * @param limit of all files together, in bytes
 * @param depth how many folders deep they lie
 * @returns the bytes that are there now
 */
export function trimFolder(folder: string, limit: number, depth = 0): number {
  const files: Kept[] = [];
  collect(folder, depth, files);
  let total = files.reduce((sum, { size }) => sum + size, 0);
  if (total > limit) {
    files.sort((a, b) => a.used - b.used);
    for (const { path, size } of files) {
      if (total <= limit * KEPT) break;
      removeFile(path);
      total -= size;
    }
  }
  return total;
}

function collect(folder: string, depth: number, files: Kept[]): void {
  const now = Date.now();
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    try {
      const stat = lstatSync(path);
      if (stat.isDirectory()) {
        if (depth === 0) continue;
        collect(path, depth - 1, files);
        // One that is empty goes; another process may just have made it, and then makes it again.
        if (now - stat.mtimeMs > STALE && readdirSync(path).length === 0) rmdirSync(path);
      } else if (!name.startsWith(HIDDEN)) {
        files.push({ path, size: stat.size, used: lastUseOf(stat) });
      } else if (now - stat.mtimeMs > STALE) removeFile(path);
    } catch {
      // Another process was faster.
    }
  }
}

const lastUseOf = ({ atimeMs, mtimeMs }: Stats): number => Math.max(atimeMs, mtimeMs);

/** Writes down that a file was used, so that others go first; as its time of last access, which many systems do not keep by themselves. */
export function noteUse(path: string, stat: Stats): void {
  const now = Date.now();
  if (now - lastUseOf(stat) <= USE_STEP) return;
  try {
    utimesSync(path, now / 1000, stat.mtimeMs / 1000);
  } catch {
    // It is someone else's, or gone.
  }
}

export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already.
  }
}
