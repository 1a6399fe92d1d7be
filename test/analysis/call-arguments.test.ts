import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parametersOf } from '../../src/analysis/call-arguments.js';
import { analyzeTask, reportText, rustMinidumpReport } from '../../src/analysis/index.js';
import { loadDisassembler } from '../../src/cli/disassembler.js';
import { openSymbols } from '../../src/cli/symbol-places.js';
import { runSync } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { corpusBytes, corpusPath } from '../reader/corpus.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsCorpus, requireTool } from '../support/tools.js';

afterAll(removeFolders);

describe('parameters in the name of a function', () => {
  it.each([
    ['main', undefined],
    ['main()', ['']],
    ['main(int, char **)', ['int', 'char **']],
    ['f(std::map<int, char>, void (*)(int, int), g)', ['std::map<int, char>', 'void (*)(int, int)', 'g']],
    ['f(int) const', ['int']],
    ['f(a<b)', undefined],
    ['f(a>b)', undefined],
    ['f)(', undefined],
    ['f((a)', undefined],
  ])('%s', (name, types) => expect(parametersOf(name)?.types).toEqual(types));

  it('a name with :: is a method', () => {
    expect(parametersOf('a::b(int)')?.convention).toBe('thiscall');
    expect(parametersOf('b(a::c)')?.convention).toBe('cdecl');
  });
});

/** The names of these symbols have no parameters: they are given some. */
const NAMES: readonly (readonly [from: string, ...to: string[]])[] = [
  [
    "`anonymous namespace'::CrashFunction",
    'CrashFunction(int, a<b, c> const &)',
    'x::CrashFunction()',
    'f(a<b)',
  ],
  [
    'main',
    'main(int, char **)',
    'app::main(int, void (*)(int, int))',
    'main(int, int, int, int, int, int, int)',
  ],
  ['__tmainCRTStartup', '__tmainCRTStartup(a<b>c)', 's::s(int)', 'f(int) const'],
];

describeWith(
  [needsCorpus, 'minidump-stackwalk'],
  'arguments of functions, as rust-minidump recovers them',
  () => {
    const name = 'rust-minidump/test.dmp';

    it.each([1, 2, 3])('with names of set %i: text and JSON are the same', async (set) => {
      const path = 'test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym';
      const original = readFileSync(join(corpusPath('rust-minidump/symbols'), path), 'latin1');
      let changed = original;
      for (const [from, ...to] of NAMES) {
        const line = new RegExp(`^(FUNC \\w+ \\w+ \\w+ )${from.replaceAll(/\W/g, '\\$&')}$`, 'm');
        changed = changed.replace(line, (_, start) => start + to[set - 1]!);
      }
      expect(changed).not.toBe(original);
      const folder = temporaryFolder();
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), changed, 'latin1');

      const judge = async (...flags: string[]) => {
        const { stdout } = await run(requireTool('minidump-stackwalk'), [
          ...flags,
          '--recover-function-args',
          corpusPath(name),
          folder,
        ]);
        return stdout.toString('latin1');
      };
      using found = openSymbols({ paths: [folder], cache: temporaryFolder(), local: false });
      const analysis = runSync(
        analyzeTask(Minidump.openSync(corpusBytes(name)), {
          symbols: found,
          disassembler: await loadDisassembler(),
          recoverFunctionArguments: true,
        }),
      );
      const theirs = await judge();
      expect(theirs).toContain('Arguments (assuming');
      // As in report.test.ts: theirs has an empty line more behind the last thread, and lists streams that it does not read.
      const upToModules = theirs
        .slice(0, theirs.indexOf('\n\nUnloaded modules:'))
        .replace(/\n\n\n(?=Loaded)/, '\n\n');
      expect(runSync(reportText(analysis)).trimEnd()).toBe(upToModules);
      expect(runSync(rustMinidumpReport(analysis))).toEqual(JSON.parse(await judge('--json')));
    });
  },
);
