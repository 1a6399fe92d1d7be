import { parseStatus } from '../../../linux/stat.js';
import { readText } from '../procfs.js';

/** SIGQUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ, SYS: what they do by default ends a process with a core (signal(7)). */
const CORE_SIGNALS = new Set([3, 4, 5, 6, 7, 8, 11, 24, 25, 31]);
/** SIGCHLD, CONT, URG, WINCH: by default nothing. */
const IGNORED_BY_DEFAULT = new Set([17, 18, 23, 28]);
/** SIGSTOP, TSTP, TTIN, TTOU. */
const STOPS = new Set([19, 20, 21, 22]);

export const isCoreSignal = (signal: number): boolean => CORE_SIGNALS.has(signal);
export const isStopSignal = (signal: number): boolean => STOPS.has(signal);

export type Disposition = 'default' | 'caught' | 'ignored';

/** What a process does with a signal that is about to be delivered to one of its threads, from /proc/TID/status. */
export function dispositionOf(tid: number, signal: number): Disposition {
  const status = parseStatus(readText(`/proc/${tid}/status`) ?? '');
  const has = (mask: string) => ((BigInt(`0x${status.get(mask) || '0'}`) >> BigInt(signal - 1)) & 1n) === 1n;
  if (has('SigCgt')) return 'caught';
  if (has('SigIgn')) return 'ignored';
  return IGNORED_BY_DEFAULT.has(signal) ? 'ignored' : 'default';
}
