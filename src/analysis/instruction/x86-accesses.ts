import type { DecodedInstruction, MemoryOperand, Operand } from './disassembler.js';
import { type Registers, wholeRegister, x86Register } from './x86-registers.js';

export type AccessType = 'read' | 'write' | 'readwrite';

/** What an instruction did in memory, or would have done. */
export interface MemoryAccess {
  address: bigint;
  /** In bytes; null where it depends on more than the instruction. Of a string instruction that of one element. */
  size: number | null;
  /** Left out where it is not known. */
  access?: AccessType;
  /** The general registers that the address was made of, by the names that the context has for them. */
  base?: string;
  index?: string;
  /** Not an operand: the stack of a push, the table of xlatb. */
  implicit: boolean;
  /** Whether the register that the address starts from was 0; of an implicit access, whether the address is 0. */
  fromNull: boolean;
  /** How many elements were left to do, of a string instruction with a rep prefix. */
  repeat?: bigint;
}

/** Where a segment begins, if it is known; those of ds, es, ss and cs are taken to be 0. */
export interface SegmentBases {
  fs?: bigint | undefined;
  gs?: bigint | undefined;
}

/** An address that cannot be known, which makes the list of accesses unknown. */
const UNKNOWN = Symbol('unknown');
type Maybe<T> = T | typeof UNKNOWN;

interface State {
  instruction: DecodedInstruction;
  registers: Registers;
  segments: SegmentBases;
}

/** The address of an operand, without what a bit test adds to it; undefined where a part of it is not known. */
export function operandAddress(
  operand: MemoryOperand,
  instruction: DecodedInstruction,
  registers: Registers,
  segments: SegmentBases,
): bigint | undefined {
  const address = addressOf(operand, { instruction, registers, segments });
  return address === UNKNOWN ? undefined : address;
}

function addressOf(operand: MemoryOperand, state: State): Maybe<bigint> {
  const base = registerValue(operand.base, state);
  const index = registerValue(operand.index, state);
  if (base === UNKNOWN || index === UNKNOWN) return UNKNOWN;
  let address = BigInt.asUintN(
    state.instruction.addressSize * 8,
    base + index * BigInt(operand.scale) + operand.displacement,
  );
  if (operand.segment === 'fs' || operand.segment === 'gs') {
    const start = state.segments[operand.segment];
    if (start === undefined) return UNKNOWN;
    address += start;
  }
  return BigInt.asUintN(state.registers.cpu === 'amd64' ? 64 : 32, address);
}

function registerValue(name: string | undefined, { instruction, registers }: State): Maybe<bigint> {
  // riz and eiz stand for an index that there is not.
  if (name === undefined || name === 'riz' || name === 'eiz') return 0n;
  if (name === 'rip' || name === 'eip') return registers.instructionPointer + BigInt(instruction.length);
  return x86Register(registers, name) ?? UNKNOWN;
}

/**
 * The accesses of an x86 or amd64 instruction, those of operands first. Null where an address cannot be known: a gather or
 * scatter, a segment whose base is not known, a register that was not saved.
 */
export function x86Accesses(
  instruction: DecodedInstruction,
  registers: Registers,
  segments: SegmentBases,
): MemoryAccess[] | null {
  const state = { instruction, registers, segments };
  const accesses: MemoryAccess[] = [];
  for (const operand of instruction.operands) {
    if (operand.kind !== 'memory' || operand.access === 'none') continue;
    const access = explicitAccess(operand, state);
    if (access === UNKNOWN) return null;
    accesses.push(access);
  }
  const implicit = implicitAccess(state);
  if (implicit === UNKNOWN) return null;
  if (implicit) accesses.push(implicit);
  return accesses;
}

function explicitAccess(operand: MemoryOperand, state: State): Maybe<MemoryAccess> {
  const { instruction, registers } = state;
  let address = addressOf(operand, state);
  if (address === UNKNOWN) return UNKNOWN;
  const bits = bitOffset(operand, state);
  if (bits === UNKNOWN) return UNKNOWN;
  address += bits;
  const size = operand.size ?? null;
  // A pop computes its operand's address after the stack pointer has moved.
  if (instruction.mnemonic === 'pop' && isStackPointer(operand.base)) address += BigInt(size ?? 0);
  const access: MemoryAccess = {
    address: BigInt.asUintN(registers.cpu === 'amd64' ? 64 : 32, address),
    size,
    implicit: false,
    fromNull: operand.base !== undefined && registerValue(operand.base, state) === 0n,
  };
  if (operand.access !== undefined && operand.access !== 'none') access.access = operand.access;
  const repeat = repeatOf(state);
  if (repeat !== undefined) access.repeat = repeat;
  return named(access, operand, registers.cpu);
}

function named(access: MemoryAccess, { base, index }: MemoryOperand, cpu: string): MemoryAccess {
  if (base !== undefined && !/^[re]ip$/.test(base)) access.base = wholeRegister(cpu, base);
  if (index !== undefined && !/^[re]iz$/.test(index)) access.index = wholeRegister(cpu, index);
  return access;
}

const isStackPointer = (name: string | undefined) => name === 'rsp' || name === 'esp';

