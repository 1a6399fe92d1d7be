import { MinidumpError } from '../io/index.js';
import { EXIT_CODES, INTERNAL } from './exit-codes.js';
import { err } from './output.js';
import { printable } from './text.js';

/** Says what went wrong in one line on stderr, and sets the exit code. */
export function report(error: unknown, debug: boolean): void {
  const known = error instanceof MinidumpError;
  const message = known
    ? sentences(error.message, error.advice)
    : `internal error: ${text(error)}. Please report it.`;
  process.stderr.write(`${err.red('mdmp:')} ${printable(message)}\n`);
  if (debug) {
    for (let cause = error; cause instanceof Error; cause = cause.cause) {
      process.stderr.write(`${cause.stack}\n`);
    }
  }
  process.exitCode = known ? EXIT_CODES[error.code].exit : INTERNAL;
}

export function sentences(...parts: (string | undefined)[]): string {
  return parts
    .filter((part) => part !== undefined && part !== '')
    .map((part) => (/[.!?]$/.test(part!) ? part : `${part}.`))
    .join(' ');
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
