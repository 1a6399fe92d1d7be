import type { Cpu } from '../../../linux/cpu/index.js';
import { SIGINFO_SIZE } from '../../../linux/siginfo.js';
import { type Ptrace, Request } from '../ptrace.js';
import { type RegisterAccess, registerAccess } from '../register-access.js';
import type { ThreadMoment } from './attached-protocol.js';
import { dispositionOf } from './signals.js';

const XSAVE_ROOM = 16 * 1024;

/** The registers of threads that stand: what they say, and how they are healed. */
export class TracedRegisters {
  readonly access: RegisterAccess = registerAccess(process.arch === 'arm64' ? 'arm64' : 'amd64');
  readonly #ptrace: Ptrace;

  constructor(ptrace: Ptrace) {
    this.#ptrace = ptrace;
  }

  /**
   * A signal that the process ignores would not have been sent at all without a tracer, and no call been interrupted for it: the call
   * is made again (kernel/signal.c, sig_ignored; found with a program that ignores SIGCHLD and waits in epoll_wait).
   */
  healIgnored(tid: number, signal: number, cpu: Cpu): void {
    const registers = this.access.read(tid);
    if (registers === undefined || !cpu.isInterrupted(registers)) return;
    if (dispositionOf(tid, signal) === 'ignored') this.heal(tid, registers, cpu);
  }

  /** Undoes what a bare stop has done. */
  healStopped(tid: number, cpu: Cpu): void {
    const registers = this.access.read(tid);
    if (registers !== undefined) this.heal(tid, registers, cpu);
  }

  /** Undoes what a stop has done to the call of a thread; gives false if it returns EINTR all the same. */
  heal(tid: number, registers: BigInt64Array, cpu: Cpu): boolean {
    if (!cpu.isInterrupted(registers)) return true;
    if (cpu.heal === undefined || this.access.write === undefined) return false;
    cpu.heal(registers);
    return this.access.write(tid, registers);
  }

  /** What a thread that stands for a signal is at. Undefined where it is gone. */
  momentOf(tid: number, caught = false): ThreadMoment | undefined {
    const registers = this.access.read(tid);
    if (registers === undefined) return undefined;
    const siginfo = new Uint8Array(SIGINFO_SIZE);
    this.#ptrace.read(Request.GETSIGINFO, tid, 0, siginfo);
    return {
      tid,
      siginfo,
      registers: new BigUint64Array(registers.buffer),
      floatingPoint: this.access.readFloatingPoint(tid),
      xsave: this.access.readXsave(tid, XSAVE_ROOM).slice(),
      caught,
    };
  }
}
