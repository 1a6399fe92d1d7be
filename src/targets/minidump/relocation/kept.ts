import type { SelectedParts, TargetModule, TargetThread } from '../../../dump/index.js';
import { MINIDUMP_TYPE, MODULE_WRITE_FLAGS, THREAD_WRITE_FLAGS } from '../../../format/index.js';

const { ThreadWriteContext, ThreadWriteThreadInfo } = THREAD_WRITE_FLAGS;
const { ModuleWriteModule, ModuleWriteCvRecord, ModuleWriteMiscRecord } = MODULE_WRITE_FLAGS;
const ALL_OF_A_MODULE = ModuleWriteModule | ModuleWriteCvRecord | ModuleWriteMiscRecord;
const { MiniDumpWithThreadInfo } = MINIDUMP_TYPE;

/**
 * Which threads and modules of a dump are left, as its streams ask. A file may have 65,536 streams and as many threads as it has room for,
 * so what is looked up is made once for all streams, when the first one asks.
 */
export class KeptParts {
  readonly #threads: readonly TargetThread[];
  readonly #modules: readonly TargetModule[];
  readonly #selected: SelectedParts;
  #excludedThreads: ReadonlySet<number> | undefined;
  #excludedThreadInfo: ReadonlySet<number> | undefined;
  #threadsById: ReadonlyMap<number, TargetThread> | undefined;
  #registers: ReadonlyMap<number, boolean> | undefined;
  #moduleFlags: ReadonlyMap<bigint, number> | undefined;
  #modulePlaces: readonly (number | undefined)[] | undefined;

  /** Of all threads and modules of the dump, in the order of its lists. */
  constructor(threads: readonly TargetThread[], modules: readonly TargetModule[], selected: SelectedParts) {
    this.#threads = threads;
    this.#modules = modules;
    this.#selected = selected;
  }

  /** Ids of threads that are left out. A thread that no list names is not. */
  get excludedThreads(): ReadonlySet<number> {
    if (this.#excludedThreads === undefined) {
      const excluded = new Set(this.#threads.map(({ id }) => id));
      for (const { id } of this.#selected.threads.keys()) excluded.delete(id);
      this.#excludedThreads = excluded;
    }
    return this.#excludedThreads;
  }

  /** Ids of threads whose times are left out, with the thread or alone. */
  get excludedThreadInfo(): ReadonlySet<number> {
    if (this.#excludedThreadInfo === undefined) {
      const excluded = new Set(this.excludedThreads);
      if ((this.#selected.type & MiniDumpWithThreadInfo) !== 0) {
        for (const thread of this.#threads) {
          const flags = this.#selected.threads.get(thread) ?? ThreadWriteThreadInfo;
          if ((flags & ThreadWriteThreadInfo) === 0) excluded.add(thread.id);
        }
      }
      this.#excludedThreadInfo = excluded;
    }
    return this.#excludedThreadInfo;
  }

  /** The thread of an entry of a list: by its place where the ids agree, else by its id, as in a second list. */
  threadAt(index: number, id: number): TargetThread | undefined {
    const thread = this.#threads[index];
    if (thread?.id === id) return thread;
    if (this.#threadsById === undefined) {
      const byId = new Map<number, TargetThread>();
      for (const one of this.#threads) if (!byId.has(one.id)) byId.set(one.id, one);
      this.#threadsById = byId;
    }
    return this.#threadsById.get(id);
  }

  /** Whether the registers of a thread are left; they are of a thread that no list names. */
  keepsRegisters(threadId: number): boolean {
    if (this.#registers === undefined) {
      const registers = new Map<number, boolean>();
      for (const thread of this.#threads) {
        const kept = ((this.#selected.threads.get(thread) ?? 0) & ThreadWriteContext) !== 0;
        registers.set(thread.id, kept || registers.get(thread.id) === true);
      }
      this.#registers = registers;
    }
    return this.#registers.get(threadId) ?? true;
  }

  /**
   * MODULE_WRITE_FLAGS of an entry of a list: by its place where the addresses agree, else by its address, as in a second list. A module
   * that the callback was not asked about stays.
   */
  moduleFlagsAt(index: number, base: bigint): number {
    const module = this.#modules[index];
    if (module?.base === base) return this.#selected.modules.get(module) ?? 0;
    this.#moduleFlags ??= new Map(
      this.#modules.map((one) => [one.base, this.#selected.modules.get(one) ?? 0]),
    );
    return this.#moduleFlags.get(base) ?? ALL_OF_A_MODULE;
  }

  /** For each module of the dump its index in the new list; undefined for one that was left out. */
  get modulePlaces(): readonly (number | undefined)[] {
    if (this.#modulePlaces === undefined) {
      let next = 0;
      this.#modulePlaces = this.#modules.map((module) =>
        this.#selected.modules.has(module) ? next++ : undefined,
      );
    }
    return this.#modulePlaces;
  }
}
