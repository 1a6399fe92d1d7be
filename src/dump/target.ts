import type {
  InputOf,
  MINIDUMP_PROCESS_VM_COUNTERS_2,
  MINIDUMP_SYSTEM_MEMORY_INFO_1,
  XSTATE_CONFIG_FEATURE_MSC_INFO,
} from '../format/index.js';
import type { FileRegion, Task } from '../io/index.js';
import type { AddressRange } from './ranges.js';

/**
 * What can be dumped: a live process, a core file, another minidump. A target knows nothing of minidump files; the
 * engine knows nothing of processes. Whatever happens, `release` gives the process back as it was.
 *
 * Methods are tasks (see io/task.ts), so that one engine serves a process that must be read at once and a file that
 * is read over a network. A live target never yields: between `hold` and `release` nothing may wait.
 */
/** Reads memory of the target: the bytes at an address, as many of `length` as there are; none where nothing is. */
export type ReadMemory = (address: bigint, length: number) => Task<Uint8Array>;

export interface Target extends Disposable {
  readonly pid: number;
  /** What stands for the process in a callback's ProcessHandle: whatever the caller opened it as. */
  readonly handle: unknown;
  readonly system: TargetSystem;
  /** It does not change, whatever goes on: a core, a dump. Nothing is stopped for it. */
  readonly frozen: boolean;
  /** True from the end of `hold` to `release`: the process stands still and waits for us. */
  readonly held: boolean;

  /**
   * Stops every thread that `include` admits, also those that appear meanwhile. `include` is asked once a thread, before
   * that thread is touched.
   */
  hold(include: (threadId: number) => boolean): Task<void>;
  /** Lets the process go on. May be called at any time, and again. */
  release(): void;
  /**
   * Asks for a snapshot: a copy of the process that stands still while the process itself runs on. Gives why there can be none, in a few
   * words. Absent where there never is one.
   */
  requireSnapshot?(): string | undefined;
  /** Memory comes from a snapshot; known once it is held. */
  readonly snapshot?: boolean;
  /** Throws if the process is no longer held although nobody released it (it died, or the stop took too long). */
  checkHeld(): void;

  /** The threads that are held, the main thread first. */
  threads(): Task<readonly TargetThread[]>;
  /** The part of a stack that is worth having, from a stack pointer. Empty where there is no memory. */
  stackAt(stackPointer: bigint): { start: bigint; end: bigint };
  /** The modules, the main program first. */
  modules(): Task<readonly TargetModule[]>;
  /** All mapped regions, ascending. */
  regions(): Task<readonly TargetRegion[]>;
  /** What the process is and has used so far. */
  process(): Task<TargetProcess>;
  /** Streams that hold a text of the operating system as it is (maps, auxv, command line …). */
  texts(): Task<readonly TargetText[]>;

  /**
   * The dynamic linker's list of loaded objects, where there is one.
   *
   * @param read gives memory of the process, with what must not be in the dump blanked
   */
  linkMap(read: ReadMemory): Task<TargetLinkMap | undefined>;

  /** What the process has open: MiniDumpWithHandleData. Undefined where that is not known. */
  handles(): Task<readonly TargetHandle[] | undefined>;
  /** MiniDumpWithUnloadedModules. */
  unloadedModules(): Task<readonly TargetUnloadedModule[]>;
  /** Who the process is to the system, and threads that differ from it: MiniDumpWithTokenInformation. */
  tokens(): Task<readonly TargetToken[]>;
  /** The memory of the machine, in the fields of MINIDUMP_SYSTEM_MEMORY_INFO_1; undefined where it is not known. */
  systemMemory(): Task<InputOf<typeof MINIDUMP_SYSTEM_MEMORY_INFO_1> | undefined>;
  /** The memory of the process, in the fields of MINIDUMP_PROCESS_VM_COUNTERS_2; undefined where it is not known. */
  vmCounters(): Task<InputOf<typeof MINIDUMP_PROCESS_VM_COUNTERS_2> | undefined>;
  /** Memory that describes the process: arguments, environment, auxiliary vector, lists of the dynamic linker. */
  processData(read: ReadMemory): Task<readonly AddressRange[]>;
  /** Memory that holds what somebody typed or set: command line and environment. Where it is not known, nothing. */
  privateData(): Task<readonly AddressRange[]>;
  /** Memory that describes a thread: its control block (TEB on Windows). */
  threadData(thread: TargetThread): Task<readonly AddressRange[]>;
  /** Thread-local variables of a module: a block a thread that has one. */
  moduleTls(module: TargetModule, read: ReadMemory): Task<readonly AddressRange[]>;

