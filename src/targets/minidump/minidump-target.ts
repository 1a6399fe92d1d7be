import type {
  MemoryPart,
  SelectedParts,
  StoredDump,
  Target,
  TargetException,
  TargetModule,
  TargetProcess,
  TargetRegion,
  TargetSystem,
  TargetThread,
} from '../../dump/index.js';
import type { AddressRange } from '../../dump/ranges.js';
import {
  CPU_INFORMATION,
  MINIDUMP_MISC_FLAGS,
  type MINIDUMP_THREAD_INFO,
  StreamType,
  VS_FIXEDFILEINFO,
} from '../../format/index.js';
import { MinidumpError, type Task } from '../../io/index.js';
import {
  isWindows,
  type Minidump,
  pointerSizeOf,
  type StreamEntry,
  type StreamKey,
  type Streams,
} from '../../reader/index.js';
import { readParts } from '../../reader/parts.js';
import { Copies } from './copies.js';
import { type KnownRegions, knownRegions } from './regions.js';
import { KeptParts } from './relocation/index.js';
import type { Sanitiser } from './sanitiser.js';
import { StoredMemory } from './stored-memory.js';
import { carryStreams } from './streams.js';

/** VS_FFI_SIGNATURE: there is a version. */
const VERSION_SIGNATURE = 0xfeef04bd;
/** PDB paths and build ids are short; nothing else is known to stand there. */
const LONGEST_RECORD = 0x10000;

export interface MinidumpTargetOptions {
  /** Streams that are taken for absent, with what only they point to. */
  isDropped?: ((entry: StreamEntry) => boolean) | undefined;
  /**
   * Whether to find out where in the process the streams are that are copies of its memory (true unless said): what a callback
   * removes is blanked in them. It may take a pass through all memory.
   */
  findCopies?: boolean | undefined;
  /** MINIDUMP_TYPE flags that the header of the new dump must not claim. */
  withoutFlags?: number | undefined;
}

/** A minidump, of any system and CPU, as something that can be dumped again. What is broken in it costs only itself. */
export class MinidumpTarget implements Target {
  readonly handle: Minidump;
  readonly frozen = true;
  readonly held = false;
  readonly shortenedCalls = 0;
  readonly pause = 0;
  readonly pid: number;
  readonly system: TargetSystem;
  readonly stored: StoredDump;
  readonly memory: StoredMemory;
  /** Change what goes into the new dump, in this order. */
  readonly sanitisers: Sanitiser[] = [];
  /** Streams that are copies of memory at an address that is not known; known once they were asked for. */
  unknownCopies: readonly string[] = [];
  readonly #dump: Minidump;
  readonly #isDropped: (entry: StreamEntry) => boolean;
  readonly #findCopies: boolean;
  readonly #copies: Copies;
  readonly #windows: boolean;
  readonly #threads: readonly TargetThread[];
  readonly #modules: readonly TargetModule[];
  readonly #process: TargetProcess;
  readonly #notes: string[];
  #included: readonly TargetThread[] = [];
  #regions: KnownRegions | undefined;
  #carriedNotes: readonly string[] = [];

  private constructor(dump: Minidump, options: MinidumpTargetOptions, facts: Facts) {
    this.handle = dump;
    this.#dump = dump;
    this.#isDropped = options.isDropped ?? (() => false);
    this.#findCopies = options.findCopies ?? true;
    this.pid = facts.pid;
    this.system = facts.system;
    this.memory = facts.memory;
    this.#copies = new Copies(dump, facts.memory.view);
    this.#windows = facts.windows;
    this.#threads = facts.threads;
    this.#modules = facts.modules;
    this.#process = facts.process;
    this.#notes = facts.notes;
    const { header, littleEndian } = dump;
    this.stored = {
      littleEndian,
      version: header.Version,
      timeDateStamp: header.TimeDateStamp,
      flags: header.Flags & ~BigInt(options.withoutFlags ?? 0),
      threads: this.#threads,
      memory: this.memory.listed,
      wide: this.memory.wide,
      streams: (selected) => this.#streams(selected),
    };
  }

