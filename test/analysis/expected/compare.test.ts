import { describe, expect, it } from 'vitest';
import { align, Comparison, fieldDifferences, lineDifferences } from './compare.js';
import { differences } from './differences.js';

describe('a comparison', () => {
  const found = { at: 'a', theirs: '1', ours: '2' };

  it('fails for a difference that is not on the list, and for one there that does not occur', () => {
    const comparison = new Comparison("rust-minidump's text");
    expect(() => comparison.check('human.snap', [found])).toThrow('human.snap');
    expect(() => comparison.checkThatAllOccurred()).toThrow();
    comparison.check('human.snap', []);
  });

  it('knows what is on the list where it is, and nowhere else', () => {
    const listed = differences.find(({ ours }) => typeof ours === 'string' && ours.startsWith('Crashing'))!;
    const comparison = new Comparison(listed.comparison);
    const same = { at: '', theirs: listed.theirs as string, ours: listed.ours as string };
    comparison.check('linux_human.snap', [same]);
    expect(() => comparison.check('human.snap', [same])).toThrow();
    expect(() => comparison.check('linux_human.snap', [{ ...same, ours: 'other' }])).toThrow();
  });

  it('has a reason for each difference', () => {
    for (const { reason } of differences) expect(reason.length).toBeGreaterThan(10);
  });
});

describe('what differs', () => {
  it('field by field', () => {
    expect(
      fieldDifferences({ a: [1, { b: null }], c: 'x', d: [] }, { a: [1, { b: 2n }, 3], c: 'x', d: {} }),
    ).toEqual([
      { at: 'a.1.b', theirs: 'null', ours: '0x2' },
      { at: 'a.2', theirs: undefined, ours: '3' },
      { at: 'd', theirs: '[]', ours: '{}' },
    ]);
  });

  it('line by line', () => {
    expect(lineDifferences('a\nb\n\nc', 'a\nx\ny\nc\nd')).toEqual([
      { at: 'a', theirs: 'b\n', ours: 'x\ny' },
      { at: 'c', theirs: undefined, ours: 'd' },
    ]);
    expect(lineDifferences('a\n', 'a\n')).toEqual([]);
  });

  it('in lists of which each has more', () => {
    expect(align([1, 2, 3], [2, 3, 4], (a, b) => a === b)).toEqual([
      { theirs: 1, ours: undefined },
      { theirs: 2, ours: 2 },
      { theirs: 3, ours: 3 },
      { theirs: undefined, ours: 4 },
    ]);
  });
});
