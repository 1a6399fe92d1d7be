import type { CodeModule } from './lookups.js';

/**
 * How a frame was found, in the words of rust-minidump's JSON; `leaf` is Breakpad's ("simulating a return from leaf function").
 * Frames of STACK WIN records are `cfi`, as they are there.
 */
export type FrameTrust = 'context' | 'cfi' | 'leaf' | 'frame_pointer' | 'scan';

/** One function that has been called and has not returned. */
export interface Frame<M extends CodeModule = CodeModule> {
  /** The instruction pointer in the context frame; in all others the return address: the instruction that comes next. */
  readonly instruction: bigint;
  /** Where function, line and CFI are looked up: inside the call instruction, or `instruction` itself if the frame was interrupted. */
  readonly lookupAddress: bigint;
  readonly trust: FrameTrust;
  /** It did not call anyone: the context frame, and what a signal handler returns to. */
  readonly interrupted: boolean;
  /** The registers that are known, by the names of reader/cpu-context.ts. */
  readonly registers: ReadonlyMap<string, bigint>;
  /** What `lookupAddress` is in. */
  readonly module: M | undefined;
}

/** Why there are no more frames. */
export type WalkEnd =
  /** CFI says that there is no caller, or the frame pointer is null where that means it. */
  | 'outermost'
  /** A return address below 4096: the end of most stacks. */
  | 'null-instruction'
  /** The stack pointer of the caller is not above that of the callee. */
  | 'stack-pointer'
  /** The same instruction and stack pointer as a frame before. */
  | 'loop'
  /** No technique found a caller. */
  | 'no-caller'
  | 'too-many-frames'
  /** There was no instruction pointer to start from. */
  | 'no-context';

/** The stack of a thread. */
export interface Walk<M extends CodeModule = CodeModule> {
  /** Innermost first. */
  readonly frames: readonly Frame<M>[];
  readonly end: WalkEnd;
  /** There are more frames than were wanted. */
  readonly truncated: boolean;
}
