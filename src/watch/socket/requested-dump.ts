import { closeSync, openSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { MinidumpError } from '../../io/index.js';
import type { WriteMinidumpOptions } from '../../targets/linux/write-minidump.js';
import { loadCallback } from '../load-callback.js';
import type { RequestedOptions } from './protocol.js';

/** What an option must be, where the dump does not look at it by itself. */
const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  type: (value) => typeof value === 'number',
  comment: (value) => typeof value === 'string',
  exception: (value) =>
    isObject(value) &&
    Number.isInteger(value.threadId) &&
    isPointer(value.siginfo) &&
    isPointer(value.ucontext),
  userStreams: (value) => Array.isArray(value) && value.every(isObject),
  maxPause: (value) => typeof value === 'number',
  maxStack: (value) => typeof value === 'number',
  snapshot: (value) => typeof value === 'string',
  spool: (value) => typeof value === 'string' && isAbsolute(value),
  callback: (value) => typeof value === 'string' && isAbsolute(value),
};

/** The names of the options that can be sent. */
export const SENT_OPTIONS = Object.keys(KINDS);

/**
 * The options of a dump that somebody else asks for, with its callback loaded: in this process, as it is asked for each thread, module and
 * range while the process stands still.
 *
 * @throws MinidumpError
 */
export async function requestedOptions(requested: RequestedOptions): Promise<WriteMinidumpOptions> {
  for (const [name, value] of Object.entries(requested)) {
    if (!Object.hasOwn(KINDS, name) || !KINDS[name]!(value)) {
      throw new MinidumpError('invalid-argument', `the watcher does not take this option: ${name}`, {
        advice: 'It may be of another version of mdmp than this command.',
      });
    }
  }
  const { callback, ...options } = requested;
  if (callback === undefined) return options;
  const file = callback as string;
  checkReadable(file);
  // As it would be for a command of its own: with nothing left over from the dump before.
  return { ...options, ...(await loadCallback(file, true)) };
}

function checkReadable(file: string): void {
  try {
    closeSync(openSync(file, 'r'));
  } catch (cause) {
    throw new MinidumpError(
      'callback-failed',
      `the watcher (process ${process.pid} of user ${process.geteuid!()}) cannot read the callback module: ${(cause as Error).message}`,
      { advice: 'A callback runs in the watcher: put the module where the user of that may read it.', cause },
    );
  }
}

function isPointer(value: unknown): boolean {
  return typeof value === 'bigint' || value instanceof Uint8Array;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
