import { errno, libc } from '../../node/libc.js';
import { P_PID, SI_PID, SI_STATUS, WALL, type Waitid, WNOHANG, WNOWAIT, WSTOPPED } from './ended-threads.js';

/** Requests of ptrace(2), as linux/ptrace.h numbers them. */
export const Request = {
  CONT: 7,
  DETACH: 17,
  SYSCALL: 24,
  SETOPTIONS: 0x4200,
  GETEVENTMSG: 0x4201,
  GETSIGINFO: 0x4202,
  SEIZE: 0x4206,
  INTERRUPT: 0x4207,
  LISTEN: 0x4208,
  GETSIGMASK: 0x420a,
  SETSIGMASK: 0x420b,
  SECCOMP_GET_FILTER: 0x420c,
  GET_RSEQ_CONFIGURATION: 0x420f,
} as const;

/** PTRACE_O_* */
export const Option = {
  TRACESYSGOOD: 1,
  TRACEFORK: 2,
  TRACEVFORK: 4,
  TRACECLONE: 8,
  TRACEEXEC: 0x10,
  TRACEEXIT: 0x40,
  EXITKILL: 0x100000,
} as const;

/** Events: the byte above the signal in the status of a stop. */
export const Event = { FORK: 1, VFORK: 2, CLONE: 3, EXEC: 4, EXIT: 6, STOP: 128 } as const;
/** A stop at the entry or the exit of a system call, under TRACESYSGOOD: SIGTRAP | 0x80. */
export const SYSCALL_STOP = 0x85;

/** A signal is about to be delivered: no event, and not a system call. */
export const isSignalStop = (status: number): boolean => status >> 8 === 0 && status !== SYSCALL_STOP;

/** So long it pays to ask without sleeping, in milliseconds: stops come within 0.3 ms. */
const SPIN_MS = 1;
const SLEEP_US = 50;

/** ptrace(2) and the waiting for its stops, for the one thread that traces. */
export class Ptrace {
  readonly #call = libc('int64_t ptrace(int request, int pid, uintptr_t addr, uintptr_t data)');
  readonly #callInto = libc('int64_t ptrace(int request, int pid, uintptr_t addr, void *data)');
  readonly #usleep = libc('int usleep(unsigned int microseconds)');
  readonly #waitid: Waitid;
  readonly #info = new Int32Array(32);

  constructor(waitid: Waitid) {
    this.#waitid = waitid;
    // The first call of each costs a millisecond of compilation: not inside a stop.
    this.request(Request.CONT, 0);
    this.read(Request.GETSIGMASK, 0, 8, new Uint8Array(8));
    this.nextStop(0);
    this.pause(0);
  }

  /** The result; below 0 it failed, and `errno` tells why. */
  request(request: number, tid: number, address = 0, data = 0): number {
    return Number(this.#call(request, tid, address, data));
  }

  /** The same for requests that read or write memory of ours. */
  read(request: number, tid: number, address: number, into: Uint8Array | BigUint64Array): number {
    return Number(this.#callInto(request, tid, address, into));
  }

  get errno(): number {
    return errno();
  }

  /** PTRACE_GETEVENTMSG: the id of a new child, after the event of its creation. */
  eventMessage(tid: number): number {
    const message = new BigUint64Array(1);
    return this.read(Request.GETEVENTMSG, tid, 0, message) < 0 ? 0 : Number(message[0]);
  }

  /**
   * Takes one report of a stop of the thread, if there is one: the event in the second byte, the signal in the first (siginfo's
   * si_status). Ends are left alone: that of a child of this very process is for libuv to collect.
   */
  nextStop(tid: number): number | undefined {
    const info = this.#info;
    info[SI_PID] = 0;
    if (this.#waitid(P_PID, tid, info, WSTOPPED | WNOHANG | WALL) !== 0 || info[SI_PID] === 0)
      return undefined;
    return info[SI_STATUS]!;
  }

  /**
   * The same, but that of a stop for a signal stays: the kernel gives up the signal with the report, and if this process were killed before it
   * passes it on, it would be lost. A report that stays is gone when the thread goes on.
   */
  peekStop(tid: number): number | undefined {
    const info = this.#info;
    info[SI_PID] = 0;
    if (this.#waitid(P_PID, tid, info, WSTOPPED | WNOHANG | WALL | WNOWAIT) !== 0 || info[SI_PID] === 0)
      return undefined;
    return isSignalStop(info[SI_STATUS]!) ? info[SI_STATUS]! : this.nextStop(tid);
  }

  /** Waits for the next stop of a thread, for so many milliseconds; undefined if none came. */
  awaitStop(tid: number, limit: number, isOver: () => boolean = () => false): number | undefined {
    const started = performance.now();
    for (let turn = 1; ; turn++) {
      const status = this.nextStop(tid);
      if (status !== undefined) return status;
      const elapsed = performance.now() - started;
      if (elapsed > limit || (turn % 64 === 0 && isOver())) return undefined;
      if (elapsed > SPIN_MS) this.pause(SLEEP_US);
    }
  }

  pause(microseconds: number): void {
    this.#usleep(microseconds);
  }
}
