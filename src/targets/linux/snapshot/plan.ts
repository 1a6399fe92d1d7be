import type { AddressRange } from '../../../dump/ranges.js';
import { MINIDUMP_TYPE } from '../../../format/index.js';
import { cgroupHeadroom } from '../../../linux/cgroup.js';
import type { CpuName } from '../../../linux/cpu/index.js';
import type { Mapping } from '../../../linux/maps.js';
import { parseMounts } from '../../../linux/mounts.js';
import { isOpaque } from '../../../linux/regions.js';
import { mappingsWithFlags } from '../../../linux/smaps.js';
import { parseStatus } from '../../../linux/stat.js';
import { listThreads, readBytes, readText } from '../procfs.js';
import { findGadgets } from './gadgets.js';
import type { Gadgets } from './guard.js';

/** `auto`: where it is safe, and the dump is so large that copying it would take long. */
export type SnapshotMode = 'auto' | 'always' | 'never';
export const SNAPSHOT_MODES: readonly SnapshotMode[] = ['auto', 'always', 'never'];

/** What is found out about a process before it is stopped to take a snapshot of it. */
export interface SnapshotPlan {
  readonly gadgets: Gadgets;
  /** Memory that a fork does not copy, or that goes on changing: it is read while the process stands still. */
  readonly unforked: readonly AddressRange[];
  /** How much of that there is, in bytes. */
  readonly unforkedBytes: bigint;
}

/** Below this a dump is copied faster than a process is forked and let go twice. */
const WORTHWHILE = 16n * 1024n * 1024n;
/** Flags whose memory is all, or most, of a process. */
const LARGE =
  MINIDUMP_TYPE.MiniDumpWithFullMemory |
  MINIDUMP_TYPE.MiniDumpWithPrivateReadWriteMemory |
  MINIDUMP_TYPE.MiniDumpWithPrivateWriteCopyMemory;

/** Of smaps: userfaultfd in its three modes. A fork waits for its monitor, who may never answer. */
const USERFAULTFD = ['um', 'uw', 'ui'];
/** MADV_DONTFORK, MADV_WIPEONFORK */
const UNFORKED = ['dc', 'wf'];

/** The process as the planner needs it. */
export interface PlannedProcess {
  readonly pid: number;
  /** A living thread: the files of an ended leader are empty. */
  readonly via: number;
  readonly cpu: CpuName;
  readonly mappings: readonly Mapping[];
  read(address: bigint, into: Uint8Array): number;
  /** Bytes of the pages that exist. */
  presentBytes(range: AddressRange): bigint;
}

/** Most memory that is read while the process stands still, because a fork does not copy it; bytes. */
export const MAX_KEPT = 64 * 1024 * 1024;

/** Whether a dump of this type holds most memory of its process. */
export function isLarge(type: number): boolean {
  return (type & LARGE) !== 0;
}

/** Whether a dump of this type takes so much memory that a snapshot is worth its price. */
export function isWorthwhile({ pid, via }: PlannedProcess, type: number): boolean {
  return isLarge(type) && statusBytes(pid, via, 'VmRSS') >= WORTHWHILE;
}

/**
 * Looks whether a process can be forked without harm; gives why not, in a few words, where it cannot.
 *
 * @param whole also refuse where not all memory would be that of one moment
 */
export function planSnapshot(process: PlannedProcess, whole: boolean): SnapshotPlan | string {
  const { pid, via, cpu, mappings } = process;
  if (cpu !== 'amd64') return 'snapshots are taken of 64-bit x86 processes only';
  const threads = listThreads(pid).map((tid) =>
    parseStatus(readText(`/proc/${pid}/task/${tid}/status`) ?? ''),
  );
  // A shadow stack (CET) has its own idea of where a `ret` leads.
  if (threads.some((status) => status.get('x86_Thread_features')?.includes('shstk'))) {
    return 'it has shadow stacks';
  }
  const smaps = readBytes(`/proc/${pid}/task/${via}/smaps`)?.toString('latin1');
  if (smaps === undefined || smaps === '') return 'its smaps cannot be read';
  const special = mappingsWithFlags(smaps, [...USERFAULTFD, ...UNFORKED]);
  if (special.some(({ flags }) => flags.some((flag) => USERFAULTFD.includes(flag)))) {
    return 'it has memory under userfaultfd, for which a fork might wait for ever';
  }
  const gadgets = findGadgets(mappings, process.read);
  if (gadgets === undefined) return 'its code has no place from which it could be made to fork';
  const changing = mappings.filter((mapping) => mapping.shared && mapping.writable && !isOpaque(mapping));
  const unforked = [...special, ...changing];
  const present = unforked.reduce((sum, range) => sum + process.presentBytes(range), 0n);
  if (whole && present > BigInt(MAX_KEPT)) {
    return `it has ${mebibytes(present)} of shared or unforkable memory, which a fork does not freeze`;
  }
  return { gadgets, unforked, unforkedBytes: present };
}

/** Why the memory that the process may rewrite while its copy lives might not be there; undefined if it is. */
export function lackOfMemory(pid: number, via: number): string | undefined {
  const needed = statusBytes(pid, via, 'RssAnon');
  const free = /^MemAvailable:\s+(\d+) kB$/m.exec(readText('/proc/meminfo') ?? '')?.[1];
  if (free === undefined || BigInt(free) * 1024n < needed) {
    return `the machine has less memory left than the process may rewrite meanwhile (${mebibytes(needed)})`;
  }
  const headroom = cgroupHeadroom(
    readText(`/proc/${pid}/task/${via}/cgroup`) ?? '',
    parseMounts(readText('/proc/self/mountinfo') ?? ''),
    readText,
  );
  if (headroom === 'unknown') return 'the memory limits of its cgroups cannot be seen';
  if (headroom !== 'unlimited' && headroom < needed) {
    return `its cgroup has ${mebibytes(headroom)} left, and the process may rewrite ${mebibytes(needed)} meanwhile`;
  }
  return undefined;
}

/** A value of /proc/PID/status, which is in kB. */
function statusBytes(pid: number, via: number, name: string): bigint {
  const status = parseStatus(readText(`/proc/${pid}/task/${via}/status`) ?? '');
  return BigInt(/^\d+/.exec(status.get(name) ?? '')?.[0] ?? 0) * 1024n;
}

function mebibytes(bytes: bigint): string {
  return `${bytes / (1024n * 1024n)} MiB`;
}
