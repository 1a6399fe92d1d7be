import type { DumpOptions, DumpReport } from '../../../dump/index.js';
import type { MemoryPart } from '../../../dump/target.js';
import type { PlainError } from '../../../io/plain-error.js';
import type { LiveOptions } from '../live.js';

/*
 * What a process and the helper that dumps it agree on. The helper is told what to do by a file (HelperRequest), and answers by a file
 * (HelperAnswer), both without a name and serialised by V8: it is the same Node. A pipe has a byte for each thing that happens.
 */

/** Arguments of the helper, in this order: the numbers of its descriptors. */
export interface HelperDescriptors {
  request: number;
  answer: number;
  /** A pipe: a byte of Beat each time. */
  beats: number;
  /** The file that the dump, or the memory, is written to. */
  output: number;
}

export const Beat = {
  /** It works. */
  Alive: 0x2e,
  /** The answer is there, and the process runs. */
  Done: 0x64,
} as const;

/** The options that can be told to another process. */
export type HelperOptions = Pick<
  LiveOptions,
  'type' | 'userStreams' | 'comment' | 'exception' | 'maxPause' | 'maxStack' | 'snapshot'
>;

export function helperOptions(options: LiveOptions & DumpOptions): HelperOptions {
  const { type, userStreams, comment, exception, maxPause, maxStack, snapshot } = options;
  return { type, userStreams, comment, exception, maxPause, maxStack, snapshot };
}

export interface HelperRequest {
  /** The process, which is the parent of the helper. */
  pid: number;
  /** `dump`: the dump itself goes into the file. `record`: all memory, so that the dump can be made of it afterwards. */
  kind: 'dump' | 'record';
  /** Where in the file it begins. */
  position: number;
  options: HelperOptions;
}

export type HelperAnswer =
  | { kind: 'report'; report: DumpReport }
  | { kind: 'recording'; recording: RecordedProcess }
  | { kind: 'error'; error: HelperError };

export interface HelperError extends PlainError {
  /** Of a system call on the output file: `ENOSPC` … */
  outputCode: string | undefined;
}

/** A process as it was at one moment. */
export interface RecordedProcess {
  threads: number[];
  /** One slot a thread (tracer-protocol.ts). */
  slots: Uint8Array;
  /** /proc/PID/task/TID/syscall of the threads that did not stop. */
  calls: Map<number, string>;
  /** /proc/PID/maps */
  maps: Uint8Array;
  /** Ascending; all that is mapped and not opaque. */
  parts: RecordedPart[];
  /** Bytes of the file. */
  size: number;
  notes: readonly string[];
  shortenedCalls: number;
  pause: number;
}

export interface RecordedPart extends MemoryPart {
  /** Of data: where in the file it is. */
  position: number;
}
