import type { WindowsFrame } from '../debug-information.js';

/** Registers of x86 as unsigned numbers, and what else a STACK WIN record is computed from. */
export interface WindowsProgramInput {
  readonly eip: number;
  readonly esp: number;
  /** Only an FPO record that says where the callee saved it can do without. */
  readonly ebp: number | undefined;
  readonly ebx?: number | undefined;
  /** Bytes of parameters of the function that this one called; 0 for the context frame. */
  readonly calleeParameterSize: number;
  readonly isContextFrame: boolean;
  /** An unsigned integer in memory; undefined where the dump does not hold it. */
  read(address: number, size: 4): number | undefined;
}

/** The registers of the caller; those that are missing were not spoken of. */
export interface WindowsProgramResult {
  readonly eip: number;
  readonly esp: number;
  readonly ebp?: number;
  readonly ebx?: number;
  readonly esi?: number;
  readonly edi?: number;
}

/**
 * Computes a caller from a STACK WIN record: runs its program (type 4), or goes by its sizes (type 0, FPO: frame pointer omission).
 * All arithmetic is modulo 2^32. The variables are those of DIA's IDiaStackFrame; Breakpad's stackwalker_x86 and rust-minidump agree
 * on them.
 *
 * @returns undefined where memory is missing or the program is broken
 */
export function windowsProgram(
  frame: WindowsFrame,
  input: WindowsProgramInput,
): WindowsProgramResult | undefined {
  return frame.program === undefined ? byFpo(frame, input) : byProgram(frame, frame.program, input);
}

const LAST_WORD = 0xffff_fffc;
const wrap = (value: number): number => value >>> 0;

function byFpo(frame: WindowsFrame, input: WindowsProgramInput): WindowsProgramResult | undefined {
  const { esp, ebx, calleeParameterSize } = input;
  // Not modulo 2^32: no stack goes around the end of all addresses.
  let slot = esp + frame.localSize + frame.savedRegisterSize + calleeParameterSize;
  const read = (address: number) => (address <= LAST_WORD ? input.read(address, 4) : undefined);
  let eip = read(slot);
  // Seen where the context is that of a system call: a return address that is done with lies on top.
  if (input.isContextFrame && eip === input.eip) {
    slot += 4;
    eip = read(slot);
  }
  if (eip === undefined || slot === LAST_WORD) return undefined;
  const caller = { eip, esp: slot + 4 };
  if (!frame.allocatesBasePointer) {
    if (input.ebp === undefined) return undefined;
    return ebx === undefined ? { ...caller, ebp: input.ebp } : { ...caller, ebp: input.ebp, ebx };
  }
  const ebp = read(esp + calleeParameterSize + frame.savedRegisterSize - 8);
  return ebp === undefined ? undefined : { ...caller, ebp };
}

/**
 * Registers of x86 by their CodeView numbers (CV_REG_EAX … of cvconst.h). MSVC names so in its programs what a function has saved
 * (`$20 $T0 16 - ^ =`), and DIA, and so dump_syms, leaves it. To Breakpad and rust-minidump these are unknown variables: they lose the ebx,
 * esi and edi of callers, and take an ebp for the caller's that the function has used otherwise.
 */
const REGISTERS: Readonly<Record<string, string>> = {
  $17: '$eax',
  $18: '$ecx',
  $19: '$edx',
  $20: '$ebx',
  $21: '$esp',
  $22: '$ebp',
  $23: '$esi',
  $24: '$edi',
};

/** A value; the name of a variable; or nothing, which is what `.undef` puts into one. */
type Operand = number | string | undefined;

function byProgram(
  frame: WindowsFrame,
  program: string,
  input: WindowsProgramInput,
): WindowsProgramResult | undefined {
  const { esp, ebp, ebx, calleeParameterSize } = input;
  if (ebp === undefined) return undefined;
  // A program that aligns the stack cannot go from esp.
  const search = program.includes('@')
    ? wrap(ebp + 4)
    : wrap(esp + frame.localSize + frame.savedRegisterSize + calleeParameterSize);
  const variables = new Map<string, number>([
    ['$esp', esp],
    ['$ebp', ebp],
    ['.cbParams', wrap(frame.parameterSize)],
    ['.cbCalleeParams', wrap(calleeParameterSize)],
    ['.cbSavedRegs', wrap(frame.savedRegisterSize)],
    ['.cbLocals', wrap(frame.localSize)],
    ['.raSearch', search],
    ['.raSearchStart', search],
  ]);
  if (ebx !== undefined) variables.set('$ebx', ebx);
  if (!run(program, variables, input)) return undefined;
  const eip = variables.get('$eip');
  const stack = variables.get('$esp');
  // rust-minidump takes a program that sets no $eip for a caller with the old one, and then ends the walk by it.
  if (eip === undefined || stack === undefined) return undefined;
  const caller: { -readonly [K in keyof WindowsProgramResult]: WindowsProgramResult[K] } = {
    eip,
    esp: stack,
  };
  for (const name of ['ebp', 'ebx', 'esi', 'edi'] as const) {
    const value = variables.get(`$${name}`);
    if (value !== undefined) caller[name] = value;
  }
  return caller;
}

/** Runs a program in postfix notation. What is left on the stack at its end is ignored, as rust-minidump does. */
function run(program: string, variables: Map<string, number>, input: WindowsProgramInput): boolean {
  const stack: Operand[] = [];
  const value = (): number | undefined => {
    const operand = stack.pop();
    return typeof operand === 'string' ? variables.get(operand) : operand;
  };
  // Some programs have `=` glued to what follows it.
  for (const token of program.replace(/=(?=\S)/g, '= ').split(/\s+/)) {
    if (token === '') continue;
    if (token === '=') {
      if (stack.length < 2) return false;
      const assigned = stack.pop();
      const name = stack.pop();
      if (typeof name !== 'string') return false;
      if (assigned === undefined) {
        variables.delete(name);
        continue;
      }
      const known = typeof assigned === 'string' ? variables.get(assigned) : assigned;
      if (known === undefined) return false;
      variables.set(name, known);
    } else if (token === '^') {
      const address = value();
      const read = address === undefined ? undefined : input.read(address, 4);
      if (read === undefined) return false;
      stack.push(read);
    } else if (token.length === 1 && '+-*/%@'.includes(token)) {
      const right = value();
      const left = value();
      const result = left === undefined || right === undefined ? undefined : compute(token, left, right);
      if (result === undefined) return false;
      stack.push(result);
    } else if (token === '.undef') {
      stack.push(undefined);
    } else if (token.startsWith('$') || token.startsWith('.')) {
      stack.push(REGISTERS[token] ?? token);
    } else if (/^-?\d+$/.test(token) && Number(token) === (Number(token) | 0)) {
      stack.push(wrap(Number(token)));
    } else return false;
  }
  return true;
}

function compute(operator: string, left: number, right: number): number | undefined {
  switch (operator) {
    case '+':
      return wrap(left + right);
    case '-':
      return wrap(left - right);
    case '*':
      return wrap(Math.imul(left, right));
    case '/':
      return right === 0 ? undefined : Math.floor(left / right);
    case '%':
      return right === 0 ? undefined : left % right;
    case '@':
      // Down to a multiple of the right operand, which must be a power of two.
      return right !== 0 && (right & (right - 1)) === 0 ? wrap(left & -right) : undefined;
    default:
      return undefined;
  }
}
