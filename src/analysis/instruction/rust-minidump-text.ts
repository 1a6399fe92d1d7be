import type { DecodedInstruction, MemoryOperand, Operand } from './disassembler.js';

/** Names of conditions that the disassembler of rust-minidump (yaxpeax-x86) has for those of Capstone. */
const conditions: Record<string, string> = { e: 'z', ne: 'nz', ae: 'nb', be: 'na' };

const sizes: Record<number, string> = {
  1: 'byte',
  2: 'word',
  4: 'dword',
  6: 'far',
  8: 'qword',
  10: 'mword',
  16: 'xmmword',
  32: 'ymmword',
  64: 'zmmword',
};

/**
 * An instruction of amd64 as rust-minidump writes it: `mov dword [rbp - 0x4], 0x5`. The commonest integer instructions read
 * alike; of the rest, names may differ.
 */
export function rustMinidumpText(instruction: DecodedInstruction): string {
  const { prefixes, operands } = instruction;
  const name = [...prefixes, mnemonicOf(instruction.mnemonic)].join(' ');
  const [first] = operands;
  if (/^(?:j|call|loop)/.test(instruction.mnemonic) && first?.kind === 'immediate' && operands.length === 1) {
    return name;
  }
  // The size stands where no register gives it.
  const written = operands.map((operand) => operandText(operand));
  return written.length === 0 ? name : `${name} ${written.join(', ')}`;
}

function mnemonicOf(mnemonic: string): string {
  if (mnemonic === 'movabs') return 'mov';
  const [, stem, condition] = /^(j|set|cmov)([a-z]+)$/.exec(mnemonic) ?? [];
  const other = condition === undefined ? undefined : conditions[condition];
  return other === undefined ? mnemonic : `${stem}${other}`;
}

function operandText(operand: Operand): string {
  switch (operand.kind) {
    case 'register':
      return operand.name;
    case 'immediate':
      return signedHex(signedValue(operand.value, operand.size));
    case 'memory':
      return memoryText(operand);
  }
}

function signedValue(value: bigint, size: number): bigint {
  return BigInt.asIntN(size === 0 ? 64 : size * 8, value);
}

function signedHex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function memoryText({ segment, base, index, scale, displacement, size }: MemoryOperand): string {
  const parts: string[] = [];
  if (base !== undefined) parts.push(base);
  if (index !== undefined) parts.push(base === undefined || scale > 1 ? `${index} * ${scale}` : index);
  let place = parts.join(' + ');
  if (place === '') place = `0x${BigInt.asUintN(64, displacement).toString(16)}`;
  else if (displacement !== 0n) {
    place += displacement < 0n ? ` - 0x${(-displacement).toString(16)}` : ` + 0x${displacement.toString(16)}`;
  }
  const prefix = segment === undefined ? '' : `${segment}:`;
  return `${size === undefined ? '' : `${sizes[size] ?? ''} `}${prefix}[${place}]`;
}
