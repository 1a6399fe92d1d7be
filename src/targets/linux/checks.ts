import { existsSync } from 'node:fs';
import { MinidumpError } from '../../io/index.js';
import { AT_PAGESZ } from '../../linux/auxv.js';
import type { CpuName } from '../../linux/cpu/index.js';
import { parseStatus } from '../../linux/stat.js';
import { targetExited } from './memory.js';
import { listThreads, readText, stateIn } from './procfs.js';
import { hasLeft } from './stop-patience.js';

const EPERM = 1;

/** What /proc/PID/status says that decides whether and how a process can be dumped. */
export interface ProcessFacts {
  name: string;
  tracer: number;
  /** A thread through which memory and maps can be read: the leader may have ended before the others. */
  via: number;
}

/**
 * Refuses what cannot be dumped, before anything is touched; each case is an error of its own.
 *
 * @param hold how it is held: this process will trace it, or does already, or somebody else holds it (then it may be this process)
 */
export function checkProcess(pid: number, hold: 'trace' | 'attached' | 'other' = 'trace'): ProcessFacts {
  if (!Number.isInteger(pid) || pid <= 0) {
    throw new MinidumpError('invalid-argument', `${pid} is not a process id`);
  }
  if (hold !== 'other' && pid === process.pid) {
    throw new MinidumpError('own-process', 'a process cannot stop and dump itself', {
      advice: `Dump it from another process: mdmp dump ${pid}`,
    });
  }
  const text = readText(`/proc/${pid}/status`);
  if (text === undefined) {
    throw new MinidumpError('no-such-process', `there is no process ${pid}`);
  }
  const status = parseStatus(text);
  const name = status.get('Name') ?? '';
  const leader = status.get('Tgid');
  if (leader !== undefined && leader !== String(pid)) {
    throw new MinidumpError('no-such-process', `${pid} is a thread of process ${leader}`, {
      advice: `Dump the process: mdmp dump ${leader}`,
    });
  }
  // `Kthread:` is there from Linux 6.10 on; before, a kernel thread is one without any memory.
  if (
    status.get('Kthread') === '1' ||
    (!status.has('Kthread') && !status.has('VmSize') && isKernelThread(pid))
  ) {
    throw new MinidumpError(
      'kernel-thread',
      `${pid} (${name}) is a kernel thread: it has no memory of its own`,
    );
  }
  const via = livingThread(pid);
  if (via === undefined) {
    throw new MinidumpError(
      'zombie',
      `process ${pid} (${name}) has ended and waits for its parent to notice`,
    );
  }
  const tracer = Number(status.get('TracerPid') ?? 0);
  const free = hold === 'other' || (hold === 'attached' && isOwnThread(tracer));
  if (tracer !== 0 && !free) throw alreadyTraced(pid, tracer);
  return { name, tracer, via };
}

/** TracerPid is the id of the very thread that traces. */
export function isOwnThread(tid: number): boolean {
  return existsSync(`/proc/self/task/${tid}`);
}

