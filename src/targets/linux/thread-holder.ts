import type { ReadableMemory } from './memory.js';

/** What was recorded of a process at one moment; it has run on since. */
export interface Recording {
  /** Those that were there and had not ended. */
  readonly threads: readonly number[];
  /** One slot each, in that order. */
  readonly slots: DataView;
  /** /proc/PID/task/TID/syscall of threads that did not stop. */
  readonly calls: ReadonlyMap<number, string>;
  /** /proc/PID/maps */
  readonly maps: Buffer;
  readonly memory: ReadableMemory;
  readonly notes: readonly string[];
  readonly shortenedCalls: number;
}

/** What makes the threads of a process stand still, and tells their registers. */
export interface ThreadHolder {
  /** Waits until `stop` can be called. */
  ready(): void;
  /** Bytes of a slot (tracer-protocol.ts). */
  readonly slotSize: number;
  /** Stops these threads, all together. The results hold one slot a thread. */
  stop(threads: readonly number[]): DataView;
  /** Throws if the threads that were stopped are stopped no longer. */
  checkHeld(): void;
  /** Lets the target go. May be called again. */
  release(): void;
  /** The target is not held, it was recorded; known once `ready` has returned. */
  readonly recording?: Recording | undefined;
  /** How long the target was stopped, in milliseconds; known after `release`. */
  readonly pause: number;
}
