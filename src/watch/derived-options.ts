import { MinidumpError } from '../io/index.js';
import type { WriteMinidumpOptions } from '../targets/linux/write-minidump.js';
import type { WatchOptions } from './options.js';

const MAX_CRASH_PAUSE = 60_000;

/** Conditions alone need nobody attached. */
export function needsAttachment({
  crash = true,
  signals = [],
  exitCodes = [],
  children = false,
}: WatchOptions): boolean {
  return crash || signals.length > 0 || exitCodes.length > 0 || children;
}

export function followOptions(options: WatchOptions) {
  const { children = false, signals = [], exitCodes = [] } = options;
  return { children, signals, exitCodes, patience: pauseOf(options) };
}

export function pauseOf({ maxCrashPause = MAX_CRASH_PAUSE }: WatchOptions): number {
  if (!(maxCrashPause > 0)) throw new MinidumpError('invalid-argument', 'maxCrashPause must be more than 0');
  return maxCrashPause;
}

/** What of the options of a watch is said to each dump. */
export function dumpOptions(options: WatchOptions): WriteMinidumpOptions {
  const { type, callback, callbacks, comment, maxPause, maxStack, spool, snapshot, onProgress } = options;
  return {
    type,
    callback,
    callbacks,
    comment,
    maxPause,
    maxStack,
    spool,
    snapshot,
    onProgress,
  } as WriteMinidumpOptions;
}
