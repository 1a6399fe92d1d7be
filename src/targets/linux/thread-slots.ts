import type { Cpu } from '../../linux/cpu/index.js';
import { listThreads } from './procfs.js';
import type { RegisterAccess } from './register-access.js';
import { Outcome, Slot } from './tracer-protocol.js';

/** What the slots of a stop have room for. */
export interface SlotShape {
  readonly slotSize: number;
  readonly cpu: Cpu;
  /** The registers beyond SSE too. */
  readonly xstate: boolean;
}

/**
 * Writes what is known of a thread that stands into its slot.
 *
 * @param heals undoes what the stop has done to the call of the thread, once the registers are stored; false where that cannot be done
 */
export function fillSlot(
  { slotSize, cpu, xstate }: SlotShape,
  view: DataView,
  index: number,
  {
    tid,
    registers,
    access,
    heals,
  }: { tid: number; registers: BigInt64Array; access: RegisterAccess; heals: () => boolean },
): void {
  const slot = index * slotSize;
  const store = (at: number, bytes: Uint8Array) =>
    new Uint8Array(view.buffer, slot + at, bytes.length).set(bytes);
  store(Slot.Registers, new Uint8Array(registers.buffer));
  view.setInt32(slot + Slot.Shortened, cpu.isShortenedCall(registers) ? 1 : 0, true);
  if (!heals()) view.setInt32(slot + Slot.Interrupted, 1, true);
  store(Slot.FloatingPoint, access.readFloatingPoint(tid));
  if (!xstate) return;
  const xsave = access.readXsave(tid, Slot.XsaveSize);
  store(Slot.Xsave, xsave);
  view.setInt32(slot + Slot.XsaveLength, xsave.length, true);
}

/** Stops all threads of a process, also those that appear meanwhile; gives their ids and slots. */
export function stopAllThreads(
  pid: number,
  { slotSize, cpu }: SlotShape,
  stop: (tids: readonly number[], results: SharedArrayBuffer) => void,
): { readonly threads: readonly number[]; readonly slots: ThreadSlots } {
  const threads: number[] = [];
  const buffers: SharedArrayBuffer[] = [];
  // Only a running thread can make new ones: a pass that finds none unknown proves that all stand.
  for (;;) {
    const fresh = listThreads(pid).filter((tid) => !threads.includes(tid));
    if (fresh.length === 0) break;
    const buffer = new SharedArrayBuffer(fresh.length * slotSize);
    buffers.push(buffer);
    stop(fresh, buffer);
    threads.push(...fresh);
  }
  return { threads, slots: new ThreadSlots(buffers, slotSize, cpu.registerWords) };
}

/** What several stops, one after the other, have said of the threads. */
export class ThreadSlots {
  readonly #buffers: readonly SharedArrayBuffer[];
  readonly #slotSize: number;
  readonly #registerWords: number;

  constructor(buffers: readonly SharedArrayBuffer[], slotSize: number, registerWords: number) {
    this.#buffers = buffers;
    this.#slotSize = slotSize;
    this.#registerWords = registerWords;
  }

  has(outcome: number): boolean {
    return this.#each().some(([, , what]) => what === outcome);
  }

  /** The registers of the threads that stand. */
  stopped(): BigUint64Array[] {
    return this.#each()
      .filter(([, , outcome]) => outcome === Outcome.Stopped)
      .map(([buffer, at]) => new BigUint64Array(buffer, at + Slot.Registers, this.#registerWords));
  }

  /** All slots, one behind the other. */
  joined(): SharedArrayBuffer {
    if (this.#buffers.length === 1) return this.#buffers[0]!;
    const total = this.#buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const all = new Uint8Array(new SharedArrayBuffer(total));
    let at = 0;
    for (const buffer of this.#buffers) {
      all.set(new Uint8Array(buffer), at);
      at += buffer.byteLength;
    }
    return all.buffer as SharedArrayBuffer;
  }

  #each(): [buffer: SharedArrayBuffer, at: number, outcome: number][] {
    return this.#buffers.flatMap((buffer) => {
      const view = new DataView(buffer);
      return Array.from({ length: buffer.byteLength / this.#slotSize }, (_, i) => {
        const at = i * this.#slotSize;
        return [buffer, at, view.getInt32(at + Slot.Outcome, true)] as [SharedArrayBuffer, number, number];
      });
    });
  }
}
