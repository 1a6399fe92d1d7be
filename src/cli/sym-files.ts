import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MinidumpError, runAsync, type Sink } from '../io/index.js';
import { fileFailure } from '../node/file-failure.js';
import { FileSink } from '../node/file-sink.js';
import { hiddenName } from '../node/hidden-name.js';
import { type SymSummary, writeSym } from '../object/breakpad/index.js';
import type { SymbolListingOptions } from '../object/index.js';
import { missingFile } from '../symbols/companions.js';
import { breakpadPath, type FileIdentity, keptPath, type ModuleSymbols } from '../symbols/index.js';

export interface SymFileOptions extends SymbolListingOptions {
  readonly multiple: boolean;
}

/** What was made of a file. */
export interface SymFile extends SymSummary {
  /** The files that were read. */
  readonly files: readonly string[];
  /** What could not be used, or was not there. */
  readonly problems: readonly string[];
}

/** Writes the .sym file of a module into a sink, which is closed; after a failure it is given up. */
export async function writeSymFile(
  { sym }: FileIdentity,
  symbols: ModuleSymbols,
  sink: Sink,
  { multiple, ...listing }: SymFileOptions,
): Promise<SymFile> {
  try {
    const lister = symbols.list?.(listing);
    if (lister === undefined) throw new MinidumpError('unsupported', 'no symbols can be listed of this file');
    const summary = await runAsync(writeSym(sym, lister, sink, { multiple }));
    await sink.close();
    const problems = [
      ...symbols.problems,
      ...(lister.problems ?? []).map(({ message }) => message),
      ...(lister.missing ?? []).map(missingFile),
    ];
    return { ...summary, files: symbols.files, problems };
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** A folder that is filled as a symbol store: `NAME/ID/NAME.sym`, and the files themselves by their ids. */
export class StoreFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where the .sym file of a module lies. */
  symPath({ sym, module }: FileIdentity): string {
    if (module.debugIdentifier === undefined)
      throw new MinidumpError(
        'unsupported',
        'it has no debug identifier, by which a store keeps its symbols',
      );
    const path = breakpadPath({ ...module, debugFile: sym.name });
    if (path === undefined)
      throw new MinidumpError('unsupported', `no file can be named after '${sym.name}'`);
    return join(this.#folder, path);
  }

  /** A file there that appears when it is complete. What is there already is of the same build, and replaced. */
  open(path: string): FileSink {
    makeFolderOf(path);
    return new FileSink(path, { force: true, isPublic: true });
  }

  /** Puts the file itself there, and gives its path; undefined where it has no id. */
  keep(file: string, { module, kind }: FileIdentity): string | undefined {
    const path = keptPath(module, kind);
    if (path === undefined) return undefined;
    const target = join(this.#folder, path);
    makeFolderOf(target);
    const hidden = hiddenName(dirname(target));
    try {
      copyFileSync(file, hidden);
      renameSync(hidden, target);
    } catch (error) {
      rmSync(hidden, { force: true });
      throw fileFailure(error, target);
    }
    return target;
  }
}

function makeFolderOf(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw fileFailure(error, dirname(path));
  }
}
