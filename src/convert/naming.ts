import { MinidumpError } from '../io/index.js';

/** Errors of what is read; others are of the callback, or of the output. */
const OF_INPUT = ['not-a-core', 'not-a-minidump', 'unsupported', 'truncated', 'malformed'];

/** What is wrong with a file names it. */
export function naming(file: string, error: unknown): unknown {
  if (!(error instanceof MinidumpError) || !OF_INPUT.includes(error.code)) return error;
  const { advice, expected, found } = error;
  return new MinidumpError(error.code, `${file}: ${error.message}`, {
    ...(advice === undefined ? {} : { advice }),
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    cause: error,
  });
}