/** bt and its kin with a register take any bit of memory: the register is a signed bit number, the operand's size its unit. */
function bitOffset({ size }: MemoryOperand, { instruction, registers }: State): Maybe<bigint> {
  const [, bit] = instruction.operands;
  if (!/^bt[crs]?$/.test(instruction.mnemonic) || bit?.kind !== 'register' || size === undefined) return 0n;
  const value = x86Register(registers, bit.name);
  if (value === undefined) return UNKNOWN;
  const unit = BigInt(size * 8);
  // An arithmetic shift: towards minus infinity, as the processor does.
  const units = BigInt.asIntN(size * 8, value) >> BigInt(Math.log2(size * 8));
  return (units * unit) / 8n;
}

/** What a rep prefix counts down. */
function repeatOf({ instruction, registers }: State): bigint | undefined {
  if (!instruction.prefixes.some((prefix) => prefix.startsWith('rep'))) return undefined;
  const counters: Record<number, string> = { 2: 'cx', 4: 'ecx', 8: 'rcx' };
  return x86Register(registers, counters[instruction.addressSize] ?? 'ecx');
}

/** What the instruction does where no operand says it. */
function implicitAccess(state: State): Maybe<MemoryAccess> | undefined {
  const { instruction, registers } = state;
  const { mnemonic, operands } = instruction;
  const word = registers.cpu === 'amd64' ? 8 : 4;
  const stack = (offset: number, size: number, access: AccessType) =>
    atAddress(registers.stackPointer + BigInt(offset), size, access, registers);
  const push = (size: number) => stack(-size, size, 'write');
  const pop = (size: number) => stack(0, size, 'read');
  const [first, second] = operands;
  switch (mnemonic) {
    case 'push':
      return push(stackSize(first, word));
    case 'pop':
      return pop(stackSize(first, word));
    case 'call':
    case 'pushfq':
      return push(word);
    case 'enter':
      // With a nesting level it copies frame pointers, as many as there are levels.
      return second?.kind === 'immediate' && second.value === 0n ? push(word) : UNKNOWN;
    case 'lcall':
      return push(farSize(instruction));
    case 'ret':
    case 'popfq':
      return pop(word);
    case 'retf':
      return pop(8);
    case 'retfq':
      return pop(16);
    case 'pushf':
      return push(2);
    case 'popf':
      return pop(2);
    case 'pushfd':
      return push(4);
    case 'popfd':
      return pop(4);
    case 'pushaw':
      return push(16);
    case 'popaw':
      return pop(16);
    case 'pushal':
    case 'pushad':
      return push(32);
    case 'popal':
    case 'popad':
      return pop(32);
    case 'iret':
      return pop(6);
    case 'iretd':
      return pop(registers.cpu === 'amd64' ? 20 : 12);
    case 'iretq':
      return pop(40);
    case 'leave': {
      const frame = registers.register(registers.cpu === 'amd64' ? 'rbp' : 'ebp');
      return frame === undefined ? UNKNOWN : atAddress(frame, word, 'read', registers);
    }
    case 'xlatb':
      return implicitOperand(['rbx', 'ebx', 'bx'], 'al', 1, 'read', state);
    case 'maskmovq':
      return implicitOperand(['rdi', 'edi', 'di'], undefined, 8, 'write', state);
    case 'maskmovdqu':
    case 'vmaskmovdqu':
      return implicitOperand(['rdi', 'edi', 'di'], undefined, 16, 'write', state);
    default:
      return undefined;
  }
}

function atAddress(address: bigint, size: number, access: AccessType, registers: Registers): MemoryAccess {
  const cut = BigInt.asUintN(registers.cpu === 'amd64' ? 64 : 32, address);
  return { address: cut, size, access, implicit: true, fromNull: cut === 0n };
}

function implicitOperand(
  bases: readonly [string, string, string],
  index: string | undefined,
  size: number,
  access: AccessType,
  state: State,
): Maybe<MemoryAccess> {
  const { addressSize } = state.instruction;
  const base = addressSize === 8 ? bases[0] : addressSize === 4 ? bases[1] : bases[2];
  const operand: MemoryOperand = {
    kind: 'memory',
    segment: undefined,
    base,
    index,
    scale: 1,
    displacement: 0n,
    size,
    access,
  };
  const found = explicitAccess(operand, state);
  return found === UNKNOWN ? UNKNOWN : { ...found, implicit: true };
}

/** Of what a push or pop moves. */
function stackSize(operand: Operand | undefined, word: number): number {
  if (operand === undefined || operand.kind === 'immediate') return word;
  // A segment register takes a whole word.
  if (operand.kind === 'register' && /^[cdefgs]s$/.test(operand.name)) return word;
  return operand.size ?? word;
}

/** A far call pushes its segment and its offset, each as long as the offset in the operand is. */
function farSize({ operands: [first] }: DecodedInstruction): number {
  const size = first?.kind === 'memory' ? (first.size ?? 6) : 6;
  return (size - 2) * 2;
}

/** Names of the general registers in operands in memory, sorted, each once: those whose value may have been at fault. */
export function x86RegistersUsed(instruction: DecodedInstruction, cpu: string): string[] {
  const names = new Set<string>();
  for (const operand of instruction.operands) {
    if (operand.kind !== 'memory') continue;
    for (const name of [operand.base, operand.index]) {
      if (name !== undefined && /^(?:[re]?(?:[a-d]x|[sd]i|[bs]p)|r\d+[dwb]?)$/.test(name)) {
        names.add(wholeRegister(cpu, name));
      }
    }
  }
  return [...names].sort();
}
