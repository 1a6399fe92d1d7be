import type { CfiRow, FrameView, Rule } from '../cfi.js';

/** What the rules of STACK CFI records are about. */
export interface CfiMachine {
  readonly pointerSize: 4 | 8;
  /** Names that .sym files use for registers, and those of reader/cpu-context.ts, where they differ. */
  readonly aliases: ReadonlyMap<string, string>;
}

const none: ReadonlyMap<string, string> = new Map();
/** dump_syms writes r13, sl, fp and so on after what the disassembler at hand calls them. */
const arm: ReadonlyMap<string, string> = new Map([
  ['sb', 'r9'],
  ['sl', 'r10'],
  ['fp', 'r11'],
  ['ip', 'r12'],
  ['r13', 'sp'],
  ['r14', 'lr'],
  ['r15', 'pc'],
]);
const arm64: ReadonlyMap<string, string> = new Map([
  ['x29', 'fp'],
  ['x30', 'lr'],
  ['x31', 'sp'],
]);
const narrow = /^(x86|i[3-6]86|arm(?!64).*|mips|ppc|riscv|riscv32|sparc)$/;

/** From the CPU of a MODULE record (`x86_64`, `arm64e`); a pointer size that is known goes first. 64 bits if nothing is. */
export function machineOf(cpu: string, pointerSize?: 4 | 8): CfiMachine {
  const name = cpu.toLowerCase();
  return {
    pointerSize: pointerSize ?? (narrow.test(name) ? 4 : 8),
    aliases: name.startsWith('arm64') ? arm64 : name.startsWith('arm') ? arm : none,
  };
}

type Operator = (left: bigint, right: bigint) => bigint | undefined;

/** Unsigned, modulo 2^64. The second operand is on top. */
const operators: Readonly<Record<string, Operator>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => (right === 0n ? undefined : left / right),
  '%': (left, right) => (right === 0n ? undefined : left % right),
  /** Rounds down to a multiple of a power of two. */
  '@': (left, right) => (right === 0n || (right & (right - 1n)) !== 0n ? undefined : left & ~(right - 1n)),
};

type Step =
  | { readonly kind: 'value'; readonly value: bigint }
  | { readonly kind: 'register'; readonly name: string }
  | { readonly kind: 'operator'; readonly apply: Operator }
  | { readonly kind: 'cfa' | 'read' | 'undefined' };

const MIN_I64 = -(1n << 63n);
const MAX_I64 = (1n << 63n) - 1n;

/**
 * The rules of STACK CFI records at one instruction: `name: expression name: expression …`, those of the INIT record first and
 * of later deltas after; the last of a name counts. Expressions are postfix: `+ - * / % @`, `^` reads a pointer, `.cfa`,
 * `.undef`, decimal numbers, and registers, with or without `$`.
 *
 * @returns undefined where `.cfa` or `.ra` is missing or a record cannot be read, as in rust-minidump
 */
export function compileCfi(records: readonly string[], machine: CfiMachine): CfiRow | undefined {
  const rules = new Map<string, string[]>();
  for (const record of records) if (!addRules(record, rules)) return undefined;
  const cfa = rules.get('.cfa');
  const returnAddress = rules.get('.ra');
  if (cfa === undefined || returnAddress === undefined) return undefined;
  const registers = new Map<string, Rule>();
  for (const [name, tokens] of rules) {
    if (name === '.cfa' || name === '.ra') continue;
    registers.set(machine.aliases.get(name) ?? name, compileRule(tokens, machine));
  }
  return {
    cfa: compileRule(cfa, machine),
    returnAddress: compileRule(returnAddress, machine),
    registers,
    signalFrame: false,
    // What DWARF says of the first function of a thread, as some writers of .sym files have it.
    outermost: returnAddress.length === 1 && returnAddress[0] === '.undef',
  };
}

/** False if there is text before the first name, or nothing after a name. */
function addRules(record: string, rules: Map<string, string[]>): boolean {
  let tokens: string[] | undefined;
  for (const token of record.split(/[ \t\n\f\r]+/)) {
    if (token === '') continue;
    if (token.endsWith(':')) {
      if (tokens?.length === 0) return false;
      tokens = [];
      rules.set(token.replace(/^\$/, '').slice(0, -1), tokens);
    } else if (tokens === undefined) return false;
    else tokens.push(token);
  }
  return tokens === undefined || tokens.length > 0;
}

function compileRule(tokens: readonly string[], machine: CfiMachine): Rule {
  const steps = tokens.map((token) => compileStep(token, machine));
  const { pointerSize } = machine;
  return (frame, cfa) => evaluate(steps, frame, cfa, pointerSize);
}

function compileStep(token: string, machine: CfiMachine): Step {
  if (Object.hasOwn(operators, token)) return { kind: 'operator', apply: operators[token]! };
  if (token === '^') return { kind: 'read' };
  if (token === '.cfa') return { kind: 'cfa' };
  if (token === '.undef') return { kind: 'undefined' };
  // 20 characters are all that 64 bits with a sign need; leading zeros are not written.
  if (/^[+-]?[0-9]{1,20}$/.test(token)) {
    const value = BigInt(token.replace(/^\+/, ''));
    if (value < MIN_I64 || value > MAX_I64) return { kind: 'undefined' };
    return { kind: 'value', value: BigInt.asUintN(64, value) };
  }
  const name = token.slice(token.indexOf('$') + 1);
  return { kind: 'register', name: machine.aliases.get(name) ?? name };
}

function evaluate(
  steps: readonly Step[],
  frame: FrameView,
  cfa: bigint | undefined,
  pointerSize: 4 | 8,
): bigint | undefined {
  const stack: bigint[] = [];
  for (const step of steps) {
    let value: bigint | undefined;
    switch (step.kind) {
      case 'value':
        value = step.value;
        break;
      case 'register':
        value = frame.register(step.name);
        break;
      case 'cfa':
        value = cfa;
        break;
      case 'read': {
        const address = stack.pop();
        if (address !== undefined) value = frame.read(address, pointerSize);
        break;
      }
      case 'operator': {
        const right = stack.pop();
        const left = stack.pop();
        if (left !== undefined && right !== undefined) value = step.apply(left, right);
        break;
      }
      case 'undefined':
        break;
    }
    if (value === undefined) return undefined;
    stack.push(BigInt.asUintN(64, value));
  }
  const [result] = stack;
  if (stack.length !== 1 || result === undefined) return undefined;
  // rust-minidump reckons with 64 bits also where registers have 32, and fails where the result does not fit.
  return pointerSize === 4 && result > 0xffff_ffffn ? undefined : result;
}