  /** Opens a dump. Fails where there is no directory to be read; all else that is broken is left out or carried as it is. */
  static *open(dump: Minidump, options: MinidumpTargetOptions = {}): Task<MinidumpTarget> {
    return new MinidumpTarget(dump, options, yield* new FactFinder(dump, options).find());
  }

  /** What the target noticed; more once its streams were asked for. */
  get notes(): readonly string[] {
    return [...this.#notes, ...this.memory.notes, ...this.#carriedNotes];
  }

  *hold(include: (threadId: number) => boolean): Task<void> {
    this.#included = this.#threads.filter(({ id }) => include(id));
  }

  release(): void {}

  checkHeld(): void {}

  *threads(): Task<readonly TargetThread[]> {
    return this.#included;
  }

  stackAt(stackPointer: bigint): AddressRange {
    const stack = this.#threads.find(
      ({ stack }) => stackPointer >= stack.start && stackPointer < stack.end,
    )?.stack;
    return { start: stackPointer, end: stack?.end ?? stackPointer };
  }

  *modules(): Task<readonly TargetModule[]> {
    return this.#modules;
  }

  *regions(): Task<readonly TargetRegion[]> {
    return (yield* this.knownRegions()).regions;
  }

  *knownRegions(): Task<KnownRegions> {
    this.#regions ??= yield* knownRegions(this.#dump, this.memory.contiguous());
    return this.#regions;
  }

  *process(): Task<TargetProcess> {
    return this.#process;
  }

  /** The exception that the dump is of. */
  *ownException(): Task<(TargetException & { threadId: number }) | undefined> {
    const entry = this.#dump.entry(StreamType.ExceptionStream);
    if (entry === undefined || this.#isDropped(entry)) return undefined;
    const exception = yield* this.#dump.tryTask('exception');
    if (exception === undefined) return undefined;
    const { context } = exception;
    return {
      threadId: exception.ThreadId,
      code: exception.ExceptionRecord.ExceptionCode,
      flags: exception.ExceptionRecord.ExceptionFlags,
      address: exception.address,
      context: context?.bytes ?? new Uint8Array(0),
      instructionPointer: context?.instructionPointer ?? 0n,
      stackPointer: context?.stackPointer ?? 0n,
    };
  }

  *exception(): Task<TargetException> {
    throw new MinidumpError('unsupported', 'a minidump has its exception; it cannot be given another');
  }

  *probe(start: bigint, end: bigint): Task<readonly MemoryPart[]> {
    return this.memory.probe(start, end);
  }

  *readMemory(address: bigint, into: Uint8Array): Task<number> {
    const bytes = yield* this.memory.view.readTask(address, into.length);
    into.set(bytes);
    const read = into.subarray(0, bytes.length);
    for (const sanitiser of this.sanitisers) yield* sanitiser.memory?.(address, read) ?? nothing();
    return bytes.length;
  }

  *#streams(selected: SelectedParts) {
    const carried = yield* carryStreams(
      {
        dump: this.#dump,
        selected,
        kept: new KeptParts(this.#threads, this.#modules, selected),
        pointerSize: this.system.pointerSize,
        windows: this.#windows,
      },
      this.#isDropped,
      this.#findCopies ? this.#copies : undefined,
    );
    this.#carriedNotes = carried.notes;
    this.unknownCopies = carried.unknown;
    for (const sanitiser of this.sanitisers) sanitiser.streams?.(carried.streams, selected);
    return carried.streams;
  }

  /** Where command line and environment are in the memory of the process, as far as that can be found out. */
  *privateData(): Task<readonly AddressRange[]> {
    const unknown = new Set<string>();
    const ranges: AddressRange[] = [];
    for (const type of [StreamType.LinuxCmdLine, StreamType.LinuxEnviron]) {
      const [entry, ...others] = this.#dump.directory.filter(({ streamType }) => streamType === type);
      if (entry === undefined) continue;
      const name = Copies.nameOf(type)!;
      // Only the first one is looked for.
      if (
        others.some(({ rva, dataSize }) => dataSize > 0 && (rva !== entry.rva || dataSize !== entry.dataSize))
      ) {
        unknown.add(name);
      }
      try {
        const bytes = yield* this.#dump.bytesTask(entry);
        if (bytes.length === 0) continue;
        const found = yield* this.#copies.find(entry, bytes);
        if (found === undefined) unknown.add(name);
        for (const { address, length } of found ?? []) {
          ranges.push({ start: address, end: address + BigInt(length) });
        }
      } catch (error) {
        if (!(error instanceof MinidumpError)) throw error;
        // A stream that reaches past the end of the file: its bytes are not known.
      }
    }
    this.#notes.push(
      ...[...unknown].map(
        (name) => `where ${name} is in the memory of the process is not known: what the dump has of it stays`,
      ),
    );
    return ranges;
  }
  // All of this is in the streams that are stored, which go into the new dump as they are.
  *texts() {
    return [];
  }
  *linkMap() {
    return undefined;
  }
  *handles() {
    return [];
  }
  *unloadedModules() {
    return [];
  }
  *tokens() {
    return [];
  }
  *systemMemory() {
    return undefined;
  }
  *vmCounters() {
    return undefined;
  }
  // Where this lies the dump does not tell.
  *processData() {
    return [];
  }
  *threadData() {
    return [];
  }
  *moduleTls() {
    return [];
  }

