import type { MessagePort } from 'node:worker_threads';
import type { Command, TracerOptions } from '../tracer-protocol.js';

/** What the thread that stays attached (attached-thread.ts) and the one that drives it (attachment.ts) agree on. */

/** Words of the shared Int32Array. */
export const AttachedWord = {
  /** 1 once something was posted; the attached thread sets it back when it comes to look. */
  Gate: 0,
  /** Its id for the kernel, once it serves. */
  Thread: 1,
  /** 1 once it holds no process any more, and serves nobody. */
  Ended: 2,
  Words: 4,
} as const;

export interface AttachedData {
  readonly words: Int32Array;
  /** Where answers of dumps go that are no numbers. */
  readonly answers: MessagePort;
}

/** Which stops the driver wants to hear of. */
export interface FollowOptions {
  /** Processes that a process makes are followed like it. */
  readonly children: boolean;
  /** Signals for which the process is held, whatever it does with them; those that kill it with a core are always. */
  readonly signals: readonly number[];
  /** Exit codes for which it is held at its end: `other` is every code but 0. */
  readonly exitCodes: readonly number[] | 'other';
  /** How long a process may be held before it is let go without an answer, in milliseconds. */
  readonly patience: number;
}

export type AttachedRequest =
  /** Traces all threads of a process from now on. */
  | { readonly kind: 'attach'; readonly id: number; readonly pid: number; readonly options: FollowOptions }
  /** The same with a child that waits for `gate` (spawn.ts), before it executes its program. */
  | {
      readonly kind: 'adopt';
      readonly id: number;
      /** Gate of spawn.ts */
      readonly marker: string;
      readonly gate: string;
      readonly fd: number;
      readonly options: FollowOptions;
    }
  /** Lets a process go on that is held; an event told of it. */
  | { readonly kind: 'proceed'; readonly pid: number }
  /** Traces a process no longer. */
  | { readonly kind: 'detach'; readonly id: number; readonly pid: number }
  /** Traces nobody any longer, and ends. */
  | { readonly kind: 'end' }
  | { readonly kind: 'dump'; readonly options: TracerOptions }
  | { readonly kind: 'command'; readonly command: Command };

/** A thread at a moment. */
export interface ThreadMoment {
  readonly tid: number;
  /** siginfo_t, 128 bytes. */
  readonly siginfo: Uint8Array;
  /** ThreadState of linux/cpu/cpu.ts. */
  readonly registers: BigUint64Array;
  readonly floatingPoint: Uint8Array;
  readonly xsave: Uint8Array;
  /** A handler has caught the signal: the thread is elsewhere by now. */
  readonly caught?: boolean;
}

export type AttachedEvent =
  /** The thread serves from now on. */
  | { readonly kind: 'ready' }
  /** `errno`: why ptrace refused it, or 0. */
  | { readonly kind: 'reply'; readonly id: number; readonly pid: number; readonly errno: number }
  /**
   * A signal that ends the process with a core, or one that was asked for. The process is held until `proceed`.
   * `at`: where it struck. `first`: the fault that the program had caught before, and that this is the consequence of.
   */
  | {
      readonly kind: 'signal';
      readonly pid: number;
      readonly signal: number;
      readonly fatal: boolean;
      readonly at: ThreadMoment;
      readonly first: ThreadMoment | undefined;
    }
  /** It ends with a code that was asked for. It is held until `proceed`. */
  | { readonly kind: 'exiting'; readonly pid: number; readonly tid: number; readonly code: number }
  /** It executes another program now. */
  | { readonly kind: 'executed'; readonly pid: number }
  /** A signal has stopped it (job control), until a SIGCONT. */
  | { readonly kind: 'stopped'; readonly pid: number; readonly signal: number }
  /** A child that is followed. */
  | { readonly kind: 'forked'; readonly pid: number; readonly child: number }
  /** It is not traced any more: it could not be, though it was asked for, or it ended. `signal`: what killed it, else 0. */
  | { readonly kind: 'ended'; readonly pid: number; readonly code: number; readonly signal: number }
  /** It was held for longer than `patience`, and goes on. */
  | { readonly kind: 'expired'; readonly pid: number };
