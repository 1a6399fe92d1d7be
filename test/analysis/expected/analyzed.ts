import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Analysis, type AnalyzeOptions, analyzeTask } from '../../../src/analysis/index.js';
import { loadDisassembler } from '../../../src/cli/disassembler.js';
import { openSymbols } from '../../../src/cli/symbol-places.js';
import { runSync } from '../../../src/io/index.js';
import { Minidump } from '../../../src/reader/index.js';
import { corpusPath, corpusText } from '../../reader/corpus.js';
import { temporaryFolder } from '../../support/programs.js';
import { corpusFolder } from '../../support/tools.js';

/** The analysis of a dump with the symbols at `paths`. */
export async function analyzed(
  dump: Uint8Array,
  paths: readonly string[] = [],
  options: AnalyzeOptions = {},
): Promise<Analysis> {
  const symbols = openSymbols({ paths, cache: temporaryFolder(), local: false });
  const disassembler = await loadDisassembler();
  return runSync(analyzeTask(Minidump.openSync(dump), { symbols, disassembler, ...options }));
}

/** What insta wrote behind its header. */
export function snapshot(path: string): string {
  const text = corpusText(path);
  return text.slice(text.indexOf('\n---\n') + '\n---\n'.length);
}

/** All .sym files of the corpus. */
export function corpusSymbolFiles(): string[] {
  const corpus = corpusFolder();
  if (corpus === undefined) return [];
  const files = readdirSync(corpus, { recursive: true, encoding: 'utf8' });
  return files.filter((path) => path.endsWith('.sym')).sort();
}

/**
 * Those with which the judges come to an end: rules of this libc make an instruction its own return address, again and again.
 * Breakpad stops after a million frames, rust-minidump at the end of all addresses, and we after 1024.
 */
export function symbolFilesThatEnd(): string[] {
  return corpusSymbolFiles().filter((path) => !path.includes('libc-2.13'));
}

/**
 * A folder with .sym files of the corpus, laid out as Breakpad's tools look for them: NAME/ID/NAME.sym.
 *
 * @param change what the files are to say instead
 */
export function symbolFolder(files: readonly string[], change?: (text: string) => string): string {
  const folder = temporaryFolder();
  for (const path of files) {
    const [, id, name] = /^MODULE \S+ \S+ (\S+) (.*?)\r?\n/.exec(corpusText(path))!;
    const place = join(folder, name!, id!, `${name!.replace(/\.pdb$/, '')}.sym`);
    mkdirSync(dirname(place), { recursive: true });
    try {
      if (change) writeFileSync(place, change(corpusText(path)));
      else symlinkSync(corpusPath(path), place);
    } catch (error) {
      // Two of the projects have the same file.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return folder;
}
