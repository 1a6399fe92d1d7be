import type { AddressRange } from '../../../dump/ranges.js';
import { MinidumpError } from '../../../io/index.js';
import { type Cpu, type CpuName, cpus } from '../../../linux/cpu/index.js';
import { type Mapping, parseMaps } from '../../../linux/maps.js';
import { sleep } from '../../../node/sleep.js';
import { KeptMemory, keepMemory, type Room } from '../kept-memory.js';
import { ProcessMemory, type ReadableMemory } from '../memory.js';
import { OverlaidMemory } from '../overlaid-memory.js';
import { MapsFile, stateIn } from '../procfs.js';
import { hasLeft } from '../stop-patience.js';
import type { Tracer } from '../tracer.js';
import { Outcome, Slot } from '../tracer-protocol.js';
import { findCandidates, leastDisturbed, type StoppedThread } from './candidates.js';
import { MAX_KEPT, type SnapshotPlan } from './plan.js';

/** How often a thread is looked for that can wait for the ended copy, and how long after each other, in milliseconds. */
const COLLECT_ATTEMPTS = 50;
const COLLECT_PAUSE = 20;
/** Threads that are stopped for that in one attempt, one after the other. */
const COLLECT_THREADS = 4;

/** The process as a snapshot is taken of it. */
export interface SnapshotSource {
  readonly pid: number;
  readonly cpu: CpuName;
  readonly tracer: Tracer;
  /** All of its threads that stand still. */
  readonly threads: readonly StoppedThread[];
  readonly mappings: readonly Mapping[];
  readonly memory: ProcessMemory;
}

/** A frozen copy of a process that runs again: a child of it, which only this process knows to hold. */
export class Snapshot {
  readonly #copy: ProcessMemory;
  #memory: ReadableMemory;
  readonly notes: string[] = [];
  /** See Target.shortenedCalls: the process is stopped once more at the end. */
  shortenedCalls = 0;
  readonly #source: SnapshotSource;
  readonly #cpu: Cpu;
  readonly #pid: number;
  readonly #ownPid: number;

  /**
   * Takes a snapshot of a process that stands still, and lets it go.
   *
   * @param room for what a fork does not copy
   * @returns why there is none, where it could not be taken: then the process stands still as before
   */
  static take(source: SnapshotSource, plan: SnapshotPlan, room: Room): Snapshot | string {
    const { tracer, threads, mappings, memory } = source;
    const candidates = findCandidates(threads, mappings, (start, end) => memory.isUntouched(start, end));
    const { pid, ownPid, why } = tracer.fork(candidates);
    if (pid === 0) return why;
    const snapshot = new Snapshot(source, pid, ownPid);
    try {
      snapshot.#keep(memory, plan.unforked, room);
      tracer.resume();
      return snapshot;
    } catch (error) {
      tracer.resume();
      snapshot.end();
      throw error;
    }
  }

  private constructor(source: SnapshotSource, pid: number, ownPid: number) {
    this.#source = source;
    this.#cpu = cpus[source.cpu];
    this.#pid = pid;
    this.#ownPid = ownPid;
    this.#copy = new ProcessMemory(pid, pid, snapshotLost, true);
    this.#copy.use(source.mappings);
    this.#copy.still = true;
    this.#memory = this.#copy;
  }

  #keep(memory: ReadableMemory, unforked: readonly AddressRange[], room: Room): void {
    const left: AddressRange[] = [];
    this.#memory = new OverlaidMemory(
      this.#copy,
      new KeptMemory(keepMemory(memory, unforked, MAX_KEPT, left, (length) => room.take(length))),
    );
    if (left.length > 0) {
      const size = left.reduce((sum, { start, end }) => sum + (end - start), 0n);
      this.notes.push(
        `${size >> 20n} MiB of shared or unforkable memory is more than can be read while the process stands still: it is as it was later, or missing`,
      );
    }
  }

  /** Its memory at the moment when it stood still. */
  get memory(): ReadableMemory {
    return this.#memory;
  }

  /** The process that holds the memory. */
  get pid(): number {
    return this.#pid;
  }

  /** Throws if the copy was ended by somebody else. */
  checkAlive(): void {
    const state = stateIn(`/proc/${this.#pid}/stat`);
    if (hasLeft(state)) throw snapshotLost();
  }

  /** Ends the copy, and has a thread of the process wait for it, so that no trace of it is left. */
  end(): void {
    const { tracer, pid } = this.#source;
    this.#memory[Symbol.dispose]();
    tracer.killCopy();
    for (let attempt = 0; attempt < COLLECT_ATTEMPTS; attempt++) {
      const threads = leastDisturbed(pid, this.#cpu);
      // It has ended: its children are init's.
      if (threads.length === 0) return;
      for (const tid of threads.slice(0, COLLECT_THREADS)) if (this.#collect(tid)) return;
      sleep(COLLECT_PAUSE);
    }
    this.notes.push(
      `no thread of the process could wait for its ended copy: process ${this.#pid} stays in its list of children, ended and without memory`,
    );
  }

  #collect(tid: number): boolean {
    const { tracer, memory, pid } = this.#source;
    let mappings: Mapping[];
    try {
      mappings = parseMaps(new MapsFile(pid, tid).read().toString('utf8'));
    } catch {
      return false;
    }
    const results = tracer.stop([tid]);
    let done = false;
    if (results.getInt32(Slot.Outcome, true) === Outcome.Stopped) {
      this.shortenedCalls += results.getInt32(Slot.Shortened, true);
      const registers = new BigUint64Array(results.buffer, Slot.Registers, this.#cpu.registerWords);
      const candidates = findCandidates([{ id: tid, registers }], mappings, (start, end) =>
        memory.isUntouched(start, end),
      );
      if (candidates.length > 0) done = tracer.collect(candidates, this.#ownPid);
    }
    tracer.resume();
    return done;
  }
}

export function snapshotLost(): MinidumpError {
  return new MinidumpError(
    'snapshot-lost',
    'the snapshot of the process was killed before it was written, by the kernel for want of memory or by somebody; the process itself runs on',
    { advice: 'Dump it without one: --snapshot never.' },
  );
}
