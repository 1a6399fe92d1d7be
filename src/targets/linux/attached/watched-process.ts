import type { TargetException } from '../../../dump/target.js';
import type { Task } from '../../../io/index.js';
import { exceptionFrom } from '../../../linux/exception.js';
import { ADDRESS_OFFSET } from '../../../linux/siginfo.js';
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
    const info = this.cpu.pointerSize === 4 ? narrowed(siginfo, this.cpu.faultAddressOffset) : siginfo;
    return { threadId: tid, ...exceptionFrom(info, this.cpu.context(state), this.cpu) };
  }
}

/** ptrace gives a siginfo_t as the tracer has it, whatever the process is. */
function narrowed(siginfo: Uint8Array, addressOffset: number): Uint8Array {
  const info = siginfo.slice();
  info.set(siginfo.subarray(ADDRESS_OFFSET, ADDRESS_OFFSET + 4), addressOffset);
  return info;
}
