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
  /** How long the target was stopped, in milliseconds; known after `release`. */
  readonly pause: number;
}
