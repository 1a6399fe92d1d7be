import type { Task } from '../io/index.js';
import { byCfi } from './cfi.js';
import { cpuRules, type TechniqueName, type UnwindCpu, type UnwindSystem } from './cpu.js';
import type { Frame, Walk, WalkEnd } from './frame.js';
import { byFramePointer } from './frame-pointer.js';
import { byLeafReturn } from './leaf.js';
import type { CodeModule, UnwindLookups } from './lookups.js';
import type { WordMemory } from './memory.js';
import { byScan } from './scan.js';
import { type Attempt, hex, LOWEST_INSTRUCTION, type Step, type Technique } from './technique.js';
import { byWindowsFrame } from './windows-frame.js';

export interface UnwindInput {
  readonly cpu: UnwindCpu;
  readonly system: UnwindSystem;
  /** Of the thread, by the names of reader/cpu-context.ts. */
  readonly registers: ReadonlyMap<string, bigint>;
  /** The stack of the thread, and whatever else is at hand. */
  readonly memory: WordMemory;
  /** The stack that a stack pointer is in, where `memory` does not have it: asked for what a signal handler interrupted. */
  readonly otherStack?: (stackPointer: bigint) => Task<WordMemory>;
  /** Behind the last byte of all modules: tells how many bits of a pointer are address, where pointers are signed (ARM64). */
  readonly highestModuleEnd: bigint;
}

export interface UnwindOptions {
  /** Techniques in the order in which they are tried; that of rust-minidump if it is not given. */
  readonly order?: readonly TechniqueName[] | undefined;
  /** 1024 if it is not given. */
  readonly maxFrames?: number | undefined;
  /** Words that a scan looks at: 40, and 160 from a frame whose stack pointer is certain, as in rust-minidump. */
  readonly scanWords?: number | undefined;
  readonly scanWordsFromCertain?: number | undefined;
  readonly trace?: ((event: TraceEvent) => void) | undefined;
}

/** What was tried for one frame. */
export interface TraceEvent {
  /** Index of the frame whose caller is looked for. */
  readonly frame: number;
  readonly lookupAddress: bigint;
  /** Undefined for the tests that all callers must pass. */
  readonly technique: TechniqueName | undefined;
  /** `taken`: this is the caller, if it passes those tests. `failed`: the next technique is tried. `end`: there is no caller. */
  readonly outcome: 'taken' | 'failed' | 'end';
  /** One line for people. */
  readonly why: string;
}

export const MAX_FRAMES = 1024;

/** Handlers that interrupt handlers, each on a stack of its own, are rare. */
const MOST_OTHER_STACKS = 8;

function techniqueOf(name: TechniqueName, cpu: UnwindCpu): Technique {
  switch (name) {
    case 'windows_frame':
      return byWindowsFrame;
    case 'cfi':
      return byCfi;
    case 'leaf':
      return byLeafReturn;
    case 'frame_pointer':
      return byFramePointer(cpu);
    case 'scan':
      return byScan(cpu);
  }
}

/**
 * Walks the stack of a thread from its registers, frame by frame, by the rules of rust-minidump: the first technique that yields a
 * caller is believed, and if that caller cannot be, the walk ends.
 */
