import { type ErrorCode, MinidumpError } from '../../io/index.js';

/** The place is what failed, not the process: in another one the dump may succeed. */
const OUTPUT: ReadonlySet<ErrorCode> = new Set([
  'disk-full',
  'output-denied',
  'output-folder',
  'output-exists',
  'write-failed',
]);

/** What may be otherwise in some seconds. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  ...OUTPUT,
  'already-traced',
  'target-not-stopped',
  'snapshot-lost',
]);

export function isOutputFailure(error: unknown): error is MinidumpError {
  return error instanceof MinidumpError && OUTPUT.has(error.code);
}

export function mayPass(error: unknown): error is MinidumpError {
  return error instanceof MinidumpError && PASSING.has(error.code);
}

export function isDiskFull(error: unknown): error is MinidumpError {
  return error instanceof MinidumpError && error.code === 'disk-full';
}

/** Of a quota nobody tells how much of it is left. */
export function isQuota(error: MinidumpError): boolean {
  return (error.cause as { code?: unknown } | undefined)?.code === 'EDQUOT';
}
