import type { Cpu } from '../../../linux/cpu/index.js';
import { parseStatus } from '../../../linux/stat.js';
import { bindWaitid, CLD_EXITED } from '../ended-threads.js';
import { listThreads, readText } from '../procfs.js';
import { Event, Ptrace, Request, SYSCALL_STOP } from '../ptrace.js';
import type { AttachedEvent, FollowOptions } from './attached-protocol.js';
import { CaughtFaults } from './caught-faults.js';
import { type Report, Reports } from './reports.js';
import { dispositionOf, isCoreSignal, isStopSignal } from './signals.js';
import { cpuNow, groupExitSignal, isEnding, isTracedByUs, optionsFor } from './traced-facts.js';
import { TracedRegisters } from './traced-registers.js';

const SIGKILL = 9;

/** A thread that is traced. */
interface Traced {
  pid: number;
  /** Undefined while it runs. */
  standing: Standing | undefined;
  /** Those that the program has caught on this thread. */
  faults: CaughtFaults | undefined;
}

export interface Standing {
  /** Event and signal of the stop, as si_status has them. */
  readonly status: number;
  /** What has to be done about it was done; it goes on with the signal, if it is one. */
  settled: boolean;
}

/** A process that is traced. */
interface Followed {
  readonly options: FollowOptions;
  cpu: Cpu;
  readonly threads: Set<number>;
  /** When it came to be held until the driver says `proceed`. */
  heldSince: number | undefined;
  /** Stops of threads wait for the end of a dump. */
  frozen: boolean;
  /** Its end was told: what follows is part of it. */
  ending: boolean;
  /** A signal has stopped it, and that was told. */
  stopped: boolean;
}

/**
 * Traces processes from birth, or from now, to their end, for the one OS thread that traces. They notice nothing of it: no thread is
 * stopped but by its own signals, which are passed on at once and once; nothing that a tracer's presence does to them stays undone.
 */
export class Follower {
  readonly ptrace: Ptrace;
  readonly registers: TracedRegisters;
  readonly #reports: Reports;
  readonly #tell: (event: AttachedEvent) => void;
  readonly #threads = new Map<number, Traced>();
  readonly #processes = new Map<number, Followed>();
  /** Threads and processes that are traced since they were made, and have not told of themselves. */
  readonly #expected = new Set<number>();

  constructor(tell: (event: AttachedEvent) => void) {
    this.#tell = tell;
    const waitid = bindWaitid();
    this.ptrace = new Ptrace(waitid);
    this.#reports = new Reports(waitid, this.ptrace);
    this.registers = new TracedRegisters(this.ptrace);
  }

  get isIdle(): boolean {
    return this.#threads.size === 0;
  }

  /** Whether some process waits for an answer. */
  get isWaiting(): boolean {
    for (const { heldSince, frozen } of this.#processes.values())
      if (heldSince !== undefined && !frozen) return true;
    return false;
  }

  cpuOf(pid: number): Cpu {
    return this.#processes.get(pid)!.cpu;
  }

  /** Sets the options of a thread that stands, which somebody has changed. */
  restoreOptions(tid: number, pid: number): void {
    const followed = this.#processes.get(pid);
    if (followed !== undefined) this.ptrace.request(Request.SETOPTIONS, tid, 0, optionsFor(followed.options));
  }

  /** Traces all threads of a process. Gives the error of ptrace, or 0. */
  attach(pid: number, options: FollowOptions): number {
    if (this.#processes.has(pid)) return 0;
    this.#add(pid, options);
    // A thread that is traced has its new ones traced by the kernel: a pass that finds none unknown proves that all are.
    for (let fresh = true; fresh; ) {
      fresh = false;
      for (const tid of listThreads(pid)) {
        if (this.#threads.has(tid)) continue;
        if (this.ptrace.request(Request.SEIZE, tid, 0, optionsFor(options)) >= 0) {
          this.#thread(tid, pid);
          fresh = true;
          continue;
        }
        const code = this.ptrace.errno;
        // It ends; or the kernel has attached it meanwhile, and its first stop tells of it.
        if (isEnding(pid, tid) || isTracedByUs(tid)) continue;
        this.detach(pid);
        return code;
      }
    }
    return 0;
  }

  #add(pid: number, options: FollowOptions): Followed {
    const followed: Followed = {
      options,
      cpu: cpuNow(pid),
      threads: new Set(),
      heldSince: undefined,
      frozen: false,
      ending: false,
      stopped: false,
    };
    this.#processes.set(pid, followed);
    return followed;
  }

  #thread(tid: number, pid: number): Traced {
    const traced: Traced = { pid, standing: undefined, faults: undefined };
    this.#threads.set(tid, traced);
    this.#processes.get(pid)?.threads.add(tid);
    return traced;
  }

  /**
   * Takes the next report, if there is one, and does what it asks for.
   *
   * @param wait until there is one, or a signal interrupts it
   */
  next(wait: boolean): boolean {
    const report = this.#reports.next(
      wait,
      (tid) => this.standing(tid) !== undefined,
      () => [...this.#threads.keys(), ...this.#expected],
    );
    if (report === 'nobody') this.#forgetAll();
    if (report === undefined || report === 'nobody') return false;
    return this.#took(report);
  }

  #took({ tid, how, status, ended }: Report): true {
    this.#expected.delete(tid);
    if (ended) this.#ended(tid, how, status);
    else this.#stopped(tid, status);
    return true;
  }

