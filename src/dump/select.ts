import { MINIDUMP_TYPE, MODULE_WRITE_FLAGS, THREAD_WRITE_FLAGS } from '../format/index.js';
import { MinidumpError, type Task } from '../io/index.js';
import {
  type Blocks,
  type MemoryBlock,
  mergeBlocks,
  otherBlocks,
  stackBlocks,
  storedBlocks,
  type WantedMemory,
} from './blocks.js';
import { hasFlag, moduleDefaults, threadDefaults } from './dump-type.js';
import { DumpMemory } from './memory.js';
import type { DumpOptions } from './options.js';
import { AddressTable, type PointerFilter } from './pointers.js';
import { CallbackProtocol } from './protocol.js';
import { type AddressRange, intersectRange, mergeRanges, subtractRanges } from './ranges.js';
import { isExecutable, listRegions, memoryInfo } from './regions.js';
import type { Target, TargetException, TargetModule, TargetRegion, TargetThread } from './target.js';
import { eachStackWord, type MemorySource, wantedMemory } from './wanted-memory.js';

const { ThreadWriteThread, ThreadWriteStack, ThreadWriteBackingStore } = THREAD_WRITE_FLAGS;
const { ModuleWriteModule, ModuleReferencedByMemory } = MODULE_WRITE_FLAGS;

/** A stack in the dump: the part of a block, which may hold more. */
export interface PlacedStack extends AddressRange {
  block: MemoryBlock;
}

export interface SelectedThread {
  thread: TargetThread;
  flags: number;
  /** Undefined where there is none, or it was left out. */
  stack: PlacedStack | undefined;
  backingStore: PlacedStack | undefined;
}

export interface SelectedModule {
  module: TargetModule;
  flags: number;
}

export interface SelectedException extends TargetException {
  threadId: number;
}

/** All that goes into a dump, decided before the first byte of it is written. */
export interface Selection {
  /** MINIDUMP_TYPE flags: what was asked for, or what a stored dump has. */
  type: number;
  threads: SelectedThread[];
  excludedThreads: number;
  modules: SelectedModule[];
  excludedModules: number;
  exception: SelectedException | undefined;
  blocks: Blocks;
  /** Its list is a Memory64List, however small it is. */
  wide: boolean;
  memory: DumpMemory;
  /** With MiniDumpFilterMemory. */
  pointerFilter: PointerFilter | undefined;
  /** With MiniDumpWithFullMemoryInfo. */
  regions: readonly TargetRegion[] | undefined;
  /** MINIDUMP_SECONDARY_FLAGS */
  secondaryFlags: number;
  /** The callback writes the dump by itself. */
  callbackWrites: boolean;
  protocol: CallbackProtocol;
  /** What the user should know, a line each. */
  warnings: string[];
}

/** Stops the target and asks the callback, in the documented order (docs/callback.md). */
export function* select(target: Target, options: DumpOptions): Task<Selection> {
  return yield* new Selector(target, options).run();
}

/** The steps of a selection, and what they share. */
class Selector {
  readonly #target: Target;
  readonly #options: DumpOptions;
  readonly #protocol: CallbackProtocol;
  readonly #memory: DumpMemory;
  readonly #type: number;
  /** The memory of a stored dump stays as it is. */
  readonly #keep: boolean;
  readonly #full: boolean;
  #listed: readonly TargetRegion[] | undefined;

  constructor(target: Target, options: DumpOptions) {
    this.#target = target;
    this.#options = options;
    this.#protocol = new CallbackProtocol(options, target.pid, target.handle);
    const { stored } = target;
    this.#keep = stored !== undefined && options.storedMemory !== 'select';
    this.#type = options.type ?? MINIDUMP_TYPE.MiniDumpNormal;
    this.#full = this.#keep ? stored!.wide : this.#has('MiniDumpWithFullMemory');
    this.#memory = new DumpMemory(target, this.#protocol, this.#ignore);
  }

  #has(flag: keyof typeof MINIDUMP_TYPE): boolean {
    return hasFlag(this.#type, MINIDUMP_TYPE[flag]);
  }

