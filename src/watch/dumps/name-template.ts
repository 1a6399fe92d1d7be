import { hostname } from 'node:os';
import { MinidumpError } from '../../io/index.js';
import { localStamp, nameWord } from '../../node/dump-name.js';
import { DUMP_ENDING } from '../../node/numbered-name.js';
import type { DumpOccasion } from './occasion.js';

export const DEFAULT_TEMPLATE = '{name}.{pid}.{time}.dmp';

interface Placeholder {
  readonly longest: number;
  /** What it can become, as a regular expression. */
  readonly pattern: string;
  value(occasion: DumpOccasion, n: number): string;
}

const word = (value: (occasion: DumpOccasion) => string, instead: string): Placeholder => ({
  longest: 64,
  pattern: '\\w[\\w.-]{0,63}',
  value: (occasion) => nameWord(value(occasion), instead),
});
const number = (value: (occasion: DumpOccasion, n: number) => number): Placeholder => ({
  longest: 10,
  pattern: '\\d{1,10}',
  value: (occasion, n) => String(value(occasion, n)),
});

const PLACEHOLDERS: ReadonlyMap<string, Placeholder> = new Map([
  ['name', word(({ name }) => name, 'process')],
  ['pid', number(({ pid }) => pid)],
  ['time', { longest: 15, pattern: '\\d{8}T\\d{6}', value: ({ time }) => localStamp(time) }],
  ['trigger', word(({ trigger }) => trigger, 'trigger')],
  ['host', word(() => hostname(), 'host')],
  ['n', number((_, n) => n)],
]);

/** NAME_MAX of Linux, in bytes. */
const LONGEST_NAME = 255;
/** `-99999`, where a name is taken. */
const LONGEST_NUMBER = 6;

/** Names of dumps: what they are, and which files have one. */
export class NameTemplate {
  readonly #parts: readonly (string | Placeholder)[];
  readonly #pattern: RegExp;

  /**
   * @param text a file name with `{name}`, `{pid}`, `{time}` (local, `20260131T120000`), `{trigger}`, `{host}`, `{n}` (1 for the first dump
   *   of this watcher)
   * @param compressed the name shall end in .zst
   * @throws MinidumpError `invalid-argument`
   */
  constructor(text: string, compressed: boolean) {
    const wrong = (why: string) =>
      new MinidumpError('invalid-argument', `the template '${text}' ${why}`, {
        advice: `It is the name of a file, such as ${DEFAULT_TEMPLATE}, and may hold ${known()}.`,
      });
    if (text === '') throw wrong('is empty');
    if (/[/\u0000-\u001f\u007f]/.test(text)) throw wrong('has a slash or a control character in it');
    if (text.startsWith('.')) throw wrong('begins with a dot: nobody would see the dumps');
    const whole = compressed && !/\.zst$/i.test(text) ? `${text}.zst` : text;
    this.#parts = whole.split(/(\{[^{}]*\})/).map((part) => {
      const key = /^\{(.*)\}$/.exec(part)?.[1];
      if (key === undefined) {
        if (/[{}]/.test(part)) throw wrong('has a brace without its other half');
        return part;
      }
      const placeholder = PLACEHOLDERS.get(key);
      if (placeholder === undefined) throw wrong(`has {${key}} in it, which stands for nothing`);
      return placeholder;
    });
    const longest = this.#parts.reduce(
      (sum, part) => sum + (typeof part === 'string' ? Buffer.byteLength(part) : part.longest),
      LONGEST_NUMBER,
    );
    if (longest > LONGEST_NAME) throw wrong(`could become longer than ${LONGEST_NAME} bytes`);
    this.#pattern = patternOf(this.#parts);
  }

  /** The name of the `n`th dump, if it is free. */
  name(occasion: DumpOccasion, n: number): string {
    return this.#parts.map((part) => (typeof part === 'string' ? part : part.value(occasion, n))).join('');
  }

  /** Whether a file of this name can be one of this template's dumps, compressed or not, with a number or without. */
  matches(name: string): boolean {
    return name.length <= LONGEST_NAME && this.#pattern.test(name);
  }
}

function patternOf(parts: readonly (string | Placeholder)[]): RegExp {
  const last = parts.at(-1)!;
  const ending = typeof last === 'string' ? DUMP_ENDING.exec(last)![0] : '';
  const seen = new Map<Placeholder, number>();
  const pattern = parts.map((part, i) => {
    if (typeof part === 'string') {
      return literally(i === parts.length - 1 ? part.slice(0, part.length - ending.length) : part);
    }
    // What stands for the same thing twice is the same text twice.
    const group = seen.get(part);
    if (group !== undefined) return `\\${group}`;
    seen.set(part, seen.size + 1);
    return `(${part.pattern})`;
  });
  const plain = literally(ending.replace(/\.zst$/i, ''));
  return new RegExp(`^${pattern.join('')}(?:-\\d{1,5})?${plain}(?:\\.[zZ][sS][tT])?$`);
}

function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|-]/g, '\\$&');
}

function known(): string {
  return [...PLACEHOLDERS.keys()].map((key) => `{${key}}`).join(', ');
}
