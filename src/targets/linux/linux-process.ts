import type { AddressRange } from '../../dump/ranges.js';
import type {
  MemoryPart,
  PlacedRange,
  ReadMemory,
  Target,
  TargetException,
  TargetHandle,
  TargetLinkMap,
  TargetModule,
  TargetProcess,
  TargetRegion,
  TargetSystem,
  TargetText,
  TargetThread,
  TargetToken,
  TargetUnloadedModule,
} from '../../dump/target.js';
import { MINIDUMP_TYPE, StreamType } from '../../format/index.js';
import { type FileRegion, MinidumpError, runSync, type Task } from '../../io/index.js';
import { AT_ENTRY, auxvPointerSize, parseAuxv } from '../../linux/auxv.js';
import { MappedExtents } from '../../linux/clip.js';
import { type Cpu, type CpuName, cpus, parseSyscall } from '../../linux/cpu/index.js';
import { findDeletedImages } from '../../linux/deleted-images.js';
import { readException } from '../../linux/exception.js';
import { readLinkMap } from '../../linux/link-map.js';
import { type Mapping, parseMaps } from '../../linux/maps.js';
import { findModules } from '../../linux/modules.js';
import { processRanges } from '../../linux/process-data.js';
import { describeRegions } from '../../linux/regions.js';
import { stackAt } from '../../linux/stacks.js';
import { parseStat, type Stat } from '../../linux/stat.js';
import { threadBlockRanges } from '../../linux/thread-block.js';
import { ThreadLocals } from '../../linux/thread-local.js';
import { xsaveLayout, xstateInfo } from '../../linux/xstate.js';
import { AskedFacts } from './asked-facts.js';
import { checkPageSize, checkProcess, cpuOf, refused } from './checks.js';
import { Copier, type CopyRun } from './copying/copier.js';
import { processFacts, systemFacts } from './facts.js';
import { type HeldThread, HeldThreads } from './held-threads.js';
import { ProcessMemory, type ReadableMemory, targetExited } from './memory.js';
import { readTexts } from './process-texts.js';
import { listThreads, MapsFile, readBytes, readText } from './procfs.js';
import { isQuick, QuickMemory, type QuickPlan } from './quick-capture.js';
import { rehearse } from './rehearsal.js';
import { isLarge, type SnapshotMode } from './snapshot/plan.js';
import { type Snapshot, snapshotLost } from './snapshot/snapshot.js';
import { Snapshots } from './snapshot/snapshots.js';
import type { Recording, ThreadHolder } from './thread-holder.js';
import { Tracer } from './tracer.js';
import type { TracerThread } from './tracer-start.js';

/** Of larger mappings without rights it is not asked page by page whether they hold anything. */
const MAX_RESERVE_PROBE = 64n * 1024n * 1024n;

/** So many threads make the code warm. */
const MAX_REHEARSED = 8;

export interface LinuxProcessOptions {
  /** Longest stop in milliseconds. */
  maxPause: number;
  /** Most bytes of a stack that is not the main thread's. */
  maxStack: number;
  /** MINIDUMP_TYPE flags: what will be asked for. Of the rest nothing is read. */
  type: number;
  abandonExitCode?: number | undefined;
  snapshot: SnapshotMode;
  /** Holds the threads in place of a tracer. */
  holder?: ThreadHolder | undefined;
  /** Traces the process already. */
  thread?: TracerThread | undefined;
}

/** A live Linux process: on x86-64 one of 64 bits or of 32, or one of ARM64. */
export class LinuxProcess implements Target {
  readonly pid: number;
  readonly handle: unknown;
  readonly system: TargetSystem;

