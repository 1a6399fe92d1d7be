import type { Task } from '../io/index.js';
import { demangle } from '../object/demangle/index.js';
import type { FunctionAt } from '../object/index.js';
import type { CpuContext, MemoryView, UnloadedModule } from '../reader/index.js';
import type { Symbols } from '../symbols/index.js';
import {
  type Frame,
  fetchStack,
  type UnwindCpu,
  type UnwindLookups,
  type UnwindOptions,
  type UnwindSystem,
  unwind,
  type WalkEnd,
} from '../unwind/index.js';
import { type LoadedModule, type ModuleMap, type UnloadedHit, unloadedAt } from './code-modules.js';

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
  const { modules, memory, littleEndian } = world;
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
  const walk = yield* unwind<LoadedModule>(
    {
      cpu: context.cpu as UnwindCpu,
      system: world.system,
      registers,
      memory: yield* fetchStack(memory, recorded, context.stackPointer, littleEndian),
      highestModuleEnd: modules.highestEnd,
    },
    lookupsIn(world),
    options,
  );
  const frames: StackFrame[] = [];
  for (const frame of walk.frames) frames.push(yield* describe(world, frame));
  return { frames, end: walk.end, truncated: walk.truncated };
}

function lookupsIn(world: StackWorld): UnwindLookups<LoadedModule> {
  const rva = ({ base }: LoadedModule, address: bigint) => Number(address - base);
  const { symbols, pointerSize } = world;
  const informationOf = function* ({ module }: LoadedModule) {
    return (symbols.known(module, pointerSize) ?? (yield* symbols.of(module, pointerSize))).information;
  };
  return {
    moduleAt: (address) => world.modules.at(address),
    *cfiAt(module, address) {
      return yield* (yield* informationOf(module))?.cfiAt(rva(module, address)) ?? nothing();
    },
    *windowsFrameAt(module, address) {
      return yield* (yield* informationOf(module))?.windowsFrameAt(rva(module, address)) ?? nothing();
    },
    *isCode(module, address) {
      const information = yield* informationOf(module);
      if (information === undefined) return undefined;
      return Boolean((yield* information.functionAt(rva(module, address)))?.name);
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
  const { symbols, pointerSize } = world;
  const { information } =
    symbols.known(module.module, pointerSize) ?? (yield* symbols.of(module.module, pointerSize));
  const found: FunctionAt | undefined = yield* information?.functionAt(Number(lookupAddress - module.base)) ??
    nothing();
  if (found === undefined) return { ...frame, ...NAMELESS };
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