function isKernelThread(pid: number): boolean {
  const [kthreadd, parent] = [2, readText(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')[1]];
  return pid === kthreadd || Number(parent) === kthreadd;
}

/** The leader, or another thread if the leader has ended before. */
function livingThread(pid: number): number | undefined {
  return [pid, ...listThreads(pid)].find((tid) => {
    const state = stateIn(`/proc/${pid}/task/${tid}/stat`);
    return !hasLeft(state);
  });
}

export function alreadyTraced(pid: number, tracer: number): MinidumpError {
  // It is the id of a thread.
  const status = parseStatus(readText(`/proc/${tracer}/status`) ?? '');
  const tracing = Number(status.get('Tgid') ?? tracer);
  const name = readText(`/proc/${tracing}/comm`)?.trim();
  return new MinidumpError(
    'already-traced',
    `process ${pid} is already traced by process ${tracing}${name ? ` (${name})` : ''}`,
    {
      advice: `A process has one tracer at a time. If that is a watcher of mdmp, it makes the dump (\`mdmp dump ${pid}\`, requestDump) for its user and for root, or lets others in (\`mdmp watch --release ${pid}\`); else detach that debugger first.`,
    },
  );
}

/** Why the kernel refused to trace, and what setting or capability would allow it. */
export function tracingRefused(pid: number, errno: number): MinidumpError {
  const status = parseStatus(readText(`/proc/${pid}/status`) ?? '');
  const tracer = Number(status.get('TracerPid') ?? 0);
  if (tracer !== 0 && !isOwnThread(tracer)) return alreadyTraced(pid, tracer);
  const why =
    errno === EPERM ? 'the kernel does not allow this process to trace it' : `ptrace error ${errno}`;
  return permissionDenied(pid, why);
}

/** A permission error that names the rule which most likely stood in the way. */
export function permissionDenied(pid: number, what: string): MinidumpError {
  return new MinidumpError('permission-denied', `process ${pid}: ${what}`, { advice: permissionAdvice(pid) });
}

function permissionAdvice(pid: number): string {
  const status = parseStatus(readText(`/proc/${pid}/status`) ?? '');
  const uids = (status.get('Uid') ?? '').split(/\s+/).map(Number);
  const gids = (status.get('Gid') ?? '').split(/\s+/).map(Number);
  const mine = process.getuid?.() ?? 0;
  if (mine === 0) {
    return existsSync('/.dockerenv')
      ? 'In a container, start it with --cap-add=SYS_PTRACE.'
      : 'This root lacks CAP_SYS_PTRACE here (a container: add the capability SYS_PTRACE), or a security module forbids it.';
  }
  if (uids.slice(0, 3).some((uid) => uid !== mine)) {
    return `It belongs to user ${uids[0]}: run mdmp as that user, as root, or with CAP_SYS_PTRACE.`;
  }
  if (gids.slice(0, 3).some((gid) => gid !== process.getgid?.())) {
    return 'Its group differs from yours (a set-gid program?): run mdmp as root or with CAP_SYS_PTRACE.';
  }
  const scope = Number(readText('/proc/sys/kernel/yama/ptrace_scope')?.trim() ?? 0);
  if (scope === 3) return 'kernel.yama.ptrace_scope is 3: nobody may trace until the machine is restarted.';
  if (scope === 2) return 'kernel.yama.ptrace_scope is 2: run mdmp as root or with CAP_SYS_PTRACE.';
  if (scope === 1) {
    return 'kernel.yama.ptrace_scope is 1: run mdmp as root, start the program from mdmp, or set it to 0 (sysctl kernel.yama.ptrace_scope=0).';
  }
  return 'The program is not dumpable (set-uid, PR_SET_DUMPABLE 0, unreadable file, or more capabilities than you have): run mdmp as root.';
}

/** What pagemap and mappings are counted in here. */
const PAGE_SIZE = 4096n;

/** What a process runs on: of this machine's own kind, or the one of 32 bits that its kernel also runs. */
export function cpuOf(pid: number, pointerSize: 4 | 8): CpuName {
  if (process.arch === 'x64') return pointerSize === 8 ? 'amd64' : 'x86';
  if (pointerSize === 8) return 'arm64';
  throw new MinidumpError('unsupported', `process ${pid} is one of 32-bit ARM`, {
    advice: 'On ARM64, processes of 64 bits can be dumped.',
  });
}

export function checkPageSize(pid: number, auxv: ReadonlyMap<number, bigint>): void {
  const size = auxv.get(AT_PAGESZ);
  if (size === undefined || size === PAGE_SIZE) return;
  throw new MinidumpError('unsupported', `process ${pid} has pages of ${size} bytes`, {
    expected: `${PAGE_SIZE}`,
    found: `${size}`,
    advice: 'Kernels with larger pages (some of ARM64) are not served yet.',
  });
}

/** What went wrong while looking at a process: the kernel's no, or the process's end. */
export function refused(pid: number, error: unknown): unknown {
  if (error instanceof MinidumpError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ESRCH' || code === 'ENOENT') return targetExited(pid);
  if (code === 'EACCES' || code === 'EPERM') {
    const tracer = Number(/^TracerPid:\t(\d+)$/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);
    return tracer !== 0 && !isOwnThread(tracer)
      ? alreadyTraced(pid, tracer)
      : permissionDenied(pid, 'its memory may not be read');
  }
  if (code === undefined) return error;
  return new MinidumpError('system-call', `process ${pid}: ${(error as Error).message}`, { cause: error });
}
