import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Folder, FolderFile } from '../io/index.js';
import { FileSource } from './file-source.js';

class DiskFile extends FileSource implements FolderFile {
  readonly name: string;
  readonly stamp: string;

  constructor(path: string) {
    super(path);
    this.name = path;
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
