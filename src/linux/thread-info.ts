import type { TargetThreadInfo } from '../dump/target.js';
import { MINIDUMP_THREAD_INFO_FLAGS } from '../format/index.js';
import { parseStatus, type Stat } from './stat.js';

const {
  MINIDUMP_THREAD_INFO_EXITED_THREAD,
  MINIDUMP_THREAD_INFO_INVALID_CONTEXT,
  MINIDUMP_THREAD_INFO_INVALID_TEB,
} = MINIDUMP_THREAD_INFO_FLAGS;

/** GetExitCodeThread says so of a thread that runs (STATUS_PENDING). */
const STILL_ACTIVE = 0x103;
/** A clock tick (1/100 s, USER_HZ) in units of 100 ns. */
const TICK = 100_000n;
const SECOND = 10_000_000n;
/** 1970 in units of 100 ns since 1601. */
const UNIX_EPOCH = 116_444_736_000_000_000n;

export interface ThreadFacts {
  stat: Stat;
  /** /proc/PID/task/TID/status */
  status: string;
  /** btime of /proc/stat: when the machine started, in seconds since 1970. */
  booted: number;
  /** 0 if it is not known. */
  startAddress: bigint;
  /** It did not stop: its context has two registers at most, and its thread block is not known. */
  registersMissing: boolean;
}

/** What MiniDumpWithThreadInfo tells of a thread. Times are as fine as the kernel tells them: 10 ms. */
export function threadInfo(facts: ThreadFacts): TargetThreadInfo {
  const { stat, status, booted, startAddress, registersMissing } = facts;
  let flags = 0;
  if (stat.state === 'Z' || stat.state === 'X') flags |= MINIDUMP_THREAD_INFO_EXITED_THREAD;
  if (registersMissing) flags |= MINIDUMP_THREAD_INFO_INVALID_CONTEXT | MINIDUMP_THREAD_INFO_INVALID_TEB;
  return {
    flags,
    error: 0,
    exitStatus: STILL_ACTIVE,
    createTime: UNIX_EPOCH + BigInt(booted) * SECOND + BigInt(stat.startTime) * TICK,
    exitTime: 0n,
    kernelTime: BigInt(stat.kernelTime) * TICK,
    userTime: BigInt(stat.userTime) * TICK,
    startAddress,
    affinity: affinity(parseStatus(status).get('Cpus_allowed') ?? ''),
  };
}

/** Cpus_allowed: 32 bits a group, in hexadecimal, the highest first. Of these the first 64. */
function affinity(cpus: string): bigint {
  const groups = cpus.split(',').slice(-2);
  return groups.reduce((mask, group) => (mask << 32n) | BigInt(`0x${group || '0'}`), 0n);
}

/** When the machine started, in seconds since 1970, from /proc/stat; 0 if it does not say. */
export function bootTime(stat: string): number {
  return Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0);
}
