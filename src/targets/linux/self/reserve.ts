import type { Mapping } from '../../../linux/maps.js';

/** As in linux-process.ts: of larger mappings without rights it is not asked whether they hold anything. */
const MAX_RESERVE_PROBE = 64n * 1024n * 1024n;

/** Whether a mapping is a large reserve of address space: of a terabyte not even the page map can be read while a process waits. */
export function isReserve({ start, end, readable, writable, executable }: Mapping): boolean {
  return !readable && !writable && !executable && end - start > MAX_RESERVE_PROBE;
}
