import type { MemoryPart } from '../dump/target.js';
import type { Mapping } from './maps.js';
import { findMapping, indexAbove } from './stacks.js';

/** `why`: of a hole. */
export type AddPart = (start: bigint, end: bigint, kind: MemoryPart['kind'], why?: string) => void;

/** Adds parts that follow each other, neighbours of one kind as one. */
export function mergingInto(parts: MemoryPart[]): AddPart {
  return (start, end, kind, why) => {
    const last = parts.at(-1);
    if (last !== undefined && last.end === start && last.kind === kind && last.why === why) last.end = end;
    else if (end > start) parts.push({ start, end, kind, why });
  };
}

/**
 * Adds a hole from an address on, of which nothing is to be had: as far as its mapping reaches, or the gap between two.
 *
 * @returns where it ends, `end` at the most
 */
export function addHole(add: AddPart, mappings: readonly Mapping[], at: bigint, end: bigint): bigint {
  const mapping = findMapping(mappings, at);
  const next = mapping?.end ?? mappings[indexAbove(mappings, at)]?.start ?? end;
  const to = next < end ? next : end;
  add(at, to, 'hole', mapping === undefined ? NOT_MAPPED : OPAQUE);
  return to;
}

/** Why memory cannot be read. */
export const NOT_MAPPED = 'nothing is mapped there';
export const OPAQUE = 'it is memory of a device or of the kernel';
export const BEHIND_FILE = 'it lies behind the end of its file';
export const NO_FILE = 'its file cannot be opened, or reading it might never end';
export const GUARDED = 'the kernel lets nobody read it';
export const NOT_IN_CORE = 'the core does not hold it';
