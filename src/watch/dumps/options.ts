import { MinidumpError } from '../../io/index.js';
import type { DumpHook } from './hooks.js';
import { DEFAULT_TEMPLATE } from './name-template.js';
import { BACK_OFF, type BackOff } from './pace.js';

/** Where the dumps of a watcher go, how many of them are kept, and how soon one follows another. */
export interface DumpStoreOptions {
  /** It is made, for its owner alone, if it is not there; the current folder by default. */
  readonly folder?: string | undefined;
  /**
   * The names of the dumps, `{name}.{pid}.{time}.dmp` by default; NameTemplate has the placeholders. Where a name is taken, a number is
   * put before its ending.
   */
  readonly template?: string | undefined;
  /** Most dumps that are kept in the folder, those of other watchers with the same template included; the oldest go. */
  readonly maxCount?: number | undefined;
  /** Most bytes that all of these may have; the newest is kept even if it alone has more. */
  readonly maxBytes?: number | undefined;
  /** Least time between two dumps of one process for one trigger, in milliseconds; 0 by default. */
  readonly spacing?: number | undefined;
  /** Most dumps in all. Then the store is `exhausted`. */
  readonly limit?: number | undefined;
  /** Figures of the back-off, each with a default; false: none. */
  readonly backOff?: Partial<BackOff> | false | undefined;
  /** Replace a dump of the same name instead of counting on. */
  readonly overwrite?: boolean | undefined;
  readonly compress?: 'zstd' | undefined;
  /**
   * Called for each dump, one after the other: a program, which gets its arguments, the file as the last of them, and the line of
   * `dumpLine` on its standard input; or a function.
   */
  readonly onDump?: DumpHook | undefined;
  /** How long a hook may take, in milliseconds; 60,000 by default. */
  readonly hookTimeout?: number | undefined;
  /** How often a dump that can wait is tried again: after 1 s, 4 s, 16 s …; 3 by default. */
  readonly retries?: number | undefined;
  /** Where the dump of a crash goes if the folder does not take it; the system's folder for temporary files by default. false: nowhere. */
  readonly fallback?: string | false | undefined;
  /** Gets what went wrong beside the dumps, a line each; process.emitWarning by default. */
  readonly onProblem?: ((text: string) => void) | undefined;
}

/** What they are where nothing was said. @throws MinidumpError `invalid-argument` */
export function checkedOptions(given: DumpStoreOptions) {
  const { maxCount, maxBytes, limit, backOff, compress, overwrite = false } = given;
  const { folder = '.', template = DEFAULT_TEMPLATE, fallback } = given;
  const { spacing = 0, retries = 3, hookTimeout = 60_000, onDump } = given;
  for (const [name, value, least] of [
    ['maxCount', maxCount, 1],
    ['maxBytes', maxBytes, 1],
    ['limit', limit, 1],
    ['retries', retries, 0],
  ] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least)) {
      throw wrong(`${name} must be a whole number of at least ${least}, not ${value}`);
    }
  }
  const figures = backOff === false ? undefined : { ...BACK_OFF, ...defined(backOff) };
  for (const [name, value] of Object.entries({ spacing, hookTimeout, ...prefixed(figures) })) {
    if (!(typeof value === 'number' && value >= 0)) throw wrong(`${name} must be 0 or more, not ${value}`);
  }
  for (const [name, path] of [
    ['folder', folder],
    ['fallback', fallback],
  ] as const) {
    if (typeof path === 'string' && (path === '' || path.includes('\0'))) {
      throw wrong(`${name} must be the path of a folder`);
    }
  }
  if (onDump !== undefined && typeof onDump !== 'function') {
    const [program] = onDump;
    const sound = onDump.every((one) => typeof one === 'string' && !one.includes('\0'));
    if (!sound || program === undefined || program === '') {
      throw wrong('onDump must be a function, or a program and its arguments');
    }
  }
  const all = { folder, template, maxCount, maxBytes, spacing, limit, overwrite, compress, onDump };
  return { ...all, backOff: figures, retries, hookTimeout, fallback };
}

/** `{ burst: undefined }` says nothing of burst. */
function defined(figures: Partial<BackOff> | undefined): Partial<BackOff> {
  return Object.fromEntries(Object.entries(figures ?? {}).filter(([, value]) => value !== undefined));
}

function prefixed(figures: BackOff | undefined): Record<string, number> {
  return Object.fromEntries(Object.entries(figures ?? {}).map(([name, value]) => [`backOff.${name}`, value]));
}

function wrong(message: string): MinidumpError {
  return new MinidumpError('invalid-argument', message);
}
