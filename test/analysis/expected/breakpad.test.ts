import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Analysis, reportText } from '../../../src/analysis/index.js';
import { runSync } from '../../../src/io/index.js';
import { corpusBytes, corpusDumps, corpusPath, corpusText } from '../../reader/corpus.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { run } from '../../support/run.js';
import { describeWith, needsCorpus, requireTool } from '../../support/tools.js';
import { Dice } from '../../unwind/made-up-dump.js';
import { analyzed, corpusSymbolFiles, symbolFilesThatEnd, symbolFolder } from './analyzed.js';
import { type PrintedFrame, printedStacks } from './breakpad-stacks.js';
import { align, Comparison, type Found, fieldDifferences } from './compare.js';
import { CALLED_BY } from './differences.js';
import { symbolDump } from './symbol-dump.js';

afterAll(removeFolders);

const FOUND_BY: Record<string, string> = {
  context: 'given as instruction pointer in context',
  cfi: 'call frame info',
  leaf: 'simulating a return from leaf function',
  frame_pointer: "previous frame's frame pointer",
  scan: 'stack scanning',
};

/** Our frames as Breakpad would print them: inlined calls are frames, without registers. */
function ourStacks({ threads, cpu }: Analysis): PrintedFrame[][] {
  const digits = /^(?:x86|arm|ppc|mips)$/.test(cpu) ? 8 : 16;
  return threads
    .filter(({ isDumpWriter }) => !isDumpWriter)
    .map(({ stack }) =>
      stack.frames.flatMap((frame) => {
        const registers = Object.fromEntries(
          [...frame.registers].map(([name, value]) => [
            name,
            `0x${value.toString(16).padStart(digits, '0')}`,
          ]),
        );
        const module = frame.module?.name ?? '';
        const inlines = frame.inlines.map((call) => ({
          ...{ trust: 'inline record', module, function: call.function, registers: {}, offset: 0n },
          ...{ file: call.file ?? '', line: String(call.line ?? '') },
        }));
        const start = frame.lineStart ?? frame.functionStart ?? frame.module?.base ?? 0n;
        const own = {
          ...{ trust: FOUND_BY[frame.trust]!, module, function: frame.function ?? '', registers },
          ...{ file: frame.file ?? '', line: String(frame.line ?? ''), offset: frame.lookupAddress - start },
        };
        return [...inlines, own];
      }),
    );
}

/** Frames at the same instruction belong together; calls that are inlined there are counted from the outermost. */
function stackDifferences(theirs: readonly PrintedFrame[], ours: readonly PrintedFrame[]): Found[] {
  const isInlined = (frame: PrintedFrame | undefined) => frame?.trust === 'inline record';
  // Of calls inlined into each other Breakpad has another order, or not all: one difference, not one for each field.
  if (ours.some((frame, i) => isInlined(frame) && isInlined(ours[i + 1]))) {
    const names = (frames: readonly PrintedFrame[]) => frames.map((frame) => frame.function).join(CALLED_BY);
    return fieldDifferences(names(theirs), names(ours), 'inlined calls');
  }
  const placed = (frames: readonly PrintedFrame[]) =>
    frames.map((frame, i) => {
      const depth = frames.slice(i).findIndex(({ trust }) => trust !== 'inline record');
      const { eip, rip, pc } = frames[i + depth]!.registers;
      return { frame, place: `${eip ?? rip ?? pc}${depth === 0 ? '' : ` inlined ${depth}`}` };
    });
  return align(placed(theirs), placed(ours), (a, b) => a.place === b.place).flatMap((pair, i) => {
    if (pair.theirs !== undefined && pair.ours !== undefined)
      return fieldDifferences(pair.theirs.frame, pair.ours.frame, `frame ${i}`);
    const text = (one: typeof pair.theirs) => one && `${one.frame.trust} ${one.place}`;
    return [{ at: `frame ${i}`, theirs: text(pair.theirs), ours: text(pair.ours) }];
  });
}

