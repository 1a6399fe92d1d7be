import { bindWaitid, hasEnded } from '../ended-threads.js';
import { stateIn } from '../procfs.js';
import { Event, type Ptrace, Request } from '../ptrace.js';
import type { RegisterAccess } from '../register-access.js';
import { hasLeft, PATIENCE, SPIN_MS, waitsInVain } from '../stop-patience.js';
import type { Stopper } from '../stopper.js';
import { fillSlot, type SlotShape, stopAllThreads, type ThreadSlots } from '../thread-slots.js';
import { Outcome, Slot, slotSize } from '../tracer-protocol.js';
import type { Follower } from './follower.js';

/** Stops threads that are traced already, and has them go on as before. */
export class AttachedStopper implements Stopper {
  readonly ptrace: Ptrace;
  readonly registersOf: RegisterAccess;
  readonly #follower: Follower;
  readonly #pid: number;
  readonly #shape: SlotShape;
  readonly #stopped = new Set<number>();
  readonly #waitid = bindWaitid();
  readonly #info = new Int32Array(32);
  #holds = false;

  constructor(follower: Follower, pid: number, xstate: boolean) {
    this.#follower = follower;
    this.ptrace = follower.ptrace;
    this.registersOf = follower.registers.access;
    this.#pid = pid;
    this.#shape = { slotSize: slotSize(xstate), cpu: follower.cpuOf(pid), xstate };
  }

  get holds(): boolean {
    return this.#holds;
  }

  stop(tids: readonly number[], results: SharedArrayBuffer): void {
    const view = new DataView(results);
    const set = (i: number, outcome: number) => {
      view.setInt32(i * this.#shape.slotSize + Slot.Outcome, outcome, true);
    };
    this.#holds = true;
    this.#follower.freeze(this.#pid);
    for (const tid of tids) {
      if (this.#follower.standing(tid) === undefined) this.ptrace.request(Request.INTERRUPT, tid);
    }
    const started = performance.now();
    let left = [...tids.keys()];
    for (;;) {
      left = left.filter((i) => {
        if (!this.#stands(tids[i]!)) return true;
        set(i, this.#take(tids[i]!, i, view) ? Outcome.Stopped : Outcome.Gone);
        return false;
      });
      const elapsed = performance.now() - started;
      if (left.length === 0) return;
      if (elapsed < SPIN_MS) continue;
      const states = left.map((i) => (this.hasEnded(tids[i]!) ? undefined : this.#stateOf(tids[i]!)));
      if (elapsed > PATIENCE || waitsInVain(states, elapsed)) {
        for (const [n, i] of left.entries()) set(i, hasLeft(states[n]) ? Outcome.Gone : Outcome.Unstoppable);
        return;
      }
      this.ptrace.pause(50);
    }
  }

  stopAll(): { readonly threads: readonly number[]; readonly slots: ThreadSlots } {
    return stopAllThreads(this.#pid, this.#shape, (tids, results) => this.stop(tids, results));
  }

  #stands(tid: number): boolean {
    if (this.#follower.standing(tid) !== undefined) return true;
    const status = this.ptrace.peekStop(tid);
    if (status === undefined) return false;
    this.#follower.note(tid, this.#pid, status);
    return true;
  }

  #take(tid: number, index: number, view: DataView): boolean {
    const registers = this.registersOf.read(tid);
    if (registers === undefined) return false;
    this.#stopped.add(tid);
    // What stands for a signal gets its EINTR by that.
    const heals = () => !this.mayCall(tid) || this.#follower.registers.heal(tid, registers, this.#shape.cpu);
    fillSlot(this.#shape, view, index, { tid, registers, access: this.registersOf, heals });
    return true;
  }

  #stateOf(tid: number): string | undefined {
    return stateIn(`/proc/${this.#pid}/task/${tid}/stat`);
  }

  resume(): boolean {
    for (const tid of this.#stopped) this.#follower.restoreOptions(tid, this.#pid);
    this.#stopped.clear();
    this.#holds = false;
    this.#follower.thaw(this.#pid);
    return true;
  }

  hasEnded(tid: number): boolean {
    return hasEnded(this.#waitid, tid, this.#info);
  }

  mayCall(tid: number): boolean {
    const standing = this.#follower.standing(tid);
    return standing !== undefined && standing.status >> 8 === Event.STOP;
  }
}
