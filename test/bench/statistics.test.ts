import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { root } from '../support/tools.js';

const load = (name: string) => import(pathToFileURL(join(root, 'bench', name)).href);
const { median, medianOf, ratio } = await load('statistics.js');
const { lostWork } = await load('lost-work.js');
const { limits } = await load('limits.js');
const { chart } = await load('chart.js');
const { markdown } = await load('table.js');

const rounds = (key: string, ...values: number[]) => values.map((value) => ({ [key]: value }));

describe('statistics of the benchmark', () => {
  it('medians', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeUndefined();
    expect(medianOf([{ a: 1 }, { failed: 'no' }, undefined, { a: 3 }], 'a')).toBe(2);
  });

  it('compares within a round, and only where both have a figure', () => {
    // Everything was slow in the second round.
    expect(ratio(rounds('a', 10, 100, 10), rounds('a', 5, 50, 5), 'a')).toBe(2);
    expect(ratio([{ a: 10 }, { failed: 'no' }], rounds('a', 5, 1), 'a')).toBe(2);
    expect(ratio([], rounds('a', 5), 'a')).toBeUndefined();
  });
});

describe('lost work', () => {
  const usual = Array<number>(100).fill(1000);

  it('is the pause where a program stands still', () => {
    const pages = [...usual, ...Array(20).fill(0), ...usual];
    expect(lostWork(pages, 10, 100, 120)).toEqual({ lostMs: 200, slots: 30, usual: 1000 });
  });

  it('counts what is slow after the dump, until it is as before', () => {
    const pages = [...usual, 0, ...Array(10).fill(500), 1000, ...Array(10).fill(500), ...usual];
    // 10 + 10 × 5 + 10 × 5, and ten calm slots at the end.
    expect(lostWork(pages, 10, 100, 101)).toEqual({ lostMs: 110, slots: 32, usual: 1000 });
  });

  it('is negative where the program got more done than before', () => {
    expect(lostWork([...usual, ...Array(10).fill(1500), ...usual], 10, 100, 110).lostMs).toBe(-50);
  });
});

const tool = (name: string, group: string, results: object[]) => ({ name, group, results });
const target = (name: string, tools: object[], more = {}) => ({
  name,
  what: 'a <target>',
  tools,
  leftOut: ['x: because'],
  idle: rounds('pauseMs', 0.1),
  nodeStarts: [{ wallMs: 40, peakMb: 40 }],
  ...more,
});
const result = (wallMs: number, pauseMs: number, peakMb: number, more = {}) => ({
  ...{ wallMs, pauseMs, secondMs: 1, stillMs: pauseMs + 1, peakMb, bytes: 2048 },
  ...more,
});
const run = {
  machine: { kernel: '6', arch: 'x64', processors: 2, model: 'CPU', node: 'v20', hugePages: 'madvise' },
  folder: { inMemory: true },
  runs: 1,
  loads: [0, 1],
  missing: ['gdb: not installed'],
  speeds: { readGbs: 6, writeGbs: 3, bothGbs: 2 },
  targets: [
    target('small', [
      tool('mdmp', 'stacks', [result(90, 1.5, 60)]),
      tool('Breakpad', 'stacks', [result(9, 1.4, 2)]),
      tool('lldb-19, stacks', 'stacks', [{ failed: 'exit 1: a | b' }]),
    ]),
    target('resting', [tool('mdmp', 'stacks', [result(90, 1.5, 60)])]),
    target(
      '2gib-2m',
      [
        tool('mdmp full', 'memory', [result(800, 40, 149, { info: { wallMs: 149, peakMb: 91 } })]),
        tool('gcore', 'memory', [result(1200, 1100, 40)]),
        tool('C loop', 'memory', [result(790, 780, 2)]),
      ],
      { large: true, hugeShare: 0.5 },
    ),
  ],
};

describe('limits of the benchmark', () => {
  it('says which are kept, of what was measured', () => {
    const said = limits(run.targets).map(({ what, figure, kept }: Record<string, unknown>) => [
      what,
      figure,
      kept,
    ]);
    expect(said).toEqual([
      ["2 GiB in pages of 2 MiB: pause against gcore's of 2 GiB", '1/27.5 (40.0 ms to 1.10 s)', true],
      ["2 GiB in pages of 2 MiB: wall against the C loop's", '1.01×', false],
      ['2 GiB in pages of 2 MiB: peak memory', '149 MB', true],
      ["small: pause against Breakpad's here", '1.50 ms', false],
      ["small: pause against Breakpad's on another machine", '1.50 ms', true],
      ["small: pause against twice Crashpad's on another machine", '1.50 ms', true],
      ['small, at rest: the whole command against `node -e 0`', '2.25×', true],
      ['`mdmp info` of the dump of 2 GiB', '149 ms', true],
      ['`mdmp info` of the dump of 2 GiB: peak memory', '91 MB', false],
    ]);
  });

  it('is a table with a row for each tool', () => {
    const text: string = markdown(run);
    expect(text).toContain('| mdmp | 90.0 | 1.00× | 1.50 | 1.00× | 1.50 | 1.00 | 2.50 | 60 | 2 KiB |');
    expect(text).toContain('| gcore | 1200 | 1.50× | 1100 | 27.5× |');
    expect(text).toContain('| lldb-19, stacks | failed: exit 1: a / b |');
    expect(text).toContain('**NOT KEPT**');
    expect(text).toContain('ITS MEMORY IS NOT IN PAGES OF 2 MiB: only 50 % of it is');
    // Each row of a table has as many cells as its head.
    for (const table of text.split('\n\n').filter((part) => part.startsWith('|'))) {
      const cells = table.split('\n').map((row) => row.split('|').length);
      expect(new Set(cells).size, table).toBe(1);
    }
  });

  it('is a picture with two bars for each tool that has figures', () => {
    const svg: string = chart(run.targets);
    expect(svg.match(/<rect /g)).toHaveLength(1 + 2 + 2 * 6);
    expect(svg).toContain('small: a &lt;target&gt;');
    expect(svg).not.toMatch(/NaN|undefined|e\+/);
    // The same ratio is the same distance anywhere.
    const width = (text: string) =>
      Number(new RegExp(`width="([\\d.]+)" height="9"[^>]*/>\n<text[^>]*>${text}<`).exec(svg)?.[1]);
    const decade = width('90.0 ms') - width('9.00 ms');
    expect(decade).toBeGreaterThan(50);
    expect(width('800 ms') - width('40.0 ms')).toBeCloseTo(decade * Math.log10(20), 0);
    expect(width('1.50 ms')).toBeLessThan(width('9.00 ms'));
  });
});
