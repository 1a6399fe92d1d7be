import { MinidumpError } from '../io/index.js';

/** Most of what it says before it breaks down that is told. */
const MAX_WORDS = 200;

/**
 * `helper-failed`: the helper process that was to dump this one gave no answer.
 *
 * @param how what became of it
 * @param words what it has said until then, on stderr
 */
export function helperFailed(
  how: string,
  words: Buffer,
  options: { readonly advice: string; readonly cause?: unknown },
): MinidumpError {
  const said = words
    .toString('utf8')
    .split('\n')
    .find((line) => /error/i.test(line))
    ?.trim()
    .slice(0, MAX_WORDS);
  return new MinidumpError(
    'helper-failed',
    `the helper that dumps this process ${how}${said ? `: ${said}` : ''}; this process runs on, the dump is given up`,
    options,
  );
}

/** What a helper failed with, as an error that it can tell of. */
export function failureOf(error: unknown): MinidumpError {
  if (error instanceof MinidumpError) return error;
  return new MinidumpError('system-call', String((error as Error)?.message ?? error).split('\n')[0]!);
}
