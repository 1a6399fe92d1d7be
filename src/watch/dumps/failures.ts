import { type ErrorCode, MinidumpError } from '../../io/index.js';
import { isSpoolFailure } from '../../node/spool.js';

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
  return error instanceof MinidumpError && OUTPUT.has(error.code) && !isSpoolFailure(error);
}

export function mayPass(error: unknown): error is MinidumpError {
  return error instanceof MinidumpError && PASSING.has(error.code);
}

export function isDiskFull(error: unknown): error is MinidumpError {
  return isOutputFailure(error) && error.code === 'disk-full';
}

/** Without compressing, the dump may succeed: a compressed one is spooled while the process stands still. */
export function isOfCompressing(error: unknown): error is MinidumpError {
  return isSpoolFailure(error) || (error instanceof MinidumpError && error.code === 'zstd-missing');
}

/** Of a quota nobody tells how much of it is left. */
export function isQuota(error: MinidumpError): boolean {
  return (error.cause as { code?: unknown } | undefined)?.code === 'EDQUOT';
}
