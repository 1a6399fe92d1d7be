import { MinidumpError } from '../../io/index.js';

/** Whether it is the file that is at fault. */
export function isBroken(error: unknown): error is MinidumpError {
  return (
    error instanceof MinidumpError &&
    (error.code === 'malformed' || error.code === 'truncated' || error.code === 'unsupported')
  );
}
