import { upperBoundOf } from '../../number-list.js';
import type { Operation } from './codes.js';

/** Of one entry of .pdata: codes of the part of a function that it is about. Each code but the special ones is an instruction of four bytes. */
export interface FrameEntry {
  /** Bytes. */
  readonly length: number;
  /** In the order in which they are undone: the last instruction of the prologue first. */
  readonly prologue: readonly Operation[];
  /** In the order of their places. */
  readonly epilogues: readonly Epilogue[];
}

export interface Epilogue {
  /** Bytes from the beginning of the part. */
  readonly start: number;
  /** In the order in which they run. The return follows. */
  readonly operations: readonly Operation[];
}

export const INSTRUCTION = 4;

/** The codes of a prologue that are instructions of this part; those behind `end_c` are of the part that it belongs to. */
export function ownPrologue(operations: readonly Operation[]): number {
  const end = operations.findIndex(({ kind }) => kind === 'end-chained');
  return end < 0 ? operations.length : end;
}

function lastBefore(epilogues: readonly Epilogue[], offset: number): Epilogue | undefined {
  return epilogues[upperBoundOf((i) => epilogues[i]!.start, offset, 0, epilogues.length) - 1];
}

/** The operations that are still to be undone at an offset in bytes from the beginning of the part. */
export function operationsAt(entry: FrameEntry, offset: number): readonly Operation[] {
  const done = offset / INSTRUCTION;
  const own = ownPrologue(entry.prologue);
  if (done < own) return entry.prologue.slice(own - Math.floor(done));
  const epilogue = lastBefore(entry.epilogues, offset);
  if (epilogue) {
    const { start, operations } = epilogue;
    // The instruction behind the codes returns.
    const into = Math.floor((offset - start) / INSTRUCTION);
    if (into <= ownPrologue(operations)) return operations.slice(into);
  }
  return entry.prologue;
}
