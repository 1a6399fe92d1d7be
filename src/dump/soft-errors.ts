import type { DumpMemory } from './memory.js';

/** A hostile process could make one a page; the rest is counted. */
const MOST_ERRORS = 1000;

/**
 * MozSoftErrors: what could not be had, as JSON. Mozilla's writer puts a list of its errors there, whose shape follows its
 * source code; readers show the text as it is. Undefined where all went well.
 */
export function softErrors({ failures }: DumpMemory): Uint8Array | undefined {
  if (failures.length === 0) return undefined;
  const list: unknown[] = failures.slice(0, MOST_ERRORS).map(({ start, end, zeroed, why }) => ({
    MemoryUnreadable: {
      address: `0x${start.toString(16)}`,
      size: Number(end - start),
      stored: zeroed ? 'zeros' : 'nothing',
      why,
    },
  }));
  const more = failures.length - MOST_ERRORS;
  if (more > 0) list.push({ MoreErrors: more });
  return new TextEncoder().encode(JSON.stringify(list));
}
