import type { Folder, FolderFile } from '../../io/index.js';

/** The names that a path goes through, without `.` and `..`; those that lead above its beginning are left out. */
export function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return path.includes('\0') ? [] : parts;
}

/** Those that are there, each once; opened one by one, as they are asked for. */
export function* openAll(folder: Folder, paths: readonly (string | undefined)[]): Iterable<FolderFile> {
  for (const path of new Set(paths)) {
    const file = path === undefined || path === '' ? undefined : folder.open(path);
    if (file !== undefined) yield file;
  }
}
