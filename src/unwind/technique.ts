import { MinidumpError, type Task } from '../io/index.js';
import type { CpuRules, UnwindSystem } from './cpu.js';
import type { Frame, FrameTrust } from './frame.js';
import type { CodeModule, UnwindLookups } from './lookups.js';
import type { WordMemory } from './memory.js';

/** What a technique is given: the frame whose caller is looked for, and all that it may ask. */
export interface Step<M extends CodeModule = CodeModule> {
  readonly rules: CpuRules;
  readonly system: UnwindSystem;
  readonly lookups: UnwindLookups<M>;
  readonly memory: WordMemory;
  readonly callee: Frame<M>;
  /** The frame that `callee` called; undefined for the first. */
  readonly inner: Frame<M> | undefined;
  /** Words that a scan looks at from this frame. */
  readonly scanWords: number;
  readonly pointerMask: bigint | undefined;
}

/** What a technique says: the caller, why it has none, or that there is none. */
export type Attempt =
  | {
      readonly kind: 'found';
      readonly trust: FrameTrust;
      readonly instruction: bigint;
      readonly stack: bigint;
      /** Of the caller, without instruction and stack pointer. */
      readonly registers: ReadonlyMap<string, bigint>;
      /** A signal handler was the callee: the caller was interrupted, and may be on another stack. */
      readonly interrupted?: boolean;
      readonly note: string;
    }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'outermost'; readonly why: string };

export type Technique = <M extends CodeModule>(step: Step<M>) => Task<Attempt>;

export const failed = (why: string): Attempt => ({ kind: 'failed', why });

/** Nothing is mapped in the first page. */
export const LOWEST_INSTRUCTION = 4096n;

/** One word of memory; undefined where the dump does not hold it, or where the address is none. */
export function readWord(step: Step, address: bigint): bigint | undefined {
  const { word } = step.rules;
  if (address < 0n || address + BigInt(word) > 1n << BigInt(word * 8)) return undefined;
  return step.memory.read(address, word);
}

export const stackPointer = (step: Step): bigint | undefined => step.callee.registers.get(step.rules.stack);

/** Without the signature of a pointer that is signed (ARM64's pointer authentication). */
export function stripped(step: Step, pointer: bigint): bigint {
  return step.pointerMask === undefined ? pointer : pointer & step.pointerMask;
}

/** The registers that stay in the caller what they are in the callee, where nothing says otherwise. */
export function keptRegisters(step: Step): Map<string, bigint> {
  const kept = new Map<string, bigint>();
  for (const name of step.rules.calleeSaved) {
    const value = step.callee.registers.get(name);
    if (value !== undefined) kept.set(name, value);
  }
  return kept;
}

/** The answer of a look-up, or what is wrong with the symbols that it would come from. */
export function* orBroken<T>(task: Task<T>): Task<T | MinidumpError> {
  try {
    return yield* task;
  } catch (error) {
    if (error instanceof MinidumpError && (error.code === 'malformed' || error.code === 'truncated'))
      return error;
    throw error;
  }
}

/**
 * Whether a value found on a stack may be a return address, as rust-minidump and Breakpad test it: the byte before it is in a loaded
 * module and, if that has symbols, in a function with a name.
 */
export function* mayBeReturnAddress<M extends CodeModule>(step: Step<M>, value: bigint): Task<boolean> {
  if (value === 0n || !step.rules.mayBeCode(value)) return false;
  const module = step.lookups.moduleAt(value - 1n);
  if (module === undefined) return false;
  const code = yield* orBroken(step.lookups.isCode(module, value - 1n));
  // Broken symbols are no symbols.
  return code !== false;
}

export const hex = (value: bigint): string => `0x${value.toString(16)}`;
