/**
 * Call frame information: how the registers of a caller are computed from those of its callee. What .sym files say in text, and ELF
 * files in the language of DWARF, comes as these rules; src/unwind applies them.
 */

/** The frame that is unwound. Registers have the names of reader/cpu-context.ts: `rsp`, `eip`, `fp`, `lr`. */
export interface FrameView {
  /** Undefined where it is not known. */
  register(name: string): bigint | undefined;
  /** An unsigned integer of so many bytes in memory; undefined where the dump does not hold it. */
  read(address: bigint, size: 1 | 2 | 4 | 8): bigint | undefined;
}

/**
 * Computes one value, modulo 2^64 (or 2^32 where pointers have 32 bits).
 *
 * @param cfa undefined while the canonical frame address itself is computed
 * @returns undefined where it cannot be told: a register is not known, memory is missing, the rule says so, or it is broken
 */
export type Rule = (frame: FrameView, cfa: bigint | undefined) => bigint | undefined;

/** What holds at one instruction. */
export interface CfiRow {
  /** The canonical frame address: the stack pointer of the caller, before the call. */
  readonly cfa: Rule;
  readonly returnAddress: Rule;
  /** Registers of the caller that are spoken of. All others that a callee must keep have the value they have now. */
  readonly registers: ReadonlyMap<string, Rule>;
  /** This is how a signal handler returns: the caller was interrupted before its instruction, it did not call. */
  readonly signalFrame: boolean;
  /** There is no caller (an undefined return address, in DWARF). */
  readonly outermost: boolean;
  /**
   * Nothing is said of this code, in a file that would say it of all code but leaves (PE): it called nobody, and pushed and changed
   * nothing that its caller wants kept.
   */
  readonly leaf?: boolean;
}
