import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvilJson, reportText, rustMinidumpReport } from '../../../src/analysis/index.js';
import { runSync } from '../../../src/io/index.js';
import type { TechniqueName, TraceEvent } from '../../../src/unwind/index.js';
import { corpusBytes, corpusDumps, corpusPath, corpusText } from '../../reader/corpus.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { run } from '../../support/run.js';
import { describeWith, needsCorpus, requireTool } from '../../support/tools.js';
import { Dice } from '../../unwind/made-up-dump.js';
import { analyzed, corpusSymbolFiles, snapshot, symbolFilesThatEnd, symbolFolder } from './analyzed.js';
import { Comparison, fieldDifferences, lineDifferences } from './compare.js';
import { macDump, unloadedDump } from './made-up-dumps.js';
import { symbolDump } from './symbol-dump.js';

afterAll(removeFolders);

const expected = (name: string) => snapshot(`rust-minidump/expected/${name}`);
const symbols = 'rust-minidump/symbols';

describeWith([needsCorpus], "rust-minidump's snapshots of its JSON, to the letter", () => {
  it.each<[string, () => Uint8Array, string[], string?]>([
    ['json-pretty.snap', () => corpusBytes('rust-minidump/test.dmp'), []],
    ['json-pretty-symbols.snap', () => corpusBytes('rust-minidump/test.dmp'), [symbols]],
    ['json-pretty-evil-symbols.snap', () => corpusBytes('rust-minidump/test.dmp'), [symbols], 'evil.json'],
    ['json-pretty-unloaded.snap', unloadedDump, []],
    ['linux_json_pretty.snap', () => corpusBytes('rust-minidump/linux-mini.dmp'), []],
  ])('%s', async (name, dump, paths, evil) => {
    const additions = evil === undefined ? {} : readEvilJson(corpusText(`rust-minidump/${evil}`));
    const report = runSync(rustMinidumpReport(await analyzed(dump(), paths.map(corpusPath)), additions));
    expect(JSON.stringify(report, null, 2)).toBe(expected(name).trimEnd());
  });
});

describeWith([needsCorpus], "rust-minidump's snapshots of its text", () => {
  const comparison = new Comparison("rust-minidump's text");

  it.each<[string, () => Uint8Array, string[]]>([
    ['human.snap', () => corpusBytes('rust-minidump/test.dmp'), []],
    ['human-symbols.snap', () => corpusBytes('rust-minidump/test.dmp'), [symbols]],
    ['human-unloaded.snap', unloadedDump, []],
    ['linux_human.snap', () => corpusBytes('rust-minidump/linux-mini.dmp'), []],
  ])('%s', async (name, dump, paths) => {
    const text = runSync(reportText(await analyzed(dump(), paths.map(corpusPath))));
    comparison.check(name, lineDifferences(expected(name).trimEnd(), text.trimEnd()));
  });

  it('all listed differences occur', () => {
    comparison.checkThatAllOccurred();
  });
});

describeWith([needsCorpus], "rust-minidump's snapshot of its trace", () => {
  const comparison = new Comparison("rust-minidump's trace");

  it('trace.snap: what was tried for each frame, and what came of it', async () => {
    const names: Record<string, string> = { windows_frame: 'cfi', frame_pointer: 'frame pointer' };
    const ours: string[] = [];
    let frame = -1;
    let tried: string | undefined;
    const trace = (_: number, event: TraceEvent) => {
      if (event.frame !== frame)
        ours.push(`unwinding 0x${event.lookupAddress.toString(16).padStart(8, '0')}`);
      frame = event.frame;
      const technique = event.technique && (names[event.technique] ?? event.technique);
      // STACK WIN records are call frame information to rust-minidump.
      if (technique !== undefined && technique !== tried) ours.push(`trying ${technique}`);
      tried = technique;
      if (event.outcome !== 'failed') ours.push(`${event.outcome}: ${event.why}`);
      if (event.outcome !== 'failed') tried = undefined;
    };
    const { threads } = await analyzed(corpusBytes('rust-minidump/test.dmp'), [], { trace });
    expect(threads.filter(({ isDumpWriter }) => !isDumpWriter)).toHaveLength(1);
    const theirs = expected('trace.snap')
      .split('\n')
      .map((line) => line.replace(/^TRACE unwind\{.*?\}: /, '').trim())
      .filter((line) => line !== '');
    comparison.check('trace.snap', lineDifferences(theirs.join('\n'), ours.join('\n')));
  });

  it('all listed differences occur', () => {
    comparison.checkThatAllOccurred();
  });
});

