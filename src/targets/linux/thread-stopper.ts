import { type Cpu, type CpuName, cpus } from '../../linux/cpu/index.js';
import { bindWaitid, collect, hasEnded } from './ended-threads.js';
import { readText, stateIn } from './procfs.js';
import { Event, Ptrace, Request } from './ptrace.js';
import { type RegisterAccess, registerAccess } from './register-access.js';
import { hasLeft, PATIENCE, SPIN_MS, waitsInVain } from './stop-patience.js';
import type { Stopper } from './stopper.js';
import { fillSlot, type SlotShape, stopAllThreads, type ThreadSlots } from './thread-slots.js';
import { Outcome, Slot, slotSize } from './tracer-protocol.js';

const EPERM = 1;
const ESRCH = 3;

interface Traced {
  stopped: boolean;
  exited: boolean;
  /** When it is seized, and let go. */
  readonly rank: number;
}

/** Threads in calls that give EINTR, others, and those that signals of the process come to. */
const Rank = { Interruptible: 0, Other: 1, Signalled: 2 } as const;
const RANKS = Object.values(Rank);
/** A thread that is interrupted and not healed yet gets its EINTR if this process is killed now: so many at once may. */
const EXPOSED = 8;

/** Stops threads of a process and lets them go, for the one OS thread that traces them. */
export class ThreadStopper implements Stopper {
  readonly ptrace: Ptrace;
  readonly registersOf: RegisterAccess;
  readonly slotSize: number;
  readonly #pid: number;
  readonly #cpu: Cpu;
  readonly #shape: SlotShape;
  readonly #traced = new Map<number, Traced>();
  readonly #waitid = bindWaitid();
  readonly #info = new Int32Array(32);

