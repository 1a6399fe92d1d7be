import { libc } from '../../node/libc.js';

export const P_PID = 1;
export const WNOHANG = 1;
export const WSTOPPED = 2;
export const WEXITED = 4;
/** Leaves the report where it is. */
export const WNOWAIT = 0x01000000;
export const WALL = 0x40000000;
/** Words of siginfo_t as waitid fills it: si_code at byte 8, si_pid at 16, si_status at 24. */
const SI_CODE = 2;
export const SI_PID = 4;
export const SI_STATUS = 6;
/** CLD_EXITED, CLD_KILLED, CLD_DUMPED. */
const EXITS = new Set([1, 2, 3]);

/** waitid(2); `info` is a siginfo_t. */
export type Waitid = (type: number, id: number, info: Int32Array, options: number) => number;

export const bindWaitid = (): Waitid =>
  libc('int waitid(int type, unsigned int id, void *info, int options)') as Waitid;

/** Whether a thread that this process traces has ended; its end stays to be collected. `info` is scratch, of 32 words. */
export function hasEnded(waitid: Waitid, tid: number, info: Int32Array): boolean {
  info[SI_PID] = 0;
  if (waitid(P_PID, tid, info, WEXITED | WNOHANG | WNOWAIT | WALL) !== 0 || info[SI_PID] === 0) return false;
  // Of a traced thread waitid reports stops too, whatever it is asked for: our own must not be taken for its end.
  return EXITS.has(info[SI_CODE]!);
}

/** Collects the end of a thread that `hasEnded`: until then the kernel keeps it. */
export function collect(waitid: Waitid, tid: number, info: Int32Array): void {
  waitid(P_PID, tid, info, WEXITED | WNOHANG | WALL);
}
