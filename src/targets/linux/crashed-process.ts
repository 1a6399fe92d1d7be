import type { TargetException } from '../../dump/target.js';
import { MINIDUMP_TYPE } from '../../format/index.js';
import type { Task } from '../../io/index.js';
import { crashOf } from '../../linux/core-crash.js';
import type { CoreNotes, CoreThread } from '../../linux/core-notes.js';
import { parseStatus } from '../../linux/stat.js';
import { LinuxProcess, type LinuxProcessOptions } from './linux-process.js';
import { targetExited } from './memory.js';
import { listThreads, readText } from './procfs.js';
import type { ThreadHolder } from './thread-holder.js';
import { Outcome, Slot, slotSize } from './tracer-protocol.js';

/**
 * A process that the kernel is writing a core of: it stands still in the kernel for as long as nobody takes the rest of the
 * core from the pipe (core(5)). All is as for a live process, but for the registers: the notes of the core have them, and
 * ptrace would not get at them.
 */
export class CrashedProcess extends LinuxProcess {
  override readonly frozen = true;
  readonly #notes: CoreNotes;
  readonly #thread: number | undefined;

  /**
   * @param thread the id of the thread that crashed, as this process sees it (`%I` of core_pattern)
   */
  constructor(
    pid: number,
    thread: number | undefined,
    notes: CoreNotes,
    options: Omit<LinuxProcessOptions, 'holder' | 'snapshot'>,
  ) {
    super(pid, { ...options, snapshot: 'never', holder: new CoreHolder(pid, notes, options.type) });
    this.#notes = notes;
    this.#thread = thread;
  }

  *ownException(): Task<(TargetException & { threadId: number }) | undefined> {
    const crash = crashOf(this.#notes);
    if (crash === undefined) return undefined;
    const threadId = this.#thread ?? outerId(this.pid, crash.threadId);
    return threadId === undefined ? undefined : { ...crash, threadId };
  }
}

/** The threads of a core: they stand already. */
class CoreHolder implements ThreadHolder {
  readonly pause = 0;
  readonly slotSize: number;
  readonly #xstate: boolean;
  readonly #pid: number;
  readonly #threads: ReadonlyMap<number, CoreThread>;

  constructor(pid: number, { threads }: CoreNotes, type: number) {
    this.#xstate = (type & MINIDUMP_TYPE.MiniDumpWithAvxXStateContext) !== 0;
    this.slotSize = slotSize(this.#xstate);
    this.#pid = pid;
    this.#threads = new Map(threads.map((thread) => [thread.id, thread]));
  }

  ready(): void {
    this.checkHeld();
  }

  stop(threads: readonly number[]): DataView {
    const results = new DataView(new ArrayBuffer(Math.max(1, threads.length) * this.slotSize));
    threads.forEach((id, i) => {
      const at = i * this.slotSize;
      const thread = this.#threads.get(innerId(this.#pid, id));
      results.setInt32(at + Slot.Outcome, thread === undefined ? Outcome.Gone : Outcome.Stopped, true);
      if (thread === undefined) return;
      const bytes = new Uint8Array(results.buffer, at, this.slotSize);
      bytes.set(new Uint8Array(thread.registers.buffer), Slot.Registers);
      if (thread.fxsave !== undefined) bytes.set(thread.fxsave, Slot.FloatingPoint);
      if (!this.#xstate || thread.xstate === undefined) return;
      const xsave = thread.xstate.subarray(0, Slot.XsaveSize);
      bytes.set(xsave, Slot.Xsave);
      results.setInt32(at + Slot.XsaveLength, xsave.length, true);
    });
    return results;
  }

  /** Once the core is written the process ends, and another one may get its id. */
  checkHeld(): void {
    const status = readText(`/proc/${this.#pid}/status`) ?? '';
    // Linux 4.15 and newer.
    if (status === '' || /^CoreDumping:\t0$/m.test(status)) throw targetExited(this.#pid);
  }

  release(): void {}
}

/** The id of a thread in its own PID namespace, which is what a core has (NSpid of proc_pid_status(5)). */
function innerId(pid: number, tid: number): number {
  const ids = parseStatus(readText(`/proc/${pid}/task/${tid}/status`) ?? '').get('NSpid');
  return Number(ids?.split(/\s+/).at(-1) ?? tid);
}

function outerId(pid: number, inner: number): number | undefined {
  return listThreads(pid).find((tid) => innerId(pid, tid) === inner);
}
