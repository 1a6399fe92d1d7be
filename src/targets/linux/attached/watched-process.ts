import type { TargetException } from '../../../dump/target.js';
import type { Task } from '../../../io/index.js';
import { exceptionFrom } from '../../../linux/exception.js';
import { LinuxProcess, type LinuxProcessOptions } from '../linux-process.js';
import type { ThreadMoment } from './attached-protocol.js';
import type { Turn } from './turns.js';

/** A process that this one is attached to; what has just happened to it is the exception of its dump. */
export class WatchedProcess extends LinuxProcess {
  readonly #crash: ThreadMoment | undefined;
  readonly #turn: Turn;

  /** @param turn of the thread that traces it; given back as soon as nothing of the process is held any more */
  constructor(pid: number, crash: ThreadMoment | undefined, options: LinuxProcessOptions, turn: Turn) {
    super(pid, options);
    this.#crash = crash;
    this.#turn = turn;
  }

  override release(): void {
    try {
      super.release();
    } finally {
      // Not there yet while the constructor of what this is based on fails: then the caller gives it back.
      if (#turn in this) this.#turn();
    }
  }

  override prepare(quick = false): void {
    super.prepare(quick && this.#crash === undefined);
  }

  *ownException(): Task<(TargetException & { threadId: number }) | undefined> {
    if (this.#crash === undefined) return undefined;
    const { tid, siginfo, registers, floatingPoint, xsave } = this.#crash;
    const state = { registers, floatingPoint, xsave: this.xstate && xsave.length > 0 ? xsave : undefined };
    return { threadId: tid, ...exceptionFrom(siginfo, this.cpu.context(state), this.cpu) };
  }
}