  readonly #options: LinuxProcessOptions;
  protected readonly cpu: Cpu;
  /** MiniDumpWithAvxXStateContext */
  protected readonly xstate: boolean;
  readonly #cpuName: CpuName;
  readonly #holder: ThreadHolder;
  /** The holder, if it is one. */
  readonly #tracer: Tracer | undefined;
  readonly #via: number;
  readonly #live: ProcessMemory;
  /** Of the snapshot, if there is one, else of the process. */
  #memory: ReadableMemory;
  readonly #snapshots: Snapshots | undefined;
  #snapshot: Snapshot | undefined;
  readonly #extents = new MappedExtents();
  readonly #mapsFile: MapsFile;
  readonly #stat: Stat;
  readonly #auxv: ReadonlyMap<number, bigint>;
  readonly #texts: TargetText[];
  readonly #process: TargetProcess;
  readonly #asked: AskedFacts;
  #threadLocals: ThreadLocals | undefined;
  #maps: Buffer;
  #mappings: readonly Mapping[];
  #modules: readonly TargetModule[];
  readonly #threadStats = new Map<number, Stat>();
  #threads: HeldThreads;
  /** Nobody is asked, and no memory is wanted but what is known: the stop can be a short one. */
  #quick: QuickPlan | undefined;
  #copier: Copier | undefined;
  #recording: Recording | undefined;
  #held = false;
  #released = false;
  #disposed = false;

