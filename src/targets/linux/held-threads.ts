import { MinidumpError } from '../../io/index.js';
import type { Cpu, ThreadState } from '../../linux/cpu/index.js';
import { CS_64_BIT, Reg } from '../../linux/registers.js';
import { tracingRefused } from './checks.js';
import type { StoppedThread } from './snapshot/candidates.js';
import { Outcome, Slot } from './tracer-protocol.js';

export interface HeldThread {
  id: number;
  /** Undefined for one that did not stop. */
  state: ThreadState | undefined;
}

/** The threads of a process that were stopped, from what the tracer tells of them. */
export class HeldThreads {
  /** See Target.shortenedCalls. */
  shortenedCalls = 0;
  readonly #pid: number;
  readonly #cpu: Cpu;
  readonly #slotSize: number;
  readonly #threads: HeldThread[] = [];
  readonly #slots = new Map<number, Uint8Array>();
  #interrupted = 0;

  constructor(pid: number, cpu: Cpu, slotSize: number) {
    this.#pid = pid;
    this.#cpu = cpu;
    this.#slotSize = slotSize;
  }

  /** @param results one slot a thread (tracer-protocol.ts) */
  add(tids: readonly number[], results: DataView): void {
    tids.forEach((id, i) => {
      const slot = i * this.#slotSize;
      const outcome = results.getInt32(slot + Slot.Outcome, true);
      if (outcome === Outcome.Gone) return;
      if (outcome === Outcome.Refused) {
        throw tracingRefused(this.#pid, results.getInt32(slot + Slot.Errno, true));
      }
      this.#slots.set(id, new Uint8Array(results.buffer, results.byteOffset + slot, this.#slotSize));
      if (outcome === Outcome.Unstoppable) {
        this.#threads.push({ id, state: undefined });
        return;
      }
      this.shortenedCalls += results.getInt32(slot + Slot.Shortened, true);
      this.#interrupted += results.getInt32(slot + Slot.Interrupted, true);
      this.#threads.push({ id, state: this.#stateIn(results, slot, id) });
    });
  }

  #stateIn({ buffer, byteOffset }: DataView, slot: number, id: number): ThreadState {
    const at = byteOffset + slot;
    const xsave = new Int32Array(buffer, at + Slot.XsaveLength, 1)[0]!;
    const registers = new BigUint64Array(buffer, at + Slot.Registers, this.#cpu.registerWords);
    if (this.#cpu.pointerSize === 4 && registers[Reg.Cs] === CS_64_BIT) {
      throw new MinidumpError(
        'unsupported',
        `thread ${id} of a process with 32-bit addresses runs 64-bit code (x32?); its registers do not fit into an x86 context`,
      );
    }
    return {
      registers,
      floatingPoint: new Uint8Array(buffer, at + Slot.FloatingPoint, this.#cpu.floatingPointSize),
      xsave: xsave === 0 ? undefined : new Uint8Array(buffer, at + Slot.Xsave, xsave),
    };
  }

  /** All are known: the main thread comes first. */
  sort(): void {
    this.#threads.sort((a, b) => Number(b.id === this.#pid) - Number(a.id === this.#pid) || a.id - b.id);
  }

  get all(): readonly HeldThread[] {
    return this.#threads;
  }

  /** Their slots one after the other, in the order of `all`. */
  joined(): Uint8Array {
    const all = new Uint8Array(this.#threads.length * this.#slotSize);
    this.#threads.forEach(({ id }, i) => {
      all.set(this.#slots.get(id)!, i * this.#slotSize);
    });
    return all;
  }

  get stopped(): StoppedThread[] {
    return this.#threads.flatMap(({ id, state }) =>
      state === undefined ? [] : [{ id, registers: state.registers }],
    );
  }

  /** What the user should know of them, a line each. */
  get notes(): string[] {
    const notes = this.#threads
      .filter(({ state }) => state === undefined)
      .map(
        ({ id }) =>
          `thread ${id} sits in the kernel and did not stop; it is dumped without registers but sp and pc`,
      );
    if (this.#interrupted > 0) {
      notes.push(
        `${this.#interrupted} system calls of the process return EINTR because of the stop: nothing could undo that`,
      );
    }
    return notes;
  }
}