  /**
   * What happened, from the signal information and context that the kernel gave to a handler of the process.
   *
   * @param read gives memory of the process, with what must not be in the dump blanked
   */
  exception(
    pointers: { siginfo: Uint8Array | bigint; ucontext: Uint8Array | bigint },
    read: ReadMemory,
  ): Task<TargetException>;

  /**
   * What happened by the target's own account (a core has the signal that it was written for), used where the caller gives no
   * exception. Undefined where nothing did, or where it is not known.
   */
  ownException?(): Task<(TargetException & { threadId: number }) | undefined>;
  /** `ownException` is a fault that a handler has caught: its thread is elsewhere by now. */
  readonly wasCaught?: boolean;

  /**
   * How each part of `[start, end)` can be had, ascending and without gaps. Asking must not change the process: no page
   * is faulted in.
   */
  probe(start: bigint, end: bigint): Task<readonly MemoryPart[]>;
  /** Reads memory into all of `into`; gives how many bytes could be read from the start of it. */
  readMemory(address: bigint, into: Uint8Array): Task<number>;

  /**
   * Copies memory into a file at once, where that is faster than to read it here: gives what it leaves to the caller, ascending; of that
   * nothing is written. Absent where there is no such way.
   *
   * @param tick is told now and then how many bytes are done; what it throws ends the copying
   */
  copyInto?(
    ranges: readonly PlacedRange[],
    region: FileRegion,
    tick: (done: number) => void,
  ): Task<readonly PlacedRange[]>;

  /** For a target that is itself a minidump: what of it goes into the new one as it is. */
  readonly stored?: StoredDump | undefined;

  /** What the target noticed on the way that the user should know; one line each. */
  readonly notes: readonly string[];
  /**
   * Calls of the process that came back short because a stop caught them half-way (a partly done write, say). No tracer can
   * heal that.
   */
  readonly shortenedCalls: number;
  /** How long the process was stopped, in milliseconds; known once it is released, 0 for what cannot be stopped. */
  readonly pause: number;
}

/** Memory that goes to a place in a file. */
export interface PlacedRange extends AddressRange {
  readonly position: number;
}

/** `data` can be read; `zero` exists but was never touched, so it is all zeros; `hole` cannot be read. */
export type MemoryKind = 'data' | 'zero' | 'hole';

export interface MemoryPart {
  start: bigint;
  end: bigint;
  kind: MemoryKind;
  /** Of a hole: why it cannot be read, in a few words. */
  why?: string | undefined;
}

/** MINIDUMP_SYSTEM_INFO without its layout. */
export interface TargetSystem {
  /** PROCESSOR_ARCHITECTURE_*: 9 amd64. */
  architecture: number;
  /** Bytes of an address. */
  pointerSize: 4 | 8;
  /** CPU family. */
  level: number;
  /** CPU model << 8 | stepping. */
  revision: number;
  processors: number;
  /** 0x8201 Linux. */
  platform: number;
  major: number;
  minor: number;
  build: number;
  /** What goes into CSDVersion; on Linux what `uname -srvm` prints. */
  version: string;
  /** The 24 bytes of CPU_INFORMATION. */
  cpu: Uint8Array;
}

