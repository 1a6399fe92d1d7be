import type { AddressRange } from '../../dump/ranges.js';
import type {
  MemoryPart,
  ReadMemory,
  Target,
  TargetException,
  TargetLinkMap,
  TargetModule,
  TargetProcess,
  TargetRegion,
  TargetSystem,
  TargetText,
  TargetThread,
  TargetThreadInfo,
  TargetToken,
  TargetUnloadedModule,
} from '../../dump/target.js';
import {
  CONTEXT_AMD64,
  MINIDUMP_TYPE,
  minidumpTypes,
  PlatformId,
  ProcessorArchitecture,
  StreamType,
} from '../../format/index.js';
import { readRange, type Source, type Task } from '../../io/index.js';
import { AT_ENTRY, AT_HWCAP, parseAuxv } from '../../linux/auxv.js';
import { MappedExtents } from '../../linux/clip.js';
import { crashOf } from '../../linux/core-crash.js';
import { type CoreFile, readCoreFile } from '../../linux/core-file.js';
import type { CoreThread } from '../../linux/core-notes.js';
import { cpus } from '../../linux/cpu/index.js';
import { readException } from '../../linux/exception.js';
import { findInitialStack, type InitialStack, readArguments } from '../../linux/initial-stack.js';
import { readLinkMap } from '../../linux/link-map.js';
import { printMaps } from '../../linux/maps.js';
import { findModules } from '../../linux/modules.js';
import { type NptlLayout, readNptlLayout } from '../../linux/nptl.js';
import { mergingInto, NOT_IN_CORE, NOT_MAPPED, OPAQUE } from '../../linux/parts.js';
import { describeRegion, isOpaque } from '../../linux/regions.js';
import { Reg } from '../../linux/registers.js';
import { findMapping, indexAbove, stackAt } from '../../linux/stacks.js';
import { threadBlockRanges } from '../../linux/thread-block.js';
import { ThreadLocals } from '../../linux/thread-local.js';
import { xsaveLayout, xstateInfo } from '../../linux/xstate.js';
import { PF_W, PF_X } from '../../object/elf.js';
import { type CoreMapping, coreMappings } from './mappings.js';
import { ModuleFiles, type OpenFile } from './module-files.js';

export interface ElfCoreOptions {
  /** MINIDUMP_TYPE flags of the dump that it is for: contexts are extended with MiniDumpWithAvxXStateContext. */
  type?: number | undefined;
  /** Most bytes of a stack that is not the main thread's; 1 MiB by default. */
  maxStack?: number | undefined;
  /** Gives the files that the process had mapped, for what the core left out of them. */
  openFile?: OpenFile | undefined;
  /** Take them also where the core has no build id to compare: the user says that they are the right ones. */
  trustFiles?: boolean | undefined;
  /** What is known of the machine beyond the core. */
  system?: TargetSystem | undefined;
  /** What happened to the core before it came here, a line each. */
  notes?: readonly string[] | undefined;
}

const MAX_STACK = 1024 * 1024;
/** STILL_ACTIVE (winbase.h) */
const STILL_ACTIVE = 0x103;
/** Environments and command lines are text; a stream of more is none. */
const MAX_TEXT = 8 * 1024 * 1024;

/** An ELF core of an x86-64 Linux process: of the kernel, of gcore, of systemd-coredump (once it is decompressed). */
export class ElfCoreTarget implements Target {
  readonly pid: number;
  readonly handle: unknown;
  readonly system: TargetSystem;
  readonly frozen = true;
  readonly held = false;
  readonly shortenedCalls = 0;
  readonly pause = 0;

  readonly #source: Source;
  readonly #core: CoreFile;
  readonly #mappings: readonly CoreMapping[];
  readonly #auxv: ReadonlyMap<number, bigint>;
  readonly #files: ModuleFiles;
  readonly #maxStack: number;
  readonly #xstate: boolean;
  readonly #notes: string[];
  readonly #included = new Set<number>();
  readonly #extents = new MappedExtents();
  #initial: InitialStack | undefined;
  #layout: { found: NptlLayout | undefined } | undefined;
  #threadLocals: ThreadLocals | undefined;
  #modules: readonly TargetModule[] | undefined;

  /**
   * Reads what a core says before its memory.
   *
   * @throws MinidumpError `not-a-core`, `unsupported`, `truncated`, `malformed`
   */
  static *open(source: Source, options: ElfCoreOptions = {}): Task<ElfCoreTarget> {
    const target = new ElfCoreTarget(source, yield* readCoreFile(source), options);
    yield* target.#prepare();
    return target;
  }

