import type { CrashMemoryAccess, InstructionOfCrash } from './analyze-crash.js';
import { rustMinidumpText } from './rust-minidump-text.js';

/** Members of `crash_info` in rust-minidump's JSON; addresses are `0x` and 8 or 16 digits. */
export interface RustMinidumpCrashMembers {
  adjusted_address:
    | { kind: 'non-canonical'; address: string }
    | { kind: 'null-pointer'; offset: string }
    | null;
  instruction: string | null;
  memory_accesses: RustMinidumpAccess[] | null;
  instruction_pointer_update: { address: string } | null;
  possible_bit_flips: RustMinidumpBitFlip[] | null;
  crash_inconsistencies: string[] | null;
}

export interface RustMinidumpAccess {
  address: string;
  size: number | null;
  access_type?: 'read' | 'write' | 'readwrite';
  is_likely_guard_page?: true;
}

export interface RustMinidumpBitFlip {
  address: string;
  confidence: number | null;
  source_register: string | null;
  details: {
    is_null: boolean;
    nearby_registers: number;
    poison_registers: boolean;
    was_low: boolean;
    was_non_canonical: boolean;
  };
}

/**
 * What rust-minidump says of the same crash. It looks at the instructions of amd64 only and knows the access types of the
 * commonest opcodes; what is known here beyond that is left out, so that the reports agree.
 */
export function toRustMinidumpJson(crash: InstructionOfCrash | undefined): RustMinidumpCrashMembers {
  if (crash === undefined) {
    return {
      adjusted_address: null,
      instruction: null,
      memory_accesses: null,
      instruction_pointer_update: null,
      possible_bit_flips: null,
      crash_inconsistencies: null,
    };
  }
  const { cpu } = crash.exception;
  const digits = /^(?:x86|ppc|sparc|arm|mips)$/.test(cpu) ? 8 : 16;
  const hex = (address: bigint) => `0x${address.toString(16).padStart(digits, '0')}`;
  const instruction = cpu === 'amd64' ? crash.instruction : undefined;
  const update = instruction?.instructionPointerUpdate;
  const adjusted = instruction && crash.adjustedAddress;
  const flips = crash.possibleBitFlips.map(({ address, sourceRegister, confidence, details }) => ({
    address: hex(address),
    confidence,
    source_register: sourceRegister ?? null,
    details: {
      is_null: details.isNull,
      nearby_registers: details.nearbyRegisters,
      poison_registers: details.poisonRegisters,
      was_low: details.wasLow,
      was_non_canonical: details.wasNonCanonical,
    },
  }));
  return {
    adjusted_address: !adjusted
      ? null
      : adjusted.kind === 'null-pointer'
        ? { kind: adjusted.kind, offset: hex(adjusted.offset) }
        : { kind: adjusted.kind, address: hex(adjusted.address) },
    instruction: instruction?.decoded ? rustMinidumpText(instruction.decoded, instruction.address) : null,
    memory_accesses: (instruction && accessesOf(crash, hex)) ?? null,
    instruction_pointer_update: update?.kind === 'indirect' ? { address: hex(update.address) } : null,
    possible_bit_flips: flips.length > 0 ? flips : null,
    crash_inconsistencies: crash.inconsistencies,
  };
}

function accessesOf(
  { accesses, instruction }: InstructionOfCrash,
  hex: (address: bigint) => string,
): RustMinidumpAccess[] | null {
  if (accesses === null) return null;
  const derivable = instruction?.opcodeClass?.accessesDerivable === true;
  return accesses
    .filter(({ implicit }) => derivable || !implicit)
    .map((access) => accessOf(access, derivable, hex));
}

function accessOf(
  { address, size, access, isLikelyGuardPage }: CrashMemoryAccess,
  derivable: boolean,
  hex: (address: bigint) => string,
): RustMinidumpAccess {
  const found: RustMinidumpAccess = { address: hex(address), size };
  if (derivable && access !== undefined) found.access_type = access;
  if (isLikelyGuardPage) found.is_likely_guard_page = true;
  return found;
}