export interface TargetThread {
  id: number;
  name: string | undefined;
  suspendCount: number;
  priorityClass: number;
  priority: number;
  /** Thread block: on Linux x86-64 the base of fs. */
  teb: bigint;
  /** The CPU context in its minidump form. */
  context: Uint8Array;
  instructionPointer: bigint;
  stackPointer: bigint;
  /** The part of the stack that is worth having: low address to high address. Empty where there is none. */
  stack: { start: bigint; end: bigint };
  /** Itanium only: the other stack, for registers. */
  backingStore?: { start: bigint; end: bigint } | undefined;
  /** What MiniDumpWithThreadInfo tells of it; undefined where it is not known. */
  info: TargetThreadInfo | undefined;
}

/** MINIDUMP_THREAD_INFO without its layout. Times in units of 100 ns, CreateTime and ExitTime since 1601. */
export interface TargetThreadInfo {
  /** MINIDUMP_THREAD_INFO_FLAGS */
  flags: number;
  /** HRESULT of dumping this thread; 0. */
  error: number;
  /** STILL_ACTIVE (0x103) for a thread that runs. */
  exitStatus: number;
  createTime: bigint;
  exitTime: bigint;
  kernelTime: bigint;
  userTime: bigint;
  /** Of its first function; 0 if it is not known. */
  startAddress: bigint;
  /** A bit for each of the first 64 processors. */
  affinity: bigint;
}

export interface TargetModule {
  base: bigint;
  size: number;
  /** Full path, as the process sees it. */
  path: string;
  checkSum: number;
  timeDateStamp: number;
  /** The 52 bytes of VS_FIXEDFILEINFO, if there is a version. */
  versionInfo: Uint8Array | undefined;
  /** The CodeView record: on Linux `BpEL` and the build id. */
  codeView: Uint8Array | undefined;
  misc: Uint8Array | undefined;
  /** Parts of the image in memory, in no order; they may overlap. */
  segments: readonly ModuleSegment[];
}

/** `header`: the headers of the image and what describes its code (unwind data); `note`: what its build id is read from. */
export interface ModuleSegment extends AddressRange {
  kind: 'code' | 'data' | 'header' | 'note';
}

/** MINIDUMP_UNLOADED_MODULE without its layout. */
export interface TargetUnloadedModule {
  base: bigint;
  size: number;
  checkSum: number;
  timeDateStamp: number;
  path: string;
}

/** MINIDUMP_HANDLE_DESCRIPTOR_2 without its layout. */
export interface TargetHandle {
  /** On Linux the file descriptor. */
  handle: bigint;
  /** `File`, `Socket`, `Pipe`, `Event` … */
  typeName: string;
  /** A path, addresses of a socket …; empty for none. */
  objectName: string;
  attributes: number;
  /** On Linux the open flags. */
  grantedAccess: number;
  handleCount: number;
  pointerCount: number;
}

/** An entry of TokenStream: MINIDUMP_TOKEN_INFO_HEADER, and the data behind it. */
export interface TargetToken {
  /** Process or thread id. */
  id: number;
  handle: bigint;
  data: Uint8Array;
}

export interface TargetRegion {
  start: bigint;
  end: bigint;
  /** MEM_COMMIT, or MEM_RESERVE for address space without memory. */
  state: number;
  /** Base of the allocation that it belongs to. */
  allocationBase: bigint;
  /** PAGE_* of the region. */
  protection: number;
  /** PAGE_* of the allocation. */
  allocationProtection: number;
  /** MEM_PRIVATE 0x20000, MEM_MAPPED 0x40000, MEM_IMAGE 0x1000000. */
  type: number;
  /** False for what no reader could read or nobody should: device memory, [vvar]. Such regions are not for a full dump. */
  dumpable: boolean;
  name: string;
}

