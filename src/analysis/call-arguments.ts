import type { Task } from '../io/index.js';
import type { MemoryView } from '../reader/index.js';
import { CapturedMemory } from '../unwind/index.js';
import type { RecordedStack, StackFrame } from './stack.js';

/** How a function is thought to get its arguments: all on the stack, or `this` in a register. */
export type CallingConvention = 'cdecl' | 'thiscall';

export interface CallArgument {
  /** As the function's name has its type; `this` for the object of a method. */
  readonly type: string;
  /** Undefined where the dump does not hold it. */
  readonly value: bigint | undefined;
}

/** What a function was called with, if it is as its name says. */
export interface CallArguments {
  readonly convention: CallingConvention;
  readonly values: readonly CallArgument[];
}

const WORD = 4;

/**
 * Guesses what the functions of an x86 stack were called with, as rust-minidump's `--recover-function-args` does: the types are those
 * in the function's name, each argument is a word, and they lie at the stack pointer of the caller, up to that of the caller's
 * caller. A name with `::` is a method of Visual C++, whose `this` rust-minidump looks for in eax (the compiler passes it in ecx); an
 * optimised function has often overwritten them. One element a frame, undefined where the name has no list of parameters.
 */
export function* recoverArguments(
  frames: readonly StackFrame[],
  recorded: RecordedStack,
  memory: MemoryView,
  littleEndian: boolean,
): Task<(CallArguments | undefined)[]> {
  const pointers = frames.map(({ registers }) => registers.get('esp') ?? 0n);
  const base = stackBase(recorded, memory, pointers[0]);
  const found: (CallArguments | undefined)[] = [];
  for (const [index, { function: name, registers }] of frames.entries()) {
    const parameters = name === undefined ? undefined : parametersOf(name);
    if (parameters === undefined) {
      found.push(undefined);
      continue;
    }
    const start = pointers[index + 1] ?? base;
    const end = pointers[index + 2] ?? base;
    const size = Math.min(parameters.types.length * WORD, end > start ? Number(end - start) : 0);
    const words = new CapturedMemory(
      [{ start, bytes: yield* memory.readTask(start, Math.ceil(size / WORD) * WORD) }],
      littleEndian,
    );
    const values = parameters.types.map((type, i): CallArgument => {
      const address = start + BigInt(i * WORD);
      return { type, value: address < end ? words.read(address, WORD) : undefined };
    });
    const { convention } = parameters;
    found.push({
      convention,
      values: convention === 'cdecl' ? values : [{ type: 'this', value: registers.get('eax') }, ...values],
    });
  }
  return found;
}

/** The address behind the stack: of what the thread list says, or of the memory that the stack pointer is in. */
function stackBase(
  { start, size }: RecordedStack,
  memory: MemoryView,
  stackPointer: bigint | undefined,
): bigint {
  const end = start + BigInt(size);
  if (stackPointer === undefined || (stackPointer >= start && stackPointer < end)) return end;
  return memory.find(stackPointer)?.end ?? end;
}

/**
 * The types in a function's name: what is between its first and its last bracket, without commas of templates and of function types.
 * Undefined if there is no list, or if brackets are not in pairs.
 */
export function parametersOf(
  name: string,
): { convention: CallingConvention; types: readonly string[] } | undefined {
  const open = name.indexOf('(');
  const close = name.lastIndexOf(')');
  if (open < 0 || close <= open) return undefined;
  const list = name.slice(open + 1, close);
  const types: string[] = [];
  let start = 0;
  let templates = 0;
  let brackets = 0;
  for (let i = 0; i < list.length; i++) {
    switch (list[i]) {
      case '<':
        templates++;
        break;
      case '>':
        templates--;
        break;
      case '(':
        brackets++;
        break;
      case ')':
        brackets--;
        break;
      case ',':
        if (templates === 0 && brackets === 0) {
          types.push(list.slice(start, i).trim());
          start = i + 1;
        }
        break;
    }
    if (templates < 0 || brackets < 0) return undefined;
  }
  if (templates !== 0 || brackets !== 0) return undefined;
  types.push(list.slice(start).trim());
  return { convention: name.slice(0, open).includes('::') ? 'thiscall' : 'cdecl', types };
}
