import {
  type InputOf,
  type MINIDUMP_PROCESS_VM_COUNTERS_2,
  MINIDUMP_PROCESS_VM_COUNTERS_FLAGS,
} from '../format/index.js';
import { parseStatus, type Stat } from './stat.js';

/** The memory of the cgroup that a process is in, in bytes; undefined for what it does not have or tell. */
export interface CgroupMemory {
  current: bigint | undefined;
  peak: bigint | undefined;
  /** Shared memory in it. */
  shared: bigint | undefined;
  /** The lowest limit on the way up to the root. */
  limit: bigint | undefined;
  /** That limit and the one of swap together. */
  totalLimit: bigint | undefined;
}

const FLAGS = MINIDUMP_PROCESS_VM_COUNTERS_FLAGS;

/**
 * The memory of a process. What Linux has no counterpart for (quotas, a peak of private memory) is 0.
 *
 * | field | from |
 * |---|---|
 * | PageFaultCount | stat: minor and major faults |
 * | PeakWorkingSetSize, WorkingSetSize | status VmHWM, VmRSS |
 * | PeakVirtualSize, VirtualSize | status VmPeak, VmSize |
 * | PrivateUsage, PagefileUsage | status RssAnon + VmSwap: private memory that was touched, wherever it is now. Linux has no commit charge of a process; Windows gives both fields the same value |
 * | PrivateWorkingSetSize | status RssAnon |
 * | SharedCommitUsage | status RssShmem |
 * | JobPrivateCommitUsage, JobPeakPrivateCommitUsage | memory.current, memory.peak of the cgroup (v1: usage, max_usage) |
 * | JobSharedCommitUsage | `shmem` of memory.stat |
 * | JobPrivateCommitLimit | memory.max, the lowest on the way to the root; 0 for none |
 * | JobTotalCommitLimit | that and memory.swap.max (v1: memsw.limit); 0 for none |
 */
export function vmCounters(
  statusText: string,
  stat: Pick<Stat, 'minorFaults' | 'majorFaults'>,
  cgroup: CgroupMemory | undefined,
): InputOf<typeof MINIDUMP_PROCESS_VM_COUNTERS_2> | undefined {
  const status = parseStatus(statusText);
  // A process that has ended has no memory to tell of.
  if (!status.has('VmSize')) return undefined;
  const bytes = (name: string) => BigInt(/^\d+/.exec(status.get(name) ?? '')?.[0] ?? 0) * 1024n;
  const used = bytes('RssAnon') + bytes('VmSwap');
  return {
    Revision: 2,
    Flags:
      FLAGS.MINIDUMP_PROCESS_VM_COUNTERS |
      FLAGS.MINIDUMP_PROCESS_VM_COUNTERS_VIRTUALSIZE |
      FLAGS.MINIDUMP_PROCESS_VM_COUNTERS_EX |
      FLAGS.MINIDUMP_PROCESS_VM_COUNTERS_EX2 |
      (cgroup === undefined ? 0 : FLAGS.MINIDUMP_PROCESS_VM_COUNTERS_JOB),
    PageFaultCount: (stat.minorFaults + stat.majorFaults) % 2 ** 32,
    PeakWorkingSetSize: bytes('VmHWM'),
    WorkingSetSize: bytes('VmRSS'),
    PagefileUsage: used,
    PeakVirtualSize: bytes('VmPeak'),
    VirtualSize: bytes('VmSize'),
    PrivateUsage: used,
    PrivateWorkingSetSize: bytes('RssAnon'),
    SharedCommitUsage: bytes('RssShmem'),
    JobSharedCommitUsage: cgroup?.shared ?? 0n,
    JobPrivateCommitUsage: cgroup?.current ?? 0n,
    JobPeakPrivateCommitUsage: cgroup?.peak ?? 0n,
    JobPrivateCommitLimit: cgroup?.limit ?? 0n,
    JobTotalCommitLimit: cgroup?.totalLimit ?? 0n,
  };
}
