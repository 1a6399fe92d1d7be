import type { Task } from '../io/index.js';

/**
 * What can be dumped: a live process, a core file, another minidump. A target knows nothing of minidump files; the
 * engine knows nothing of processes. Whatever happens, `release` gives the process back as it was.
 *
 * Methods are tasks (see io/task.ts), so that one engine serves a process that must be read at once and a file that
 * is read over a network. A live target never yields: between `hold` and `release` nothing may wait.
 */
export interface Target extends Disposable {
  readonly pid: number;
  /** What stands for the process in a callback's ProcessHandle: whatever the caller opened it as. */
  readonly handle: unknown;
  readonly system: TargetSystem;
  /** True from the end of `hold` to `release`: the process stands still and waits for us. */
  readonly held: boolean;

  /**
   * Stops every thread that `include` admits, also those that appear meanwhile. `include` is asked once a thread, before
   * that thread is touched.
   */
  hold(include: (threadId: number) => boolean): Task<void>;
  /** Lets the process go on. May be called at any time, and again. */
  release(): void;
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

  /** The dynamic linker's list of loaded objects, where there is one. */
  linkMap(): Task<TargetLinkMap | undefined>;

  /**
   * What happened, from the signal information and context that the kernel gave to a handler of the process.
   *
   * @param read gives memory of the process, with what must not be in the dump blanked
   */
  exception(
    pointers: { siginfo: Uint8Array | bigint; ucontext: Uint8Array | bigint },
    read: (address: bigint, length: number) => Task<Uint8Array>,
  ): Task<TargetException>;

  /**
   * How each part of `[start, end)` can be had, ascending and without gaps. Asking must not change the process: no page
   * is faulted in.
   */
  probe(start: bigint, end: bigint): Task<readonly MemoryPart[]>;
  /** Reads memory into all of `into`; gives how many bytes could be read from the start of it. */
  readMemory(address: bigint, into: Uint8Array): Task<number>;

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

/** `data` can be read; `zero` exists but was never touched, so it is all zeros; `hole` cannot be read. */
export type MemoryKind = 'data' | 'zero' | 'hole';

export interface MemoryPart {
  start: bigint;
  end: bigint;
  kind: MemoryKind;
}

/** MINIDUMP_SYSTEM_INFO without its layout. */
export interface TargetSystem {
  /** PROCESSOR_ARCHITECTURE_*: 9 amd64. */
  architecture: number;
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
}

export interface TargetRegion {
  start: bigint;
  end: bigint;
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

/** MINIDUMP_MISC_INFO without its layout; times in seconds. */
export interface TargetProcess {
  /** Seconds since 1970. */
  createTime: number;
  userTime: number;
  kernelTime: number;
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

/** r_debug and the chain of link_map (link.h), with the addresses that they were read from. */
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
