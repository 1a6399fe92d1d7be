import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Need } from '../../support/tools.js';

/** The path of a program that tests use as a judge, or undefined. */
export function program(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder && existsSync(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

export const needsPrograms = (...names: string[]): Need => {
  const missing = names.filter((name) => program(name) === undefined);
  return { missing: missing.length > 0 ? missing.join(', ') : undefined };
};

export const needsFile = (path: string | undefined, what: string): Need => ({
  missing: path !== undefined && existsSync(path) ? undefined : what,
});

/** What a program prints, line by line. */
export function lines(name: string, args: string[], input?: string): string[] {
  const { stdout, status, error } = spawnSync(name, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    ...(input === undefined ? {} : { input }),
  });
  if (error || status !== 0) throw new Error(`${name} failed: ${error ?? status}`);
  return stdout.split('\n');
}

/** The names that `nm` finds in a file and `wanted` matches; without symbol versions, each once. */
export function symbolsOf(path: string, wanted: RegExp, ...options: string[]): string[] {
  const names = lines('nm', [...options, realpathSync(path)]).map((line) => line.replace(/^.* /, ''));
  return [...new Set(names.map((name) => name.replace(/@.*/, '')).filter((name) => wanted.test(name)))];
}

/** What a filter says of each name. */
export const filtered = (filter: string, names: readonly string[]) =>
  lines(filter, [], `${names.join('\n')}\n`);

/** Spaces between angle brackets, of which GNU writes some and LLVM none, and GNU's number of an `auto`. */
export const withoutSpaces = (text: string) =>
  text
    .replace(/(operator<+) </g, '$1<')
    .replace(/> (?=>)/g, '>')
    .replace(/auto:\d+/g, 'auto');

/** LLVM's lambdas, unnamed types and clones as GNU writes them, which is how mdmp does. */
export function likeGnu(text: string): string {
  let result = text
    .replace(/'unnamed(\d*)'/g, (_, digits: string) => `{unnamed type#${ordinal(digits)}}`)
    .replace(/ \((\.[\w.]+)\)$/, (_, suffix: string) =>
      suffix.replace(/\.(?:[a-zA-Z_]\w*|\d+)(?:\.\d+)*/g, (clone) => ` [clone ${clone}]`),
    );
  for (;;) {
    const found = /'lambda(\d*)'/.exec(result);
    if (!found) return result;
    const start = found.index + found[0].length;
    const end = endOfParams(result, start);
    const number = ordinal(found[1]!);
    result = `${result.slice(0, found.index)}{lambda${result.slice(start, end)}#${number}}${result.slice(end)}`;
  }
}

/** LLVM counts from none: nothing, 0, 1. */
const ordinal = (digits: string) => (digits === '' ? 1 : Number(digits) + 2);

function endOfParams(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const character = text[i]!;
    if (character === '(' || character === '<') depth++;
    else if (character === ')' || character === '>') depth--;
    if (depth === 0 && character === ')') return i + 1;
  }
  return text.length;
}
