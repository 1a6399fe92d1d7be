import type { Ptrace } from './ptrace.js';
import type { RegisterAccess } from './register-access.js';
import type { ThreadSlots } from './thread-slots.js';

/** Stops the threads of a process and lets them go, for the one OS thread that traces them. */
export interface Stopper {
  readonly ptrace: Ptrace;
  readonly registersOf: RegisterAccess;
  /** Whether some thread may stand still because of us. */
  readonly holds: boolean;
  /** Stops these threads; `results` has a slot each (tracer-protocol.ts). */
  stop(tids: readonly number[], results: SharedArrayBuffer): void;
  /** Stops all threads; gives their ids and slots. */
  stopAll(): { readonly threads: readonly number[]; readonly slots: ThreadSlots };
  /** Lets every thread go. Gives false where only the end of this OS thread sets one free. */
  resume(): boolean;
  /** Whether a thread that is traced has ended; its end stays to be collected. */
  hasEnded(tid: number): boolean;
  /** Whether a thread that stands may be made to call the kernel: it stands in no stop that has more to it. */
  mayCall(tid: number): boolean;
}
