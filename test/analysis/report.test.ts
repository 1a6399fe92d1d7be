import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { analyzeTask, readEvilJson, reportText, rustMinidumpReport } from '../../src/analysis/index.js';
import { loadDisassembler } from '../../src/cli/disassembler.js';
import { openSymbols } from '../../src/cli/symbol-places.js';
import { BytesSource, runSync } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { corpusFolder, describeWith, needsCorpus } from '../support/tools.js';

afterAll(removeFolders);

const corpus = (path: string) => join(corpusFolder() ?? '', path);
const symbols = corpus('rust-minidump/symbols');

/** What insta wrote behind its header. */
function snapshot(name: string): string {
  const text = readFileSync(corpus(`rust-minidump/expected/${name}`), 'utf8');
  return text.slice(text.indexOf('\n---\n') + '\n---\n'.length);
}

async function analyzed(path: string, ...paths: string[]) {
  const dump = Minidump.openSync(new BytesSource(readFileSync(corpus(path))));
  const found = openSymbols({ paths, cache: temporaryFolder(), local: false });
  const disassembler = await loadDisassembler();
  return runSync(analyzeTask(dump, { symbols: found, disassembler }));
}

describeWith([needsCorpus], "rust-minidump's reports", () => {
  it.each<[string, string, string[], string | undefined]>([
    ['json-pretty.snap', 'rust-minidump/test.dmp', [], undefined],
    ['json-pretty-symbols.snap', 'rust-minidump/test.dmp', [symbols], undefined],
    ['json-pretty-evil-symbols.snap', 'rust-minidump/test.dmp', [symbols], 'rust-minidump/evil.json'],
    ['linux_json_pretty.snap', 'rust-minidump/linux-mini.dmp', [], undefined],
  ])('%s: field by field, in the same order', async (name, path, paths, evil) => {
    const additions = evil === undefined ? {} : readEvilJson(readFileSync(corpus(evil), 'utf8'));
    const report = runSync(rustMinidumpReport(await analyzed(path, ...paths), additions));
    expect(report).toEqual(JSON.parse(snapshot(name)));
    expect(JSON.stringify(report, null, 2)).toBe(snapshot(name).trimEnd());
  });

  it('human-symbols.snap: all lines up to the unloaded modules', async () => {
    const text = runSync(reportText(await analyzed('rust-minidump/test.dmp', symbols)));
    const theirs = snapshot('human-symbols.snap');
    // Theirs has an empty line more behind the last thread, and lists streams that it does not read.
    const expected = theirs.slice(0, theirs.indexOf('\n\nUnloaded modules:')).replace('\n\n\n', '\n\n');
    expect(text.trimEnd()).toBe(expected);
  });

  it('linux-mini.dmp with its ELF files: main, and what was inlined into it', async () => {
    for (const debug of ['crash.debug', 'crash.debug-zlib', 'crash.debug-zstd']) {
      const { threads } = await analyzed(
        'rust-minidump/linux-mini.dmp',
        ...['crash', debug].map((file) => corpus(`symbolic/linux/${file}`)),
      );
      const [frame] = threads[0]!.stack.frames;
      expect(frame, debug).toMatchObject({
        function: 'main',
        line: 35,
        inlines: [
          { function: 'crash', line: 23 },
          { function: 'start', line: 27 },
        ],
      });
    }
  });

  it('the same with crash.sym, which was made of them', async () => {
    const { threads } = await analyzed('rust-minidump/linux-mini.dmp', corpus('symbolic/linux/crash.sym'));
    expect(threads[0]!.stack.frames[0]).toMatchObject({ function: 'main' });
  });
});
