import { MemoryProtection, MemoryState, type MINIDUMP_MEMORY_INFO } from '../../format/index.js';
import type { Task } from '../../io/index.js';
import type { LinuxMapping, Minidump } from '../../reader/index.js';

/** A region of the address space that was mapped, accessible or not. */
export interface MemoryRegion {
  start: bigint;
  /** The address behind the last byte. */
  end: bigint;
  readable: boolean;
  writable: boolean;
  executable: boolean;
}

/** What an access that failed wanted to do; undefined where that is not known. */
export type MemoryOperation = 'read' | 'write' | 'execute';

const P = MemoryProtection;
// rust-minidump does not count PAGE_WRITECOPY and PAGE_EXECUTE_WRITECOPY as readable. They are, but then a report would not agree.
const READABLE = P.PAGE_READONLY | P.PAGE_READWRITE | P.PAGE_EXECUTE_READ | P.PAGE_EXECUTE_READWRITE;
const WRITABLE = P.PAGE_READWRITE | P.PAGE_WRITECOPY | P.PAGE_EXECUTE_READWRITE | P.PAGE_EXECUTE_WRITECOPY;
const EXECUTABLE = P.PAGE_EXECUTE | P.PAGE_EXECUTE_READ | P.PAGE_EXECUTE_READWRITE | P.PAGE_EXECUTE_WRITECOPY;

function fromMemoryInfo({ BaseAddress, RegionSize, State, Protect }: MINIDUMP_MEMORY_INFO): MemoryRegion[] {
  if (State === MemoryState.MEM_FREE) return [];
  return [
    {
      start: BaseAddress,
      end: BaseAddress + RegionSize,
      readable: (Protect & READABLE) !== 0,
      writable: (Protect & WRITABLE) !== 0,
      executable: (Protect & EXECUTABLE) !== 0,
    },
  ];
}

function fromMapping({ start, end, permissions }: LinuxMapping): MemoryRegion {
  return {
    start,
    end,
    readable: permissions[0] === 'r',
    writable: permissions[1] === 'w',
    executable: permissions[2] === 'x',
  };
}

/**
 * The regions of a process by ascending address, from the MemoryInfoList stream, or where there is none from LinuxMaps. Of
 * regions that overlap the one that starts lower counts. Empty where the dump tells of none.
 */
export function* memoryRegionsOf(dump: Minidump): Task<MemoryRegion[]> {
  const info = yield* dump.tryTask('memoryInfo');
  const regions =
    info !== undefined
      ? info.flatMap(fromMemoryInfo)
      : ((yield* dump.tryTask('linuxMaps')) ?? []).map(fromMapping);
  return inOrder(regions);
}

/** The same regions in order and without those that begin inside another. */
export function inOrder(regions: readonly MemoryRegion[]): MemoryRegion[] {
  const sorted = regions
    .filter(({ start, end }) => start < end)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  let covered = 0n;
  return sorted.filter(({ start, end }) => {
    if (start < covered) return false;
    covered = end;
    return true;
  });
}

/** Index of the last region that starts at or below an address; -1 for none. */
function indexBelow(regions: readonly MemoryRegion[], address: bigint): number {
  let low = 0;
  let high = regions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (regions[middle]!.start <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The region that holds an address. `regions` are in order. */
export function regionAt(regions: readonly MemoryRegion[], address: bigint): MemoryRegion | undefined {
  const region = regions[indexBelow(regions, address)];
  return region && address < region.end ? region : undefined;
}

export function allows(region: MemoryRegion, operation: MemoryOperation | undefined): boolean {
  switch (operation) {
    case 'read':
      return region.readable;
    case 'write':
      return region.writable;
    case 'execute':
      return region.executable;
    default:
      return true;
  }
}

/** Bytes from an address to the nearest byte of a region that allows the operation; undefined where no region does. */
export function distanceToAllowed(
  regions: readonly MemoryRegion[],
  address: bigint,
  operation: MemoryOperation | undefined,
): bigint | undefined {
  const index = indexBelow(regions, address);
  let nearest: bigint | undefined;
  for (let i = index; i >= 0; i--) {
    const region = regions[i]!;
    if (!allows(region, operation)) continue;
    nearest = address < region.end ? 0n : address - (region.end - 1n);
    break;
  }
  for (let i = index + 1; i < regions.length; i++) {
    const region = regions[i]!;
    if (!allows(region, operation)) continue;
    const distance = region.start - address;
    if (nearest === undefined || distance < nearest) nearest = distance;
    break;
  }
  return nearest;
}

/** 2 << 14, as rust-minidump writes it. */
const LARGEST_GUARD = 32768n;
const accessible = (region: MemoryRegion | undefined) =>
  region !== undefined && (region.readable || region.writable || region.executable);

/**
 * Whether an address is likely in a guard page, such as stands at the end of a stack: a small region without any right that
 * touches one with some.
 */
export function isLikelyGuardPage(regions: readonly MemoryRegion[], address: bigint): boolean {
  const index = indexBelow(regions, address);
  const region = regions[index];
  if (region === undefined || address >= region.end || accessible(region)) return false;
  // The last byte is counted, so 32,768 bytes are still few enough.
  if (region.end - 1n - region.start >= LARGEST_GUARD) return false;
  const before = regions[index - 1];
  const behind = regions[index + 1];
  return (
    (accessible(before) && before!.end === region.start) ||
    (accessible(behind) && behind!.start === region.end)
  );
}
