import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import * as zlib from 'node:zlib';
import { defaultCacheFolder } from '../node/default-cache-folder.js';
import { makePrivateFolder, privateFolder, readPrivateFile } from '../node/private-file.js';
import { type CachedCode, readCodeFile, writeCodeFile } from './code-cache-file.js';

/** All files of the command have 2 MB of source, and less than that of code. */
const LARGEST = 32 << 20;

/** What a script was loaded from: compiled, to be asked at the end for all its functions that ran. */
interface Loaded {
  readonly script: Script;
  readonly sourceCrc: number;
  readonly sourceLength: number;
}

type Extension = (module: NodeJS.Module, file: string) => void;

/**
 * Has the files of the command that are loaded from now on compiled once and for all: a tenth of the time of
 * `mdmp stack` is to compile the same text again. What V8 made of them lies in the user's cache folder, and is used only
 * from a folder and a file that no other user can have written; whatever else is there, or does not fit, they are
 * compiled as ever. NODE_DISABLE_COMPILE_CACHE=1, Node's own variable, turns it off.
 *
 * (`module.enableCompileCache` of Node 22.8 gives half of that, removes nothing that got old, and does not ask who else may write to its folder.)
 *
 * Such code cannot import(); scripts/bundle.js sees to it that there is none.
 *
 * @param command each has a file of its own, with the functions that it called
 * @returns to be called when the command has done its work: keeps what was compiled
 */
export function useCodeCache(command: string): () => Promise<void> {
  const { NODE_DISABLE_COMPILE_CACHE: refusal, NODE_V8_COVERAGE: coverage } = process.env;
  const path = codeFolder();
  // Before Node 20.15 there is no fast CRC; and a function from the cache would be missing from a coverage report.
  if (zlib.crc32 === undefined || refusal || coverage || path === undefined) return async () => {};
  const name = `${command}-${process.version}-${process.arch}`;
  const folder = privateFolder(path);
  const file = folder === undefined ? undefined : readPrivateFile(folder, name, LARGEST);
  const known = file === undefined ? new Map<string, CachedCode>() : readCodeFile(file);
  const { loaded, refused } = compileWith(known);
  return async () => {
    if (process.exitCode) return;
    if ([...loaded.keys()].every((one) => known.has(one) && !refused.has(one))) return;
    const made = makePrivateFolder(path);
    if (made === undefined) return;
    // What another run of the command needed stays, if it is of this build.
    const codes = new Map(refused.size > 0 ? [] : known);
    for (const [one, { script, ...source }] of loaded)
      codes.set(one, { ...source, data: script.createCachedData() });
    const { CacheFolder } = await import('../node/cache-folder.js');
    new CacheFolder(made, { limit: LARGEST }).store(name, writeCodeFile(codes));
  };
}

/** Undefined for a user without a home. */
function codeFolder(): string | undefined {
  try {
    const path = defaultCacheFolder('code');
    return isAbsolute(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Compiles what `require` loads from the folder of this file. `refused` are those whose code was of something else. */
function compileWith(known: ReadonlyMap<string, CachedCode>) {
  const loaded = new Map<string, Loaded>();
  const refused = new Set<string>();
  const folder = dirname(fileURLToPath(import.meta.url));
  const { extensions } = createRequire(import.meta.url);
  const usual = extensions['.js'] as Extension;

  function load(module: NodeJS.Module, file: string): void {
    if (dirname(file) !== folder) {
      usual(module, file);
      return;
    }
    const name = basename(file);
    const source = readFileSync(file);
    const sourceCrc = zlib.crc32(source);
    const code = known.get(name);
    const fits = code?.sourceCrc === sourceCrc && code.sourceLength === source.length;
    const script = new Script(
      `(function (exports, require, module, __filename, __dirname) {${source.toString('utf8')}\n})`,
      {
        filename: file,
        cachedData: fits ? code.data : undefined,
      },
    );
    if (code && (!fits || script.cachedDataRejected)) refused.add(name);
    loaded.set(name, { script, sourceCrc, sourceLength: source.length });
    const body = script.runInThisContext() as (...values: unknown[]) => void;
    body.call(module.exports, module.exports, (id: string) => module.require(id), module, file, folder);
  }

  extensions['.js'] = load;
  return { loaded, refused };
}
