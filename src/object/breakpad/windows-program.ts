import type { WindowsFrame } from '../debug-information.js';

/** A frame of x86 Windows that is unwound by a STACK WIN record. All numbers are unsigned, 32 bits. */
export interface WindowsInput {
  readonly eip: number;
  readonly esp: number;
  readonly ebp: number;
  /** Undefined where it is not known. */
  readonly ebx?: number | undefined;
  /** Bytes of parameters of the function that this one has called; 0 for the frame at the top. */
  readonly calleeParameterSize: number;
  /** Whether the registers are those of the context: the frame at the top. */
  readonly isContextFrame: boolean;
  /** Four bytes of the stack, as a number; undefined where the dump does not hold them. */
  read(address: number, size: 4): number | undefined;
}

/** Registers of the caller. What is undefined is not known, or was not spoken of. */
export interface WindowsRegisters {
  readonly eip: number;
  readonly esp: number;
  readonly ebp: number | undefined;
  readonly ebx: number | undefined;
  readonly esi: number | undefined;
  readonly edi: number | undefined;
}

const MAX_U32 = 0xffff_ffff;

/**
 * The registers of the caller by a STACK WIN record: by its program, or for FPO by its sizes.
 *
 * @returns undefined where it cannot be told: memory is missing, the program is broken, or it does not set both eip and esp.
 *   (rust-minidump goes on with the old values there, which ends the walk; Breakpad scans the stack.)
 */
export function windowsProgram(frame: WindowsFrame, input: WindowsInput): WindowsRegisters | undefined {
  return frame.program === undefined ? byFpo(frame, input) : byProgram(frame, frame.program, input);
}

function byFpo(frame: WindowsFrame, input: WindowsInput): WindowsRegisters | undefined {
  const { calleeParameterSize, esp } = input;
  let slot = esp + frame.localSize + frame.savedRegisterSize + calleeParameterSize;
  let eip = read(input, slot);
  // In the first instruction of a function, a return address may be left over from an earlier call that lies where this
  // function's is looked for.
  if (input.isContextFrame && eip === input.eip) {
    slot += 4;
    eip = read(input, slot);
  }
  if (eip === undefined || slot + 4 > MAX_U32) return undefined;
  const registers = { eip, esp: slot + 4, ebx: undefined, esi: undefined, edi: undefined };
  if (!frame.allocatesBasePointer) return { ...registers, ebp: input.ebp, ebx: input.ebx };
  const ebp = read(input, esp + calleeParameterSize + frame.savedRegisterSize - 8);
  return ebp === undefined ? undefined : { ...registers, ebp };
}

function read(input: WindowsInput, address: number): number | undefined {
  return address >= 0 && address <= MAX_U32 - 3 ? input.read(address, 4) : undefined;
}

type Operator = (left: number, right: number) => number | undefined;

/** Modulo 2^32. The second operand is on top. */
const operators: Readonly<Record<string, Operator>> = {
  '+': (left, right) => (left + right) >>> 0,
  '-': (left, right) => (left - right) >>> 0,
  '*': (left, right) => Math.imul(left, right) >>> 0,
  '/': (left, right) => (right === 0 ? undefined : Math.floor(left / right)),
  '%': (left, right) => (right === 0 ? undefined : left % right),
  /** Rounds down to a multiple of a power of two. */
  '@': (left, right) => {
    const isPower = right !== 0 && (right & (right - 1)) === 0;
    return isPower ? (left & ~(right - 1)) >>> 0 : undefined;
  },
};

/** On the stack: a number, a variable that may be assigned to, or `.undef`. */
type Operand = number | string;
const UNDEFINED = '.undef';

/**
 * Programs as `$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =`. Variables begin with `$` or `.`; what remains on the
 * stack at the end is ignored (Breakpad calls that a failure).
 */
function byProgram(frame: WindowsFrame, program: string, input: WindowsInput): WindowsRegisters | undefined {
  const variables = startVariables(frame, program, input);
  const stack: Operand[] = [];
  const popValue = (): number | undefined => {
    const operand = stack.pop();
    return typeof operand === 'string' ? variables.get(operand) : operand;
  };
  for (const token of tokensOf(program)) {
    if (token === '=') {
      const value = stack.at(-1) === UNDEFINED ? UNDEFINED : popValue();
      if (value === UNDEFINED) stack.pop();
      const variable = stack.pop();
      if (value === undefined || typeof variable !== 'string' || variable === UNDEFINED) return undefined;
      if (typeof value === 'string') variables.delete(variable);
      else variables.set(variable, value);
    } else if (token === '^') {
      const address = popValue();
      const value = address === undefined ? undefined : read(input, address);
      if (value === undefined) return undefined;
      stack.push(value);
    } else if (Object.hasOwn(operators, token)) {
      const right = popValue();
      const left = popValue();
      const value = left === undefined || right === undefined ? undefined : operators[token]!(left, right);
      if (value === undefined) return undefined;
      stack.push(value);
    } else {
      const operand = operandOf(token);
      if (operand === undefined) return undefined;
      stack.push(operand);
    }
  }
  const eip = variables.get('$eip');
  const esp = variables.get('$esp');
  if (eip === undefined || esp === undefined) return undefined;
  const [ebp, ebx, esi, edi] = ['$ebp', '$ebx', '$esi', '$edi'].map((name) => variables.get(name));
  return { eip, esp, ebp, ebx, esi, edi };
}

function* tokensOf(program: string): Generator<string> {
  for (const token of program.split(/[ \t\n\f\r]+/)) {
    // "=" is found glued to what follows it.
    if (token.startsWith('=') && token !== '=') yield* ['=', token.slice(1)];
    else if (token !== '') yield token;
  }
}

function operandOf(token: string): Operand | undefined {
  if (/^[$.]/.test(token)) return token;
  if (!/^[+-]?[0-9]{1,10}$/.test(token)) return undefined;
  const value = Number(token);
  return value >= -0x8000_0000 && value <= 0x7fff_ffff ? value >>> 0 : undefined;
}

function startVariables(frame: WindowsFrame, program: string, input: WindowsInput): Map<string, number> {
  const { localSize, savedRegisterSize, parameterSize } = frame;
  const below = input.esp + localSize + savedRegisterSize + input.calleeParameterSize;
  // A frame that was aligned (`@`) has its return address where ebp tells, not at a fixed distance from esp.
  const search = (program.includes('@') ? input.ebp + 4 : below) >>> 0;
  const variables = new Map([
    ['$esp', input.esp],
    ['$ebp', input.ebp],
    ['.cbParams', parameterSize],
    ['.cbCalleeParams', input.calleeParameterSize],
    ['.cbSavedRegs', savedRegisterSize],
    ['.cbLocals', localSize],
    ['.raSearch', search],
    ['.raSearchStart', search],
  ]);
  if (input.ebx !== undefined) variables.set('$ebx', input.ebx);
  return variables;
}
