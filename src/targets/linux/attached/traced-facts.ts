import { auxvPointerSize } from '../../../linux/auxv.js';
import { type Cpu, cpus } from '../../../linux/cpu/index.js';
import { parseStat, parseStatus } from '../../../linux/stat.js';
import { cpuOf, isOwnThread } from '../checks.js';
import { readBytes, readText, stateIn } from '../procfs.js';
import { Option } from '../ptrace.js';
import { hasLeft } from '../stop-patience.js';
import type { FollowOptions } from './attached-protocol.js';

/** PTRACE_O_* of each of its threads. */
export function optionsFor({ children }: FollowOptions): number {
  const always = Option.TRACECLONE | Option.TRACEEXEC | Option.TRACEEXIT;
  return children ? always | Option.TRACEFORK | Option.TRACEVFORK : always;
}

/** What a whole process is killed by, while a thread of it ends; 0 where nothing kills it. The kernel keeps it for the process. */
export function groupExitSignal(tid: number): number {
  return parseStat(readText(`/proc/${tid}/stat`) ?? '').exitStatus & 0x7f;
}

/** What the process runs on, by the size of its pointers. */
export function cpuNow(pid: number): Cpu {
  const auxv = readBytes(`/proc/${pid}/auxv`) ?? Buffer.alloc(0);
  try {
    return cpus[cpuOf(pid, auxvPointerSize(auxv))];
  } catch {
    return cpus.amd64;
  }
}

/** Whether a thread is about to be gone, or is. */
export function isEnding(pid: number, tid: number): boolean {
  return hasLeft(stateIn(`/proc/${pid}/task/${tid}/stat`));
}

/** Whether this process traces a thread. */
export function isTracedByUs(tid: number): boolean {
  return isOwnThread(Number(parseStatus(readText(`/proc/${tid}/status`) ?? '').get('TracerPid') ?? 0));
}
