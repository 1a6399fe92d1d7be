import type { WriteMinidumpOptions } from '../targets/linux/write-minidump.js';
import type { DumpOccasion, DumpStoreOptions, StoredDump } from './dumps/index.js';
import type { TriggerSpec } from './triggers/index.js';

/** What a watch looks out for, what goes into its dumps, and where they go. */
export interface WatchOptions<Param = unknown>
  extends Omit<
    WriteMinidumpOptions<Param>,
    | 'exception'
    | 'force'
    | 'compress'
    | 'beforeStop'
    | 'afterStop'
    | 'holdSignals'
    | 'abandonExitCode'
    | 'signal'
  > {
  /**
   * A dump when a signal is about to end the process with a core: SIGSEGV, SIGABRT and their like, also where a handler has seen it before.
   * Yes by default. It needs the watcher to stay attached, so that no other debugger can be; so do `signals`, `exitCodes` and `children`.
   */
  crash?: boolean | undefined;
  /** Numbers of signals that bring a dump whatever the process does with them, before they are delivered. */
  signals?: readonly number[] | undefined;
  /** Exit codes that bring a dump, before the process is gone; `other`: each but 0. */
  exitCodes?: readonly number[] | 'other' | undefined;
  /** Processes that the process makes are watched like it. */
  children?: boolean | undefined;
  /** Other conditions. */
  triggers?: readonly TriggerSpec[] | undefined;
  /** How often to look for these, in milliseconds; 500 by default. */
  pollMs?: number | undefined;
  /**
   * How long a process may be held that crashes, in milliseconds; 60,000 by default. `maxPause` is for dumps of a process that goes on.
   */
  maxCrashPause?: number | undefined;
  /** The folder, how many dumps, how often, and what is called for each: src/watch/dumps. */
  dumps?: Omit<DumpStoreOptions, 'onDump'> | undefined;
  /** Called for each dump, one after the other: a function, or a program and its arguments. */
  onDump?: DumpStoreOptions['onDump'];
  /**
   * A socket by which root and this user have this process dump, release and list what it watches (`mdmp dump PID` finds it by itself). Yes
   * by default. A callback that is asked for in this way runs here.
   */
  socket?: boolean | undefined;
  /** Told what happens. */
  onEvent?: ((event: WatchEvent) => void) | undefined;
}

export type WatchEvent =
  /** It has begun. */
  | { readonly event: 'watching'; readonly pid: number; readonly attached: boolean }
  | { readonly event: 'dump'; readonly dump: StoredDump }
  /** There was reason for a dump, and a limit or the pace forbade it. */
  | { readonly event: 'left-out'; readonly occasion: DumpOccasion; readonly reason: string }
  | { readonly event: 'failed'; readonly occasion: DumpOccasion; readonly error: unknown }
  | { readonly event: 'problem'; readonly text: string }
  /** A process that a watched one has made is watched, too. */
  | { readonly event: 'child'; readonly pid: number; readonly parent: number }
  /** It executes another program, and is watched on. */
  | { readonly event: 'executed'; readonly pid: number }
  /** A signal has stopped it, as Ctrl-Z does. */
  | { readonly event: 'stopped'; readonly pid: number }
  /** Others may trace it, until `attached`. */
  | { readonly event: 'released'; readonly pid: number }
  | { readonly event: 'attached'; readonly pid: number }
  | { readonly event: 'ended'; readonly pid: number; readonly exit: ProcessExit | undefined };

/** How a process ended: `signal` killed it, or it is 0. Undefined where the watcher was not attached, and cannot know. */
export interface ProcessExit {
  readonly code: number;
  readonly signal: number;
}

/** Why a watch is over: the process ended, as many dumps are there as were wanted, or it was closed. */
export type WatchEnd = {
  readonly reason: 'ended' | 'limit' | 'closed';
  readonly exit: ProcessExit | undefined;
};
