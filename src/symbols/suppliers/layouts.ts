import { plainName, type WantedModule } from '../supplier.js';

/*
 * Under which paths the files of a module lie, in the layouts that folders and servers of symbols have. All parts come from a dump: names
 * go through plainName, ids are letters and digits, so that no path leads out of the folder.
 */

/** `sym`: of Breakpad. `debug`, `module`: what was split off, and the file that was loaded. */
export type PathKind = 'sym' | 'debug' | 'module';

export interface SymbolPath {
  readonly kind: PathKind;
  /** From the folder or the server's URL on, with `/` between its parts. */
  readonly path: string;
}

/** What kind of file a module was, as far as its ids tell. */
export function imageKind(module: WantedModule): 'pe' | 'elf' | 'mach' | undefined {
  const { codeIdentifier: id, debugIdentifier, debugFile } = module;
  if (debugFile !== undefined && /\.pdb$/i.test(debugFile)) return 'pe';
  if (id === undefined) return undefined;
  if (id.length === 32 && debugIdentifier?.slice(0, 32).toLowerCase() === id) return 'mach';
  // A build id has its first bytes in the debug identifier, in another order; a time stamp and a size have not.
  const isBuildId = debugIdentifier?.slice(0, 8).toLowerCase() === swapped(id);
  return id.length <= 16 && !isBuildId ? 'pe' : 'elf';
}

const swapped = (id: string): string => [6, 4, 2, 0].map((at) => id.slice(at, at + 2)).join('');

/** Of Breakpad and Tecken: `libc.so.6/ID/libc.so.6.sym`; of a PDB `app.pdb/ID/app.sym`. */
export function breakpadPath({ debugFile, debugIdentifier: id }: WantedModule): string | undefined {
  const name = plainName(debugFile);
  if (name === undefined || id === undefined || !/^\w+$/.test(id)) return undefined;
  return `${name}/${id}/${name.replace(/\.pdb$/i, '')}.sym`;
}

/** Where a file is in a symbol store of Microsoft's tools: `NAME/KEY/NAME`. */
export interface StoreKey {
  readonly kind: 'debug' | 'module';
  readonly name: string;
  readonly key: string;
}

/**
 * A PDB is kept by GUID and age, a program by time stamp and size; in the key of the latter the stamp is in capitals and the size is not,
 * as symstore has it. Other files are not kept so.
 */
export function storeKeys(module: WantedModule): StoreKey[] {
  if (imageKind(module) !== 'pe') return [];
  const keys: StoreKey[] = [];
  const { debugIdentifier, codeIdentifier } = module;
  const debugFile = plainName(module.debugFile);
  if (debugFile !== undefined && debugIdentifier !== undefined && /^\w+$/.test(debugIdentifier))
    keys.push({ kind: 'debug', name: debugFile, key: debugIdentifier });
  const name = plainName(module.name);
  if (name !== undefined && codeIdentifier !== undefined && /^[0-9a-f]{9,16}$/.test(codeIdentifier)) {
    const key = codeIdentifier.slice(0, 8).toUpperCase() + codeIdentifier.slice(8);
    keys.push({ kind: 'module', name, key });
  }
  return keys;
}

/** The names that a file of a store may have: plain, in a cabinet (`app.pd_`), and a text that says where it is. */
export function storeFiles({ name, key }: StoreKey): { plain: string; cabinet: string; pointer: string } {
  const folder = `${name}/${key}`;
  return {
    plain: `${folder}/${name}`,
    cabinet: `${folder}/${name.slice(0, -1)}_`,
    pointer: `${folder}/file.ptr`,
  };
}

/** In a store of two tiers, which has a file index2.txt, the first two letters of a name are a folder. */
export const inTwoTiers = (path: string): string => `${path.slice(0, 2).toLowerCase()}/${path}`;

/** Whether it is one, in the digits that paths have; it comes from a dump. */
export const isBuildId = (id: string | undefined): id is string =>
  id !== undefined && /^[0-9a-f]{6,}$/.test(id);

/** Where a file of a build id is in a folder of debug files, without the suffix `.debug`. */
export function buildIdPath(buildId: string | undefined): string | undefined {
  if (!isBuildId(buildId)) return undefined;
  return `.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}`;
}

/** `.build-id/ab/cdef….debug`, and without the suffix. */
export function buildIdPaths(module: WantedModule): SymbolPath[] {
  const path = imageKind(module) === 'elf' ? buildIdPath(module.codeIdentifier) : undefined;
  if (path === undefined) return [];
  return [
    { kind: 'debug', path: `${path}.debug` },
    { kind: 'module', path },
  ];
}

/**
 * Mach-O files by UUID, as the symbol stores of .NET and Microsoft's server have them; all in small letters.
 *
 * @see https://github.com/dotnet/symstore/blob/main/docs/specs/SSQP_Key_Conventions.md
 */
export function machPaths(module: WantedModule): SymbolPath[] {
  const { codeIdentifier: uuid } = module;
  if (imageKind(module) !== 'mach' || uuid === undefined || !/^[0-9a-f]{32}$/.test(uuid)) return [];
  const name = plainName(module.name)?.toLowerCase();
  return [
    { kind: 'debug', path: `_.dwarf/mach-uuid-sym-${uuid}/_.dwarf` },
    ...(name === undefined ? [] : [{ kind: 'module', path: `${name}/mach-uuid-${uuid}/${name}` } as const]),
  ];
}

/** Where a store keeps a file of a module, by its id; undefined where the module has none. */
export function keptPath(module: WantedModule, kind: 'debug' | 'module'): string | undefined {
  const key = storeKeys(module).find((one) => one.kind === kind);
  if (key !== undefined) return storeFiles(key).plain;
  return [...buildIdPaths(module), ...machPaths(module)].find((one) => one.kind === kind)?.path;
}

/** Of debuginfod: `buildid/ID/debuginfo`. */
export function debuginfodPath(
  buildId: string | undefined,
  kind: 'debuginfo' | 'executable',
): string | undefined {
  return isBuildId(buildId) ? `buildid/${buildId}/${kind}` : undefined;
}

/** Files by the names of the module and of its debug file, as they lie beside each other where they were built. */
export function namedPaths(module: WantedModule): SymbolPath[] {
  const paths: SymbolPath[] = [];
  const name = plainName(module.name);
  const debugFile = plainName(module.debugFile);
  const kind = imageKind(module);
  if (kind === 'pe' && debugFile !== undefined && debugFile !== name)
    paths.push({ kind: 'debug', path: debugFile });
  if (name === undefined) return paths;
  if (kind === 'mach') paths.push({ kind: 'debug', path: `${name}.dSYM/Contents/Resources/DWARF/${name}` });
  if (kind !== 'pe') paths.push({ kind: 'debug', path: `${name}.debug` });
  paths.push({ kind: 'module', path: name });
  return paths;
}

/** Where a SymbolFolder has the symbols of a module under their whole names, the best first. */
export function symbolPaths(module: WantedModule): SymbolPath[] {
  const sym = breakpadPath(module);
  return [
    ...(sym === undefined ? [] : [{ kind: 'sym', path: sym } as const]),
    ...storeKeys(module).map((key) => ({ kind: key.kind, path: storeFiles(key).plain })),
    ...buildIdPaths(module),
    ...machPaths(module),
    ...namedPaths(module),
  ];
}
