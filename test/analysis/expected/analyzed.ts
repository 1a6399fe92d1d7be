import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Analysis, type AnalyzeOptions, analyzeTask } from '../../../src/analysis/index.js';
import { loadDisassembler } from '../../../src/cli/disassembler.js';
import { openSymbols } from '../../../src/cli/symbol-places.js';
import { runSync } from '../../../src/io/index.js';
import { Minidump } from '../../../src/reader/index.js';
import { corpusPath, corpusText } from '../../reader/corpus.js';
import { temporaryFolder } from '../../support/programs.js';

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

/** A folder with all .sym files of the corpus, laid out as Breakpad's tools look for them: NAME/ID/NAME.sym. */
export function allSymbols(): string {
  const folder = temporaryFolder();
  const corpus = corpusPath('');
  for (const path of readdirSync(corpus, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!path.endsWith('.sym')) continue;
    const [, , , , id, name] = /^(\S+) (\S+) (\S+) (\S+) (.*?)\r?\n/.exec(
      readFileSync(join(corpus, path), 'utf8'),
    )!;
    const place = join(folder, name!.replace(/\//g, '_'), id!, `${name!.replace(/\.pdb$/, '')}.sym`);
    mkdirSync(dirname(place), { recursive: true });
    try {
      symlinkSync(join(corpus, path), place);
    } catch (error) {
      // Two of the projects have the same file.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return folder;
}
