import type { Folder, FolderFile } from '../io/index.js';
import type { ModuleIdentity } from '../reader/index.js';
import { leafName } from '../reader/leaf-name.js';

/** A module whose symbols are wanted. */
export interface WantedModule extends ModuleIdentity {
  /** Path of the file that was loaded. */
  readonly name: string | undefined;
  /** Bytes, where it is known: a module without an id is told by it. */
  readonly SizeOfImage?: number;
}

/** A file that may have the symbols of a module: whether it does is found out by opening it. */
export interface Candidate {
  readonly kind: 'sym' | 'elf';
  readonly file: FolderFile;
}

/** A file that a file of symbols names: the target of a debug link, what dwz or split DWARF moved out of it. */
export interface WantedCompanion {
  /** As it is named: absolute, or relative to the folder of `beside`. */
  readonly path: string;
  /** The whole path of the file that names it. */
  readonly beside: string;
  /** In hexadecimal digits, where it is known. */
  readonly buildId?: string | undefined;
}

/** Where symbols are looked for. */
export interface SymbolSupplier {
  /** The files in question, the best first. Whoever takes one closes it. */
  candidates(module: WantedModule): Iterable<Candidate>;
  /** The same for a file that one of these names. Whoever takes one closes it, and sees to it that it is the right one. */
  companions?(wanted: WantedCompanion): Iterable<FolderFile>;
}

/** Names come from a dump, and are made a path: nothing but a plain name may be part of one. */
export function plainName(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const leaf = leafName(path);
  return leaf === '' || leaf === '.' || leaf === '..' || leaf.includes('\0') ? undefined : leaf;
}

/** The names that a path goes through, without `.` and `..`; those that lead above its beginning are left out. */
function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return path.includes('\0') ? [] : parts;
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

/** Where a file of a build id is in a folder of debug files. */
function buildIdPath(buildId: string | undefined): string | undefined {
  if (buildId === undefined || !/^[0-9a-f]{6,}$/.test(buildId)) return undefined;
  return `.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}`;
}

/** Those that are there, each once. */
function* openAll(folder: Folder, paths: readonly string[]): Iterable<FolderFile> {
  for (const path of new Set(paths)) {
    const file = path === '' ? undefined : folder.open(path);
    if (file !== undefined) yield file;
  }
}

/**
 * A folder of symbols. In it are looked for, in this order:
 *
 * - .sym files as Breakpad's tools lay them out: `libc.so.6/ID/libc.so.6.sym`; of a PDB `app.pdb/ID/app.sym`
 * - ELF files by build id: `.build-id/ab/cdef….debug`, and without the suffix
 * - ELF files by the name of the module: `libfoo.so.debug`, `libfoo.so`
 * - files that these name (.dwo, .dwp, debug links, dwz): by build id, by their whole path in the folder, by their name in it or in its
 *   folders `.debug` and `.dwz`
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

  *companions({ path, buildId }: WantedCompanion): Iterable<FolderFile> {
    const parts = partsOf(path);
    const name = parts.at(-1);
    if (name === undefined) return;
    const byId = buildIdPath(buildId);
    const places = [parts.join('/'), name, `.debug/${name}`, `.dwz/${name}`];
    yield* openAll(this.#folder, byId === undefined ? places : [`${byId}.debug`, byId, ...places]);
  }
}

/** Where a SymbolFolder has the symbols of a module, the best first. */
export function* symbolPaths(module: WantedModule): Iterable<[Candidate['kind'], string]> {
  const debugFile = plainName(module.debugFile);
  const id = module.debugIdentifier;
  if (debugFile !== undefined && id !== undefined)
    yield ['sym', `${debugFile}/${id}/${debugFile.replace(/\.pdb$/i, '')}.sym`];
  const path = buildIdPath(module.codeIdentifier);
  if (path !== undefined) {
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
  readonly #folder: SymbolFolder | undefined;

  /** @param folder the one that it is in: for files that it names */
  constructor(open: () => FolderFile | undefined, folder?: Folder) {
    this.#open = open;
    this.#folder = folder && new SymbolFolder(folder);
  }

  companions(wanted: WantedCompanion): Iterable<FolderFile> {
    return this.#folder?.companions(wanted) ?? [];
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
    const byId = buildIdPath(codeIdentifier);
    if (byId !== undefined) paths.push(`usr/lib/debug/${byId}.debug`);
    if (name?.startsWith('/')) {
      const parts = name.split('/').filter((part) => part !== '' && part !== '.');
      if (!parts.includes('..') && !name.includes('\0')) paths.push(parts.join('/'));
    }
    for (const path of paths) {
      const file = this.#root.open(path);
      if (file !== undefined) yield { kind: 'elf', file };
    }
  }

  /** As gdb does: where the path leads to, in `.debug` there, and below /usr/lib/debug. */
  *companions({ path, beside, buildId }: WantedCompanion): Iterable<FolderFile> {
    const root = this.#root.name;
    const folderOfNamer = folderOf(beside.startsWith(root) ? beside.slice(root.length) : beside);
    const parts = partsOf(path.startsWith('/') ? path : `${folderOfNamer}/${path}`);
    const name = parts.at(-1);
    if (name === undefined) return;
    const folder = parts.slice(0, -1);
    const byId = buildIdPath(buildId);
    yield* openAll(this.#root, [
      ...(byId === undefined ? [] : [`usr/lib/debug/${byId}.debug`]),
      parts.join('/'),
      [...folder, '.debug', name].join('/'),
      ['usr/lib/debug', ...parts].join('/'),
    ]);
  }
}
