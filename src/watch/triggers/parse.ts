import { MinidumpError } from '../../io/index.js';
import type { MemoryTrigger, TriggerSpec } from './trigger.js';
import { checkTrigger } from './validate.js';

/** Triggers as they stand on a command line, by the names that commander gives the options. */
export interface TriggerTexts {
  /** `90`, `90%`, `150,190`: 100 is one whole processor. */
  cpu?: string | undefined;
  cpuBelow?: string | undefined;
  /** For how long in a row `cpu` and `cpuBelow` must hold: `10`, `1m`. 10 s unless said. */
  seconds?: string | undefined;
  /** `500` (MiB, as ProcDump has it), `100,200`, `1.5g`, `rss:500m`, `pss:1g`, `80%` (of the limit of the cgroup). */
  memory?: string | undefined;
  memoryBelow?: string | undefined;
  threads?: string | undefined;
  descriptors?: string | undefined;
  /** `5000` (milliseconds), `5s`. */
  hang?: string | undefined;
  /** `FILE:TEXT` or `FILE:/EXPRESSION/flags`; what stands before the first colon is the file. */
  log?: string | readonly string[] | undefined;
  file?: string | readonly string[] | undefined;
  /** `60` (seconds), `5m`. */
  every?: string | undefined;
  after?: string | undefined;
}

const DEFAULT_SECONDS = 10;

/**
 * The triggers that a command line asks for, each value of a list a trigger of its own.
 *
 * @throws MinidumpError `invalid-argument`: one line that names the option, for what cannot be read, can never be true or always is
 */
export function parseTriggers(texts: TriggerTexts): TriggerSpec[] {
  const specs: TriggerSpec[] = [];
  const add = (option: string, spec: TriggerSpec) => {
    checkTrigger(spec, option);
    specs.push(spec);
  };
  const seconds =
    texts.seconds === undefined ? DEFAULT_SECONDS : parseDuration(texts.seconds, '--seconds', 1000) / 1000;
  if (!(seconds > 0)) throw wrong(`--seconds must be more than 0, not '${texts.seconds}'`);

  for (const percent of list(texts.cpu)) {
    add('--cpu', { kind: 'cpu-above', percent: parsePercent(percent, '--cpu'), seconds });
  }
  for (const percent of list(texts.cpuBelow)) {
    add('--cpu-below', { kind: 'cpu-below', percent: parsePercent(percent, '--cpu-below'), seconds });
  }
  for (const spec of parseMemory(texts.memory, 'memory-above', '--memory')) add('--memory', spec);
  for (const spec of parseMemory(texts.memoryBelow, 'memory-below', '--memory-below')) {
    add('--memory-below', spec);
  }
  for (const count of list(texts.threads)) {
    add('--threads', { kind: 'threads-above', count: parseCount(count, '--threads') });
  }
  for (const count of list(texts.descriptors)) {
    add('--descriptors', { kind: 'descriptors-above', count: parseCount(count, '--descriptors') });
  }
  for (const text of list(texts.hang)) {
    add('--hang', { kind: 'hang', milliseconds: parseDuration(text, '--hang', 1) });
  }
  for (const text of several(texts.log)) add('--log', { kind: 'log', ...parseLog(text) });
  for (const path of several(texts.file)) add('--file', { kind: 'file', path });
  for (const kind of ['every', 'after'] as const) {
    for (const text of list(texts[kind])) {
      add(`--${kind}`, { kind, seconds: parseDuration(text, `--${kind}`, 1000) / 1000 });
    }
  }
  return specs;
}

function list(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',');
}

function several(texts: string | readonly string[] | undefined): readonly string[] {
  return texts === undefined ? [] : typeof texts === 'string' ? [texts] : texts;
}

/** Digits with or without a fraction; signs, exponents, `NaN` and the like are none. */
const NUMBER = '[0-9]+(?:\\.[0-9]+)?';

function parsePercent(text: string, option: string): number {
  if (!new RegExp(`^${NUMBER}%?$`).test(text)) {
    throw wrong(`${option} must be a percentage such as 90, 100 for one whole processor, not '${text}'`);
  }
  return Number.parseFloat(text);
}

function parseCount(text: string, option: string): number {
  if (!/^[0-9]+$/.test(text)) throw wrong(`${option} must be a whole number, not '${text}'`);
  return Number(text);
}

const DURATIONS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * `500ms`, `10s`, `5m`, `1h` or a bare number, in milliseconds.
 *
 * @param unit that of a bare number, in milliseconds
 */
export function parseDuration(text: string, option: string, unit: number): number {
  const match = new RegExp(`^(${NUMBER})(ms|s|m|h)?$`).exec(text);
  if (match === null) throw wrong(`${option} must be a time such as 10, 500ms, 10s, 5m or 1h, not '${text}'`);
  return Number(match[1]) * (match[2] === undefined ? unit : DURATIONS[match[2]]!);
}

const MEMORY = new RegExp(
  `^(?:(commit|rss|private|pss|cgroup):)?(${NUMBER})(?:(%)|([kmgt])(?:i?b)?|(b))?$`,
  'i',
);

/** A measure holds for the values behind it, too: `rss:100,200`. */
function parseMemory(text: string | undefined, kind: MemoryTrigger['kind'], option: string): MemoryTrigger[] {
  let measure: MemoryTrigger['measure'] = 'commit';
  return list(text).map((value) => {
    const match = MEMORY.exec(value);
    if (match === null) {
      throw wrong(
        `${option} must be a size such as 500 (MiB), 1.5g, rss:500m or pss:1g, or a share such as 80%, not '${value}'`,
        'What can be measured is commit, rss, private, pss and cgroup.',
      );
    }
    const [, named, digits, percent, unit, bytes] = match;
    if (named !== undefined) measure = named.toLowerCase() as typeof measure;
    if (percent !== undefined || measure === 'cgroup') {
      if (percent === undefined || (named !== undefined && measure !== 'cgroup')) {
        throw wrong(
          `${option}: '${value}' must be ${percent === undefined ? 'a share' : 'a size'}`,
          'A share of the limit of the cgroup is given in percent: 80%.',
        );
      }
      return { kind, measure: 'cgroup', percent: Number(digits) };
    }
    const power = bytes !== undefined ? 0 : 'kmgt'.indexOf(unit?.toLowerCase() ?? 'm') + 1;
    return { kind, measure, bytes: Math.round(Number(digits) * 1024 ** power) };
  });
}

function parseLog(text: string): { file: string; pattern: RegExp } {
  const colon = text.indexOf(':');
  const wanted = text.slice(colon + 1);
  if (colon <= 0 || wanted === '') {
    throw wrong(`--log must be FILE:TEXT or FILE:/EXPRESSION/flags, not '${text}'`);
  }
  const file = text.slice(0, colon);
  const parts = /^\/(.+)\/([imsuv]*)$/s.exec(wanted);
  if (parts === null) return { file, pattern: new RegExp(wanted.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')) };
  try {
    return { file, pattern: new RegExp(parts[1]!, parts[2]) };
  } catch (error) {
    throw wrong(`--log: ${(error as Error).message}`);
  }
}

function wrong(message: string, advice?: string): MinidumpError {
  return new MinidumpError('invalid-argument', message, { advice });
}