export function* unwind<M extends CodeModule>(
  input: UnwindInput,
  lookups: UnwindLookups<M>,
  options: UnwindOptions = {},
): Task<Walk<M>> {
  const rules = cpuRules[input.cpu];
  const order = options.order ?? rules.order(input.system);
  const techniques = order.map((name) => ({ name, attempt: techniqueOf(name, input.cpu) }));
  // A call of a null pointer got as far as to leave its return address. The frame pointer is still that of the caller: it leads past it,
  // to the caller's caller, which is what rust-minidump and Breakpad (but on Windows) answer.
  const leafFirst = { name: 'leaf' as const, attempt: byLeafReturn };
  const afterNullCall = options.order === undefined ? [leafFirst, ...techniques] : techniques;
  const maxFrames = options.maxFrames ?? MAX_FRAMES;
  const pointerMask = rules.pointerMask(input.highestModuleEnd);
  const start = input.registers.get(rules.instruction);
  if (start === undefined) return { frames: [], end: 'no-context', truncated: false };

  let callee: Frame<M> = {
    instruction: start,
    lookupAddress: start,
    trust: 'context',
    interrupted: true,
    registers: input.registers,
    module: lookups.moduleAt(start),
  };
  let inner: Frame<M> | undefined;
  let { memory } = input;
  let otherStacks = 0;
  const frames = [callee];
  const seen = new Set([placeOf(callee, rules.stack)]);
  for (;;) {
    const index = frames.length - 1;
    const { lookupAddress } = callee;
    const tell = (technique: TechniqueName | undefined, outcome: TraceEvent['outcome'], why: string): void =>
      options.trace?.({ frame: index, lookupAddress, technique, outcome, why });
    const end = (reason: WalkEnd, why: string, technique?: TechniqueName): Walk<M> => {
      tell(technique, 'end', why);
      return { frames, end: reason, truncated: reason === 'too-many-frames' };
    };

    const step: Step<M> = {
      rules,
      system: input.system,
      lookups,
      memory,
      callee,
      inner,
      scanWords: scanWordsFrom(callee, options),
      pointerMask,
    };
    let found: Extract<Attempt, { kind: 'found' }> | undefined;
    const calledNull = callee.interrupted && callee.instruction < LOWEST_INSTRUCTION;
    for (const { name, attempt } of calledNull ? afterNullCall : techniques) {
      const result = yield* attempt(step);
      if (result.kind === 'outermost') return end('outermost', result.why, name);
      if (result.kind === 'found') {
        tell(name, 'taken', result.note);
        found = result;
        break;
      }
      tell(name, 'failed', result.why);
    }
    if (found === undefined) return end('no-caller', 'no technique found a caller');

    const { instruction, stack, trust, interrupted = false } = found;
    // It was interrupted there: it called a null pointer, and the handler of that fault runs.
    if (instruction < LOWEST_INSTRUCTION && !interrupted) {
      return end('null-instruction', `nobody is at ${hex(instruction)}`);
    }
    // A handler may run on a stack of its own (sigaltstack), anywhere: that of the interrupted function need not be above it.
    if (interrupted && input.otherStack && memory.read(stack, 1) === undefined) {
      if (otherStacks++ < MOST_OTHER_STACKS) memory = yield* input.otherStack(stack);
    }
    if (!interrupted && !grows(step, instruction, stack, found.trust)) {
      return end('stack-pointer', `the stack pointer goes from ${text(step)} to ${hex(stack)}`);
    }
    const lookup = interrupted ? instruction : instruction - rules.adjust;
    const caller: Frame<M> = {
      instruction,
      lookupAddress: lookup,
      trust,
      interrupted,
      registers: new Map(found.registers).set(rules.instruction, instruction).set(rules.stack, stack),
      module: lookups.moduleAt(lookup),
    };
    const place = placeOf(caller, rules.stack);
    if (seen.has(place)) return end('loop', `${hex(instruction)} with this stack pointer was there before`);
    if (frames.length >= maxFrames) return end('too-many-frames', `${maxFrames} frames are enough`);
    seen.add(place);
    frames.push(caller);
    inner = callee;
    callee = caller;
  }
}

const placeOf = (frame: Frame, stack: string): string => `${frame.instruction}/${frame.registers.get(stack)}`;

const text = (step: Step): string => {
  const value = step.callee.registers.get(step.rules.stack);
  return value === undefined ? 'nowhere' : hex(value);
};

function grows(step: Step, instruction: bigint, stack: bigint, trust: Frame['trust']): boolean {
  const { callee, rules } = step;
  const before = callee.registers.get(rules.stack);
  if (before === undefined || stack < before) return false;
  if (stack > before) return true;
  return instruction !== callee.instruction && rules.mayKeepStack(callee.interrupted, trust);
}

function scanWordsFrom({ trust }: Frame, options: UnwindOptions): number {
  const certain = trust === 'context' || trust === 'cfi' || trust === 'leaf';
  return certain ? (options.scanWordsFromCertain ?? 160) : (options.scanWords ?? 40);
}
