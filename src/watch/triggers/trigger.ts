/** What memory is measured, in bytes: see docs/triggers.md. */
export type MemoryMeasure = 'commit' | 'rss' | 'private' | 'pss';

/**
 * A condition under which something is to be done, a dump mostly. As ProcDump has it, `above` means at the limit or above, `below`
 * means below it.
 */
export type TriggerSpec =
  | CpuTrigger
  | MemoryTrigger
  | CountTrigger
  | HangTrigger
  | OutsideTrigger
  | TimerTrigger;

/** The processor time of all threads, 100 for one whole processor, in each poll of `seconds` in a row. */
export interface CpuTrigger {
  kind: 'cpu-above' | 'cpu-below';
  percent: number;
  seconds: number;
}

/** Bytes of the process, or the share of the memory limit of its cgroup in percent. */
export type MemoryTrigger =
  | { kind: 'memory-above' | 'memory-below'; measure: MemoryMeasure; bytes: number }
  | { kind: 'memory-above' | 'memory-below'; measure: 'cgroup'; percent: number };

export interface CountTrigger {
  kind: 'threads-above' | 'descriptors-above';
  count: number;
}

/** The main thread neither waits nor, as far as it can be seen, makes a system call for so long. */
export interface HangTrigger {
  kind: 'hang';
  milliseconds: number;
}

/** A line that matches and is written into a file from now on; a file that appears from now on. Paths are those of the watcher. */
export type OutsideTrigger = { kind: 'log'; file: string; pattern: RegExp } | { kind: 'file'; path: string };

/** Again and again, or once; counted from the start of the watch. */
export interface TimerTrigger {
  kind: 'every' | 'after';
  seconds: number;
}

/** A condition that came true. */
export interface Firing {
  readonly trigger: TriggerSpec['kind'];
  readonly spec: TriggerSpec;
  /** One line for people: `CPU 97 % for 10 s (limit 90 %)`. It may hold what a log or a path holds: escape it for a terminal. */
  readonly text: string;
  /** What was measured, and the limit that it is compared with, in the unit of the trigger: percent, bytes, a count, milliseconds (hang), seconds (timers); lines of a log that matched, 1 for a file. */
  readonly value: number;
  readonly limit: number;
  readonly time: Date;
}

/** A Firing without what all have in common. */
export type Finding = Pick<Firing, 'text' | 'value' | 'limit'>;
