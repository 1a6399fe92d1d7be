import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { inflateSync } from 'node:zlib';
import { CacheFolder } from '../node/cache-folder.js';
import { DiskFolder, openFile } from '../node/disk-folder.js';
import { loadFzstd } from '../node/zstd/fzstd-package.js';
import type { Decompressors } from '../object/index.js';
import {
  LocalFiles,
  SymbolFile,
  SymbolFolder,
  type SymbolSupplier,
  Symbols,
  type SymbolsOptions,
} from '../symbols/index.js';
import { wrong } from './arguments.js';

export interface SymbolPlaces {
  /** Files, and folders in one of the layouts that SymbolFolder knows; looked into in this order. */
  readonly paths: readonly string[];
  /** Where indexes are kept; the folder that the system has for such things if it is not given. */
  readonly cache?: string | undefined;
  /** Look at the files that the modules were loaded from, on this machine. */
  readonly local: boolean;
  /** What is looked into last. */
  readonly more?: readonly SymbolSupplier[] | undefined;
}

/** What a command looks symbols up in. Fails with `input-unreadable` for a path that is not there. */
export function openSymbols(
  { paths, cache, local, more = [] }: SymbolPlaces,
  options: Pick<SymbolsOptions, 'withoutSym'> = {},
): Symbols {
  const suppliers: SymbolSupplier[] = paths.map((path) => {
    if (path === '') throw wrong('a path of symbols is empty', 'Name a folder or a file');
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
      return new SymbolFolder(new DiskFolder(path));
    openFile(path)[Symbol.dispose]();
    return new SymbolFile(() => openFile(path), new DiskFolder(dirname(path)));
  });
  if (local) suppliers.push(new LocalFiles(new DiskFolder('/')));
  return new Symbols([...suppliers, ...more], { cache: new CacheFolder(cache), decompress, ...options });
}

/** What unpacks compressed sections. */
export const decompress: Decompressors = {
  inflate: (bytes, size) => inflateSync(bytes, { maxOutputLength: Math.max(1, size) }),
  // Loaded where a section is compressed so: few are, and it takes 5 ms.
  zstd: (bytes, size) => loadFzstd().decompress(bytes, new Uint8Array(size)),
};
