/**
 * What callbacks make of a dump is promised once, for every system: this is the promise, kept by mdmp's own engine on Linux and, where it is
 * in its hands, by DbgHelp on Windows. test/programs/behaviour.mjs tries it.
 */
export interface BehaviourPlan {
  pid: number;
  /** The ids of all threads. */
  threads: number[];
  /** One that is not the main thread. */
  leftOut: number;
  /** A part of the name of a module that can be left out. */
  module: string;
  /** Addresses are texts: `0x…`. */
  moduleBase: string;
  heap: string;
  /** What stands there, as latin1. */
  known: string;
  /** A folder for dumps, as the program knows it. */
  folder: string;
  /** Options of every dump. */
  options: Record<string, unknown>;
}

export type Outcomes = Record<string, unknown>;

export const PROMISED: Outcomes = {
  plain: { threads: 'all', module: true, heap: false, stacks: true, agrees: true },
  full: { threads: 'all', heap: true, agrees: true },
  includeThread: { threads: 'all but one', excluded: 1 },
  includeModule: { module: false, others: true },
  thread: { threads: 'all but one', excluded: 1 },
  module: { module: false, others: true, agrees: true },
  threadSeen: { ids: true, contexts: true, stacks: true },
  withoutStack: { threads: 'all', stack: false },
  withoutContext: { threads: 'all', context: false },
  flagsAdded: { threads: 'all', threadInfo: false },
  memory: { heap: true, warned: false },
  removeMemory: { heap: false, removed: 1, threads: 'all' },
  removeStack: { threads: 'all', before: true, gone: true },
  includeVmRegion: { heap: false },
  vmPostRead: { asked: true, heap: false },
  cancel: { error: 'cancelled' },
  cancelLater: { error: 'cancelled' },
  cancelByRoutine: { error: 'cancelled' },
  throws: { error: 'callback-failed', cause: 'RangeError' },
  promise: { error: 'callback-async' },
  streams: { comment: 'of the test', bytes: true },
  ioWriteAll: { ordered: true, finished: 1, threads: 'all', byCallback: true, size: true },
  ioByRoutine: { threads: 'all', byCallback: true, size: true },
  routine: { threads: true, modules: true },
  sink: { threads: 'all', size: true },
  nowhere: { error: 'invalid-argument' },
  taken: { error: 'output-exists', left: true },
  noProcess: { error: 'no-such-process' },
  noType: { error: 'invalid-argument' },
  foreignException: { error: 'invalid-argument' },
  pause: { error: 'max-pause' },
  itself: { threads: true, program: true, pid: true },
  itselfByCallback: { kept: true, asked: true, excluded: true },
  face: { done: true, error: 0, threads: 'all' },
};

interface Difference {
  outcome: unknown;
  why: string;
}

/** What differs where DbgHelp decides, and DbgHelp is Wine's. All else is as promised. */
export const UNDER_WINE: Record<string, Difference> = {
  cancelByRoutine: {
    outcome: 'done',
    why: "Wine's DbgHelp never asks CancelCallback; of a `callbacks` object `cancel` is asked all the same",
  },
  ioByRoutine: {
    outcome: { error: 'invalid-argument' },
    why: 'it never asks IoStartCallback, so there is nowhere to write to; `ioWriteAll` is called by mdmp itself',
  },
  memory: { outcome: { heap: false, warned: true }, why: 'it never asks MemoryCallback; a warning says so' },
  includeVmRegion: {
    outcome: { error: 'unsupported' },
    why: 'it never asks IncludeVmRegionCallback: what was to be kept out is in the dump, which is given up',
  },
  vmPostRead: {
    outcome: { error: 'unsupported' },
    why: 'it never asks VmStartCallback, with the same result',
  },
  withoutStack: {
    outcome: { threads: 'all', stack: true },
    why: 'it writes stacks whatever ThreadWriteFlags say, which is a fault of it',
  },
};

/** What has to come out, given what may differ. */
export function expected(differences: Record<string, Difference>): Outcomes {
  const changed = Object.entries(differences).map(([name, { outcome }]) => [name, outcome]);
  return { ...PROMISED, ...Object.fromEntries(changed) };
}
