import { awaited, runAsync, type Task } from '../io/index.js';
import type { CpuContext, Exception, Minidump, Thread, UnloadedModule } from '../reader/index.js';
import { pointerSizeOf } from '../reader/index.js';
import { Symbols } from '../symbols/index.js';
import type { TraceEvent, UnwindOptions, UnwindSystem } from '../unwind/index.js';
import { recoverArguments } from './call-arguments.js';
import { ModuleMap } from './code-modules.js';
import { crashAddress, crashReason, lastErrorName } from './crash-reason/index.js';
import { analyzeCrash, type Disassembler, type InstructionOfCrash } from './instruction/index.js';
import { MemoryImages } from './memory-images.js';
import { type CpuName, cpuNameOf, type Os, osOf, pointerBits } from './platform.js';
import { type Stack, type StackWorld, stackOf } from './stack.js';
import { StackBudget } from './stack-budget.js';

export interface AnalyzeOptions {
  /** Whoever made it closes it. Without, functions have no names. */
  symbols?: Symbols | undefined;
  /**
   * Takes the crashing instruction apart: `capstoneDisassembler`. Without, nothing is said of what it did. One that is still being
   * loaded is waited for when the stacks are walked.
   */
  disassembler?: Disassembler | Promise<Disassembler | undefined> | undefined;
  /** How stacks are walked. */
  unwind?: Omit<UnwindOptions, 'trace'> | undefined;
  /** Walk the stack of the thread to blame only. */
  crashedThreadOnly?: boolean | undefined;
  /** Guess what functions were called with, of x86: `recoverArguments`. */
  recoverFunctionArguments?: boolean | undefined;
  /** Is told what was tried for each frame. */
  trace?: ((thread: number, event: TraceEvent) => void) | undefined;
}

/** A thread and its stack. */
export interface AnalyzedThread {
  readonly id: number;
  readonly name: string | undefined;
  readonly stack: Stack;
  /** Windows: what GetLastError would have said; undefined where the dump does not hold the thread's block. */
  readonly lastError: string | undefined;
  /** The thread that wrote the dump: nobody wants its stack. */
  readonly isDumpWriter: boolean;
}

export interface Crash {
  /** `SIGSEGV / SEGV_MAPERR`, `EXCEPTION_ACCESS_VIOLATION_READ` */
  readonly reason: string;
  readonly address: bigint;
  readonly exception: Exception;
}

export interface Analysis {
  readonly dump: Minidump;
  readonly os: Os;
  readonly cpu: CpuName;
  /** Undefined where nothing crashed: the dump was asked for. */
  readonly crash: Crash | undefined;
  /** What the crashing instruction did, and what is odd about that. */
  readonly instruction: InstructionOfCrash | undefined;
  readonly threads: readonly AnalyzedThread[];
  /** Index of the thread to blame: the one that crashed, or that asked for the dump. */
  readonly requestingThread: number | undefined;
  readonly modules: ModuleMap;
  readonly unloadedModules: readonly UnloadedModule[];
  readonly world: StackWorld;
}

/** BreakpadInfo tells by these bits which of its ids are valid. */
const HAS_DUMP_THREAD = 1;
const HAS_REQUESTING_THREAD = 2;

/** From a dump to the answer: why, where, and how every thread came there. */
export function analyze(dump: Minidump, options: AnalyzeOptions = {}): Promise<Analysis> {
  return runAsync(analyzeTask(dump, options));
}

