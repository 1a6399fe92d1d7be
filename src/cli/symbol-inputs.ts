import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileFailure } from '../node/file-failure.js';
import type { FileIdentity } from '../symbols/index.js';

const IN_BUNDLE = join('Contents', 'Resources', 'DWARF');

/** The file that is meant by the bundle of dsymutil (`App.dSYM`, a folder), or files where it holds several; others as they are. */
export function inputFiles(path: string): string[] {
  if (!/\.dSYM\/*$/i.test(path) || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const folder = join(path, IN_BUNDLE);
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    throw fileFailure(error, folder);
  }
}

/** Folders in which what belongs to a file lies: its own, and that of the bundle which it is in. */
export function foldersBeside(file: string): string[] {
  const own = dirname(resolve(file));
  const bundle = own.endsWith(`.dSYM/${IN_BUNDLE}`)
    ? dirname(own.slice(0, -IN_BUNDLE.length - 1))
    : undefined;
  return bundle === undefined ? [own] : [own, bundle];
}

/** Of a debug file, with what its program says and it does not: a PDB does not know the program that it is of. */
export function joinedIdentity(identity: FileIdentity, others: readonly FileIdentity[]): FileIdentity {
  const program = others.find(({ kind }) => kind === 'module');
  if (program === undefined || identity.kind === 'module') return identity;
  const { sym, module } = identity;
  return {
    ...identity,
    sym: {
      ...sym,
      codeIdentifier: sym.codeIdentifier ?? program.sym.codeIdentifier,
      codeFile: sym.codeFile ?? program.sym.codeFile,
    },
    module: { ...program.module, debugFile: module.debugFile, debugIdentifier: module.debugIdentifier },
  };
}
