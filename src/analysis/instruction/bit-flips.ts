import type { AdjustedAddress } from './adjusted-address.js';
import type { InstructionAnalysis } from './analyze-instruction.js';
import { accessViolation, type CrashException } from './crash-exception.js';
import { allows, distanceToAllowed, type MemoryOperation, type MemoryRegion, regionAt } from './regions.js';
import type { Registers } from './x86-registers.js';

export interface BitFlipDetails {
  wasNonCanonical: boolean;
  isNull: boolean;
  /** The address had been small already, so that a null pointer may only have had an offset. */
  wasLow: boolean;
  /** Registers that point close to the address. */
  nearbyRegisters: number;
  /** A register holds a pattern of freed or uninitialised memory: then the pointer was likely bad, not the memory chip. */
  poisonRegisters: boolean;
}

/** An address that one flipped bit may have turned into the one that crashed. */
export interface PossibleBitFlip {
  address: bigint;
  /** The register that held the wrong value; undefined where it is the address of the crash itself. */
  sourceRegister: string | undefined;
  /** 0 to 1, computed in 32-bit floating point as rust-minidump does, so that the same number is printed. */
  confidence: number;
  details: BitFlipDetails;
}

const NEAR = 4096n;
const LOW = 8192n;
const POISON = new Set([
  0x2b, 0x2d, 0x2f, 0x49, 0x4b, 0x4d, 0x4f, 0x6b, 0x8b, 0x9b, 0x9f, 0xa5, 0xbb, 0xcc, 0xcd, 0xce, 0xdb, 0xe5,
]);

const f32 = Math.fround;
const BASE = 0.25;
const NON_CANONICAL = 0.9;
const IS_NULL = 0.5;
const NEAR_REGISTERS = [0, 0.5, 0.55, 0.6, 0.65];

/** How sure one may be that a bit flipped: independent hints add up as probabilities do. */
export function bitFlipConfidence(details: BitFlipDetails): number {
  let doubt = f32(1);
  const hint = (probability: number) => {
    doubt = f32(doubt * f32(1 - f32(probability)));
  };
  hint(BASE);
  if (details.wasNonCanonical) hint(NON_CANONICAL);
  if (details.isNull) hint(details.wasLow ? IS_NULL * 0.5 : IS_NULL);
  if (details.nearbyRegisters > 0) {
    hint(NEAR_REGISTERS[Math.min(details.nearbyRegisters, NEAR_REGISTERS.length - 1)]!);
  }
  const confidence = f32(1 - doubt);
  return details.poisonRegisters ? f32(confidence * 0.5) : confidence;
}

export interface BitFlipQuestion {
  exception: CrashException;
  registers: Registers | undefined;
  /** In order. */
  regions: readonly MemoryRegion[];
  instruction: InstructionAnalysis | undefined;
  adjusted: AdjustedAddress | undefined;
}

/**
 * Addresses that differ in one bit from the one that crashed, or from a register that it was made of, and that would have worked.
 * For 64-bit CPUs but ARM64, whose pointers carry tags in their upper bits; where a null pointer is the better explanation, none.
 */
export function possibleBitFlips(question: BitFlipQuestion): PossibleBitFlip[] {
  const { exception, registers, instruction, adjusted } = question;
  if (!/^(?:amd64|ppc64|mips64|riscv64)$/.test(exception.cpu) || adjusted?.kind === 'null-pointer') return [];
  const bits = bitsOf(exception.cpu, adjusted);
  const reported = adjusted?.address ?? exception.address;
  const access = instruction?.accesses?.find(
    ({ address, size }) => reported >= address && reported < address + BigInt(size ?? 1),
  );
  const size = BigInt(access?.size ?? 1);
  const found = flips(access?.address ?? reported, undefined, bits, size, question);
  for (const name of instruction?.registersUsed ?? []) {
    const value = registers?.register(name);
    if (value !== undefined) found.push(...flips(value, name, bits, size, question));
  }
  return found;
}

interface Bits {
  from: number;
  to: number;
  nonCanonical: boolean;
}

function bitsOf(cpu: string, adjusted: AdjustedAddress | undefined): Bits {
  if (cpu !== 'amd64') return { from: 0, to: 64, nonCanonical: false };
  if (adjusted?.kind === 'non-canonical') return { from: 48, to: 64, nonCanonical: true };
  return { from: 0, to: 48, nonCanonical: false };
}

function flips(
  address: bigint,
  sourceRegister: string | undefined,
  { from, to, nonCanonical }: Bits,
  size: bigint,
  { exception, registers, regions }: BitFlipQuestion,
): PossibleBitFlip[] {
  const operation: MemoryOperation | undefined = accessViolation(exception);
  const distance = distanceToAllowed(regions, address, operation);
  if (distance !== undefined && distance < size) return [];
  const found: PossibleBitFlip[] = [];
  for (let bit = from; bit < to; bit++) {
    const candidate = address ^ (1n << BigInt(bit));
    const region = regionAt(regions, candidate);
    if (candidate !== 0n && !(region && allows(region, operation))) continue;
    const details = detailsOf(address, candidate, nonCanonical, registers);
    found.push({ address: candidate, sourceRegister, confidence: bitFlipConfidence(details), details });
  }
  return found;
}

function detailsOf(
  original: bigint,
  candidate: bigint,
  wasNonCanonical: boolean,
  registers: Registers | undefined,
): BitFlipDetails {
  const isNull = candidate === 0n;
  let nearbyRegisters = 0;
  let poisonRegisters = false;
  for (const name of registers?.registerNames ?? []) {
    const value = registers!.register(name);
    if (value === undefined) continue;
    const distance = value > candidate ? value - candidate : candidate - value;
    if (candidate > LOW && distance <= NEAR) nearbyRegisters++;
    if (isPoison(value)) poisonRegisters = true;
  }
  return { wasNonCanonical, isNull, wasLow: isNull && original <= LOW, nearbyRegisters, poisonRegisters };
}

/** One byte eight times over. */
function isPoison(value: bigint): boolean {
  const byte = Number(value & 0xffn);
  return POISON.has(byte) && value === BigInt(byte) * 0x0101_0101_0101_0101n;
}
