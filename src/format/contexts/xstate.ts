import { array, i32, struct, u32, u64 } from '../layout.js';

/** Where a part of an extended context lies, counted from the start of the CONTEXT_EX (it may be before it). */
export const CONTEXT_CHUNK = struct('CONTEXT_CHUNK', {
  Offset: i32,
  Length: u32,
});

/**
 * What follows a CONTEXT with CONTEXT_XSTATE (MiniDumpWithAvxXStateContext): where the context itself and the XSAVE area
 * lie. From winnt.h; seen in tiny-exe-with-cet-xsave.dmp of Breakpad.
 */
export const CONTEXT_EX = struct('CONTEXT_EX', {
  All: CONTEXT_CHUNK,
  Legacy: CONTEXT_CHUNK,
  XState: CONTEXT_CHUNK,
});

/** The start of the XSAVE area of a CONTEXT_EX: the header of the hardware's XSAVE, without the legacy area before it. */
export const XSAVE_AREA_HEADER = struct('XSAVE_AREA_HEADER', {
  /** A bit for each feature whose state follows. */
  Mask: u64,
  /** The top bit: the features are packed, in the order of their numbers. */
  CompactionMask: u64,
  Reserved2: array(u64, 6),
});
