import { isNonCanonical, pointedTo } from './adjusted-address.js';
import type { InstructionAnalysis } from './analyze-instruction.js';
import {
  accessViolation,
  type CrashException,
  isIntegerDivisionByZero,
  isPrivilegedInstruction,
  isReadAtMinusOne,
  isStackOverflow,
} from './crash-exception.js';
import { allows, type MemoryRegion, regionAt } from './regions.js';
import type { MemoryAccess } from './x86-accesses.js';

/** A crash that cannot have been as it is told, which points to broken hardware, or to code that was changed meanwhile. */
export type CrashInconsistency =
  | 'int_div_by_zero_not_possible'
  | 'priv_instruction_crash_without_priv_instruction'
  | 'non_canonical_address_falsely_reported'
  | 'access_violation_when_access_allowed'
  | 'crashing_access_not_found_in_memory_accesses';

export interface InconsistencyQuestion {
  exception: CrashException;
  /** Undefined where the crash has no registers. */
  instructionPointer: bigint | undefined;
  /** In order. */
  regions: readonly MemoryRegion[];
  instruction: InstructionAnalysis | undefined;
}

/** Nothing is claimed of an instruction that is not known. */
export function crashInconsistencies(question: InconsistencyQuestion): CrashInconsistency[] {
  const { exception, instruction, regions } = question;
  const found: CrashInconsistency[] = [];
  const opcode = instruction?.opcodeClass;
  if (opcode && isIntegerDivisionByZero(exception) && !opcode.intDivision) {
    found.push('int_div_by_zero_not_possible');
  }
  if (opcode && isPrivilegedInstruction(exception) && !opcode.privileged) {
    found.push('priv_instruction_crash_without_priv_instruction');
  }
  const generalProtection = isGeneralProtection(question);
  if (generalProtection) {
    if (!mayHaveFaulted(instruction!)) found.push('non_canonical_address_falsely_reported');
    return found;
  }
  if (isAccessMissing(question)) found.push('crashing_access_not_found_in_memory_accesses');
  const violation = accessViolation(exception);
  const region = violation && regionAt(regions, exception.address);
  if (region && allows(region, violation)) found.push('access_violation_when_access_allowed');
  return found;
}

/** Windows reported -1 and the instruction did not read there: the processor raised a fault without an address. */
function isGeneralProtection({ exception, instruction }: InconsistencyQuestion): boolean {
  if (!isReadAtMinusOne(exception) || !instruction?.opcodeClass?.accessesDerivable) return false;
  const address = exception.address;
  return !(instruction.accesses ?? []).some((access) => access.access !== 'write' && covers(access, address));
}

/** A non-canonical address, or an aligned move, which faults in the same way; also where the processor went is not known. */
function mayHaveFaulted(instruction: InstructionAnalysis): boolean {
  const target = pointedTo(instruction);
  const { kind } = instruction.instructionPointerUpdate;
  return (
    kind === 'unknown' ||
    kind === 'direct' ||
    instruction.opcodeClass?.movaps === true ||
    (instruction.accesses ?? []).some(({ address }) => isNonCanonical(address)) ||
    (target !== undefined && isNonCanonical(target))
  );
}

function isAccessMissing({ exception, instruction, instructionPointer }: InconsistencyQuestion): boolean {
  const accesses = instruction?.accesses;
  if (!instruction || !accesses) return false;
  const derivable = instruction.opcodeClass?.accessesDerivable === true;
  const violation = accessViolation(exception);
  const address = exception.address;
  if (violation === 'execute') return instructionPointer !== address;
  if (violation !== undefined) {
    return (
      derivable &&
      !accesses.some(
        (access) => (access.access === violation || access.access === 'readwrite') && covers(access, address),
      )
    );
  }
  return isStackOverflow(exception) && derivable && accesses.length === 0;
}

function covers({ address, size }: MemoryAccess, wanted: bigint): boolean {
  return size !== null && wanted >= address && wanted < address + BigInt(size);
}
