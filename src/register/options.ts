/** What is watched for in this process, what goes into its dumps, and where they go: docs/register.md. */
export interface RegisterOptions {
  /** The folder of the dumps, made if it is not there; the current folder by default. */
  dir?: string | undefined;
  /** The names of the dumps, `{name}.{pid}.{time}.dmp` by default. */
  name?: string | undefined;
  /** MINIDUMP_TYPE flags, as a number or by their names: `full`, `normal,with-thread-info`. */
  type?: number | string | undefined;
  /** A module whose callback decides what goes into the dumps. It runs in the watcher. */
  callback?: string | undefined;
  /** Most dumps, and most bytes, that are kept in the folder; the oldest go. */
  maxCount?: number | undefined;
  maxBytes?: number | undefined;
  /** Most dumps of this process in all. */
  count?: number | undefined;
  /** Least time between two dumps for one reason, in milliseconds. */
  spacing?: number | undefined;
  compress?: 'zstd' | undefined;
  /** A program that is called for each dump, and its arguments; the file is the last of them. */
  onDump?: string | readonly string[] | undefined;
  /** Dumps of native crashes, V8's end for want of memory among them; true by default. */
  crash?: boolean | undefined;
  /** A dump when the event loop has made no turn for so many milliseconds; false by default. */
  hang?: number | false | undefined;
  /**
   * Dumps of JavaScript exceptions that nobody catches, and of promises whose rejection nobody handles. `fatal`, the default: of those that
   * end the process. `all`: also of those that an 'uncaughtException' listener takes. A list: of those with these names (`TypeError`),
   * codes (`ERR_ASSERTION`) or origins (`unhandledRejection`).
   */
  uncaught?: 'fatal' | 'all' | false | readonly string[] | undefined;
  /** Whether the message of an exception may be in its dump, and be told; true by default. Its name, its code and its stack are in any case. */
  message?: boolean | undefined;
  /** Longest time that the process may stand still for a dump, in milliseconds. */
  maxPause?: number | undefined;
  /** Most bytes of each stack but the main thread's. */
  maxStack?: number | undefined;
  /** See writeMinidump. */
  snapshot?: 'auto' | 'always' | 'never' | undefined;
  /** Nothing is written to stderr about dumps; true where MDMP_QUIET=1. */
  quiet?: boolean | undefined;
}

type Reader = (text: string) => unknown;
/** What a value must be, for the line that says it is wrong, and whether one that was given in code is that. */
interface Rule {
  readonly variable: string;
  readonly expected: string;
  /** From the text of a variable; undefined for a wrong one. */
  readonly read: Reader;
  readonly valid: (value: unknown) => boolean;
}

const isText = (value: unknown) => typeof value === 'string' && value !== '' && !value.includes('\0');
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
const isTime = (value: unknown) => typeof value === 'number' && value > 0 && value <= 0x7fffffff;
const isFlag = (value: unknown) => typeof value === 'boolean';
const SNAPSHOTS: readonly unknown[] = ['auto', 'always', 'never'];

const count: Reader = (text) => (/^\d+$/.test(text) ? Number(text) : undefined);
const flag: Reader = (text) =>
  /^(1|true|yes|on)$/i.test(text) ? true : /^(0|false|no|off)$/i.test(text) ? false : undefined;
const same: Reader = (text) => text;

/** @param unit that of a bare number, in milliseconds */
const time =
  (unit: number): Reader =>
  (text) => {
    const [, digits, suffix] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
    const factor = suffix === undefined ? unit : { ms: 1, s: 1000, m: 60_000 }[suffix]!;
    return digits === undefined ? undefined : Number(digits) * factor;
  };

const size: Reader = (text) => {
  const [, digits, unit] = /^(\d+)([kmgt])?(?:i?b)?$/i.exec(text) ?? [];
  return digits === undefined
    ? undefined
    : Number(digits) * 1024 ** (unit === undefined ? 0 : 'kmgt'.indexOf(unit.toLowerCase()) + 1);
};

const uncaught: Reader = (text) =>
  text === 'fatal' || text === 'all'
    ? text
    : flag(text) === false
      ? false
      : flag(text) === true
        ? 'fatal'
        : text.split(',').map((one) => one.trim());

