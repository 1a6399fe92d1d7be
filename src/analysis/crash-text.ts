import type { Analysis, Crash } from './analyze.js';
import type { CrashInconsistency, InstructionOfCrash } from './instruction/index.js';
import { type CpuName, hexString } from './platform.js';

const INCONSISTENCIES: Readonly<Record<CrashInconsistency, string>> = {
  int_div_by_zero_not_possible: 'the instruction divides nothing, so it cannot have divided by zero',
  priv_instruction_crash_without_priv_instruction: 'the instruction is not a privileged one',
  non_canonical_address_falsely_reported: 'the instruction uses no non-canonical address',
  crashing_access_not_found_in_memory_accesses: 'the instruction does not access the crash address',
  access_violation_when_access_allowed: 'the memory at the crash address allows this access',
};

/** What is said of the crash, a line each. */
export function crashText({ cpu, instruction }: Analysis, { reason, address }: Crash): string[] {
  const adjusted = instruction?.adjustedAddress;
  return [
    `Crash reason:  ${reason}`,
    `Crash address: ${hexString(address, cpu)}${adjusted === undefined ? '' : ' **'}`,
    ...(adjusted === undefined
      ? []
      : adjusted.kind === 'null-pointer'
        ? [`    ** Null pointer detected with offset: ${hexString(adjusted.offset, cpu)}`]
        : [`    ** Non-canonical address detected: ${hexString(adjusted.address, cpu)}`]),
    ...(instruction === undefined ? [] : instructionText(instruction, cpu)),
  ];
}

function instructionText(crash: InstructionOfCrash, cpu: CpuName): string[] {
  const { instruction, accesses, possibleBitFlips, inconsistencies } = crash;
  const lines: string[] = [];
  const text = instruction?.text;
  if (text !== undefined) lines.push(`Crashing instruction: \`${text}\``);
  if (accesses !== null && accesses.length === 0) lines.push('No memory accessed by instruction');
  if (accesses !== null && accesses.length > 0) {
    lines.push('Memory accessed by instruction:');
    for (const [i, { address, size, access, isLikelyGuardPage }] of accesses.entries()) {
      lines.push(`  ${i}. Address: ${hexString(address, cpu)}`, `     Size: ${size ?? 'Unknown'}`);
      if (isLikelyGuardPage) lines.push('     This address falls in a likely guard page.');
      if (access !== undefined) lines.push(`     Access type: ${access[0]!.toUpperCase()}${access.slice(1)}`);
    }
  }
  const flips = [...possibleBitFlips].sort(
    (a, b) => b.confidence - a.confidence || (a.address < b.address ? -1 : 1),
  );
  if (flips.length > 0) lines.push('Crashing address may be the result of a flipped bit:');
  for (const [i, { address, confidence, sourceRegister }] of flips.entries()) {
    const register = sourceRegister === undefined ? '' : `${sourceRegister}=`;
    lines.push(`  ${i}. Valid address: ${register}${hexString(address, cpu)} (${confidence.toFixed(3)})`);
  }
  if (inconsistencies.length > 0)
    lines.push('Crash is inconsistent:', ...inconsistencies.map((one) => `  - ${INCONSISTENCIES[one]}`));
  return lines;
}