  private constructor(source: Source, core: CoreFile, options: ElfCoreOptions) {
    const { notes } = core;
    this.#source = source;
    this.#core = core;
    this.#auxv = parseAuxv(notes.auxv);
    this.#mappings = coreMappings(core, this.#auxv);
    this.#maxStack = options.maxStack ?? MAX_STACK;
    this.#xstate = ((options.type ?? 0) & MINIDUMP_TYPE.MiniDumpWithAvxXStateContext) !== 0;
    this.#files = new ModuleFiles(options.openFile, options.trustFiles ?? false, (address, length) =>
      this.#readStored(address, length),
    );
    this.pid = notes.process?.pid ?? notes.threads[0]?.id ?? 0;
    this.handle = this.pid;
    this.system = options.system ?? unknownSystem(this.#auxv);
    this.#notes = [
      ...(options.notes ?? []),
      ...core.problems,
      ...whatIsMissing(core, source.size),
      ...unservedFlags(options.type ?? 0),
    ];
  }

  *#prepare(): Task<void> {
    for (const mapping of this.#mappings) {
      if (mapping.segment !== undefined) continue;
      const flags = (yield* this.#files.rights(mapping)) ?? 0;
      mapping.writable = (flags & PF_W) !== 0;
      mapping.executable = (flags & PF_X) !== 0;
    }
    const stack = this.#mappings.find(({ path }) => path === '[stack]');
    if (stack !== undefined) {
      this.#initial = yield* findInitialStack(this.#core.notes.auxv, this.#auxv, stack, (address, length) =>
        this.#readStored(address, length),
      );
    }
  }

  get notes(): readonly string[] {
    return [...this.#notes, ...this.#files.notes()];
  }

  *hold(include: (threadId: number) => boolean): Task<void> {
    this.#included.clear();
    for (const { id } of this.#core.notes.threads) if (include(id)) this.#included.add(id);
  }

  release(): void {}

  checkHeld(): void {}

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]();
  }

  *threads(): Task<readonly TargetThread[]> {
    return this.#core.notes.threads
      .filter(({ id }) => this.#included.has(id))
      .sort((a, b) => Number(b.id === this.pid) - Number(a.id === this.pid) || a.id - b.id)
      .map((thread) => this.#describe(thread));
  }

  #describe(thread: CoreThread): TargetThread {
    const { process, byDebugger } = this.#core.notes;
    const { id, registers, fxsave, xstate } = thread;
    const stackPointer = registers[Reg.Rsp]!;
    return {
      id,
      // gdb's is the name of the program's file; a core has no names of other threads.
      name: id === this.pid && !byDebugger ? process?.name : undefined,
      suspendCount: 0,
      priorityClass: 0,
      priority: 0,
      teb: registers[Reg.FsBase]!,
      context: cpus.amd64.context({
        registers,
        floatingPoint: fxsave,
        xsave: this.#xstate ? xstate : undefined,
      }),
      instructionPointer: registers[Reg.Rip]!,
      stackPointer,
      stack: this.stackAt(stackPointer),
      info: this.#threadInfo(thread),
    };
  }

  /** gdb writes no times. */
  #threadInfo({ id, userTime, kernelTime }: CoreThread): TargetThreadInfo | undefined {
    const { threads, byDebugger } = this.#core.notes;
    if (byDebugger) return undefined;
    // The kernel gives the main thread the time of the whole process (kernel: fill_prstatus).
    const others = id === this.pid ? threads.filter((thread) => thread.id !== id) : [];
    return {
      flags: 0,
      error: 0,
      exitStatus: STILL_ACTIVE,
      createTime: 0n,
      exitTime: 0n,
      kernelTime: 10n * others.reduce((left, other) => atLeastZero(left - other.kernelTime), kernelTime),
      userTime: 10n * others.reduce((left, other) => atLeastZero(left - other.userTime), userTime),
      startAddress: 0n,
      affinity: 0n,
    };
  }

  stackAt(stackPointer: bigint): AddressRange {
    return stackAt(stackPointer, this.#mappings, this.#initial?.argStart ?? 0n, this.#maxStack);
  }

  *modules(): Task<readonly TargetModule[]> {
    this.#modules ??= yield* findModules(
      this.#mappings,
      (address, length) => this.#readSome(address, length),
      this.#auxv.get(AT_ENTRY) ?? 0n,
    );
    return this.#modules;
  }

  *regions(): Task<readonly TargetRegion[]> {
    return this.#mappings.map(describeRegion);
  }

  *process(): Task<TargetProcess> {
    const { threads } = this.#core.notes;
    const main = threads.find(({ id }) => id === this.pid);
    const xsave = this.#xstate ? threads.find(({ xstate }) => xstate !== undefined)?.xstate : undefined;
    return {
      createTime: undefined,
      userTime: Number((main?.userTime ?? 0n) / 1_000_000n),
      kernelTime: Number((main?.kernelTime ?? 0n) / 1_000_000n),
      xstate: xsave && xstateInfo(xsaveLayout(xsave), CONTEXT_AMD64.size),
    };
  }

  *texts(): Task<readonly TargetText[]> {
    const { auxv, process } = this.#core.notes;
    const texts: TargetText[] = [];
    const initial = this.#initial;
    if (initial !== undefined) {
      const read: ReadMemory = (address, length) => this.#readStored(address, Math.min(length, MAX_TEXT));
      const add = (type: number, address: bigint, bytes: Uint8Array) => {
        const copyOf = [{ address, offset: 0, length: bytes.length }];
        if (bytes.length > 0) texts.push({ type, bytes, copyOf });
      };
      add(StreamType.LinuxCmdLine, initial.argStart, yield* readArguments(initial, read));
      const { envStart, envEnd } = initial;
      add(StreamType.LinuxEnviron, envStart, yield* read(envStart, Number(envEnd - envStart)));
    } else if (process !== undefined && process.arguments.length > 0 && !this.#stackTopStored()) {
      // Spaces were NULs once.
      texts.push({ type: StreamType.LinuxCmdLine, bytes: process.arguments, unplaced: true });
    }
    if (auxv.length > 0) texts.push({ type: StreamType.LinuxAuxv, bytes: auxv });
    if (this.#mappings.length > 0) {
      texts.push({
        type: StreamType.LinuxMaps,
        bytes: new TextEncoder().encode(printMaps(this.#mappings)),
      });
    }
    return texts;
  }

  #stackTopStored(): boolean {
    const stack = this.#mappings.find(({ path }) => path === '[stack]');
    return stack !== undefined && stack.segment!.dataEnd >= stack.end;
  }

  *linkMap(read: ReadMemory): Task<TargetLinkMap | undefined> {
    return yield* readLinkMap(this.#auxv, read);
  }

  *handles(): Task<undefined> {
    return undefined;
  }

  *unloadedModules(): Task<readonly TargetUnloadedModule[]> {
    return [];
  }

  *tokens(): Task<readonly TargetToken[]> {
    return [];
  }

  *systemMemory(): Task<undefined> {
    return undefined;
  }

  *vmCounters(): Task<undefined> {
    return undefined;
  }

  /** Arguments, environment and auxiliary vector, as the kernel put them on the stack. */
  *processData(): Task<readonly AddressRange[]> {
    const stack = this.#mappings.find(({ path }) => path === '[stack]');
    return stack === undefined || this.#initial === undefined
      ? []
      : [{ start: this.#initial.start, end: stack.end }];
  }

  *privateData(): Task<readonly AddressRange[]> {
    const initial = this.#initial;
    return initial === undefined
      ? []
      : [
          { start: initial.argStart, end: initial.argEnd },
          { start: initial.envStart, end: initial.envEnd },
        ];
  }

  *threadData({ teb }: TargetThread): Task<readonly AddressRange[]> {
    const read: ReadMemory = (address, length) => this.#readStored(address, length);
    return this.#clip(yield* threadBlockRanges(teb, yield* this.#nptl(read), read));
  }

  *moduleTls(module: TargetModule, read: ReadMemory): Task<readonly AddressRange[]> {
    const threads = new Set(this.#core.notes.threads.map(({ registers }) => registers[Reg.FsBase]!));
    this.#threadLocals ??= new ThreadLocals(
      yield* this.#nptl(read),
      yield* this.linkMap(read),
      this.#auxv.get(AT_ENTRY) ?? 0n,
    );
    return this.#clip(yield* this.#threadLocals.blocks(module, threads, read));
  }

  /** The layout of the C library's own structures. */
  *#nptl(read: ReadMemory): Task<NptlLayout | undefined> {
    this.#layout ??= { found: yield* readNptlLayout(yield* this.modules(), read) };
    return this.#layout.found;
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
      (address) => findMapping(this.#mappings, address) !== undefined,
    );
  }

  *ownException(): Task<(TargetException & { threadId: number }) | undefined> {
    return crashOf(this.#core.notes);
  }

  *probe(start: bigint, end: bigint): Task<readonly MemoryPart[]> {
    const parts: MemoryPart[] = [];
    const add = mergingInto(parts);
    let at = start;
    for (let i = this.#firstMapping(start); at < end; i++) {
      const mapping = this.#mappings[i];
      if (mapping === undefined || mapping.start >= end) break;
      add(at, later(at, mapping.start), 'hole', NOT_MAPPED);
      at = later(at, mapping.start);
      const to = sooner(mapping.end, end);
      if (!isOpaque(mapping)) {
        const stored = sooner(later(at, mapping.segment?.dataEnd ?? at), to);
        add(at, stored, 'data');
        at = stored;
        if (at < to) {
          const inFile = yield* this.#files.extent(mapping, at, to);
          add(at, inFile, 'data');
          at = inFile;
        }
      }
      add(at, to, 'hole', isOpaque(mapping) ? OPAQUE : NOT_IN_CORE);
      at = to;
    }
    add(at, end, 'hole', NOT_MAPPED);
    return parts;
  }

  *readMemory(address: bigint, into: Uint8Array): Task<number> {
    let done = 0;
    while (done < into.length) {
      const got = yield* this.#readPiece(address + BigInt(done), into.subarray(done), true);
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  *#readSome(address: bigint, length: number): Task<Uint8Array> {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, yield* this.readMemory(address, bytes));
  }

  /** As `readSome`, but from the core alone. */
  *#readStored(address: bigint, length: number): Task<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const got = yield* this.#readPiece(address + BigInt(done), bytes.subarray(done), false);
      if (got === 0) break;
      done += got;
    }
    return bytes.subarray(0, done);
  }

  /** Reads what lies in one mapping and is had in one way. */
  *#readPiece(address: bigint, into: Uint8Array, files: boolean): Task<number> {
    const mapping = findMapping(this.#mappings, address);
    if (mapping === undefined || isOpaque(mapping)) return 0;
    const { segment } = mapping;
    const end = sooner(mapping.end, address + BigInt(into.length));
    if (segment !== undefined && address < segment.dataEnd) {
      const length = Number(sooner(segment.dataEnd, end) - address);
      const offset = segment.fileOffset + Number(address - segment.start);
      into.set(yield* readRange(this.#source, offset, length, 'memory in the core'));
      return length;
    }
    if (!files) return 0;
    const length = Number((yield* this.#files.extent(mapping, address, end)) - address);
    if (length > 0) yield* this.#files.read(mapping, address, into.subarray(0, length));
    return length;
  }

  /** The index of the first mapping that ends above an address. */
  #firstMapping(address: bigint): number {
    const above = indexAbove(this.#mappings, address);
    return above > 0 && this.#mappings[above - 1]!.end > address ? above - 1 : above;
  }
}

function whatIsMissing({ expectedSize, notes }: CoreFile, size: number): string[] {
  const lines: string[] = [];
  if (expectedSize > BigInt(size)) {
    lines.push(
      `the core is cut short: ${size} of ${expectedSize} bytes are there; memory that was in the rest is missing`,
    );
  }
  if (notes.threads.length === 0) {
    lines.push('the core has no notes of threads: neither threads nor registers nor stacks are in the dump');
  }
  if (notes.files.length === 0)
    lines.push('the core has no list of mapped files: no modules are in the dump');
  return lines;
}

/** A core tells of the machine only what the kernel told the program: the CPU's features (EDX of CPUID 1). */
function unknownSystem(auxv: ReadonlyMap<number, bigint>): TargetSystem {
  const cpu = new Uint8Array(24);
  new DataView(cpu.buffer).setUint32(16, Number((auxv.get(AT_HWCAP) ?? 0n) & 0xffff_ffffn), true);
  return {
    architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
    pointerSize: 8,
    level: 0,
    revision: 0,
    processors: 0,
    platform: PlatformId.MD_OS_LINUX,
    major: 0,
    minor: 0,
    build: 0,
    version: '',
    cpu,
  };
}

function atLeastZero(value: bigint): bigint {
  return value < 0n ? 0n : value;
}

function sooner(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** What a core has nothing for. */
const UNSERVED =
  MINIDUMP_TYPE.MiniDumpWithHandleData |
  MINIDUMP_TYPE.MiniDumpWithTokenInformation |
  MINIDUMP_TYPE.MiniDumpWithUnloadedModules;

function unservedFlags(type: number): string[] {
  return minidumpTypes.flagNames(type & UNSERVED).map((name) => `${name} adds nothing: a core does not tell`);
}
