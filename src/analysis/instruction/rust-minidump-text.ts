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
 * alike; of the rest, names may differ. `address` is the instruction's own.
 */
export function rustMinidumpText(instruction: DecodedInstruction, address: bigint): string {
  const { prefixes, operands, length } = instruction;
  const name = [...prefixes, mnemonicOf(instruction)].join(' ');
  if (instruction.mnemonic === 'int3') return `${name} 0x3`;
  const [target] = operands;
  if (/^(?:j|call$|loop)/.test(instruction.mnemonic) && target?.kind === 'immediate') {
    const distance = BigInt.asIntN(64, target.value - (address + BigInt(length)));
    return `${name} $${distance < 0n ? '' : '+'}${signedHex(distance)}`;
  }
  const written = operands.map((operand) => operandText(operand, instruction));
  return written.length === 0 ? name : `${name} ${written.join(', ')}`;
}

const stringInstruction = /^(?:movs|cmps|scas|lods|stos|ins|outs)[bwdq]$/;
/** The same words without the size that Capstone puts behind them. */
const others: Record<string, string> = { movabs: 'mov', pushfq: 'pushf', popfq: 'popf', int3: 'int' };

function mnemonicOf(instruction: DecodedInstruction): string {
  const { mnemonic } = instruction;
  const other = others[mnemonic];
  if (other !== undefined) return other;
  if (isStringInstruction(instruction)) return mnemonic.slice(0, -1);
  const [, stem, condition] = /^(j|set|cmov)([a-z]+)$/.exec(mnemonic) ?? [];
  const named = condition === undefined ? undefined : conditions[condition];
  return named === undefined ? mnemonic : `${stem}${named}`;
}

/** movsd and cmpsd are also moves and compares of floating-point numbers. */
function isStringInstruction({ mnemonic, operands }: DecodedInstruction): boolean {
  const vector = operands.some((operand) => operand.kind === 'register' && operand.name.startsWith('xmm'));
  return stringInstruction.test(mnemonic) && !vector;
}

function operandText(operand: Operand, instruction: DecodedInstruction): string {
  switch (operand.kind) {
    case 'register':
      return operand.name;
    case 'immediate':
      return signedHex(signedValue(operand.value, operand.size));
    case 'memory':
      return memoryText(
        operand,
        isStringInstruction(instruction) ? stringSegment(operand, instruction.mnemonic) : operand.segment,
      );
  }
}

/** yaxpeax writes the segments of string instructions out, but that of lods. */
function stringSegment({ segment, base }: MemoryOperand, mnemonic: string): string | undefined {
  if (segment !== undefined || mnemonic.startsWith('lods')) return segment;
  return base?.endsWith('di') ? 'es' : 'ds';
}

function signedValue(value: bigint, size: number): bigint {
  return BigInt.asIntN(size === 0 ? 64 : size * 8, value);
}

function signedHex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function memoryText(
  { base, index, scale, displacement, size }: MemoryOperand,
  segment: string | undefined,
): string {
  const parts: string[] = [];
  if (base !== undefined) parts.push(base);
  if (index !== undefined) parts.push(`${index} * ${scale}`);
  let place = parts.join(' + ');
  if (place === '') place = `0x${BigInt.asUintN(64, displacement).toString(16)}`;
  else if (displacement !== 0n) {
    place += displacement < 0n ? ` - 0x${(-displacement).toString(16)}` : ` + 0x${displacement.toString(16)}`;
  }
  const prefix = segment === undefined ? '' : `${segment}:`;
  return `${size === undefined ? '' : `${sizes[size] ?? ''} `}${prefix}[${place}]`;
}