  /** @param xstate take the registers beyond SSE too */
  constructor(pid: number, cpu: CpuName, xstate: boolean) {
    this.ptrace = new Ptrace(this.#waitid);
    this.registersOf = registerAccess(cpu);
    this.slotSize = slotSize(xstate);
    this.#pid = pid;
    this.#cpu = cpus[cpu];
    this.#shape = { slotSize: this.slotSize, cpu: this.#cpu, xstate };
    this.#warm();
  }

  /** Whether some thread may stand still because of us. */
  get holds(): boolean {
    return this.#traced.size > 0;
  }

  /**
   * Seizes and interrupts `tids`, then waits for them: interrupting first makes 1,000 threads a matter of 7 ms.
   *
   * @param results a slot each (tracer-protocol.ts)
   */
  stop(tids: readonly number[], results: SharedArrayBuffer): void {
    const view = new DataView(results);
    const ranks = this.#ranksOf(tids);
    for (const group of groupsOf(ranks)) {
      const waiting: number[] = [];
      for (const i of group) {
        const [outcome, code] = this.#seize(tids[i]!, ranks[i]!);
        view.setInt32(i * this.slotSize + Slot.Outcome, outcome, true);
        view.setInt32(i * this.slotSize + Slot.Errno, code, true);
        if (outcome === Outcome.Stopped) waiting.push(i);
      }
      for (const i of this.#awaitStops(tids, waiting, view)) {
        const outcome = this.#traced.get(tids[i]!)!.exited ? Outcome.Gone : Outcome.Unstoppable;
        view.setInt32(i * this.slotSize + Slot.Outcome, outcome, true);
      }
    }
  }

  /** Stops all threads; gives their ids and slots. */
  stopAll(): { readonly threads: readonly number[]; readonly slots: ThreadSlots } {
    return stopAllThreads(this.#pid, this.#shape, (tids, results) => this.stop(tids, results));
  }

  /**
   * Lets every thread go. Gives false where one cannot be detached, and only the end of this OS thread sets it free, or hands it back:
   * the leader may be a child of this process, whose exit status belongs to the event loop.
   */
  resume(): boolean {
    const all = [...this.#traced].sort(([, x], [, y]) => y.rank - x.rank);
    let free = true;
    for (const [tid, { stopped }] of all) {
      if (stopped && this.ptrace.request(Request.DETACH, tid) >= 0) continue;
      if (!this.#noticeExit(tid) || tid === this.#pid) free = false;
    }
    this.#traced.clear();
    return free;
  }

  mayCall(): boolean {
    return true;
  }

  /** Whether a thread that is traced has ended; its end stays to be collected. */
  hasEnded(tid: number): boolean {
    return hasEnded(this.#waitid, tid, this.#info);
  }

  /**
   * In which order threads are seized; they are let go the other way round.
   *
   * While a thread is traced, signals that the process ignores (SIGCHLD, mostly) are queued for it instead of dropped, and the
   * kernel may wake another thread for them. One that is not seized yet, or not any more, then sees an EINTR that nobody
   * can heal: about 1 in 1,000 stops of a program that forks all the time, before there was this order. Such signals come to the main thread
   * (kill), and to those that have children: so long as these are free, nothing is queued. (Found by the soak: 18 EINTRs in 400
   * dumps of a program that got a SIGCHLD every 0.2 ms, and none afterwards.)
   */
  #ranksOf(tids: readonly number[]): number[] {
    return tids.map((tid) => {
      const folder = `/proc/${this.#pid}/task/${tid}`;
      if (tid === this.#pid || read(`${folder}/children`) !== '') return Rank.Signalled;
      return this.#cpu.isInterruptible(Number.parseInt(read(`${folder}/syscall`), 10))
        ? Rank.Interruptible
        : Rank.Other;
    });
  }

  #seize(tid: number, rank: number): [outcome: number, errno: number] {
    if (this.ptrace.request(Request.SEIZE, tid) < 0) {
      const code = this.ptrace.errno;
      const state = this.#stateOf(tid);
      // A thread that is ending answers EPERM or ESRCH, according to how far it has come.
      if (hasLeft(state)) return [Outcome.Gone, code];
      return [code === ESRCH ? Outcome.Gone : Outcome.Refused, code || EPERM];
    }
    this.#traced.set(tid, { stopped: false, exited: false, rank });
    // A thread stopped by SIGSTOP reports its stop by itself. It is interrupted all the same: a SIGCONT may come in between. The kernel
    // forgets of that when it is let go, and has it stand in its stop as before.
    this.ptrace.request(Request.INTERRUPT, tid);
    return [Outcome.Stopped, 0];
  }

  /** State letter of a thread, or undefined once it is gone. */
  #stateOf(tid: number): string | undefined {
    return stateIn(`/proc/${this.#pid}/task/${tid}/stat`);
  }

  /** Waits until each thread stands, heals its call, and takes its registers. Gives those that did not stop. */
  #awaitStops(tids: readonly number[], waiting: readonly number[], view: DataView): number[] {
    const started = performance.now();
    let left = [...waiting];
    let lastLook = started;
    while (left.length > 0) {
      left = left.filter((i) => !this.#takeStop(tids[i]!, i, view));
      const elapsed = performance.now() - started;
      if (left.length === 0) break;
      if (elapsed > SPIN_MS) this.ptrace.pause(50);
      if (elapsed > PATIENCE) break;
      if (performance.now() - lastLook > 10) {
        lastLook = performance.now();
        const states = left.map((i) => (this.#noticeExit(tids[i]!) ? 'X' : this.#stateOf(tids[i]!)));
        if (waitsInVain(states, elapsed)) {
          left.forEach((i, n) => {
            if (hasLeft(states[n])) this.#traced.get(tids[i]!)!.exited = true;
          });
          break;
        }
      }
    }
    return left;
  }

  /** Consumes one report of the thread, if there is one. True once it stands in our stop and its registers are taken. */
  #takeStop(tid: number, index: number, view: DataView): boolean {
    const { ptrace, registersOf } = this;
    const status = ptrace.nextStop(tid);
    if (status === undefined) return false;
    if (status >> 8 !== Event.STOP) {
      // A signal came first: pass it on at once. Any trap clears a pending INTERRUPT (kernel/signal.c, ptrace_stop), so
      // ask again; without that, 1 dump in 1,000 of a program that forks all the time waited for its whole patience.
      const before = registersOf.read(tid);
      if (before !== undefined) this.#heal(tid, before);
      ptrace.request(Request.CONT, tid, 0, status & 0xff);
      ptrace.request(Request.INTERRUPT, tid);
      return false;
    }
    const registers = registersOf.read(tid);
    if (registers === undefined) return false;
    this.#traced.get(tid)!.stopped = true;
    const heals = () => this.#heal(tid, registers);
    fillSlot(this.#shape, view, index, { tid, registers, access: registersOf, heals });
    return true;
  }

  /** Heals the call of a stopped thread if it would return EINTR; gives false if it will all the same. */
  #heal(tid: number, registers: BigInt64Array): boolean {
    if (!this.#cpu.isInterrupted(registers)) return true;
    if (this.#cpu.heal === undefined || this.registersOf.write === undefined) return false;
    this.#cpu.heal(registers);
    return this.registersOf.write(tid, registers);
  }

  /** Whether a traced thread has ended. Its exit is collected unless it is the thread-group leader: see `resume`. */
  #noticeExit(tid: number): boolean {
    if (!this.hasEnded(tid)) return false;
    if (tid !== this.#pid) collect(this.#waitid, tid, this.#info);
    return true;
  }

  /** What runs for the first time is compiled, which costs a millisecond each: not inside a stop. No thread has the id 0. */
  #warm(): void {
    const nobody = new DataView(new ArrayBuffer(this.slotSize));
    this.registersOf.read(0);
    this.registersOf.readFloatingPoint(0);
    this.registersOf.readXsave(0, 8);
    this.#ranksOf([this.#pid, 0]);
    this.#seize(0, Rank.Other);
    this.#takeStop(0, 0, nobody);
    this.#awaitStops([], [], nobody);
    this.#noticeExit(0);
    this.#heal(0, new BigInt64Array(this.#cpu.registerWords));
    this.resume();
  }
}

/** Indices of the threads that are seized together. */
function groupsOf(ranks: readonly number[]): number[][] {
  return RANKS.flatMap((rank) => {
    const members = [...ranks.keys()].filter((i) => ranks[i] === rank);
    if (rank !== Rank.Interruptible) return [members];
    const groups: number[][] = [];
    for (let i = 0; i < members.length; i += EXPOSED) groups.push(members.slice(i, i + EXPOSED));
    return groups;
  });
}

/** A small file of /proc; empty where the thread is gone, or it may not be seen. */
const read = (path: string) => readText(path) ?? '';
