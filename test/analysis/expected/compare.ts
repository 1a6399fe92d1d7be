import { expect } from 'vitest';
import { type ComparisonName, type Difference, differences, type Pattern } from './differences.js';

/** One thing that two reports say differently, as texts; undefined where one of them says nothing. */
export interface Found {
  /** Names and indexes on the way to it: `threads.0.frames.3.trust`. */
  readonly at: string;
  readonly theirs: string | undefined;
  readonly ours: string | undefined;
}

/** Field by field; fields of lists by their index. */
export function fieldDifferences(theirs: unknown, ours: unknown, at = ''): Found[] {
  if (isObject(theirs) && isObject(ours) && Array.isArray(theirs) === Array.isArray(ours)) {
    const keys = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
    return [...keys].flatMap((key) =>
      fieldDifferences(theirs[key], ours[key], at === '' ? key : `${at}.${key}`),
    );
  }
  const found = { at, theirs: textOf(theirs), ours: textOf(ours) };
  return found.theirs === found.ours ? [] : [found];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function textOf(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? `0x${one.toString(16)}` : one));
}

/** Pairs of what is in both lists, in their order, and what is in one of them only: a longest common subsequence. */
export function align<T, U>(
  theirs: readonly T[],
  ours: readonly U[],
  same: (theirs: T, ours: U) => boolean,
): { theirs: T | undefined; ours: U | undefined }[] {
  const [rows, columns] = [theirs.length, ours.length];
  const lengths = Array.from({ length: rows + 1 }, () => new Uint32Array(columns + 1));
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      lengths[i]![j] = same(theirs[i]!, ours[j]!)
        ? lengths[i + 1]![j + 1]! + 1
        : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
    }
  }
  const pairs: { theirs: T | undefined; ours: U | undefined }[] = [];
  for (let i = 0, j = 0; i < rows || j < columns; ) {
    if (i < rows && j < columns && same(theirs[i]!, ours[j]!))
      pairs.push({ theirs: theirs[i++]!, ours: ours[j++]! });
    else if (j >= columns || (i < rows && lengths[i + 1]![j]! >= lengths[i]![j + 1]!))
      pairs.push({ theirs: theirs[i++]!, ours: undefined });
    else pairs.push({ theirs: undefined, ours: ours[j++]! });
  }
  return pairs;
}

/** Line by line; lines that differ one after the other are one difference, `at` the last line before them that is in both. */
export function lineDifferences(theirs: string, ours: string): Found[] {
  const found: Found[] = [];
  let last = '';
  let open: { theirs: string[]; ours: string[] } | undefined;
  const close = () => {
    if (open === undefined) return;
    const text = (lines: string[]) => (lines.length === 0 ? undefined : lines.join('\n'));
    found.push({ at: last, theirs: text(open.theirs), ours: text(open.ours) });
    open = undefined;
  };
  for (const pair of align(theirs.split('\n'), ours.split('\n'), (a, b) => a === b)) {
    if (pair.theirs !== undefined && pair.ours !== undefined) {
      close();
      last = pair.ours;
      continue;
    }
    open ??= { theirs: [], ours: [] };
    if (pair.theirs !== undefined) open.theirs.push(pair.theirs);
    if (pair.ours !== undefined) open.ours.push(pair.ours);
  }
  close();
  return found;
}

/**
 * A comparison with somebody else's reports. What differs must be on the list of differences, and what is on the list for this
 * comparison must occur in it.
 */
export class Comparison {
  readonly #listed: readonly Difference[];
  readonly #occurred = new Set<Difference>();

  constructor(name: ComparisonName) {
    this.#listed = differences.filter(({ comparison }) => comparison === name);
  }

  /** @param of the dump, or the file with the expectation */
  check(of: string, found: readonly Found[]): void {
    const unlisted = found.filter((one) => {
      const listed = this.#listed.find((difference) => isListed(difference, of, one));
      if (listed !== undefined) this.#occurred.add(listed);
      return listed === undefined;
    });
    expect(unlisted, of).toEqual([]);
  }

  /** For the last test of a suite. */
  checkThatAllOccurred(): void {
    expect(this.#listed.filter((one) => !this.#occurred.has(one))).toEqual([]);
  }
}

function isListed(listed: Difference, of: string, { at, theirs, ours }: Found): boolean {
  return (
    (listed.of === undefined || fits(listed.of, of)) &&
    (listed.at === undefined || fits(listed.at, at)) &&
    fits(listed.theirs, theirs) &&
    fits(listed.ours, ours) &&
    (listed.when?.(theirs ?? '', ours ?? '') ?? true)
  );
}

function fits(pattern: Pattern, text: string | undefined): boolean {
  return pattern instanceof RegExp ? text !== undefined && pattern.test(text) : pattern === text;
}
