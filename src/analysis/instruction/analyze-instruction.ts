import type { Task } from '../../io/index.js';
import { arm64Effect } from './arm64.js';
import type { DecodedInstruction, DisassembledCpu, Disassembler } from './disassembler.js';
import { type OpcodeClass, opcodeClassOf } from './opcode-class.js';
import {
  type MemoryAccess,
  operandAddress,
  type SegmentBases,
  x86Accesses,
  x86RegistersUsed,
} from './x86-accesses.js';
import { type Registers, x86Register } from './x86-registers.js';

/** Where the instruction sent the processor. */
export type InstructionPointerUpdate =
  /** Behind itself. */
  | { kind: 'none' }
  /** A conditional branch, or one whose target is in memory that is not in the dump. */
  | { kind: 'unknown' }
  /** `direct`: the target is part of the instruction. `indirect`: it came from a register or from memory. */
  | { kind: 'direct' | 'indirect'; address: bigint };

export interface InstructionAnalysis {
  address: bigint;
  /** Disassembly; undefined for ARM64 without a disassembler. */
  text: string | undefined;
  /** All that the library says of it; undefined for ARM64 without a disassembler. */
  decoded: DecodedInstruction | undefined;
  /** Null where they cannot be known; empty where there are none. */
  accesses: MemoryAccess[] | null;
  instructionPointerUpdate: InstructionPointerUpdate;
  /** General registers that addresses were made of. */
  registersUsed: string[];
  opcodeClass: OpcodeClass | undefined;
}

export interface InstructionQuestion {
  /** Registers before the instruction; their `cpu` says what it is. */
  registers: Registers;
  /** At the instruction pointer, 15 or as many as there are. */
  bytes: Uint8Array;
  disassembler: Disassembler | undefined;
  segments?: SegmentBases;
  /** As `MemoryView.readTask`: less where there is less. */
  readMemory?: ((address: bigint, length: number) => Task<Uint8Array>) | undefined;
}

/**
 * What the instruction at the instruction pointer does with these registers. Undefined where the bytes are no instruction, and for
 * a CPU other than x86, amd64 and arm64; x86 and amd64 need a disassembler.
 */
export function* analyzeInstruction(question: InstructionQuestion): Task<InstructionAnalysis | undefined> {
  const { registers, bytes, disassembler } = question;
  const { cpu } = registers;
  if (cpu !== 'x86' && cpu !== 'amd64' && cpu !== 'arm64') return undefined;
  const decoded = disassembler?.decode(cpu satisfies DisassembledCpu, bytes, registers.instructionPointer);
  if (cpu === 'arm64') return analyzeArm64(question, decoded);
  if (decoded === undefined) return undefined;
  return {
    address: registers.instructionPointer,
    text: decoded.text,
    decoded,
    accesses: x86Accesses(decoded, registers, question.segments ?? {}),
    instructionPointerUpdate: yield* x86Update(decoded, question),
    registersUsed: x86RegistersUsed(decoded, cpu),
    opcodeClass: opcodeClassOf(decoded.mnemonic),
  };
}

function analyzeArm64(
  { registers, bytes, disassembler }: InstructionQuestion,
  decoded: DecodedInstruction | undefined,
): InstructionAnalysis | undefined {
  if (bytes.length < 4) return undefined;
  const word = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const effect = arm64Effect(word, registers);
  // A word that the library does not know is still what it is if it is a load or store.
  if (disassembler !== undefined && decoded === undefined && !effect.accesses?.length) return undefined;
  return {
    address: registers.instructionPointer,
    text: decoded?.text,
    decoded,
    accesses: effect.accesses,
    instructionPointerUpdate: effect.branch,
    registersUsed: effect.registers,
    opcodeClass: undefined,
  };
}

const UNKNOWN: InstructionPointerUpdate = { kind: 'unknown' };

function* x86Update(
  decoded: DecodedInstruction,
  question: InstructionQuestion,
): Task<InstructionPointerUpdate> {
  const { mnemonic, operands } = decoded;
  const { registers, segments = {} } = question;
  if (/^(?:ret|retfq?|iret[dq]?)$/.test(mnemonic)) {
    return yield* pointerAt(registers.stackPointer, question);
  }
  if (!/^l?(?:call|jmp)$/.test(mnemonic)) {
    // Conditional branches, and what goes into the kernel.
    return /^(?:j|loop|int|xbegin$|sys(?:call|enter)$)/.test(mnemonic) ? UNKNOWN : { kind: 'none' };
  }
  const [target] = operands;
  switch (target?.kind) {
    case 'immediate':
      if (operands.length > 1) return UNKNOWN; // a segment and an offset
      return { kind: 'direct', address: cut(target.value, registers) };
    case 'register': {
      const address = x86Register(registers, target.name);
      return address === undefined ? UNKNOWN : { kind: 'indirect', address };
    }
    case 'memory': {
      if (mnemonic.startsWith('l')) return UNKNOWN;
      const address = operandAddress(target, decoded, registers, segments);
      return address === undefined ? UNKNOWN : yield* pointerAt(address, question);
    }
    default:
      return UNKNOWN;
  }
}

function cut(address: bigint, { cpu }: Registers): bigint {
  return BigInt.asUintN(cpu === 'x86' ? 32 : 64, address);
}

function* pointerAt(
  address: bigint,
  { readMemory, registers }: InstructionQuestion,
): Task<InstructionPointerUpdate> {
  const size = registers.cpu === 'x86' ? 4 : 8;
  const bytes = readMemory && (yield* readMemory(address, size));
  if (bytes === undefined || bytes.length < size) return UNKNOWN;
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  const pointer = size === 4 ? BigInt(view.getUint32(0, true)) : view.getBigUint64(0, true);
  return { kind: 'indirect', address: pointer };
}