/** Of what rust-minidump has as the elements of a hash map. */
function inOrder(report: { proc_limits?: { limits: { name: string }[] } | null }) {
  report.proc_limits?.limits.sort((a, b) => (a.name < b.name ? -1 : 1));
  return report;
}

const NAMES = ['$eax', '$ecx', '$edx', '$ebx', '$esp', '$ebp', '$esi', '$edi'];

/**
 * STACK WIN programs with the names of registers for their CodeView numbers, $17 to $24. rust-minidump does not know the numbers and loses
 * these registers; told the names, it must say of the file what we say of it as it is.
 */
const withRegisterNames = (sym: string) =>
  sym.replace(/^STACK WIN 4 .*$/gm, (record) =>
    record.replace(/\$(1[7-9]|2[0-4])(?= |$)/g, (_, number) => NAMES[Number(number) - 17]!),
  );

describeWith([needsCorpus, 'minidump-stackwalk'], 'minidump-stackwalk --json, field by field', () => {
  const comparison = new Comparison("rust-minidump's JSON");
  let all: string;
  /** Frames whose function it knows, in `threads` and in `crashing_thread`. */
  let named = 0;
  beforeAll(() => {
    all = symbolFolder(corpusSymbolFiles());
  });

  /** undefined where it refuses the dump. */
  async function judge(file: string, paths: readonly string[]) {
    const options = paths.flatMap((path) => ['--symbols-path', path]);
    const args = ['--json', '--no-interactive', ...options, file];
    const { status, stdout } = await run(requireTool('minidump-stackwalk'), args, { timeoutMs: 120_000 });
    return status === 0 ? inOrder(JSON.parse(stdout.toString())) : undefined;
  }

  describe.each(['without symbols', 'with symbols'])('%s', (kind) => {
    it.each(corpusDumps())('%s', { timeout: 120_000 }, async (name) => {
      const paths = kind === 'with symbols' ? [all] : [];
      const theirs = await judge(corpusPath(name), paths);
      const report = runSync(rustMinidumpReport(await analyzed(corpusBytes(name), paths)));
      const ours = inOrder(JSON.parse(JSON.stringify(report)));
      // It makes no report of what it cannot walk; we make one that says so.
      if (theirs === undefined) {
        expect(ours).toMatchObject({ system_info: null, threads: [] });
        return;
      }
      named += JSON.stringify(theirs).match(/"function":"/g)?.length ?? 0;
      comparison.check(`${name} ${kind}`, fieldDifferences(theirs, ours));
    });
  });

  // Every kind of address in a .sym file; with stacks, what its call frame information makes of them.
  describe.each([false, true])('of threads all over a .sym file, with stacks: %s', (stacks) => {
    it.each(symbolFilesThatEnd())('%s', { timeout: 120_000 }, async (path) => {
      const dump = symbolDump(corpusText(path), stacks ? 200 : 1000, new Dice(1), { stacks });
      const file = join(temporaryFolder(), 'made-up.dmp');
      writeFileSync(file, dump);
      const folder = symbolFolder([path]);
      const theirs = await judge(file, [symbolFolder([path], withRegisterNames)]);
      // The leaf of Windows is Breakpad's: without it, each technique that both have.
      const order: TechniqueName[] = ['windows_frame', 'cfi', 'frame_pointer', 'scan'];
      const report = runSync(rustMinidumpReport(await analyzed(dump, [folder], { unwind: { order } })));
      const ours = JSON.parse(JSON.stringify(report));
      comparison.check(`${path}${stacks ? ' with stacks' : ''}`, fieldDifferences(theirs, ours));
    });
  });

  it('symbols were found', () => {
    expect(named).toBeGreaterThan(20);
  });

  it.each([
    ['unloaded modules', unloadedDump],
    ['what macOS adds', macDump],
  ])('of a dump that was made up, with %s', async (_, dump) => {
    const file = join(temporaryFolder(), 'made-up.dmp');
    writeFileSync(file, dump());
    const report = runSync(rustMinidumpReport(await analyzed(dump())));
    const theirs = await judge(file, []);
    expect(theirs).toBeDefined();
    expect(report).toEqual(theirs);
  });

  it('all listed differences occur', () => {
    comparison.checkThatAllOccurred();
  });
});
