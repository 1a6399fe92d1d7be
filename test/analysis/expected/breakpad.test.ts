import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Analysis } from '../../../src/analysis/index.js';
import { corpusBytes, corpusDumps, corpusPath, corpusText } from '../../reader/corpus.js';
import { removeFolders } from '../../support/programs.js';
import { run } from '../../support/run.js';
import { describeWith, needsCorpus, requireTool } from '../../support/tools.js';
import { allSymbols, analyzed } from './analyzed.js';
import { type PrintedFrame, printedStacks } from './breakpad-stacks.js';
import { align, Comparison, type Found, fieldDifferences } from './compare.js';

afterAll(removeFolders);

const FOUND_BY: Record<string, string> = {
  context: 'given as instruction pointer in context',
  cfi: 'call frame info',
  leaf: 'simulating a return from leaf function',
  frame_pointer: "previous frame's frame pointer",
  scan: 'stack scanning',
};

/** Our frames as Breakpad would print them: inlined calls are frames, and have the registers of the one that they are in. */
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
          ...{ trust: 'inline record', module, function: call.function, registers, offset: 0n },
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

/** Frames with the same instruction pointer belong together. */
function stackDifferences(theirs: readonly PrintedFrame[], ours: readonly PrintedFrame[]): Found[] {
  const place = ({ registers }: PrintedFrame) => registers.eip ?? registers.rip ?? registers.pc;
  const depth = (frames: readonly PrintedFrame[], frame: PrintedFrame) =>
    frames.slice(frames.indexOf(frame)).findIndex((one) => one.trust !== 'inline record');
  const same = (a: PrintedFrame, b: PrintedFrame) =>
    place(a) === place(b) && depth(theirs, a) === depth(ours, b);
  return align(theirs, ours, same).flatMap((pair, i) => {
    if (pair.theirs !== undefined && pair.ours !== undefined)
      return fieldDifferences(pair.theirs, pair.ours, `frame ${i}`);
    const text = (frame: PrintedFrame | undefined) => frame && `${frame.trust} ${place(frame)}`;
    return [{ at: `frame ${i}`, theirs: text(pair.theirs), ours: text(pair.ours) }];
  });
}

describeWith([needsCorpus, 'minidump_stackwalk'], "Breakpad's stacks", () => {
  const comparison = new Comparison("Breakpad's stacks");
  let all: string;
  /** Frames whose function it knows. */
  let named = 0;
  beforeAll(() => {
    all = allSymbols();
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

  it('symbols were found', () => {
    expect(named).toBeGreaterThan(20);
  });

  it('all listed differences occur', () => {
    comparison.checkThatAllOccurred();
  });
});
