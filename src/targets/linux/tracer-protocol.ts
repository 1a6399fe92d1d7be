import type { MessagePort } from 'node:worker_threads';
import type { CpuName } from '../../linux/cpu/index.js';
import type { KeptPart } from './kept-memory.js';
import type { QuickPlan } from './quick-capture.js';
import type { Candidate } from './snapshot/frozen-copy.js';
import type { Gadgets } from './snapshot/guard.js';

/** What the tracer thread (tracer-thread.ts) and the thread that drives it (tracer.ts) agree on. */

/** Words of the shared control block, an Int32Array. */
export const Control = {
  /** Counts commands; the tracer thread waits for it to change. */
  Request: 0,
  /** Counts answers; the driving thread waits for it to change. */
  Reply: 1,
  State: 2,
  /** Set by the driving thread once it knows that the stop has expired. */
  Acknowledged: 3,
  /** The id of the tracer thread if it has to end after this dump: only that sets a thread of the target free; else 0. */
  FreedByEnd: 4,
  Words: 8,
} as const;

export const State = {
  Starting: 0,
  Ready: 1,
  /** At least one thread of the target may be stopped. */
  Holding: 2,
  /** The target was let go because the stop took longer than it may. */
  Expired: 3,
  Ended: 4,
  /** It could not start. */
  Failed: 5,
  /** A step on the target could not be finished; the target was let go. */
  Broken: 6,
} as const;

/** Milliseconds of this machine's monotonic clock, a Float64Array after the control words. `Held`: all stops together. */
export const Times = { HoldStart: 0, Held: 1, Count: 2 } as const;
export const TIMES_OFFSET = Control.Words * 4;
export const CONTROL_BYTES = TIMES_OFFSET + Times.Count * 8;

/** What the thread is started with. */
export interface TracerData {
  /** One word: it waits for its next dump while that is 0. */
  gate: Int32Array;
  /** Where answers go that are no numbers. */
  answers: MessagePort;
}

/** One dump. */
export interface TracerOptions {
  control: SharedArrayBuffer;
  pid: number;
  cpu: CpuName;
  /** Take the registers beyond SSE too: NT_X86_XSTATE. */
  xstate: boolean;
  /** Longest stop in milliseconds. */
  maxPause: number;
  /**
   * End the whole process with this code if the driving thread does not come back within a second after the stop has
   * expired: right for a command, wrong inside somebody's program.
   */
  abandonExitCode: number | undefined;
  abandonMessage: string;
}

export type Command =
  | { readonly kind: 'stop'; readonly threads: readonly number[]; readonly results: SharedArrayBuffer }
  /** Stops all threads, copies what a dump needs, and lets them go. Answers by a QuickAnswer on the port. */
  | { readonly kind: 'capture'; readonly plan: QuickPlan }
  /** Gets ready to fork: before anything is stopped. */
  | { readonly kind: 'arm'; readonly gadgets: Gadgets }
  /** Has one of the stopped threads fork; `results` is an Answer. */
  | {
      readonly kind: 'fork';
      readonly candidates: readonly Candidate[];
      readonly results: SharedArrayBuffer;
    }
  /** Lets all threads go; a copy stays. */
  | { readonly kind: 'resume' }
  /** Ends the copy. */
  | { readonly kind: 'kill-copy' }
  /** Has one of the stopped threads wait for the copy that was ended; `results` is an Answer. */
  | {
      readonly kind: 'collect';
      readonly candidates: readonly Candidate[];
      readonly ownPid: number;
      readonly results: SharedArrayBuffer;
    }
  /** Lets all threads go and ends the copy: the dump is over. */
  | { readonly kind: 'release' };

/** What `capture` answers. */
export interface QuickAnswer {
  readonly threads: readonly number[];
  /** One slot a thread. */
  readonly results: SharedArrayBuffer;
  /** /proc/PID/maps as it is now. */
  readonly maps: Uint8Array;
  /** Undefined where it could not be done at once: then the threads stand still. */
  readonly parts: readonly KeptPart[] | undefined;
}

/** What a command answers beside its registers: words, and a text behind them. */
export const Answer = {
  /** The id of the copy as this process sees it; of `collect`, 1 if it was done. */
  Pid: 0,
  /** The id of the copy as the target sees it. */
  OwnPid: 1,
  TextLength: 2,
  Words: 4,
  TextSize: 256,
} as const;
export const ANSWER_BYTES = Answer.Words * 4 + Answer.TextSize;

/** Writes the text of an answer: why something was not done. */
export function writeText(results: SharedArrayBuffer, text: string): void {
  const bytes = new TextEncoder().encode(text).subarray(0, Answer.TextSize);
  new Uint8Array(results, Answer.Words * 4).set(bytes);
  new Int32Array(results)[Answer.TextLength] = bytes.length;
}

export function readAnswerText(results: SharedArrayBuffer): string {
  const length = new Int32Array(results)[Answer.TextLength]!;
  return new TextDecoder().decode(new Uint8Array(results, Answer.Words * 4, length).slice());
}

/** What became of a thread that was to be stopped. */
export const Outcome = {
  Stopped: 0,
  /** It ended before or while it was being stopped. */
  Gone: 1,
  /** It sits in the kernel and does not stop (state D: vfork, a dead network file system). */
  Unstoppable: 2,
  /** ptrace refused; errno is in the slot. */
  Refused: 3,
} as const;

/** Room for the registers of every processor: 35 words on ARM64. */
const REGISTERS_SIZE = 36 * 8;
/** And for their floating-point state: 528 bytes on ARM64. */
const FLOATING_POINT_SIZE = 528;

/** One slot a thread in the results of a stop. */
export const Slot = {
  Outcome: 0,
  Errno: 4,
  /** 1 if a call was caught half-way and comes back short. */
  Shortened: 8,
  /** Bytes of Xsave that were filled. */
  XsaveLength: 12,
  /** 1 if a call returns EINTR because of this stop, and nothing can be done about it. */
  Interrupted: 16,
  /** ThreadState.registers of linux/cpu/cpu.ts. */
  Registers: 24,
  /** ThreadState.floatingPoint */
  FloatingPoint: 24 + REGISTERS_SIZE,
  /** NT_X86_XSTATE, if it is wanted. */
  Xsave: 24 + REGISTERS_SIZE + FLOATING_POINT_SIZE,
  /** Room for it: with the tiles of AMX it takes 11,008 bytes. */
  XsaveSize: 16 * 1024,
} as const;

/** Bytes of a slot; a multiple of 8. */
export function slotSize(xstate: boolean): number {
  return Slot.Xsave + (xstate ? Slot.XsaveSize : 0);
}
