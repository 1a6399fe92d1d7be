import { MinidumpError, type Task } from '../io/index.js';
import { demangle } from '../object/demangle/index.js';
import type { DebugInformation, FunctionAt } from '../object/index.js';
import type { CpuContext, MemoryView, UnloadedModule } from '../reader/index.js';
import type { Symbols } from '../symbols/index.js';
import {
  type CapturedMemory,
  type Frame,
  fetchStack,
  MAX_FRAMES,
  orBroken,
  type UnwindCpu,
  type UnwindLookups,
  type UnwindOptions,
  type UnwindSystem,
  unwind,
  type WalkEnd,
} from '../unwind/index.js';
import type { CallArguments } from './call-arguments.js';
import { type LoadedModule, type ModuleMap, type UnloadedHit, unloadedAt } from './code-modules.js';
import type { MemoryImages } from './memory-images.js';
import type { StackBudget } from './stack-budget.js';

/** A call that was inlined into a frame. */
export interface InlinedFrame {
  readonly function: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
}

/** A frame with the function that it is of. */
export interface StackFrame extends Frame<LoadedModule> {
  /** Demangled. */
  readonly function: string | undefined;
  /** Absolute address of its first instruction. */
  readonly functionStart: bigint | undefined;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Absolute address of the first instruction of the line. */
  readonly lineStart: bigint | undefined;
  /** Innermost first. `function`, `file` and `line` above are of the function that they were inlined into. */
  readonly inlines: readonly InlinedFrame[];
  /** What it was called with, where that was asked for and can be guessed. */
  readonly arguments?: CallArguments | undefined;
  /** Where the address is in no loaded module: what was unloaded from there. */
  readonly unloaded: readonly UnloadedHit[];
}

export interface Stack {
  readonly frames: readonly StackFrame[];
  readonly end: WalkEnd;
  readonly truncated: boolean;
}

export interface StackWorld {
  readonly system: UnwindSystem;
  readonly modules: ModuleMap;
  readonly unloaded: readonly UnloadedModule[];
  readonly memory: MemoryView;
  readonly littleEndian: boolean;
  readonly pointerSize: 4 | 8;
  readonly symbols: Symbols;
  /** What the memory of the dump tells of modules. */
  readonly images: MemoryImages;
  /** For all stacks of the dump together. */
  readonly budget: StackBudget;
}

const UNWOUND: ReadonlySet<string> = new Set(['x86', 'amd64', 'arm', 'arm64']);

/** Where the thread list says that a stack is. */
export interface RecordedStack {
  readonly start: bigint;
  /** Bytes. */
  readonly size: number;
}

/** The stack of a thread, from its registers. Of a processor that cannot be unwound (PowerPC, MIPS …) it is one frame. */
export function* stackOf(
  world: StackWorld,
  context: CpuContext,
  recorded: RecordedStack,
  options: UnwindOptions = {},
): Task<Stack> {
  const { modules, memory, littleEndian, budget } = world;
  const registers = new Map(context.registerNames.map((name) => [name, context.register(name)!]));
  if (!UNWOUND.has(context.cpu)) {
    const instruction = context.instructionPointer;
    const frame: Frame<LoadedModule> = {
      instruction,
      lookupAddress: instruction,
      trust: 'context',
      interrupted: true,
      registers,
      module: modules.at(instruction),
    };
    return { frames: [yield* describe(world, frame)], end: 'no-caller', truncated: false };
  }
  let cut = false;
  const stackAt = function* (stackPointer: bigint): Task<CapturedMemory> {
    const most = budget.bytes;
    const stack = yield* fetchStack(memory, recorded, stackPointer, littleEndian, most);
    budget.spendBytes(stack.size);
    cut ||= stack.size >= most;
    return stack;
  };
  const walk = yield* unwind<LoadedModule>(
    {
      cpu: context.cpu as UnwindCpu,
      system: world.system,
      registers,
      memory: yield* stackAt(context.stackPointer),
      otherStack: stackAt,
      highestModuleEnd: modules.highestEnd,
    },
    lookupsIn(world),
    { ...options, maxFrames: Math.min(options.maxFrames ?? MAX_FRAMES, budget.frames) },
  );
  const frames: StackFrame[] = [];
  for (const frame of walk.frames) {
    const described: StackFrame = budget.hasRoom ? yield* describe(world, frame) : { ...frame, ...NAMELESS };
    frames.push(described);
    for (const { function: name, file } of [described, ...described.inlines])
      budget.spendCall((name?.length ?? 0) + (file?.length ?? 0));
  }
  return { frames, end: walk.end, truncated: walk.truncated || cut };
}

function lookupsIn(world: StackWorld): UnwindLookups<LoadedModule> {
  const rva = ({ base }: LoadedModule, address: bigint) => Number(address - base);
  const informationOf = (module: LoadedModule) => informationIn(world, module);
  return {
    moduleAt: (address) => world.modules.at(address),
    *cfiAt(module, address, inCall) {
      const at = rva(module, address);
      const row = yield* (yield* informationOf(module))?.cfiAt(at, inCall) ?? nothing();
      return row ?? (yield* (yield* world.images.of(module))?.cfiAt(at, inCall) ?? nothing());
    },
    *windowsFrameAt(module, address) {
      return yield* (yield* informationOf(module))?.windowsFrameAt(rva(module, address)) ?? nothing();
    },
    *isCode(module, address) {
      const information = yield* informationOf(module);
      if (information === undefined) return undefined;
      const known = yield* information.isCode?.(rva(module, address)) ?? nothing();
      return known ?? Boolean((yield* information.functionAt(rva(module, address)))?.name);
    },
    *parameterSizeAt(module, address) {
      const information = yield* informationOf(module);
      if (information === undefined) return 0;
      const at = rva(module, address);
      const record = yield* information.windowsFrameAt(at);
      return record?.parameterSize ?? (yield* information.functionAt(at))?.parameterSize ?? 0;
    },
  };
}

function* nothing(): Task<undefined> {
  return undefined;
}

/** Of symbol files. */
function* informationIn(world: StackWorld, { module }: LoadedModule): Task<DebugInformation | undefined> {
  const { symbols, pointerSize } = world;
  return (symbols.known(module, pointerSize) ?? (yield* symbols.of(module, pointerSize))).information;
}

const NAMELESS = {
  function: undefined,
  functionStart: undefined,
  file: undefined,
  line: undefined,
  lineStart: undefined,
  inlines: [],
  unloaded: [],
};

function* describe(world: StackWorld, frame: Frame<LoadedModule>): Task<StackFrame> {
  const { module, lookupAddress } = frame;
  if (module === undefined) {
    return { ...frame, ...NAMELESS, unloaded: unloadedAt(world.unloaded, lookupAddress) };
  }
  // Without symbols the names that it exports are better than none.
  const information = (yield* informationIn(world, module)) ?? (yield* world.images.of(module));
  const found: FunctionAt | MinidumpError | undefined = yield* orBroken(
    information?.functionAt(Number(lookupAddress - module.base)) ?? nothing(),
  );
  // Symbols that are broken here (an index in a cache) cost the name.
  if (found === undefined || found instanceof MinidumpError) return { ...frame, ...NAMELESS };
  return {
    ...frame,
    function: demangle(found.name),
    functionStart: module.base + BigInt(found.start),
    file: found.file,
    line: found.line,
    lineStart: found.lineStart === undefined ? undefined : module.base + BigInt(found.lineStart),
    inlines: found.inlines.map(({ name, file, line }) => ({ function: demangle(name), file, line })),
    unloaded: [],
  };
}
