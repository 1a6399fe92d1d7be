import type { AddressRange } from '../dump/ranges.js';
import { amd64 } from './cpu/amd64.js';
import type { Mapping } from './maps.js';
import { isOpaque } from './regions.js';

/** The kernel keeps 256 pages free below a growing stack (stack_guard_gap); thread libraries make smaller guards. */
const MAX_GUARD = 1024n * 1024n;

/** The mapping that holds an address; `mappings` ascend. */
export function findMapping<M extends AddressRange>(mappings: readonly M[], address: bigint): M | undefined {
  const mapping = mappings[indexAbove(mappings, address) - 1];
  return mapping !== undefined && address < mapping.end ? mapping : undefined;
}

/** The index of the first mapping that starts above an address. */
export function indexAbove(mappings: readonly AddressRange[], address: bigint): number {
  let low = 0;
  let high = mappings.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (mappings[middle]!.start > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The part of a stack that is worth having, from a stack pointer. Empty where there is no memory.
 *
 * @param argumentsStart where the arguments of the program begin; 0 if that is not known
 * @param maxStack most bytes of a stack that is not the main thread's
 * @param redZone bytes below the stack pointer that belong to the stack
 */
export function stackAt(
  stackPointer: bigint,
  mappings: readonly Mapping[],
  argumentsStart: bigint,
  maxStack: number,
  redZone: bigint = amd64.redZone,
): AddressRange {
  const mapping = stackMapping(stackPointer, mappings);
  if (mapping === undefined) return { start: 0n, end: 0n };
  const start = mapping.start + redZone > stackPointer ? mapping.start : stackPointer - redZone;
  let { end } = mapping;
  if (mapping.path === '[stack]') {
    // The arguments and the environment lie above the first frame: customers' secrets, and no part of any frame.
    if (argumentsStart > stackPointer && argumentsStart < end) end = argumentsStart;
  } else if (end - start > BigInt(maxStack)) {
    end = start + BigInt(maxStack);
  }
  return { start, end };
}

/** The mapping of a stack. After an overflow the stack pointer lies in the guard, or in nothing, below it. */
function stackMapping(stackPointer: bigint, mappings: readonly Mapping[]): Mapping | undefined {
  const mapping = findMapping(mappings, stackPointer);
  if (mapping?.readable) return isOpaque(mapping) ? undefined : mapping;
  const above = mappings[indexAbove(mappings, stackPointer)];
  return above?.readable && above.writable && above.start - stackPointer <= MAX_GUARD ? above : undefined;
}
