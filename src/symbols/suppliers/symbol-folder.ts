import { type Folder, type FolderFile, MinidumpError, readRange, type Task } from '../../io/index.js';
import type { Candidate, Offer, SymbolSupplier, WantedCompanion, WantedModule } from '../supplier.js';
import {
  breakpadPath,
  buildIdPath,
  buildIdPaths,
  debuginfodPath,
  inTwoTiers,
  isBuildId,
  machPaths,
  namedPaths,
  type StoreKey,
  storeFiles,
  storeKeys,
} from './layouts.js';
import { openAll, partsOf } from './paths.js';
import { POINTER_LIMIT, readPointer } from './store-pointer.js';

/**
 * A folder of symbols. In it are looked for, in this order:
 *
 * - .sym files as Breakpad's tools lay them out: `libc.so.6/ID/libc.so.6.sym`; of a PDB `app.pdb/ID/app.sym`
 * - PDBs and programs of Windows as symstore lays them out: `app.pdb/ID/app.pdb`, `app.exe/ID/app.exe`, in cabinets (`app.pd_`), where
 *   `file.ptr` says, and in two tiers (`ap/app.pdb/…`) if there is a file index2.txt
 * - ELF files by build id: `.build-id/ab/cdef….debug`, and without the suffix; `buildid/ID/debuginfo` as debuginfod names them, and
 *   `ID/debuginfo` as its client keeps them
 * - Mach-O files by UUID as .NET's symbol stores lay them out: `app/mach-uuid-ID/app`, `_.dwarf/mach-uuid-sym-ID/_.dwarf`
 * - files by the name of the module: `app.pdb`, `libfoo.so.debug`, `libfoo.so`, `App.dSYM/Contents/Resources/DWARF/App`
 * - files that these name (.dwo, .dwp, debug links, dwz): by build id, by their whole path in the folder, by their name in it or in its
 *   folders `.debug` and `.dwz`
 */
export class SymbolFolder implements SymbolSupplier {
  readonly #folder: Folder;
  #isTwoTiers: boolean | undefined;

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  *candidates(module: WantedModule): Iterable<Offer> {
    const sym = this.#open(breakpadPath(module));
    if (sym !== undefined) yield { file: sym, isSym: true };
    for (const key of storeKeys(module)) yield* this.#inStore(key);
    const { codeIdentifier: id } = module;
    const paths = [
      ...[...buildIdPaths(module), ...machPaths(module)].map(({ path }) => path),
      debuginfodPath(id, 'debuginfo'),
      debuginfodPath(id, 'executable'),
      ...(isBuildId(id) ? [`${id}/debuginfo`, `${id}/executable`] : []),
      ...namedPaths(module).map(({ path }) => path),
    ];
    for (const file of openAll(this.#folder, paths)) yield { file };
  }

  *companions({ path, buildId }: WantedCompanion): Iterable<Candidate> {
    const parts = partsOf(path);
    const name = parts.at(-1);
    if (name === undefined) return;
    const byId = buildIdPath(buildId);
    const places = [parts.join('/'), name, `.debug/${name}`, `.dwz/${name}`];
    const paths = byId === undefined ? places : [`${byId}.debug`, byId, ...places];
    for (const file of openAll(this.#folder, paths)) yield { file };
  }

  *#inStore(key: StoreKey): Iterable<Offer> {
    // Windows does not tell capitals from small letters, nor do the tools that fill such folders.
    const variants = [key, { ...key, name: key.name.toLowerCase() }];
    const small = variants.map((one) => ({ ...one, key: one.key.toLowerCase() }));
    const capitals = variants.map((one) => ({ ...one, key: one.key.toUpperCase() }));
    const seen = new Set<string>();
    for (const one of [...variants, ...small, ...capitals]) {
      const { plain, cabinet, pointer } = storeFiles(one);
      if (seen.has(plain)) continue;
      seen.add(plain);
      for (const path of [plain, cabinet]) {
        const file = this.#openInStore(path);
        if (file !== undefined) yield { file };
      }
      const file = this.#openInStore(pointer);
      if (file !== undefined) yield this.#follow(file);
    }
  }

  /** Only to files that are in the folder, too. */
  *#follow(pointer: FolderFile): Task<Candidate> {
    using file = pointer;
    const length = Math.min(file.size, POINTER_LIMIT);
    const { path, message } = readPointer(yield* readRange(file, 0, length, 'file.ptr'));
    const target = this.#inside(path);
    const there = target === undefined ? undefined : this.#folder.open(target);
    if (there !== undefined) return { file: there };
    const why = message ?? `it points to ${path}, which is not in ${this.#folder.name}`;
    throw new MinidumpError('input-unreadable', `${file.name}: ${why}`);
  }

  /** A path of any system as one in the folder. */
  #inside(path: string | undefined): string | undefined {
    if (path === undefined) return undefined;
    const all = path.replaceAll('\\', '/');
    const root = `${this.#folder.name.replace(/\/+$/, '')}/`;
    const isAbsolute = all.startsWith('/') || /^\w:/.test(all);
    if (isAbsolute && !all.startsWith(root)) return undefined;
    return partsOf(isAbsolute ? all.slice(root.length) : all).join('/') || undefined;
  }

  #open(path: string | undefined): FolderFile | undefined {
    return path === undefined ? undefined : this.#folder.open(path);
  }

  #openInStore(path: string): FolderFile | undefined {
    if (this.#isTwoTiers === undefined) {
      using index = this.#folder.open('index2.txt');
      this.#isTwoTiers = index !== undefined;
    }
    const file = this.#isTwoTiers ? this.#folder.open(inTwoTiers(path)) : undefined;
    return file ?? this.#folder.open(path);
  }
}
