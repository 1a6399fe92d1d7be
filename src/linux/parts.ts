import type { MemoryPart } from '../dump/target.js';

export type AddPart = (start: bigint, end: bigint, kind: MemoryPart['kind']) => void;

/** Adds parts that follow each other, neighbours of one kind as one. */
export function mergingInto(parts: MemoryPart[]): AddPart {
  return (start, end, kind) => {
    const last = parts.at(-1);
    if (last !== undefined && last.end === start && last.kind === kind) last.end = end;
    else if (end > start) parts.push({ start, end, kind });
  };
}
