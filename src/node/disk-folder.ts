import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Folder, FolderFile } from '../io/index.js';
import { FileSource } from './file-source.js';

export class DiskFile extends FileSource implements FolderFile {
  readonly name: string;
  readonly stamp: string;

  /** @param name what it is called, for people */
  constructor(path: string, name = path) {
    super(path);
    this.name = name;
    const { size, mtimeMs } = statSync(path);
    this.stamp = `${size}-${Math.trunc(mtimeMs * 1000)}`;
  }
}

/** A folder on the disk. */
export class DiskFolder implements Folder {
  readonly name: string;

  constructor(path: string) {
    this.name = path;
  }

  open(path: string): FolderFile | undefined {
    try {
      return new DiskFile(join(this.name, path));
    } catch {
      return undefined;
    }
  }
}

/** One file, by its path: fails with `input-unreadable`. */
export function openFile(path: string): FolderFile {
  return new DiskFile(path);
}