  [Symbol.dispose](): void {}
}

function* nothing(): Task<void> {}

/** What is read when a dump is opened. */
interface Facts {
  pid: number;
  system: TargetSystem;
  windows: boolean;
  memory: StoredMemory;
  threads: TargetThread[];
  modules: TargetModule[];
  process: TargetProcess;
  notes: string[];
}

class FactFinder {
  readonly #dump: Minidump;
  readonly #isDropped: (entry: StreamEntry) => boolean;
  readonly #notes: string[] = [];

  constructor(dump: Minidump, options: MinidumpTargetOptions) {
    this.#dump = dump;
    this.#isDropped = options.isDropped ?? (() => false);
  }

  *find(): Task<Facts> {
    const memory = yield* StoredMemory.open(this.#dump, (key) => this.#lacks(key));
    for (const key of ['memoryList', 'memory64List'] as const) {
      if (this.#lacks(key)) continue;
      yield* this.#try(key, 'its memory is left out, but for stacks');
    }
    const info = yield* this.#dump.systemTask();
    const misc = yield* this.#dump.tryTask('miscInfo');
    const has = (flag: number) => misc !== undefined && (misc.Flags1 & flag) !== 0;
    const times = has(MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESS_TIMES) ? misc : undefined;
    const status = yield* this.#dump.tryTask('linuxStatus');
    const pid = has(MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESS_ID)
      ? misc!.ProcessId
      : Number(/^Pid:\s*(\d{1,9})$/m.exec(status ?? '')?.[1] ?? 0);
    return {
      pid,
      windows: isWindows(info),
      memory,
      system: {
        architecture: info?.ProcessorArchitecture ?? 0xffff,
        pointerSize: pointerSizeOf(info),
        level: info?.ProcessorLevel ?? 0,
        revision: info?.ProcessorRevision ?? 0,
        processors: info?.NumberOfProcessors ?? 0,
        platform: info?.PlatformId ?? 0,
        major: info?.MajorVersion ?? 0,
        minor: info?.MinorVersion ?? 0,
        build: info?.BuildNumber ?? 0,
        version: info?.csdVersion ?? '',
        cpu:
          info === undefined
            ? new Uint8Array(CPU_INFORMATION.size)
            : CPU_INFORMATION.encode(info.Cpu, this.#dump.littleEndian),
      },
      threads: yield* this.#threads(memory),
      modules: yield* this.#modules(),
      process: {
        createTime: times?.ProcessCreateTime ?? 0,
        userTime: times?.ProcessUserTime ?? 0,
        kernelTime: times?.ProcessKernelTime ?? 0,
      },
      notes: this.#notes,
    };
  }

  /** The first stream of a kind is the one that counts. */
  #lacks(key: StreamKey): boolean {
    const entry = this.#dump.entry(key);
    return entry === undefined || this.#isDropped(entry);
  }

  *#try<K extends StreamKey>(key: K, consequence: string): Task<Streams[K] | undefined> {
    if (this.#lacks(key)) return undefined;
    try {
      return yield* this.#dump.getTask(key);
    } catch (error) {
      if (!(error instanceof MinidumpError) || (error.code !== 'malformed' && error.code !== 'truncated'))
        throw error;
      this.#notes.push(`${this.#dump.entry(key)!.name} is broken, so ${consequence}: ${error.message}`);
      return undefined;
    }
  }

  *#threads(memory: StoredMemory): Task<TargetThread[]> {
    const consequence = 'a callback cannot leave threads out';
    const list =
      (yield* this.#try('threads', consequence)) ?? (yield* this.#try('threadsEx', consequence)) ?? [];
    const infos = new Map<number, MINIDUMP_THREAD_INFO>();
    for (const info of (yield* this.#dump.tryTask('threadInfo')) ?? []) infos.set(info.ThreadId, info);
    return list.map((thread): TargetThread => {
      const { context, Stack } = thread;
      const range = (descriptor: typeof Stack) => {
        const { StartOfMemoryRange: start, Memory } = descriptor;
        return memory.stack({ start, end: start + BigInt(Memory.DataSize) });
      };
      const info = infos.get(thread.ThreadId);
      return {
        id: thread.ThreadId,
        name: thread.name,
        suspendCount: thread.SuspendCount,
        priorityClass: thread.PriorityClass,
        priority: thread.Priority,
        teb: thread.Teb,
        context: context?.bytes ?? new Uint8Array(0),
        instructionPointer: context?.instructionPointer ?? 0n,
        stackPointer: context?.stackPointer ?? Stack.StartOfMemoryRange,
        stack: range(Stack),
        backingStore:
          'BackingStore' in thread
            ? range((thread as { BackingStore: typeof Stack }).BackingStore)
            : undefined,
        info: info && {
          flags: info.DumpFlags,
          error: info.DumpError,
          exitStatus: info.ExitStatus,
          createTime: info.CreateTime,
          exitTime: info.ExitTime,
          kernelTime: info.KernelTime,
          userTime: info.UserTime,
          startAddress: info.StartAddress,
          affinity: info.Affinity,
        },
      };
    });
  }

  *#modules(): Task<TargetModule[]> {
    const dump = this.#dump;
    const list = (yield* this.#try('modules', 'a callback cannot leave modules out')) ?? [];
    const records = function* (field: 'CvRecord' | 'MiscRecord') {
      const locations = list.map((module) => ({ rva: module[field].Rva, size: module[field].DataSize }));
      const found = yield* readParts(
        dump,
        'debug record',
        locations.map(({ rva, size }) => ({ rva: size === 0 ? 0 : rva, size })),
        LONGEST_RECORD,
      );
      return found.map((part) => (part instanceof MinidumpError || part.length === 0 ? undefined : part));
    };
    const codeViews = yield* records('CvRecord');
    const miscs = yield* records('MiscRecord');
    return list.map((module, i) => ({
      base: module.BaseOfImage,
      size: module.SizeOfImage,
      path: module.name ?? '',
      checkSum: module.CheckSum,
      timeDateStamp: module.TimeDateStamp,
      versionInfo:
        module.VersionInfo.dwSignature === VERSION_SIGNATURE
          ? VS_FIXEDFILEINFO.encode(module.VersionInfo, dump.littleEndian)
          : undefined,
      codeView: codeViews[i],
      misc: miscs[i],
      segments: [],
    }));
  }
}
