import { MinidumpError } from './errors.js';

/** What pipes, sockets and streams say when nobody reads any more. */
const CLOSED = new Set([
  'EPIPE',
  'ECONNRESET',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
]);

/** The error for an output that failed with `cause`: a system error, an error of a stream, or whatever a program threw. */
export function outputFailure(cause: unknown): MinidumpError {
  if (cause instanceof MinidumpError) return cause;
  const code = (cause as { code?: unknown } | undefined)?.code;
  if (typeof code === 'string' && CLOSED.has(code)) return outputClosed(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MinidumpError('disk-full', 'no space left where the dump is written to', {
      advice: 'Make room, write it elsewhere, or leave memory out with a callback.',
      cause,
    });
  }
  const what = cause instanceof Error ? cause.message : String(cause);
  return new MinidumpError('write-failed', `writing the dump failed: ${what.split('\n')[0]}`, { cause });
}

export function outputClosed(cause?: unknown): MinidumpError {
  return new MinidumpError(
    'output-closed',
    'the reader of the output has gone before the dump was complete',
    {
      advice: 'What it has of the dump is of no use; see why it ended.',
      cause,
    },
  );
}
