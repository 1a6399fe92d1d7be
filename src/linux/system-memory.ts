import {
  type InputOf,
  MINIDUMP_SYSMEMINFO1_FLAGS,
  type MINIDUMP_SYSTEM_MEMORY_INFO_1,
} from '../format/index.js';

/** The texts that the machine's memory is told from. */
export interface SystemMemoryTexts {
  /** /proc/meminfo */
  meminfo: string;
  /** /proc/vmstat */
  vmstat: string;
  /** /proc/stat */
  stat: string;
  /** /sys/devices/system/cpu/online: `0-3,8` */
  onlineCpus: string;
  /** /proc/sys/vm/mmap_min_addr */
  lowestAddress: string;
}

const PAGE_SIZE = 4096;
/** Behind the last address that a program has without asking for more: 47 bits, less one page (TASK_SIZE of x86-64). */
const TASK_SIZE = 0x7fff_ffff_f000n;
/** A clock tick (1/100 s) in units of 100 ns. */
const TICK = 100_000n;

const FLAGS = MINIDUMP_SYSMEMINFO1_FLAGS;

/**
 * The memory of the machine. What Linux has no counterpart for is 0.
 *
 * | field | from |
 * |---|---|
 * | PageSize, AllocationGranularity | 4096: mmap gives single pages |
 * | NumberOfPhysicalPages | meminfo MemTotal |
 * | MinimumUserModeAddress, MaximumUserModeAddress | vm.mmap_min_addr; the last byte of 47 bits less a page |
 * | ActiveProcessorsAffinityMask, NumberOfProcessors | the processors that are online; of the mask the first 64 |
 * | FileCacheInfo.CurrentSize, ResidentSystemCachePage | meminfo Buffers + Cached − Shmem: the page cache of files |
 * | AvailablePages, ResidentAvailablePages | meminfo MemAvailable |
 * | CommittedPages, CommitLimit | meminfo Committed_AS, CommitLimit; Linux keeps no PeakCommitment |
 * | SharedCommittedPages | meminfo Shmem |
 * | NonPagedPoolPages | meminfo Slab: memory of the kernel, which is never paged |
 * | IdleProcessTime | stat, `cpu`, idle: of all processors, in 100 ns |
 * | ContextSwitches | stat ctxt |
 * | PageFaultCount | vmstat pgfault |
 * | PageReadIoCount | vmstat pgmajfault: faults that had to wait for a disk |
 * | PageReadCount | vmstat pgpgin, which counts KiB, in pages |
 * | DirtyPagesWriteCount | vmstat pswpout: pages written to swap |
 * | MappedPagesWriteCount | vmstat nr_written: pages written back to files |
 * | CcTotalDirtyPages, CcDirtyPageThreshold | vmstat nr_dirty, nr_dirty_threshold |
 *
 * Counts of 32 bits wrap around, as they do on Windows.
 */
export function systemMemory(texts: SystemMemoryTexts): InputOf<typeof MINIDUMP_SYSTEM_MEMORY_INFO_1> {
  const memory = numbers(texts.meminfo);
  const events = numbers(texts.vmstat);
  /** A line of meminfo in bytes. */
  const bytes = (name: string) => (memory.get(name) ?? 0) * 1024;
  const pages = (name: string) => Math.floor(bytes(name) / PAGE_SIZE);
  const event = (name: string) => wrap(events.get(name) ?? 0);
  const cpus = cpuList(texts.onlineCpus);
  const fileCache = Math.max(0, bytes('Buffers') + bytes('Cached') - bytes('Shmem'));
  const idle = /^cpu +\d+ \d+ \d+ (\d+)/m.exec(texts.stat)?.[1] ?? '0';
  const switches = Number(/^ctxt (\d+)$/m.exec(texts.stat)?.[1] ?? 0);
  const lowest = /^\d+/.exec(texts.lowestAddress)?.[0] ?? '0';
  return {
    Revision: 1,
    Flags:
      FLAGS.MINIDUMP_SYSMEMINFO1_BASICPERF |
      FLAGS.MINIDUMP_SYSMEMINFO1_PERF_CCTOTALDIRTYPAGES_CCDIRTYPAGETHRESHOLD |
      FLAGS.MINIDUMP_SYSMEMINFO1_PERF_RESIDENTAVAILABLEPAGES_SHAREDCOMMITPAGES,
    BasicInfo: {
      PageSize: PAGE_SIZE,
      NumberOfPhysicalPages: wrap(pages('MemTotal')),
      AllocationGranularity: PAGE_SIZE,
      MinimumUserModeAddress: BigInt(lowest),
      MaximumUserModeAddress: TASK_SIZE - 1n,
      ActiveProcessorsAffinityMask: cpus.reduce(
        (mask, cpu) => (cpu < 64 ? mask | (1n << BigInt(cpu)) : mask),
        0n,
      ),
      NumberOfProcessors: cpus.length,
    },
    FileCacheInfo: { CurrentSize: BigInt(fileCache) },
    BasicPerfInfo: {
      AvailablePages: BigInt(pages('MemAvailable')),
      CommittedPages: BigInt(pages('Committed_AS')),
      CommitLimit: BigInt(pages('CommitLimit')),
    },
    PerfInfo: {
      IdleProcessTime: BigInt(idle) * TICK,
      AvailablePages: wrap(pages('MemAvailable')),
      CommittedPages: wrap(pages('Committed_AS')),
      CommitLimit: wrap(pages('CommitLimit')),
      PageFaultCount: event('pgfault'),
      PageReadCount: wrap(Math.floor(((events.get('pgpgin') ?? 0) * 1024) / PAGE_SIZE)),
      PageReadIoCount: event('pgmajfault'),
      DirtyPagesWriteCount: event('pswpout'),
      MappedPagesWriteCount: event('nr_written'),
      NonPagedPoolPages: wrap(pages('Slab')),
      ResidentSystemCachePage: wrap(Math.floor(fileCache / PAGE_SIZE)),
      ContextSwitches: wrap(switches),
      CcTotalDirtyPages: BigInt(events.get('nr_dirty') ?? 0),
      CcDirtyPageThreshold: BigInt(events.get('nr_dirty_threshold') ?? 0),
      ResidentAvailablePages: BigInt(pages('MemAvailable')),
      SharedCommittedPages: BigInt(pages('Shmem')),
    },
  };
}

/** `Name: 12 kB` and `name 12` lines. */
function numbers(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, name, value] of text.matchAll(/^(\S+?):?\s+(\d+)(?: kB)?$/gm))
    found.set(name!, Number(value));
  return found;
}

/** A count of 32 bits. */
function wrap(count: number): number {
  return count % 2 ** 32;
}

/** The kernel's form of a set of processors: `0-3,8`. */
function cpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .flatMap((part) => {
      const [first, last] = part.split('-').map(Number);
      if (part === '' || first === undefined || Number.isNaN(first)) return [];
      return Array.from({ length: Math.min((last ?? first) - first + 1, 8192) }, (_, i) => first + i);
    });
}
