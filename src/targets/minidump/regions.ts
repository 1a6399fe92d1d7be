import type { TargetRegion } from '../../dump/index.js';
import type { AddressRange } from '../../dump/ranges.js';
import { MemoryProtection, MemoryState, MemoryType, StreamType } from '../../format/index.js';
import { MinidumpError, type Task } from '../../io/index.js';
import { parseMaps } from '../../linux/maps.js';
import { describeRegions } from '../../linux/regions.js';
import type { Minidump } from '../../reader/index.js';

const { MEM_COMMIT, MEM_FREE } = MemoryState;
const { PAGE_NOACCESS, PAGE_GUARD, PAGE_READWRITE } = MemoryProtection;

const TOP = 1n << 64n;

/** The regions that a dump tells of, ascending and disjoint, whatever its streams say. */
export interface KnownRegions {
  regions: readonly TargetRegion[];
  /** Their protection is told, not assumed. */
  protections: boolean;
}

/** From MemoryInfoList, else LinuxMaps, else the memory that is stored. */
export function* knownRegions(dump: Minidump, stored: readonly AddressRange[]): Task<KnownRegions> {
  const told = (yield* fromMemoryInfo(dump)) ?? (yield* fromMaps(dump));
  if (told !== undefined) return { regions: told, protections: true };
  const regions = stored.map(({ start, end }) => ({
    start,
    end,
    state: MEM_COMMIT,
    allocationBase: start,
    protection: PAGE_READWRITE,
    allocationProtection: PAGE_READWRITE,
    type: MemoryType.MEM_PRIVATE,
    dumpable: true,
    name: '',
  }));
  return { regions, protections: false };
}

function* fromMemoryInfo(dump: Minidump): Task<TargetRegion[] | undefined> {
  const list = yield* dump.tryTask('memoryInfo');
  if (list === undefined || list.length === 0) return undefined;
  return disjoint(
    list
      .filter(({ State }) => State !== MEM_FREE)
      .map((info) => ({
        start: info.BaseAddress,
        end: info.BaseAddress + info.RegionSize,
        state: info.State,
        allocationBase: info.AllocationBase,
        protection: info.Protect,
        allocationProtection: info.AllocationProtect,
        type: info.Type,
        dumpable: info.State === MEM_COMMIT && (info.Protect & (PAGE_NOACCESS | PAGE_GUARD)) === 0,
        name: '',
      })),
  );
}

function* fromMaps(dump: Minidump): Task<TargetRegion[] | undefined> {
  const entry = dump.entry(StreamType.LinuxMaps);
  if (entry === undefined) return undefined;
  let text: string;
  try {
    text = new TextDecoder().decode(yield* dump.bytesTask(entry));
  } catch (error) {
    if (error instanceof MinidumpError && error.code === 'truncated') return undefined;
    throw error;
  }
  const regions = disjoint(describeRegions(parseMaps(text), () => false));
  return regions.length > 0 ? regions : undefined;
}

function disjoint(regions: readonly TargetRegion[]): TargetRegion[] {
  const sorted = [...regions].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  let last = 0n;
  return sorted.filter(({ start, end }) => {
    if (start < last || end <= start || end > TOP) return false;
    last = end;
    return true;
  });
}