/** MINIDUMP_MISC_INFO_5 without its layout; times in seconds. What is undefined is not claimed by Flags1. */
export interface TargetProcess {
  /** Seconds since 1970; undefined where it is not known, and then no times are claimed. */
  createTime: number | undefined;
  userTime: number;
  kernelTime: number;
  /** In MHz. */
  power?: { maxMhz: number; currentMhz: number; limitMhz: number } | undefined;
  timeZone?:
    | {
        /** 0 unknown, 1 standard, 2 daylight saving time */
        id: number;
        /** Minutes: UTC = local time + bias. */
        bias: number;
        standardName: string;
        daylightName: string;
        daylightBias: number;
      }
    | undefined;
  /** Of the operating system. */
  buildString?: string | undefined;
  /** Of the contexts, where they are extended (MiniDumpWithAvxXStateContext). */
  xstate?: InputOf<typeof XSTATE_CONFIG_FEATURE_MSC_INFO> | undefined;
}

export interface TargetText {
  /** Stream type. */
  type: number;
  bytes: Uint8Array;
  /**
   * Where in the process these bytes are stored, if they are a copy of its memory. What a callback removes there is
   * blanked here too.
   */
  copyOf?: readonly { address: bigint; offset: number; length: number }[];
  /** They are a copy of memory, and nobody knows of which: where a callback takes anything out of memory, they go as well. */
  unplaced?: true;
}

export interface TargetException {
  /** On Linux the signal number. */
  code: number;
  /** On Linux si_code. */
  flags: number;
  address: bigint;
  /** CONTEXT at the moment of the exception. */
  context: Uint8Array;
  instructionPointer: bigint;
  stackPointer: bigint;
}

/** r_debug and the chain of link_map (link.h), with the addresses of each link_map and of its name. */
export interface TargetLinkMap {
  version: number;
  /** r_brk */
  breakpoint: bigint;
  /** r_ldbase */
  linkerBase: bigint;
  dynamicAddress: bigint;
  dynamic: Uint8Array;
  objects: { at: bigint; address: bigint; nameAddress: bigint; name: string; dynamic: bigint }[];
}

/**
 * What a target that is a minidump has ready-made. The engine writes the memory and its list; all other streams are taken
 * from here as they are, with what they point to placed anew.
 */
export interface StoredDump {
  readonly littleEndian: boolean;
  /** Of the header. */
  readonly version: number;
  readonly timeDateStamp: number;
  /** MINIDUMP_TYPE flags of the header. */
  readonly flags: bigint;
  /** All of them, also those that were not held. */
  readonly threads: readonly TargetThread[];
  /** What its memory lists hold, in their order; ranges may overlap. */
  readonly memory: readonly AddressRange[];
  /** That list is a Memory64List. */
  readonly wide: boolean;
  /**
   * The streams in the order of the directory, unused entries included. The place of a memory list is held by a stream of its
   * type without bytes. Of threads and modules only the selected ones are left.
   */
  streams(selected: SelectedParts): Task<readonly StoredStream[]>;
}

/** What the callback and the type of the dump have left in, with THREAD_WRITE_FLAGS and MODULE_WRITE_FLAGS. */
export interface SelectedParts {
  threads: ReadonlyMap<TargetThread, number>;
  modules: ReadonlyMap<TargetModule, number>;
  /** MINIDUMP_TYPE flags of the new dump. */
  type: number;
}

/** Bytes of the file. A piece that several links point to is placed once. */
export interface StoredPiece {
  bytes: Uint8Array;
  alignment: number;
  links: readonly StoredLink[];
  /** As in TargetText: what a callback removes there is blanked here, too. */
  copyOf?: TargetText['copyOf'];
}

export interface StoredStream extends StoredPiece {
  type: number;
}

/** A field of a piece that tells where something else is. */
export type StoredLink =
  /** An RVA of 4 or 8 bytes. */
  | { at: number; width: 4 | 8; to: StoredPiece }
  /** A MINIDUMP_LOCATION_DESCRIPTOR: of the stored stack of a thread. */
  | { at: number; stackOf: TargetThread }
  /** The same of its other stack, for registers (Itanium). */
  | { at: number; backingStoreOf: TargetThread };