  /** Looks at the process and prepares all that can be prepared; nothing is stopped. */
  constructor(pid: number, options: LinuxProcessOptions, handle: unknown = pid) {
    if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) {
      throw new MinidumpError(
        'platform',
        `live processes can be dumped on Linux x86-64 and ARM64, not on ${process.platform} ${process.arch}`,
      );
    }
    const own = options.thread === undefined ? 'trace' : 'attached';
    const facts = checkProcess(pid, options.holder === undefined ? own : 'other');
    this.pid = pid;
    this.handle = handle;
    this.#options = options;
    this.#via = facts.via;
    const auxv =
      readBytes(`/proc/${pid}/task/${facts.via}/auxv`) ?? readBytes(`/proc/${pid}/auxv`) ?? Buffer.alloc(0);
    const pointerSize = auxvPointerSize(auxv);
    const cpu = cpuOf(pid, pointerSize);
    this.#cpuName = cpu;
    this.cpu = cpus[cpu];
    this.#auxv = parseAuxv(auxv, pointerSize);
    checkPageSize(pid, this.#auxv);
    try {
      this.#live = new ProcessMemory(pid, facts.via);
      this.#memory = this.#live;
    } catch (error) {
      throw refused(pid, error);
    }
    this.xstate = (options.type & MINIDUMP_TYPE.MiniDumpWithAvxXStateContext) !== 0;
    if (options.holder === undefined) {
      this.#tracer = new Tracer(pid, {
        cpu,
        xstate: this.xstate && cpu !== 'arm64',
        maxPause: options.maxPause,
        abandonExitCode: options.abandonExitCode,
        thread: options.thread,
      });
    }
    this.#holder = options.holder ?? this.#tracer!;
    this.#threads = new HeldThreads(pid, this.cpu, this.#holder.slotSize);
    try {
      this.#mapsFile = new MapsFile(pid, facts.via);
      this.#maps = this.#mapsFile.read();
      this.#mappings = parseMaps(this.#maps.toString('utf8'));
      this.#memory.use(this.#mappings);
      this.#stat = parseStat(readText(`/proc/${pid}/stat`) ?? '');
      const cpuinfo = readBytes('/proc/cpuinfo') ?? Buffer.alloc(0);
      this.system = systemFacts(cpuinfo.toString('latin1'), this.cpu, this.#auxv);
      this.#asked = new AskedFacts(pid, facts.via, options.type);
      this.#process = processFacts(this.#stat, this.#asked.booted, cpuinfo.toString('latin1'));
      this.#modules = this.#findModules();
      this.#texts = readTexts(pid, this.#stat, { cpuinfo, auxv, maps: this.#maps }, this.#live);
      for (const tid of listThreads(pid)) this.#statOf(tid);
      if (this.#tracer !== undefined) {
        this.#snapshots = new Snapshots(
          {
            pid,
            via: facts.via,
            cpu,
            mappings: this.#mappings,
            read: (address, into) => this.#live.read(address, into),
            presentBytes: (range) => this.#live.presentBytes(range),
          },
          options.snapshot,
          options.type,
        );
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw refused(pid, error);
    }
  }

  readonly frozen: boolean = false;

  get notes(): readonly string[] {
    if (this.#recording !== undefined) return this.#recording.notes;
    return [...(this.#snapshots?.notes ?? []), ...this.#threads.notes, ...(this.#snapshot?.notes ?? [])];
  }

  /** The memory comes from a frozen copy, and the process runs meanwhile. */
  get snapshot(): boolean {
    return this.#snapshot !== undefined || this.#recording !== undefined;
  }

  get shortenedCalls(): number {
    if (this.#recording !== undefined) return this.#recording.shortenedCalls;
    return this.#threads.shortenedCalls + (this.#snapshot?.shortenedCalls ?? 0);
  }

  requireSnapshot(): string | undefined {
    if (this.#holder.recording !== undefined) return undefined;
    return this.#snapshots === undefined ? 'no snapshot can be taken of it' : this.#snapshots.require();
  }

  get held(): boolean {
    return this.#held;
  }

  /** How long the process was stopped, in milliseconds; known once it is released. */
  get pause(): number {
    return this.#holder.pause;
  }

  /**
   * Waits until the tracer thread is ready, so that no stop has to.
   *
   * @param quick nobody is asked about the dump
   */
  prepare(quick = false): void {
    if (this.#holder === this.#tracer && isLarge(this.#options.type)) this.#copier = new Copier();
    // A snapshot is looked at while the process runs; otherwise all that is done is done while it waits.
    if (this.#snapshots?.planned) this.#snapshots.rehearse(this.#live);
    else if (this.#snapshots !== undefined) this.#rehearse(quick && isQuick(this.#options.type));
    this.#holder.ready();
    if (this.#tracer !== undefined) this.#snapshots?.arm(this.#tracer);
  }

  /** In the time that the tracer thread takes to start. */
  #rehearse(quick: boolean): void {
    const threads = listThreads(this.pid)
      .slice(0, MAX_REHEARSED)
      .flatMap((id) => {
        const at = parseSyscall(readText(`/proc/${this.pid}/task/${id}/syscall`) ?? '');
        if (at === undefined) return [];
        const registers = this.cpu.registersAt(at.stackPointer, at.instructionPointer);
        return [this.#describe({ id, state: { registers, floatingPoint: undefined } })];
      });
    const pages = new Set<bigint>();
    this.#live.recorded = pages;
    rehearse(this, threads, { type: this.#options.type });
    this.#live.recorded = undefined;
    if (quick) {
      this.#quick = {
        via: this.#via,
        maps: this.#maps,
        pages: [...pages],
        maxStack: this.#options.maxStack,
        argumentsStart: this.#stat.argStart,
      };
    }
    // Of what was learned of its memory nothing is kept: it goes on changing.
    this.#threadLocals = undefined;
  }

  *hold(include: (threadId: number) => boolean): Task<void> {
    try {
      this.#hold(include);
    } catch (error) {
      throw refused(this.pid, error);
    }
  }

  #hold(include: (threadId: number) => boolean): void {
    if (this.#holder.recording !== undefined) {
      this.#holdRecorded(this.#holder.recording, include);
      return;
    }
    if (this.#quick !== undefined) {
      this.#holdQuickly(this.#quick, include);
      return;
    }
    const known = new Set<number>();
    this.#held = true;
    this.#live.still = true;
    // Only a running thread can make new ones: a pass that finds none unknown proves that all stand.
    for (;;) {
      const fresh = listThreads(this.pid).filter((tid) => !known.has(tid));
      if (fresh.length === 0) break;
      for (const tid of fresh) known.add(tid);
      const wanted = fresh.filter(include);
      if (wanted.length > 0) this.#threads.add(wanted, this.#holder.stop(wanted));
    }
    if (known.size === 0 || (this.#threads.all.length === 0 && listThreads(this.pid).length === 0)) {
      throw targetExited(this.pid);
    }
    this.#threads.sort();
    this.#refresh(this.#mapsFile.read());
    if (this.#snapshots?.planned) this.#takeSnapshot(this.#snapshots);
  }

  /** The process runs: all that is told of it from now on is what was recorded. */
  #holdRecorded(recording: Recording, include: (threadId: number) => boolean): void {
    this.#recording = recording;
    const { threads, slots, memory, maps } = recording;
    const size = this.#holder.slotSize;
    threads.forEach((tid, i) => {
      if (include(tid))
        this.#threads.add([tid], new DataView(slots.buffer, slots.byteOffset + i * size, size));
    });
    this.#threads.sort();
    this.#memory = memory;
    memory.use(this.#mappings);
    this.#refresh(maps);
  }

  /** What has to be known of the threads and mappings to dump the process later; it is held. */
  recorded(): { threads: number[]; slots: Uint8Array; calls: Map<number, string>; maps: Buffer } {
    const calls = new Map<number, string>();
    for (const { id, state } of this.#threads.all) {
      if (state === undefined) calls.set(id, readText(`/proc/${this.pid}/task/${id}/syscall`) ?? '');
    }
    return {
      threads: this.#threads.all.map(({ id }) => id),
      slots: this.#threads.joined(),
      calls,
      maps: this.#maps,
    };
  }

  /** The stop will be a matter of the tracer thread alone. */
  get quick(): boolean {
    return this.#quick !== undefined;
  }

  /** Afterwards the process runs again, with all that is needed of it kept; or it stands still, if that could not be done. */
  #holdQuickly(plan: QuickPlan, include: (threadId: number) => boolean): void {
    this.#quick = undefined;
    this.#held = true;
    const { threads, results, maps, parts } = this.#tracer!.capture(plan);
    for (const tid of threads) include(tid);
    this.#threads.add(threads, new DataView(results));
    if (this.#threads.all.length === 0) throw targetExited(this.pid);
    this.#threads.sort();
    if (parts === undefined) {
      this.#live.still = true;
      this.#refresh(Buffer.from(maps));
      return;
    }
    this.#memory = new QuickMemory(parts);
    this.#memory.use(this.#mappings);
    this.#held = false;
  }

  /** What a dump needed was not kept: it is taken again, in the ordinary way. */
  startOver(): void {
    this.#memory = this.#live;
    this.#threads = new HeldThreads(this.pid, this.cpu, this.#holder.slotSize);
    this.#threadLocals = undefined;
  }

  #takeSnapshot(snapshots: Snapshots): void {
    this.#snapshot = snapshots.take({
      pid: this.pid,
      cpu: this.#cpuName,
      tracer: this.#tracer!,
      threads: this.#threads.stopped,
      mappings: this.#mappings,
      memory: this.#live,
    });
    if (this.#snapshot === undefined) return;
    this.#memory = this.#snapshot.memory;
    this.#held = false;
    this.#live.still = false;
  }

  /** Looks again at what may have changed between the preparation and the stop; mostly nothing has. */
  #refresh(maps: Buffer): void {
    if (maps.equals(this.#maps)) return;
    const before = this.#maps.toString('utf8');
    this.#maps = maps;
    const text = maps.toString('utf8');
    this.#mappings = parseMaps(text);
    this.#memory.use(this.#mappings);
    // A growing heap changes nothing about the modules: look at them again only if a mapping of a file changed.
    if (fileLines(before) !== fileLines(text)) this.#modules = this.#findModules();
    const stream = this.#texts.find(({ type }) => type === StreamType.LinuxMaps);
    if (stream !== undefined) stream.bytes = maps;
  }

  #findModules(): TargetModule[] {
    const modules = runSync(findModules(this.#mappings, this.#read, this.#entry));
    this.#asked.useModules(modules, this.#read);
    return modules;
  }

  /** Memory as it is, for what is told of the process and is no copy of its memory. */
  readonly #read: ReadMemory = (address, length) => this.#readSome(address, length);

  *#readSome(address: bigint, length: number): Task<Uint8Array> {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, this.#memory.read(address, bytes));
  }

  get #entry(): bigint {
    return this.#auxv.get(AT_ENTRY) ?? 0n;
  }

  checkHeld(): void {
    if (this.#snapshot !== undefined && !this.#released) this.#snapshot.checkAlive();
    if (!this.#held) return;
    this.#holder.checkHeld();
    if (this.#live.isGone()) throw targetExited(this.pid);
  }

  release(): void {
    this.#held = false;
    this.#live.still = false;
    if (this.#released) return;
    this.#released = true;
    try {
      this.#snapshot?.end();
    } finally {
      this.#holder.release();
      this.#copier?.[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    try {
      this.release();
    } finally {
      this.#live[Symbol.dispose]();
    }
  }

  *threads(): Task<readonly TargetThread[]> {
    return this.#threads.all.map((held) => this.#describe(held));
  }

  #describe({ id, state }: HeldThread): TargetThread {
    const stat = this.#statOf(id);
    const cpu = this.cpu;
    const unstopped = state === undefined ? this.#unstoppable(id) : undefined;
    const known = unstopped === undefined || unstopped.length > 0;
    const [stackPointer, instructionPointer] = !known
      ? [0n, 0n]
      : state === undefined
        ? [cpu.stackPointer(unstopped!), cpu.instructionPointer(unstopped!)]
        : cpu.pointersOf(state.registers);
    let context = unstopped;
    return {
      id,
      name: stat?.name,
      suspendCount: 0,
      priorityClass: 0,
      priority: stat?.priority ?? 0,
      teb: state === undefined ? 0n : cpu.threadBlock(state),
      // Made when it is asked for: mostly when the process runs again.
      get context() {
        context ??= cpu.context(state!);
        return context;
      },
      instructionPointer,
      stackPointer,
      stack: this.stackAt(stackPointer),
      info: this.#asked.threadInfo(
        id,
        stat,
        state === undefined ? undefined : cpu.threadBlock(state),
        this.#entry,
        this.#read,
        (address) => this.#memory.find(address)?.executable === true,
      ),
    };
  }

  /** What is known of a thread that did not stop; nothing of one that runs. */
  #unstoppable(id: number): Uint8Array {
    const text = this.#recording?.calls.get(id) ?? readText(`/proc/${this.pid}/task/${id}/syscall`);
    const found = parseSyscall(text ?? '');
    if (found === undefined) return new Uint8Array();
    return this.cpu.controlContext(found.stackPointer, found.instructionPointer);
  }

  stackAt(stackPointer: bigint): AddressRange {
    return stackAt(
      stackPointer,
      this.#mappings,
      this.#stat.argStart,
      this.#options.maxStack,
      this.cpu.redZone,
    );
  }

  #statOf(tid: number): Stat | undefined {
    let stat = this.#threadStats.get(tid);
    if (stat === undefined) {
      const text = readText(`/proc/${this.pid}/task/${tid}/stat`);
      if (text === undefined) return undefined;
      stat = parseStat(text);
      this.#threadStats.set(tid, stat);
    }
    return stat;
  }

  *modules(): Task<readonly TargetModule[]> {
    return this.#modules;
  }

  *regions(): Task<readonly TargetRegion[]> {
    return describeRegions(this.#mappings, (mapping) => this.#isReserved(mapping));
  }

  /**
   * Whether a private mapping without rights never held anything. Small ones are looked at page by page; a large one (an arena or
   * cage that is handed out piece by piece) is taken for reserved: a terabyte of pagemap cannot be read while a process waits.
   */
  #isReserved({ start, end }: Mapping): boolean {
    if (end - start > MAX_RESERVE_PROBE) return true;
    return this.#memory.probe(start, end).every(({ kind }) => kind === 'zero');
  }

  *process(): Task<TargetProcess> {
    const xsave = this.#threads.all.find(({ state }) => state?.xsave !== undefined)?.state?.xsave;
    return { ...this.#process, xstate: xsave && xstateInfo(xsaveLayout(xsave), this.cpu.contextSize) };
  }

  *texts(): Task<readonly TargetText[]> {
    return this.#texts;
  }

  *linkMap(read: ReadMemory): Task<TargetLinkMap | undefined> {
    return yield* readLinkMap(this.#auxv, read, this.cpu.pointerSize);
  }

  *handles(): Task<readonly TargetHandle[]> {
    return this.#asked.handles;
  }

  *unloadedModules(): Task<readonly TargetUnloadedModule[]> {
    return yield* findDeletedImages(this.#mappings, this.#read);
  }

  *tokens(): Task<readonly TargetToken[]> {
    return this.#asked.tokens(this.#threads.all.map(({ id }) => id));
  }

  *systemMemory(): ReturnType<Target['systemMemory']> {
    return this.#asked.systemMemory;
  }

  *vmCounters(): ReturnType<Target['vmCounters']> {
    return this.#asked.vmCounters(this.#stat);
  }

  *processData(read: ReadMemory): Task<readonly AddressRange[]> {
    const linkMap = yield* this.linkMap(read);
    return this.#clip(processRanges(this.#stat, this.#mappings, linkMap, this.#asked.layout));
  }

  *privateData(): Task<readonly AddressRange[]> {
    const { argStart, argEnd, envStart, envEnd } = this.#stat;
    return [
      { start: argStart, end: argEnd },
      { start: envStart, end: envEnd },
    ];
  }

  *threadData({ teb }: TargetThread): Task<readonly AddressRange[]> {
    return this.#clip(yield* threadBlockRanges(teb, this.#asked.layout, this.#read));
  }

  *moduleTls(module: TargetModule, read: ReadMemory): Task<readonly AddressRange[]> {
    // Threads that were made without the C library may share a block.
    const threads = new Set(
      this.#threads.all.map(({ state }) => (state === undefined ? 0n : this.cpu.threadBlock(state))),
    );
    this.#threadLocals ??= new ThreadLocals(this.#asked.layout, yield* this.linkMap(read), this.#entry);
    return this.#clip(yield* this.#threadLocals.blocks(module, threads, read));
  }

  #clip(ranges: readonly AddressRange[]): AddressRange[] {
    return this.#extents.clip(ranges, this.#mappings);
  }

  *exception(
    pointers: { siginfo: Uint8Array | bigint; ucontext: Uint8Array | bigint },
    read: ReadMemory,
  ): Task<TargetException> {
    return yield* readException(
      pointers,
      read,
      (address) => this.#memory.find(address) !== undefined,
      this.cpu,
      this.xstate,
    );
  }

  *probe(start: bigint, end: bigint): Task<readonly MemoryPart[]> {
    if (this.#held) this.#holder.checkHeld();
    return this.#memory.probe(start, end);
  }

  *copyInto(
    ranges: readonly PlacedRange[],
    region: FileRegion,
    tick: (done: number) => void,
  ): Task<readonly PlacedRange[]> {
    if (this.#copier === undefined) return ranges;
    const { runs, left } = this.#memory.sort(ranges);
    const gone = () => (this.#snapshot === undefined ? targetExited(this.pid) : snapshotLost());
    let failed: CopyRun[];
    try {
      const copy = this.#snapshot?.pid;
      const from = copy === undefined ? ([this.pid, this.#via] as const) : ([copy, copy] as const);
      failed = yield* this.#copier.copy(from, region.fd, runs, tick, gone);
    } catch (error) {
      throw region.failure(error);
    }
    const unread = failed.map(({ address, position, length }) => ({
      start: address,
      end: address + length,
      position,
    }));
    return [...left, ...unread].sort((a, b) => a.position - b.position);
  }

  *readMemory(address: bigint, into: Uint8Array): Task<number> {
    const got = this.#memory.read(address, into);
    // Asked afterwards: what was read while the process may have run again is not to be trusted.
    if (this.#held) this.#holder.checkHeld();
    return got;
  }
}

/** The lines of /proc/PID/maps that name a file. */
function fileLines(maps: string): string {
  return maps
    .split('\n')
    .filter((line) => line.includes('/'))
    .join('\n');
}