  /** The kernel says that nobody is traced. */
  #forgetAll(): void {
    for (const pid of [...this.#processes.keys()]) this.#forget(pid, 0, 0);
    this.#threads.clear();
  }

  /** What a thread stands for, as `stop` has taken its report. */
  #stopped(tid: number, status: number): void {
    const traced = this.#threads.get(tid) ?? this.#appeared(tid);
    if (traced === undefined) return;
    traced.standing = { status, settled: false };
    const followed = this.#processes.get(traced.pid);
    const kept = followed?.frozen === true || followed?.heldSince !== undefined;
    if (kept && !this.#isKilled(tid, status)) return;
    this.settle(tid);
  }

  /** SIGKILL ends a process while somebody looks at it, too. */
  #isKilled(tid: number, status: number): boolean {
    return status >> 8 === Event.EXIT && (this.ptrace.eventMessage(tid) & 0x7f) === SIGKILL;
  }

  /** A thread that nobody told of yet: its first stop may come before the report of who made it. */
  #appeared(tid: number): Traced | undefined {
    const status = parseStatus(readText(`/proc/${tid}/status`) ?? '');
    const pid = Number(status.get('Tgid') ?? 0);
    const known = this.#processes.get(pid);
    if (known !== undefined) return this.#thread(tid, pid);
    const parent = this.#processes.get(Number(status.get('PPid') ?? 0));
    if (pid !== tid || parent === undefined) {
      // Not ours to keep: a copy of a process (snapshot), or one whose parent was let go.
      this.ptrace.request(Request.DETACH, tid);
      return undefined;
    }
    return this.#child(tid, Number(status.get('PPid')), parent);
  }

  #child(tid: number, pid: number, { options }: Followed): Traced | undefined {
    if (!options.children) {
      this.ptrace.request(Request.DETACH, tid);
      return undefined;
    }
    this.#add(tid, options);
    this.#tell({ kind: 'forked', pid, child: tid });
    return this.#thread(tid, tid);
  }

  /** Does what the stop of a thread asks for; afterwards it runs, or its process is held. */
  settle(tid: number): void {
    const traced = this.#threads.get(tid);
    if (traced?.standing === undefined || traced.standing.settled) return;
    const { status } = traced.standing;
    traced.standing.settled = true;
    const followed = this.#processes.get(traced.pid);
    // Left over from a call that it was made to do and that did not come to its end (snapshot/guarded-call.ts): no signal of its own.
    if (status === SYSCALL_STOP) {
      this.restoreOptions(tid, traced.pid);
      traced.standing = undefined;
      this.ptrace.request(Request.CONT, tid);
      return;
    }
    switch (status >> 8) {
      case 0:
        if (this.#signalled(tid, traced, status & 0xff)) return;
        break;
      case Event.EXEC:
        this.#executed(tid, traced.pid);
        break;
      case Event.FORK:
      case Event.VFORK:
      case Event.CLONE: {
        const child = this.ptrace.eventMessage(tid);
        if (!this.#threads.has(child) && isTracedByUs(child)) this.#expected.add(child);
        break;
      }
      case Event.EXIT:
        if (this.#exits(tid, traced)) return;
        break;
      case Event.STOP:
        if (followed !== undefined) this.registers.healStopped(tid, followed.cpu);
    }
    this.goOn(tid);
  }

  /** Lets a thread go on from its stop. */
  goOn(tid: number): void {
    const traced = this.#threads.get(tid);
    if (traced?.standing === undefined) return;
    const { status } = traced.standing;
    traced.standing = undefined;
    const event = status >> 8;
    const signal = status & 0xff;
    // Stopped by a signal (job control): it stays so, and wakes by SIGCONT as it would.
    const stays = event === Event.STOP && isStopSignal(signal);
    if (tid === traced.pid) this.#tellStopped(tid, stays, signal);
    if (stays) this.ptrace.request(Request.LISTEN, tid);
    else this.ptrace.request(Request.CONT, tid, 0, event === 0 ? signal : 0);
  }

  #tellStopped(pid: number, stopped: boolean, signal: number): void {
    const followed = this.#processes.get(pid);
    if (followed === undefined || followed.stopped === stopped) return;
    followed.stopped = stopped;
    if (stopped) this.#tell({ kind: 'stopped', pid, signal });
  }

  /** A signal is about to be delivered. Gives whether the process is held for it. */
  #signalled(tid: number, traced: Traced, signal: number): boolean {
    const followed = this.#processes.get(traced.pid);
    if (followed === undefined || followed.ending) return false;
    const asked = followed.options.signals.includes(signal);
    if (!isCoreSignal(signal) && !asked) {
      this.registers.healIgnored(tid, signal, followed.cpu);
      return false;
    }
    const disposition = dispositionOf(tid, signal);
    const fatal = disposition === 'default' && isCoreSignal(signal);
    if (disposition === 'ignored') this.registers.healIgnored(tid, signal, followed.cpu);
    if (!fatal && !asked) {
      if (disposition === 'caught') this.#keepFault(tid, traced, followed.cpu);
      return false;
    }
    const at = this.registers.momentOf(tid);
    if (at === undefined) return false;
    followed.ending = fatal;
    const first = fatal ? traced.faults?.causeOf(at, followed.cpu) : undefined;
    this.#hold(traced.pid);
    this.#tell({ kind: 'signal', pid: traced.pid, signal, fatal, at, first });
    return true;
  }

  #keepFault(tid: number, traced: Traced, cpu: Cpu): void {
    const fault = this.registers.momentOf(tid, true);
    if (fault === undefined) return;
    traced.faults ??= new CaughtFaults();
    traced.faults.add(fault, cpu);
  }

  /** A thread is about to end, with its memory still there. Gives whether the process is held for it. */
  #exits(tid: number, traced: Traced): boolean {
    const followed = this.#processes.get(traced.pid);
    if (followed === undefined) return false;
    if (followed.ending) return false;
    const status = this.ptrace.eventMessage(tid);
    const signal = status & 0x7f;
    const code = (status >> 8) & 0xff;
    if (signal !== 0) {
      // What seccomp kills, or the kernel by force, gets no signal that could be seen before. It may kill one thread only.
      if (!isCoreSignal(signal) || groupExitSignal(tid) !== signal) return false;
      const at = this.registers.momentOf(tid);
      if (at === undefined) return false;
      followed.ending = true;
      this.#hold(traced.pid);
      at.siginfo.fill(0);
      new DataView(at.siginfo.buffer).setInt32(0, signal, true);
      this.#tell({ kind: 'signal', pid: traced.pid, signal, fatal: true, at, first: undefined });
      return true;
    }
    const { exitCodes } = followed.options;
    if (exitCodes === 'other' ? code === 0 : !exitCodes.includes(code)) return false;
    if (this.#exitsAlone(tid, followed)) return false;
    followed.ending = true;
    this.#hold(traced.pid);
    this.#tell({ kind: 'exiting', pid: traced.pid, tid, code });
    return true;
  }

  /** Whether a thread ends by itself, with exit(2), and others go on: they call exit_group(2) to end the process. */
  #exitsAlone(tid: number, { cpu, threads }: Followed): boolean {
    const call = Number.parseInt(readText(`/proc/${tid}/syscall`) ?? '', 10);
    if (call !== cpu.exitCall) return false;
    return [...threads].some((other) => other !== tid && !this.#isLeaving(other));
  }

  #isLeaving(tid: number): boolean {
    const standing = this.#threads.get(tid)?.standing;
    return (standing !== undefined && standing.status >> 8 === Event.EXIT) || isEnding(tid, tid);
  }

  /** Has the other threads of a process stop: nobody may change what is to be seen. */
  #hold(pid: number): void {
    const followed = this.#processes.get(pid)!;
    followed.heldSince = performance.now();
    for (const tid of followed.threads)
      if (this.#threads.get(tid)?.standing === undefined) this.ptrace.request(Request.INTERRUPT, tid);
  }

  /** Stops of its threads are kept until `thaw`: somebody looks at them. */
  freeze(pid: number): void {
    const followed = this.#processes.get(pid);
    if (followed !== undefined) followed.frozen = true;
  }

  /** Its threads do what they stand for, and go on; those of a process that is held stay. */
  thaw(pid: number): void {
    const followed = this.#processes.get(pid);
    if (followed === undefined) return;
    followed.frozen = false;
    for (const tid of [...followed.threads]) {
      // One of them may be what it is held for next.
      if (followed.heldSince !== undefined) return;
      const standing = this.#threads.get(tid)?.standing;
      if (standing === undefined) continue;
      if (standing.settled) this.goOn(tid);
      else this.settle(tid);
    }
  }

  /** Lets a process go on that was held. */
  proceed(pid: number): void {
    const followed = this.#processes.get(pid);
    if (followed?.heldSince === undefined) return;
    followed.heldSince = undefined;
    this.thaw(pid);
  }

  /** Lets go what was held too long. */
  expire(): void {
    for (const [pid, { heldSince, frozen, options }] of this.#processes) {
      if (heldSince === undefined || frozen || performance.now() - heldSince < options.patience) continue;
      this.proceed(pid);
      this.#tell({ kind: 'expired', pid });
    }
  }

  #executed(tid: number, pid: number): void {
    const followed = this.#processes.get(pid);
    if (followed === undefined) return;
    // The thread that called exec has the id of the process now; the others are gone without a word.
    for (const other of followed.threads) if (other !== tid) this.#threads.delete(other);
    followed.threads.clear();
    followed.threads.add(tid);
    followed.cpu = cpuNow(pid);
    const traced = this.#threads.get(tid)!;
    traced.faults = undefined;
    this.#tell({ kind: 'executed', pid });
  }

  #ended(tid: number, how: number, status: number): void {
    const traced = this.#threads.get(tid);
    this.#threads.delete(tid);
    if (traced === undefined) return;
    const { pid } = traced;
    const left = this.#processes.get(pid)?.threads;
    left?.delete(tid);
    // Where the first thread had ended before anybody came, the last one to end tells of the process.
    if (tid !== pid && (left === undefined || left.size > 0 || listThreads(pid).some(isTracedByUs))) return;
    if (how === CLD_EXITED) this.#forget(pid, status, 0);
    else this.#forget(pid, 0, status);
  }

  #forget(pid: number, code: number, signal: number): void {
    const followed = this.#processes.get(pid);
    if (followed === undefined) return;
    for (const tid of followed.threads) this.#threads.delete(tid);
    this.#processes.delete(pid);
    this.#tell({ kind: 'ended', pid, code, signal });
  }

  /** The threads of a process that are traced now, and where each stands. */
  standing(tid: number): Standing | undefined {
    return this.#threads.get(tid)?.standing;
  }

  /** A stop that somebody else has taken the report of. */
  note(tid: number, pid: number, status: number): void {
    const traced = this.#threads.get(tid) ?? this.#thread(tid, pid);
    traced.standing = { status, settled: false };
  }

  /** Traces a process no longer. Its threads are stopped for that, and healed. */
  detach(pid: number): void {
    const followed = this.#processes.get(pid);
    if (followed === undefined) return;
    followed.frozen = true;
    const left = new Set(followed.threads);
    const deadline = performance.now() + DETACH_LIMIT;
    for (const tid of left) if (this.standing(tid) === undefined) this.ptrace.request(Request.INTERRUPT, tid);
    while (left.size > 0 && performance.now() < deadline) {
      for (const tid of left) {
        if (this.standing(tid) === undefined) {
          const status = this.ptrace.peekStop(tid);
          if (status === undefined) {
            if (isEnding(pid, tid)) left.delete(tid);
            continue;
          }
          this.note(tid, pid, status);
        }
        this.#letGo(tid, followed.cpu);
        left.delete(tid);
      }
      // A thread that was made meanwhile is traced, too.
      for (const tid of listThreads(pid)) {
        if (this.#threads.has(tid) || !isTracedByUs(tid)) continue;
        this.#thread(tid, pid);
        left.add(tid);
      }
      if (left.size > 0) this.ptrace.pause(50);
    }
    for (const tid of followed.threads) this.#threads.delete(tid);
    this.#processes.delete(pid);
  }

  /** Traces nobody any longer. */
  detachAll(): void {
    for (const pid of [...this.#processes.keys()]) this.detach(pid);
  }

  #letGo(tid: number, cpu: Cpu): void {
    const { status } = this.standing(tid)!;
    const event = status >> 8;
    const signal = status & 0xff;
    if (event === 0) this.registers.healIgnored(tid, signal, cpu);
    else if (event === Event.STOP) this.registers.healStopped(tid, cpu);
    // A child that it has just made is traced, and nobody will look after it.
    if (event === Event.FORK || event === Event.VFORK || event === Event.CLONE) {
      const child = this.ptrace.eventMessage(tid);
      if (this.ptrace.awaitStop(child, DETACH_LIMIT) !== undefined)
        this.ptrace.request(Request.DETACH, child);
      this.#threads.delete(child);
    }
    this.ptrace.request(Request.DETACH, tid, 0, event === 0 ? signal : 0);
    this.#threads.delete(tid);
  }
}

/** How long the threads of a process that is let go may take to stop, in milliseconds. */
const DETACH_LIMIT = 2_000;
