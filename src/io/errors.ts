/**
 * Every way in which mdmp fails, as a stable `code` that programs can test. What a code means, and the exit
 * code that the command gives for it, is documented in docs/errors.md.
 */
export type ErrorCode =
  // reading
  | 'input-unreadable'
  | 'not-a-minidump'
  | 'truncated'
  | 'malformed'
  | 'stream-missing'
  | 'memory-missing'
  | 'async-source'
  | 'not-a-core'
  // arguments
  | 'invalid-argument'
  | 'unsupported'
  // the target process
  | 'no-such-process'
  | 'zombie'
  | 'kernel-thread'
  | 'own-process'
  | 'helper-failed'
  | 'permission-denied'
  | 'already-traced'
  | 'target-exited'
  | 'target-not-stopped'
  | 'memory-unreadable'
  | 'snapshot-lost'
  // the callback
  | 'callback-failed'
  | 'callback-async'
  | 'cancelled'
  | 'max-pause'
  // the watcher
  | 'not-watched'
  | 'watch-state'
  | 'watcher-denied'
  | 'watcher-lost'
  // the output
  | 'output-exists'
  | 'output-folder'
  | 'output-denied'
  | 'disk-full'
  | 'write-failed'
  | 'output-closed'
  | 'stdout-failed'
  // the machine
  | 'koffi-missing'
  | 'zstd-missing'
  | 'platform'
  | 'system-call';

export interface ErrorDetails {
  /** What the user can do about it, one sentence. */
  advice?: string | undefined;
  /** What was expected at this place, for malformed input. */
  expected?: string | undefined;
  /** What was found instead. */
  found?: string | undefined;
  cause?: unknown;
}

/** On every MinidumpError of every copy of this library. */
const BRAND = Symbol.for('mdmp.MinidumpError');

/** The only error that mdmp throws on purpose. `message` is one line that a person can act on. */
export class MinidumpError extends Error {
  /**
   * `instanceof` says yes to errors of another copy of this library too: a callback module that the command loads imports
   * `mdmp`, and the command has its classes in its own bundle. A class that extends this one is told apart as any class is.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: the class that is asked for, which may be one that extends this one
    if (this !== MinidumpError) return super[Symbol.hasInstance](value);
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  override readonly name = 'MinidumpError';
  readonly code: ErrorCode;
  readonly advice: string | undefined;
  readonly expected: string | undefined;
  readonly found: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.advice = details.advice;
    this.expected = details.expected;
    this.found = details.found;
    Object.defineProperty(this, BRAND, { value: true });
  }
}