const RULES: { readonly [Name in keyof RegisterOptions]-?: Rule } = {
  dir: { variable: 'MDMP_DIR', expected: 'the path of a folder', read: same, valid: isText },
  name: { variable: 'MDMP_NAME', expected: 'a template for names', read: same, valid: isText },
  type: {
    variable: 'MDMP_TYPE',
    expected: 'MINIDUMP_TYPE flags such as normal,with-thread-info',
    read: same,
    valid: (value) => isText(value) || (Number.isInteger(value) && (value as number) >= 0),
  },
  callback: { variable: 'MDMP_CALLBACK', expected: 'the path of a module', read: same, valid: isText },
  maxCount: { variable: 'MDMP_MAX_COUNT', expected: 'a number of dumps', read: count, valid: isCount },
  maxBytes: { variable: 'MDMP_MAX_BYTES', expected: 'a size such as 500M', read: size, valid: isCount },
  count: { variable: 'MDMP_COUNT', expected: 'a number of dumps', read: count, valid: isCount },
  spacing: { variable: 'MDMP_SPACING', expected: 'a time such as 10s', read: time(1000), valid: isTime },
  compress: {
    variable: 'MDMP_COMPRESS',
    expected: 'zstd',
    read: same,
    valid: (value) => value === 'zstd',
  },
  onDump: {
    variable: 'MDMP_ON_DUMP',
    expected: 'a program',
    read: same,
    valid: (value) => isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText)),
  },
  crash: { variable: 'MDMP_CRASH', expected: '0 or 1', read: flag, valid: isFlag },
  hang: {
    variable: 'MDMP_HANG',
    expected: 'milliseconds from 50 on, a time such as 5s, or 0',
    read: (text) => (/^(0|false|no|off)$/i.test(text) ? false : time(1)(text)),
    valid: (value) => value === false || (isTime(value) && (value as number) >= 50),
  },
  uncaught: {
    variable: 'MDMP_UNCAUGHT',
    expected: 'fatal, all, 0, or names such as TypeError,unhandledRejection',
    read: uncaught,
    valid: (value) =>
      value === 'fatal' ||
      value === 'all' ||
      value === false ||
      (Array.isArray(value) && value.length > 0 && value.every(isText)),
  },
  message: { variable: 'MDMP_MESSAGE', expected: '0 or 1', read: flag, valid: isFlag },
  maxPause: { variable: 'MDMP_MAX_PAUSE', expected: 'a time such as 10s', read: time(1000), valid: isTime },
  maxStack: { variable: 'MDMP_MAX_STACK', expected: 'a size such as 1M', read: size, valid: isCount },
  snapshot: {
    variable: 'MDMP_SNAPSHOT',
    expected: 'auto, always or never',
    read: same,
    valid: (value) => SNAPSHOTS.includes(value),
  },
  quiet: { variable: 'MDMP_QUIET', expected: '0 or 1', read: flag, valid: isFlag },
};

/** What the variables of the environment say. A wrong value is told, and left out. */
export function optionsFrom(
  environment: NodeJS.ProcessEnv,
  problem: (text: string) => void,
): RegisterOptions {
  const found: Record<string, unknown> = {};
  for (const [name, { variable, expected, read, valid }] of Object.entries(RULES)) {
    const text = environment[variable];
    if (text === undefined || text === '') continue;
    const value = read(text);
    if (valid(value)) found[name] = value;
    else problem(`${variable} must be ${expected}, not '${text}': it is ignored`);
  }
  return found;
}

/** Those of the options of a program that are right; the others are told. */
export function checkedOptions(given: RegisterOptions, problem: (text: string) => void): RegisterOptions {
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given ?? {})) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof RegisterOptions] : undefined;
    if (rule === undefined) problem(`there is no option '${name}'`);
    else if (rule.valid(value)) found[name] = value;
    else if (value === undefined) continue;
    else problem(`${name} must be ${rule.expected}, not ${shown(value)}: it is ignored`);
  }
  return found;
}

function shown(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value;
  }
}