/** What the C run-time library complained of, in Breakpad's words or in ours. */
function assertionIn(text: string): string[] | undefined {
  const [, theirs] = /^Assertion: Invalid parameter passed to library function (.*)$/m.exec(text) ?? [];
  const [, ours] = /^Assertion: invalid parameter, (.*)$/m.exec(text) ?? [];
  if (theirs !== undefined)
    return /^(.*) in function (.*), in file (?:.*\\)?(.*) at line (\d+)$/.exec(theirs)!.slice(1);
  return ours === undefined ? undefined : /^(.*) in (.*) \[(.*) : (\d+)\]$/.exec(ours)!.slice(1);
}

describeWith([needsCorpus, 'minidump_stackwalk'], "Breakpad's stacks", () => {
  const comparison = new Comparison("Breakpad's stacks");
  let all: string;
  /** Frames whose function it knows. */
  let named = 0;
  beforeAll(() => {
    all = symbolFolder(corpusSymbolFiles());
  });

  function compare(of: string, text: string, lines: string, analysis: Analysis): void {
    const theirs = printedStacks(text, lines);
    const ours = ourStacks(analysis);
    for (const frames of theirs.values()) named += frames.filter((frame) => frame.function !== '').length;
    expect(theirs.size, of).toBeLessThanOrEqual(ours.length);
    const found = ours.flatMap((frames, thread) =>
      stackDifferences(theirs.get(thread) ?? [], frames).map(({ at, ...rest }) => ({
        at: `thread ${thread} ${at}`,
        ...rest,
      })),
    );
    comparison.check(of, found);
    expect(assertionIn(runSync(reportText(analysis))), of).toEqual(assertionIn(text));
  }

  it('minidump2.stackwalk.out and minidump2.stackwalk.machine_readable.out', async () => {
    const of = (suffix: string) => corpusText(`breakpad/minidump2.stackwalk.${suffix}`);
    const analysis = await analyzed(corpusBytes('breakpad/minidump2.dmp'), [corpusPath('breakpad/symbols')]);
    expect(printedStacks(of('out'), of('machine_readable.out')).get(0)).toHaveLength(4);
    compare('minidump2.stackwalk.out', of('out'), of('machine_readable.out'), analysis);
  });

  describe.each(['without symbols', 'with symbols'])('of minidump_stackwalk %s', (kind) => {
    const dumps = corpusDumps().filter((name) => !name.includes('invalid-r'));
    it.each(dumps)('%s', { timeout: 120_000 }, async (name) => {
      const paths = kind === 'with symbols' ? [all] : [];
      const judge = requireTool('minidump_stackwalk');
      const printed = async (...options: string[]) => {
        const { stdout } = await run(judge, [...options, corpusPath(name), ...paths], { timeoutMs: 120_000 });
        return stdout.toString();
      };
      compare(
        `${name} ${kind}`,
        await printed(),
        await printed('-m'),
        await analyzed(corpusBytes(name), paths),
      );
    });
  });

  describe('of minidump_stackwalk, threads all over a .sym file', () => {
    it.each(symbolFilesThatEnd())('%s', { timeout: 120_000 }, async (path) => {
      const dump = symbolDump(corpusText(path), 1000, new Dice(2));
      const file = join(temporaryFolder(), 'made-up.dmp');
      writeFileSync(file, dump);
      const folder = symbolFolder([path]);
      const printed = async (...options: string[]) => {
        const args = [...options, file, folder];
        return (await run(requireTool('minidump_stackwalk'), args, { timeoutMs: 120_000 })).stdout.toString();
      };
      compare(path, await printed(), await printed('-m'), await analyzed(dump, [folder]));
    });
  });

  it('invalid-parameter.dmp: the assertion that failed', async () => {
    const text = runSync(reportText(await analyzed(corpusBytes('rust-minidump/invalid-parameter.dmp'))));
    expect(assertionIn(text)).toEqual(['format != nullptr', 'common_vfprintf', 'output.cpp', '32']);
  });

  it('symbols were found', () => {
    expect(named).toBeGreaterThan(20);
  });

  it('all listed differences occur', () => {
    comparison.checkThatAllOccurred();
  });
});
