import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { corpusPath } from '../reader/corpus.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, needsCorpus, requireTool } from '../support/tools.js';
import { mdmp, mdmpJson, scratchFolder } from './command.js';

const folder = scratchFolder();
const file = (name: string) => join(folder, name);
const dump = () => corpusPath('rust-minidump/test.dmp');
const symbols = () => corpusPath('rust-minidump/symbols');

describeWith([needsBuild, needsCorpus], 'mdmp stack', () => {
  it('--cyborg prints the text and writes the JSON, for nobody else to read', () => {
    const json = file('report.json');
    const { exit, stdout } = mdmp(['stack', dump(), symbols(), '--cyborg', json]);
    expect(exit).toBe(0);
    expect(stdout).toBe(mdmp(['stack', dump(), symbols(), '--human', '--no-color']).stdout);
    expect(JSON.parse(readFileSync(json, 'utf8'))).toEqual(mdmpJson(['stack', dump(), symbols()]));
    expect(statSync(json).mode & 0o777).toBe(0o600);
  });

  it('--log-file has what --trace and --verbose trace print', () => {
    const log = file('trace.log');
    const traced = mdmp(['stack', dump(), '--brief', '--trace']);
    expect(traced.stderr).toMatch(/^thread 3060 frame 0 0x40429e: windows_frame failed: /);
    expect(mdmp(['stack', dump(), '--brief', '--verbose', 'trace'])).toEqual(traced);
    const quiet = mdmp(['stack', dump(), '--brief', '--trace', '--log-file', log]);
    expect(quiet).toEqual({ ...traced, stderr: '' });
    expect(readFileSync(log, 'utf8')).toBe(traced.stderr);
    expect(statSync(log).mode & 0o777).toBe(0o600);
  });

  it('--features unstable-all is --recover-function-args', () => {
    const place = join(folder, 'test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1');
    mkdirSync(place, { recursive: true });
    const text = readFileSync(
      join(symbols(), 'test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym'),
      'latin1',
    );
    writeFileSync(join(place, 'test_app.sym'), text.replace(/ main$/m, ' main(int, char **)'), 'latin1');
    const words = ['stack', dump(), folder, '--brief'];
    const { stdout } = mdmp([...words, '--recover-function-args']);
    expect(stdout).toContain(
      ' (assuming cdecl [static function])\n        arg 0 (int) = 0x00000001\n        arg 1 (char **) = 0x00873930\n',
    );
    expect(mdmp([...words, '--features', 'unstable-all']).stdout).toBe(stdout);
    expect(mdmp([...words, '--features', 'stable-all']).stdout).not.toContain('Arguments');
  });

  it.each<[string[], number, RegExp]>([
    [['missing.dmp'], 10, /^mdmp: there is no file missing\.dmp\. Check the path\.\n$/],
    [
      [join(import.meta.dirname, 'stack.test.ts')],
      11,
      /^mdmp: .*: this is not a minidump\. Expected MDMP, .*\n$/,
    ],
    [['DUMP', ''], 2, /^mdmp: a path of symbols is empty\. .*\n$/],
    [['DUMP', 'missing'], 10, /^mdmp: there is no file missing\. .*\n$/],
    [['DUMP', '--dump'], 2, /^mdmp: --dump .* `mdmp show FILE` .*\n$/],
    [['DUMP', '--json', '--human'], 2, /^mdmp: --json and --human exclude each other\.\n$/],
    [['DUMP', '--pretty'], 2, /^mdmp: --pretty goes with --json or --cyborg\.\n$/],
    [['DUMP', '--features', 'all'], 2, /^mdmp: --features must be stable-basic, .*\n$/],
    [['DUMP', '--verbose', 'much'], 2, /^mdmp: --verbose must be off, .*\n$/],
  ])('%j is refused in one line', (words, exit, line) => {
    const answer = mdmp(['stack', ...words.map((word) => (word === 'DUMP' ? dump() : word))]);
    expect(answer).toMatchObject({ exit, stdout: '' });
    expect(answer.stderr).toMatch(line);
  });

  it('warns where the symbols that were named are of no use', () => {
    const empty = scratch('empty');
    const { exit, stderr } = mdmp(['stack', dump(), empty, '--brief']);
    expect(exit).toBe(0);
    expect(stderr).toMatch(
      /^warning: no symbols of any module on the stacks in .*empty; `mdmp gaps` says .*\n$/,
    );
    expect(mdmp(['stack', dump(), symbols(), '--brief']).stderr).toBe('');
  });
});

function scratch(name: string): string {
  mkdirSync(file(name));
  return file(name);
}

describeWith([needsBuild, needsCorpus, 'minidump-stackwalk'], 'the options of minidump-stackwalk', () => {
  it('are known to mdmp stack, all of them', async () => {
    const { stdout } = await run(requireTool('minidump-stackwalk'), ['--help']);
    const options = [...stdout.toString().matchAll(/^ +(?:-\w, )?(--[\w-]+)( <)?/gm)];
    expect(options.length).toBeGreaterThan(15);
    for (const [, name, value] of options) {
      // --version is of mdmp itself.
      if (name === '--version' || name === '--help') continue;
      const { stderr } = mdmp(['stack', 'missing.dmp', name!, ...(value ? ['x'] : [])]);
      expect(stderr, name).not.toContain('unknown option');
    }
  });
});

describeWith([needsBuild, needsCorpus], 'mdmp info of a crash', () => {
  it('shows the stack where symbols are named, or lie beside the dump, and none without', () => {
    const first = /^stack {5}0 {2}crash!crash \[main\.cpp : 23\]$/m;
    const elf = ['crash', 'crash.debug'].map((name) => corpusPath(`symbolic/linux/${name}`));
    const original = corpusPath('rust-minidump/linux-mini.dmp');
    expect(mdmp(['info', original]).stdout).not.toMatch(/^stack/m);
    expect(mdmp(['info', original, ...elf]).stdout).toMatch(first);
    const beside = scratch('beside');
    for (const path of [original, ...elf]) {
      writeFileSync(join(beside, path.split('/').at(-1)!), readFileSync(path));
    }
    const copy = join(beside, 'linux-mini.dmp');
    expect(mdmp(['info', copy]).stdout).toMatch(first);
    expect(mdmpJson(['info', copy]).crash.stack[2]).toMatchObject({
      function: 'main',
      line: 35,
      inlined: false,
      module: 'crash',
      trust: 'context',
    });
  });

  it('names the crash as mdmp stack does', () => {
    for (const name of ['breakpad/tiny-exe-fastfail.dmp', 'breakpad/minidump_crashpad_annotation.dmp']) {
      const { crash } = mdmpJson(['info', corpusPath(name)]);
      const { crash_info: stack } = mdmpJson(['stack', corpusPath(name), '--brief']);
      expect(crash.reason).toBe(stack.type);
      expect(BigInt(crash.address)).toBe(BigInt(stack.address));
    }
  });
});
