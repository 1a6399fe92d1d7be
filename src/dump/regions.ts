import { MemoryProtection, MemoryState, MemoryType } from '../format/index.js';
import { MinidumpError, type Task } from '../io/index.js';
import type { MINIDUMP_MEMORY_INFO_VALUE } from './callback.js';
import type { CallbackProtocol } from './protocol.js';
import type { Target, TargetRegion } from './target.js';

const { MEM_COMMIT, MEM_FREE } = MemoryState;
const { PAGE_NOACCESS, PAGE_GUARD } = MemoryProtection;

/** More regions than this no process has; a callback could make them up for ever. */
const MOST_REGIONS = 1_000_000;

/** The regions of the target, ascending; where the callback answers VmQuery, as it says. */
export function* listRegions(target: Target, protocol: CallbackProtocol): Task<readonly TargetRegion[]> {
  const own = yield* target.regions();
  if (!protocol.vm) return own;
  const found: TargetRegion[] = [];
  const top = topOf(target, own);
  let next = 0;
  for (let at = 0n, asked = 0; at < top; asked++) {
    if (asked > MOST_REGIONS) {
      throw new MinidumpError('callback-failed', `the callback answered VmQuery ${MOST_REGIONS} times`, {
        advice: 'Answer with whole regions.',
      });
    }
    const answer = protocol.vmQuery(at);
    if (answer !== undefined) {
      at = answer.BaseAddress + answer.RegionSize;
      if (answer.State !== MEM_FREE) found.push(regionFromInfo(answer));
      continue;
    }
    while (next < own.length && own[next]!.end <= at) next++;
    const region = own[next];
    if (region !== undefined && region.start <= at) {
      found.push({ ...region, start: at });
      at = region.end;
    } else {
      at = region?.start ?? top;
    }
  }
  return found;
}

/** The end of the address space that a process may have, and of what it has beyond ([vsyscall] on x86-64). */
function topOf(target: Target, regions: readonly TargetRegion[]): bigint {
  const space = target.system.pointerSize === 4 ? 1n << 32n : 1n << 47n;
  const end = regions.at(-1)?.end ?? 0n;
  return end > space ? end : space;
}

function regionFromInfo(info: MINIDUMP_MEMORY_INFO_VALUE): TargetRegion {
  return {
    start: info.BaseAddress,
    end: info.BaseAddress + info.RegionSize,
    state: info.State,
    allocationBase: info.AllocationBase,
    allocationProtection: info.AllocationProtect,
    protection: info.Protect,
    type: info.Type,
    dumpable: info.State === MEM_COMMIT && (info.Protect & (PAGE_NOACCESS | PAGE_GUARD)) === 0,
    name: '',
  };
}

/** A region as VirtualQuery gives it. */
export function memoryInfo(region: TargetRegion): MINIDUMP_MEMORY_INFO_VALUE {
  return {
    BaseAddress: region.start,
    AllocationBase: region.allocationBase,
    AllocationProtect: region.allocationProtection,
    RegionSize: region.end - region.start,
    State: region.state,
    Protect: region.protection,
    Type: region.type,
  };
}

/** MemoryInfoList holds what is free, too, as Windows' has. */
export function* withFreeRegions(
  target: Target,
  regions: readonly TargetRegion[],
): Generator<MINIDUMP_MEMORY_INFO_VALUE> {
  const free = (start: bigint, end: bigint): MINIDUMP_MEMORY_INFO_VALUE => ({
    BaseAddress: start,
    AllocationBase: 0n,
    AllocationProtect: 0,
    RegionSize: end - start,
    State: MEM_FREE,
    Protect: PAGE_NOACCESS,
    Type: 0,
  });
  let at = 0n;
  for (const region of regions) {
    if (region.start > at) yield free(at, region.start);
    yield memoryInfo(region);
    at = region.end;
  }
  const top = topOf(target, regions);
  if (at < top) yield free(at, top);
}

const WRITABLE_COPY = MemoryProtection.PAGE_WRITECOPY | MemoryProtection.PAGE_EXECUTE_WRITECOPY;
const READ_WRITE = MemoryProtection.PAGE_READWRITE | MemoryProtection.PAGE_EXECUTE_READWRITE;
const EXECUTABLE =
  MemoryProtection.PAGE_EXECUTE |
  MemoryProtection.PAGE_EXECUTE_READ |
  MemoryProtection.PAGE_EXECUTE_READWRITE |
  MemoryProtection.PAGE_EXECUTE_WRITECOPY;

/** MiniDumpWithPrivateReadWriteMemory. */
export const isPrivateReadWrite = (region: TargetRegion): boolean =>
  region.dumpable && region.type === MemoryType.MEM_PRIVATE && (region.protection & READ_WRITE) !== 0;

/**
 * MiniDumpWithPrivateWriteCopyMemory: on Linux a file that is mapped privately and for writing, as the data of all modules is.
 * Its pages are the process' own as soon as it writes to them.
 */
export const isPrivateWriteCopy = (region: TargetRegion): boolean =>
  region.dumpable && (region.protection & WRITABLE_COPY) !== 0;

export const isExecutable = (region: TargetRegion): boolean => (region.protection & EXECUTABLE) !== 0;
