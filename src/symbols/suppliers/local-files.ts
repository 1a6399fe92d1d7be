import type { Folder } from '../../io/index.js';
import type { Candidate, SymbolSupplier, WantedCompanion, WantedModule } from '../supplier.js';
import { buildIdPath, imageKind } from './layouts.js';
import { openAll, partsOf } from './paths.js';

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

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

  *candidates(module: WantedModule): Iterable<Candidate> {
    const { name, codeIdentifier } = module;
    const paths: string[] = [];
    const byId = imageKind(module) === 'pe' ? undefined : buildIdPath(codeIdentifier);
    if (byId !== undefined) paths.push(`usr/lib/debug/${byId}.debug`);
    if (name?.startsWith('/')) {
      const parts = name.split('/').filter((part) => part !== '' && part !== '.');
      if (!parts.includes('..') && !name.includes('\0')) paths.push(parts.join('/'));
    }
    for (const file of openAll(this.#root, paths)) yield { file };
  }

  /** As gdb does: where the path leads to, in `.debug` there, and below /usr/lib/debug. */
  *companions({ path, beside, buildId }: WantedCompanion): Iterable<Candidate> {
    const root = this.#root.name;
    const folderOfNamer = folderOf(beside.startsWith(root) ? beside.slice(root.length) : beside);
    const parts = partsOf(path.startsWith('/') ? path : `${folderOfNamer}/${path}`);
    const name = parts.at(-1);
    if (name === undefined) return;
    const folder = parts.slice(0, -1);
    const byId = buildIdPath(buildId);
    const files = openAll(this.#root, [
      ...(byId === undefined ? [] : [`usr/lib/debug/${byId}.debug`]),
      parts.join('/'),
      [...folder, '.debug', name].join('/'),
      ['usr/lib/debug', ...parts].join('/'),
    ]);
    for (const file of files) yield { file };
  }
}
