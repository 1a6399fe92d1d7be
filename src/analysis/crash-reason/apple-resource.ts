import { type AppleKind, kindText } from './apple-kind.js';
import { bits } from './hex.js';

/** What the kernel limits and tells with EXC_RESOURCE: kern/exc_resource.h of XNU. */
const kinds: Readonly<Record<number, AppleKind>> = {
  1: {
    name: 'RESOURCE_TYPE_CPU',
    flavors: { 1: 'FLAVOR_CPU_MONITOR', 2: 'FLAVOR_CPU_MONITOR_FATAL' },
    // The header has seven bits for a percentage; rust-minidump takes three of them, and readers compare with it.
    detail: (code, subcode) =>
      ` interval: ${bits(code, 7, 25)}s CPU limit: ${bits(code, 0, 3)}% CPU consumed: ${bits(subcode, 0, 3)}%`,
  },
  2: {
    name: 'RESOURCE_TYPE_WAKEUPS',
    flavors: { 1: 'FLAVOR_WAKEUPS_MONITOR' },
    detail: (code, subcode) =>
      ` interval: ${bits(code, 20, 20)}s wakeups permitted: ${bits(code, 0, 12)} wakeups observed: ${bits(subcode, 0, 12)}`,
  },
  3: {
    name: 'RESOURCE_TYPE_MEMORY',
    flavors: { 1: 'FLAVOR_HIGH_WATERMARK' },
    detail: (code) => ` high watermark limit: ${bits(code, 0, 13)}MiB`,
  },
  4: {
    name: 'RESOURCE_TYPE_IO',
    flavors: { 1: 'FLAVOR_IO_PHYSICAL_WRITES', 2: 'FLAVOR_IO_LOGICAL_WRITES' },
    // They are megabytes; rust-minidump prints a percent sign.
    detail: (code, subcode) =>
      ` interval: ${bits(code, 15, 17)}s I/O limit: ${bits(code, 0, 15)}% I/O observed: ${bits(subcode, 0, 15)}%`,
  },
  5: {
    name: 'RESOURCE_TYPE_THREADS',
    flavors: { 1: 'FLAVOR_THREADS_HIGH_WATERMARK' },
    detail: (code) => ` high watermark limit: ${bits(code, 0, 15)}`,
  },
};

/** What stands behind `EXC_RESOURCE / `; undefined for a resource that is not known. */
export function resourceReason(kind: number, code: bigint, subcode: bigint): string | undefined {
  return kindText(kinds[kind], bits(code, 58, 3), code, subcode);
}
