import {
  isEnd,
  P_PID,
  SI_CODE,
  SI_PID,
  SI_STATUS,
  WALL,
  type Waitid,
  WEXITED,
  WNOHANG,
  WNOWAIT,
  WSTOPPED,
} from '../ended-threads.js';
import { isSignalStop, type Ptrace } from '../ptrace.js';

const P_ALL = 0;
/** Only what this very thread traces: the children of others are none of its business. */
const WNOTHREAD = 0x20000000;
const ECHILD = 10;

/** What waitid told of a thread. */
export interface Report {
  readonly tid: number;
  /** si_code and si_status */
  readonly how: number;
  readonly status: number;
  readonly ended: boolean;
}

/**
 * What waitid tells of the threads that this very thread traces. The report of a signal stays with the kernel until the signal was passed on:
 * with a report that was taken the signal would be gone, should this process be killed just then.
 */
export class Reports {
  readonly #waitid: Waitid;
  readonly #ptrace: Ptrace;
  readonly #info = new Int32Array(32);

  constructor(waitid: Waitid, ptrace: Ptrace) {
    this.#waitid = waitid;
    this.#ptrace = ptrace;
  }

  /**
   * The next one; undefined for none now, `nobody` where nobody is traced.
   *
   * @param wait until there is one, or a signal interrupts it
   * @param isKept whether the report of a thread is known: it hides those behind it
   * @param others whom else to ask for then
   */
  next(
    wait: boolean,
    isKept: (tid: number) => boolean,
    others: () => Iterable<number>,
  ): Report | 'nobody' | undefined {
    const report = this.#report(P_ALL, 0, wait ? 0 : WNOHANG);
    if (report === undefined || report === 'nobody') return report;
    if (report.ended || !isSignalStop(report.status) || !isKept(report.tid)) return report;
    for (const tid of others()) {
      if (isKept(tid)) continue;
      const other = this.#report(P_PID, tid, WNOHANG);
      if (other !== undefined && other !== 'nobody') return other;
    }
    return undefined;
  }

  /** A report, which stays if it is of a signal. */
  #report(type: number, id: number, flags: number): Report | 'nobody' | undefined {
    const info = this.#info;
    info[SI_PID] = 0;
    const all = WSTOPPED | WEXITED | WALL | WNOTHREAD;
    if (this.#waitid(type, id, info, all | WNOWAIT | flags) !== 0)
      return this.#ptrace.errno === ECHILD ? 'nobody' : undefined;
    if (info[SI_PID] === 0) return undefined;
    const [tid, how, status] = [info[SI_PID]!, info[SI_CODE]!, info[SI_STATUS]!];
    const ended = isEnd(info);
    if (ended || !isSignalStop(status)) {
      // What it is may have changed meanwhile: SIGKILL ends a thread that stands.
      info[SI_PID] = 0;
      this.#waitid(P_PID, tid, info, all | WNOHANG);
      if (info[SI_PID] === 0) return undefined;
      return { tid, how: info[SI_CODE]!, status: info[SI_STATUS]!, ended: isEnd(info) };
    }
    return { tid, how, status, ended };
  }
}
