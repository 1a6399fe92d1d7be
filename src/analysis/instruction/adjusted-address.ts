import type { InstructionAnalysis } from './analyze-instruction.js';
import { type CrashException, looksLikeGeneralProtectionFault } from './crash-exception.js';

/** A better address than the one that was reported. */
export type AdjustedAddress =
  /** A member of an object at null: `offset` is the address. */
  | { kind: 'null-pointer'; offset: bigint }
  /** The processor does not report such an address. */
  | { kind: 'non-canonical'; address: bigint };

const FIRST_NON_CANONICAL = 0x0000_8000_0000_0000n;
const LAST_NON_CANONICAL = 0xffff_7fff_ffff_ffffn;

/** Whether amd64 with 48-bit addresses refuses an address. */
export function isNonCanonical(address: bigint): boolean {
  return address >= FIRST_NON_CANONICAL && address <= LAST_NON_CANONICAL;
}

/** Where the instruction sent the processor by a pointer; the target of a direct branch is not one that can be wrong. */
export function pointedTo({ instructionPointerUpdate: update }: InstructionAnalysis): bigint | undefined {
  return update.kind === 'indirect' ? update.address : undefined;
}

/** The null pointer is looked for first. Undefined where the reported address is as good as any. */
export function adjustAddress(
  exception: CrashException,
  instruction: InstructionAnalysis | undefined,
): AdjustedAddress | undefined {
  if (instruction === undefined) return undefined;
  const accesses = instruction.accesses ?? [];
  const target = pointedTo(instruction);
  const fromNull = accesses.find((access) => access.fromNull);
  if (fromNull) return { kind: 'null-pointer', offset: fromNull.address };
  if (target === 0n) return { kind: 'null-pointer', offset: target };
  if (exception.cpu !== 'amd64' || !looksLikeGeneralProtectionFault(exception)) return undefined;
  const addresses = accesses.map(({ address }) => address);
  if (target !== undefined) addresses.push(target);
  const address = addresses.find(isNonCanonical);
  return address === undefined ? undefined : { kind: 'non-canonical', address };
}
