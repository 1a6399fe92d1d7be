import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MinidumpError } from '../io/index.js';
import type { FileIdentity } from '../symbols/index.js';

const IN_BUNDLE = join('Contents', 'Resources', 'DWARF');

/** The file that is meant by the bundle of dsymutil (`App.dSYM`, a folder), or files where it holds several; others as they are. */
export function inputFiles(path: string): string[] {
  if (!isBundle(path)) return [path];
  const files = filesOf(path);
  if (files.length > 0) return files;
  throw new MinidumpError('input-unreadable', `${path}: no files are in ${IN_BUNDLE} of this bundle`);
}

/** Where what belongs to a file may lie: the bundle that is named after it, its folder, and that of the bundle which it is in. */
export function placesBeside(file: string): string[] {
  const own = dirname(resolve(file));
  const bundle = own.endsWith(`.dSYM/${IN_BUNDLE}`)
    ? dirname(own.slice(0, -IN_BUNDLE.length - 1))
    : undefined;
  const named = isBundle(`${file}.dSYM`) ? filesOf(`${file}.dSYM`) : [];
  return bundle === undefined ? [...named, own] : [...named, own, bundle];
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

const isBundle = (path: string): boolean =>
  /\.dSYM\/*$/i.test(path) && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

function filesOf(bundle: string): string[] {
  const folder = join(bundle, IN_BUNDLE);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
}