/** The same as a task, for runAsync or runSync. A stream that is broken is as good as none. */
export function* analyzeTask(dump: Minidump, options: AnalyzeOptions = {}): Task<Analysis> {
  const system = yield* dump.systemTask();
  const os = osOf(system?.PlatformId ?? 0);
  const cpu = cpuNameOf(system?.ProcessorArchitecture ?? -1);
  const exception = yield* dump.tryTask('exception');
  const breakpad = yield* dump.tryTask('breakpadInfo');
  const list = (yield* dump.tryTask('threads')) ?? [];
  const unloaded = (yield* dump.tryTask('unloadedModules')) ?? [];
  const memory = yield* dump.memoryTask();
  const pointerSize = pointerSizeOf(system);
  const world: StackWorld = {
    system: systemOf(os),
    modules: new ModuleMap((yield* dump.tryTask('modules')) ?? []),
    unloaded,
    memory,
    littleEndian: dump.littleEndian,
    pointerSize,
    symbols: options.symbols ?? new Symbols([]),
    images: new MemoryImages(memory),
    budget: new StackBudget(dump.source.size, pointerSize),
  };
  const validity = breakpad?.validity ?? 0;
  const writer = (validity & HAS_DUMP_THREAD) !== 0 ? breakpad!.dump_thread_id : undefined;
  const requesting =
    exception?.ThreadId ??
    ((validity & HAS_REQUESTING_THREAD) !== 0 ? breakpad!.requesting_thread_id : undefined);
  // Of several threads with one id the last counts, as in rust-minidump.
  const found = list.findLastIndex(({ ThreadId }) => ThreadId === requesting && ThreadId !== writer);
  const requestingThread = found < 0 ? undefined : found;
  const threads: AnalyzedThread[] = [];
  for (const [index, thread] of list.entries()) {
    const context = (index === requestingThread ? exception?.context : undefined) ?? thread.context;
    const isDumpWriter = thread.ThreadId === writer;
    const wanted = !isDumpWriter && (!options.crashedThreadOnly || index === requestingThread);
    threads.push({
      id: thread.ThreadId,
      name: thread.name,
      stack: wanted ? yield* walk(world, thread, context, options) : NO_STACK,
      lastError: wanted ? yield* lastErrorOf(world, thread, cpu) : undefined,
      isDumpWriter,
    });
  }
  return {
    dump,
    os,
    cpu,
    crash: exception && {
      reason: crashReason(os, cpu, exception.ExceptionRecord),
      address: crashAddress(os, cpu, exception.ExceptionRecord),
      exception,
    },
    instruction: yield* analyzeCrash(dump, yield* awaited(options.disassembler)),
    threads,
    requestingThread,
    modules: world.modules,
    unloadedModules: unloaded,
    world,
  };
}

const NO_STACK: Stack = { frames: [], end: 'no-context', truncated: false };

function* walk(
  world: StackWorld,
  thread: Thread,
  context: CpuContext | undefined,
  { unwind, trace, recoverFunctionArguments }: AnalyzeOptions,
): Task<Stack> {
  if (context === undefined) return NO_STACK;
  const { StartOfMemoryRange: start, Memory } = thread.Stack;
  const recorded = { start, size: Memory.DataSize };
  const stack = yield* stackOf(world, context, recorded, {
    ...unwind,
    ...(trace && { trace: (event: TraceEvent) => trace(thread.ThreadId, event) }),
  });
  if (!recoverFunctionArguments || context.cpu !== 'x86') return stack;
  const { memory, littleEndian } = world;
  const calls = yield* recoverArguments(stack.frames, recorded, memory, littleEndian);
  return { ...stack, frames: stack.frames.map((frame, i) => ({ ...frame, arguments: calls[i] })) };
}

/** The place of the last error value in a TEB: behind 13 pointers. */
const LAST_ERROR = 13n;

function* lastErrorOf(
  { memory, littleEndian }: StackWorld,
  { Teb }: Thread,
  cpu: CpuName,
): Task<string | undefined> {
  const bytes = yield* memory.readTask(Teb + LAST_ERROR * BigInt(pointerBits(cpu) / 8), 4);
  if (bytes.length < 4) return undefined;
  return lastErrorName(new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, littleEndian));
}

function systemOf(os: Os): UnwindSystem {
  switch (os) {
    case 'windows':
    case 'linux':
    case 'android':
    case 'mac':
    case 'ios':
      return os;
    default:
      return 'other';
  }
}
