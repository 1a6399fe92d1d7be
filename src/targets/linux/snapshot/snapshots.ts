import { MinidumpError } from '../../../io/index.js';
import { keepMemory, Room } from '../kept-memory.js';
import type { ReadableMemory } from '../memory.js';
import type { Tracer } from '../tracer.js';
import {
  isWorthwhile,
  lackOfMemory,
  MAX_KEPT,
  type PlannedProcess,
  planSnapshot,
  type SnapshotMode,
  type SnapshotPlan,
} from './plan.js';
import { Snapshot, type SnapshotSource } from './snapshot.js';

/** So much of the memory that a fork does not copy makes the code warm. */
const MAX_REHEARSED = 64;
const REHEARSED_BYTES = 8 * 1024 * 1024;

/** Whether a snapshot is taken of a process: what was asked for, what is possible, and what came of it. */
export class Snapshots {
  /** What the user should know, a line each. */
  readonly notes: string[] = [];
  readonly #process: PlannedProcess;
  #plan: SnapshotPlan | undefined;
  #required = false;
  #room: Room | undefined;
  #tracer: Tracer | undefined;

  /**
   * Looks at the process, if it may be that one is taken.
   *
   * @param type MINIDUMP_TYPE flags
   */
  constructor(process: PlannedProcess, mode: SnapshotMode, type: number) {
    this.#process = process;
    if (mode === 'never' || (mode === 'auto' && !isWorthwhile(process, type))) return;
    const lack = mode === 'auto' ? lackOfMemory(process.pid, process.via) : undefined;
    const plan = lack ?? planSnapshot(process, mode === 'auto');
    if (typeof plan === 'string') this.#decline(plan);
    else this.#plan = plan;
  }

  /** One will be taken, if nothing comes in between. */
  get planned(): boolean {
    return this.#plan !== undefined;
  }

  /** Reads some of what will have to be read while the process stands still, so that nothing is compiled then. */
  rehearse(memory: ReadableMemory): void {
    if (this.#plan === undefined) return;
    const { unforked, unforkedBytes } = this.#plan;
    keepMemory(memory, unforked.slice(0, MAX_REHEARSED), REHEARSED_BYTES);
    // A little more than there is now.
    this.#room = new Room(Math.min(MAX_KEPT, Number(unforkedBytes + (unforkedBytes >> 3n))));
  }

  /** Prepares the tracer, which is ready. */
  arm(tracer: Tracer): void {
    if (this.#plan !== undefined) tracer.arm(this.#plan.gadgets);
    this.#tracer = tracer;
  }

  /** From now on it is that or no dump; gives why there can be none. */
  require(): string | undefined {
    this.#required = true;
    if (this.#plan !== undefined) return undefined;
    const plan = planSnapshot(this.#process, false);
    if (typeof plan === 'string') return plan;
    this.#plan = plan;
    this.#tracer?.arm(plan.gadgets);
    return undefined;
  }

  /** Takes it of a process that stands still, which then runs; undefined where that goes on to stand still. */
  take(source: SnapshotSource): Snapshot | undefined {
    if (this.#plan === undefined) return undefined;
    const taken = Snapshot.take(source, this.#plan, this.#room ?? new Room(0));
    if (typeof taken !== 'string') return taken;
    if (this.#required) {
      throw new MinidumpError('unsupported', `no snapshot can be taken of process ${source.pid}: ${taken}`, {
        advice: 'Let isProcessSnapshot (IsProcessSnapshotCallback) not ask for one.',
      });
    }
    this.#decline(taken);
    return undefined;
  }

  #decline(why: string): void {
    this.notes.push(`no snapshot was taken, as ${why}: the process stands still until its memory is copied`);
  }
}
