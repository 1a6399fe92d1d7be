import type { TargetException } from '../../../dump/target.js';
import type { Task } from '../../../io/index.js';
import { exceptionFrom } from '../../../linux/exception.js';
import { LinuxProcess, type LinuxProcessOptions } from '../linux-process.js';
import type { ThreadMoment } from './attached-protocol.js';

/** A process that this one is attached to; what has just happened to it is the exception of its dump. */
export class WatchedProcess extends LinuxProcess {
  readonly #crash: ThreadMoment | undefined;

  constructor(pid: number, crash: ThreadMoment | undefined, options: LinuxProcessOptions) {
    super(pid, options);
    this.#crash = crash;
  }

  get wasCaught(): boolean {
    return this.#crash?.caught === true;
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
