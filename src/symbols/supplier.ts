import type { Folder, FolderFile } from '../io/index.js';
import type { ModuleIdentity } from '../reader/index.js';
import { leafName } from '../reader/leaf-name.js';

/** A module whose symbols are wanted. */
export interface WantedModule extends ModuleIdentity {
  /** Path of the file that was loaded. */
  readonly name: string | undefined;
}

/** A file that may have the symbols of a module: whether it does is found out by opening it. */
export interface Candidate {
  readonly kind: 'sym' | 'elf';
  readonly file: FolderFile;
}

/** Where symbols are looked for. */
export interface SymbolSupplier {
  /** The files in question, the best first. Whoever takes one closes it. */
  candidates(module: WantedModule): Iterable<Candidate>;
}

/** Names come from a dump, and are made a path: nothing but a plain name may be part of one. */
export function plainName(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const leaf = leafName(path);
  return leaf === '' || leaf === '.' || leaf === '..' || leaf.includes('\0') ? undefined : leaf;
}

/**
 * A folder of symbols. In it are looked for, in this order:
 *
 * - .sym files as Breakpad's tools lay them out: `libc.so.6/ID/libc.so.6.sym`; of a PDB `app.pdb/ID/app.sym`
 * - ELF files by build id: `.build-id/ab/cdef….debug`, and without the suffix
 * - ELF files by the name of the module: `libfoo.so.debug`, `libfoo.so`
 */
export class SymbolFolder implements SymbolSupplier {
  readonly #folder: Folder;

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  *candidates(module: WantedModule): Iterable<Candidate> {
    for (const [kind, path] of symbolPaths(module)) {
      const file = this.#folder.open(path);
      if (file !== undefined) yield { kind, file };
    }
  }
}

/** Where a SymbolFolder has the symbols of a module, the best first. */
export function* symbolPaths(module: WantedModule): Iterable<[Candidate['kind'], string]> {
  const debugFile = plainName(module.debugFile);
  const id = module.debugIdentifier;
  if (debugFile !== undefined && id !== undefined)
    yield ['sym', `${debugFile}/${id}/${debugFile.replace(/\.pdb$/i, '')}.sym`];
  const buildId = module.codeIdentifier;
  if (buildId !== undefined && /^[0-9a-f]{6,}$/.test(buildId)) {
    const path = `.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}`;
    yield ['elf', `${path}.debug`];
    yield ['elf', path];
  }
  const name = plainName(module.name);
  if (name === undefined) return;
  yield ['elf', `${name}.debug`];
  yield ['elf', name];
}

/** One file, for the module that it says it is of. */
export class SymbolFile implements SymbolSupplier {
  readonly #open: () => FolderFile | undefined;

  constructor(open: () => FolderFile | undefined) {
    this.#open = open;
  }

  *candidates(): Iterable<Candidate> {
    for (const kind of ['sym', 'elf'] as const) {
      const file = this.#open();
      if (file !== undefined) yield { kind, file };
    }
  }
}

/**
 * The files that the modules of the dump were loaded from, on the machine that it is read on, and their debug files: the same
 * build id says that they are the same.
 */
export class LocalFiles implements SymbolSupplier {
  readonly #root: Folder;

  /** @param root `/` */
  constructor(root: Folder) {
    this.#root = root;
  }

  *candidates({ name, codeIdentifier }: WantedModule): Iterable<Candidate> {
    const paths: string[] = [];
    if (codeIdentifier !== undefined && /^[0-9a-f]{6,}$/.test(codeIdentifier)) {
      paths.push(`usr/lib/debug/.build-id/${codeIdentifier.slice(0, 2)}/${codeIdentifier.slice(2)}.debug`);
    }
    if (name?.startsWith('/')) {
      const parts = name.split('/').filter((part) => part !== '' && part !== '.');
      if (!parts.includes('..') && !name.includes('\0')) paths.push(parts.join('/'));
    }
    for (const path of paths) {
      const file = this.#root.open(path);
      if (file !== undefined) yield { kind: 'elf', file };
    }
  }
}
