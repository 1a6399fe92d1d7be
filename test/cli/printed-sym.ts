import { expect } from 'vitest';
import { mdmp } from './command.js';

/** The .sym file that `mdmp symbols` prints; it must have nothing else to say. */
export function printed(...words: string[]): string {
  const { exit, stdout, stderr } = mdmp(['symbols', ...words]);
  expect([exit, stderr]).toEqual([0, '']);
  return stdout;
}

/** Records of a .sym file. */
export const rows = (sym: string, pattern: RegExp) =>
  [...sym.matchAll(pattern)].map(([row]) => row.trimEnd());