  /** What a stored dump has, its callback may take out. */
  get #storedType(): number {
    return this.#keep ? Number(this.#target.stored!.flags & 0xffff_ffffn) : 0;
  }

  get #ignore(): boolean {
    return this.#has('MiniDumpIgnoreInaccessibleMemory');
  }

  *run(): Task<Selection> {
    const [target, protocol] = [this.#target, this.#protocol];
    if (protocol.isProcessSnapshot() && !target.frozen) {
      // Who says so counts on it that nothing changes while the callback is asked.
      const why = target.requireSnapshot === undefined ? 'it runs' : target.requireSnapshot();
      if (why !== undefined) {
        throw new MinidumpError(
          'invalid-argument',
          `the callback says that what is dumped is a snapshot, and there is none: ${why}`,
          { advice: 'Leave isProcessSnapshot (IsProcessSnapshotCallback) out.' },
        );
      }
    }
    protocol.vmStart();
    const callbackWrites = protocol.ioStart();
    const secondaryFlags = protocol.secondaryFlags();
    protocol.checkCancelled();

    const threadFlags = new Map<number, number>();
    let excludedThreads = 0;
    yield* target.hold((id) => {
      const flags = protocol.includeThread(id, threadDefaults(this.#type | this.#storedType));
      protocol.checkCancelled();
      threadFlags.set(id, flags);
      if (hasFlag(flags, ThreadWriteThread)) return true;
      excludedThreads++;
      return false;
    });
    this.#checkExceptionThread(threadFlags);
    const all = yield* target.modules();
    const included = this.#includeModules(all);
    const exception = yield* this.#exception();
    const held = (yield* target.threads()).map((thread) => ({
      thread: exception?.threadId === thread.id ? this.#atException(thread, exception) : thread,
      flags:
        (threadFlags.get(thread.id) ?? 0) | (thread.backingStore === undefined ? 0 : ThreadWriteBackingStore),
      stack: undefined,
      backingStore: undefined,
    }));
    if (this.#has('MiniDumpScanMemory') || this.#has('MiniDumpFilterMemory')) {
      yield* this.#scanStacks(held, included);
    }
    const modules = this.#selectModules(included);
    const threads = this.#selectThreads(held);

    const added = this.#full ? [] : mergeRanges(protocol.memory());
    protocol.checkCancelled();
    // A dump that is filtered is filtered to have less in it: whoever asks for it is asked what to remove, whatever its type.
    const removed =
      this.#full && !protocol.idiomatic && target.stored === undefined ? [] : protocol.removeMemory();
    const regions = this.#full && !this.#keep ? yield* this.#selectRegions(removed) : [];
    this.#memory.remove(removed);
    if (this.#has('MiniDumpWithoutOptionalData') || this.#has('MiniDumpFilterTriage')) {
      this.#memory.remove(yield* target.privateData());
    }
    protocol.checkCancelled();

    const blocks = this.#keep
      ? yield* this.#storedBlocks(threads)
      : yield* this.#selectMemory(threads, modules, added, regions, exception);
    // Once more, through the redaction: what was removed must not come in through the back door.
    const redacted = exception && (yield* this.#exception());
    for (const selected of threads) {
      if (redacted?.threadId === selected.thread.id && this.#options.exception !== undefined) {
        selected.thread = { ...selected.thread, context: redacted.context };
      }
    }
    return {
      type: this.#storedType | this.#type,
      threads,
      excludedThreads: excludedThreads + held.length - threads.length,
      modules,
      excludedModules: all.length - modules.length,
      exception: redacted,
      blocks,
      wide: this.#full,
      memory: this.#memory,
      pointerFilter: this.#has('MiniDumpFilterMemory')
        ? yield* this.#pointerFilter(held, threads, modules)
        : undefined,
      regions: this.#has('MiniDumpWithFullMemoryInfo') ? yield* this.#regions() : undefined,
      secondaryFlags,
      callbackWrites,
      protocol,
      warnings: this.#warnings(held, threads, threadFlags.size),
    };
  }

  #checkExceptionThread(known: ReadonlyMap<number, number>): void {
    const { exception } = this.#options;
    if (exception === undefined || known.has(exception.threadId)) return;
    throw new MinidumpError(
      'invalid-argument',
      `the exception is of thread ${exception.threadId}, which process ${this.#target.pid} does not have`,
      { advice: 'Give the id of the thread that got the signal (gettid).' },
    );
  }

  /** @param asked how many threads the callback was asked about */
  #warnings(held: readonly SelectedThread[], threads: readonly SelectedThread[], asked: number): string[] {
    const warnings: string[] = [];
    const unknown = held.filter(({ thread: { stack } }) => stack.start >= stack.end).length;
    if (this.#has('MiniDumpFilterMemory') && unknown > 0) {
      warnings.push(
        `MiniDumpFilterMemory knows no stack of ${unknown} threads; memory that is theirs is left as it is`,
      );
    }
    if (!this.#protocol.present) return warnings;
    const { exception } = this.#options;
    if (threads.length === 0 && asked > 0) {
      warnings.push(
        'the callback left out every thread; a routine that returns nothing says FALSE to all of them',
      );
    } else if (exception !== undefined && !threads.some(({ thread }) => thread.id === exception.threadId)) {
      warnings.push(`the callback left out thread ${exception.threadId}, which the exception is of`);
    }
    return warnings;
  }

  *#exception(): Task<SelectedException | undefined> {
    const { exception } = this.#options;
    if (exception === undefined) return yield* this.#target.ownException?.() ?? nothing();
    const found = yield* this.#target.exception(exception, (address, length) =>
      this.#memory.read(address, length),
    );
    return { threadId: exception.threadId, ...found };
  }

  /**
   * The thread that got the signal stands in its handler, perhaps on a stack of its own. As Breakpad does it, it is
   * written as it was at the fault, so that its stack is that of the fault.
   */
  #atException(thread: TargetThread, happened: TargetException): TargetThread {
    if (this.#options.exception === undefined && this.#target.wasCaught !== true) return thread;
    const { context, instructionPointer, stackPointer } = happened;
    const stack = this.#target.stackAt(stackPointer);
    return { ...thread, context, instructionPointer, stackPointer, stack };
  }

  #includeModules(all: readonly TargetModule[]): SelectedModule[] {
    const included: SelectedModule[] = [];
    for (const module of all) {
      const flags = this.#protocol.includeModule(module.base, moduleDefaults(this.#type));
      if (hasFlag(flags, ModuleWriteModule)) included.push({ module, flags });
      this.#protocol.checkCancelled();
    }
    return included;
  }

  /** MiniDumpScanMemory: tells the callback which modules the stacks point into. */
  *#scanStacks(threads: readonly SelectedThread[], modules: readonly SelectedModule[]): Task<void> {
    const table = new AddressTable(
      modules.map(({ module }) => ({ start: module.base, end: module.base + BigInt(module.size) })),
    );
    yield* eachStackWord(this.#source, threads, (value) => {
      const found = modules[table.indexOf(value)];
      if (found !== undefined) found.flags |= ModuleReferencedByMemory;
    });
  }

  #selectModules(included: readonly SelectedModule[]): SelectedModule[] {
    const modules: SelectedModule[] = [];
    for (const { module, flags: before } of included) {
      const flags = this.#protocol.module(
        {
          FullPath: module.path,
          BaseOfImage: module.base,
          SizeOfImage: module.size,
          CheckSum: module.checkSum,
          TimeDateStamp: module.timeDateStamp,
          VersionInfo: module.versionInfo,
          CvRecord: module.codeView,
          SizeOfCvRecord: module.codeView?.length ?? 0,
          MiscRecord: module.misc,
          SizeOfMiscRecord: module.misc?.length ?? 0,
        },
        before,
      );
      if (hasFlag(flags, ModuleWriteModule)) modules.push({ module, flags });
      this.#protocol.checkCancelled();
    }
    return modules;
  }

  #selectThreads(held: readonly SelectedThread[]): SelectedThread[] {
    const threads: SelectedThread[] = [];
    // Nobody is asked: then no context is made while the process waits.
    if (!this.#protocol.present) return held.filter(({ flags }) => hasFlag(flags, ThreadWriteThread));
    for (const one of held) {
      const { thread, flags: before } = one;
      const Thread = {
        ThreadId: thread.id,
        ThreadHandle: 0,
        Context: thread.context.slice(),
        SizeOfContext: thread.context.length,
        StackBase: thread.stack.start,
        StackEnd: thread.stack.end,
      };
      const { backingStore } = thread;
      const flags =
        backingStore === undefined
          ? this.#protocol.thread(Thread, before)
          : this.#protocol.threadEx(
              { ...Thread, BackingStoreBase: backingStore.start, BackingStoreEnd: backingStore.end },
              before,
            );
      if (hasFlag(flags, ThreadWriteThread)) threads.push({ ...one, flags });
      this.#protocol.checkCancelled();
    }
    return threads;
  }

  /**
   * The regions of a full-memory dump. IncludeVmRegion is asked in two passes, as documented; what either of them drops stays
   * out, and counts as removed: a stack in it is blanked as well.
   */
  *#selectRegions(removed: AddressRange[]): Task<AddressRange[]> {
    let kept = (yield* this.#regions())
      .filter(({ dumpable }) => dumpable)
      .map((region) => ({ region, range: { start: region.start, end: region.end } }));
    for (let pass = 0; pass < 2; pass++) {
      const next: typeof kept = [];
      for (const { region, range } of kept) {
        const answer = this.#protocol.includeVmRegion(memoryInfo(region));
        const left = answer === undefined ? [] : intersectRange([range], answer.start, answer.end);
        for (const dropped of subtractRanges([range], left)) removed.push(dropped);
        for (const piece of left) next.push({ region, range: piece });
        this.#protocol.checkCancelled();
      }
      kept = next;
    }
    return kept.map(({ range }) => range);
  }

  get #source(): MemorySource {
    return {
      target: this.#target,
      memory: this.#memory,
      type: this.#type,
      regions: () => this.#regions(),
    };
  }

  *#regions(): Task<readonly TargetRegion[]> {
    this.#listed ??= yield* listRegions(this.#target, this.#protocol);
    return this.#listed;
  }

  *#storedBlocks(threads: readonly SelectedThread[]): Task<Blocks> {
    const stored = this.#target.stored!;
    // The stacks of a thread that was left out are left out, unless the dump has all memory anyway.
    if (!this.#full) {
      const kept = new Map(threads.map(({ thread, flags }) => [thread, flags]));
      const left: AddressRange[] = [];
      const dropped: AddressRange[] = [];
      for (const thread of stored.threads) {
        const flags = kept.get(thread) ?? 0;
        (hasFlag(flags, ThreadWriteStack) ? left : dropped).push(thread.stack);
        if (thread.backingStore === undefined) continue;
        (hasFlag(flags, ThreadWriteBackingStore) ? left : dropped).push(thread.backingStore);
      }
      this.#memory.remove(subtractRanges(mergeRanges(dropped), mergeRanges(left)));
    }
    return yield* storedBlocks(this.#target, stored, threads, this.#memory.removed);
  }

  *#selectMemory(
    threads: readonly SelectedThread[],
    modules: readonly SelectedModule[],
    added: readonly AddressRange[],
    regions: readonly AddressRange[],
    exception: SelectedException | undefined,
  ): Task<Blocks> {
    const { removed } = this.#memory;
    const stacks = yield* stackBlocks(this.#target, threads, removed);
    const wishes: WantedMemory[] = this.#full
      ? [
          {
            ranges: regions,
            missing: this.#has('MiniDumpNoIgnoreInaccessibleMemory') ? 'fail' : 'omit',
            zeros: 'skip',
          },
        ]
      : [
          { ranges: added, missing: 'fail', zeros: 'keep' },
          ...(yield* wantedMemory(this.#source, threads, modules, exception)),
        ];
    const others = yield* otherBlocks(
      this.#target,
      this.#memory,
      this.#protocol,
      wishes,
      [...removed, ...stacks],
      this.#ignore,
    );
    const stored = [...stacks, ...(this.#full ? others : mergeBlocks(others))];
    return { stored, listed: stored };
  }

  /** Pointers to code, where it is known, else to modules; and to stacks. */
  *#pointerFilter(
    held: readonly SelectedThread[],
    threads: readonly SelectedThread[],
    modules: readonly SelectedModule[],
  ): Task<PointerFilter> {
    const code = (yield* this.#target.regions()).filter(isExecutable);
    const images = modules.map(({ module: { base, size } }) => ({ start: base, end: base + BigInt(size) }));
    const stacks = threads.map(({ thread }) => thread.stack);
    const keep = new AddressTable(mergeRanges([...(code.length > 0 ? code : images), ...stacks]));
    // Those of threads that were left out too: a full-memory dump has them, and so may have any range of a stored one.
    const all = this.#target.stored?.threads ?? held.map(({ thread }) => thread);
    const ranges = all.flatMap(({ stack, backingStore }) => [stack, backingStore ?? []].flat());
    return { keep, ranges: mergeRanges(ranges) };
  }
}

/** A target that has no such thing. */
function* nothing(): Task<undefined> {
  return undefined;
}
