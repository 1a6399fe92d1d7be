import type { CfaRule, RegisterRule } from '../dwarf/frame-program.js';
import { EM_386, EM_AARCH64, EM_X86_64 } from '../elf-machines.js';

/**
 * The 32 bits of compact unwind information (mach-o/compact_unwind_encoding.h), as the rules that DWARF would have for the body of the
 * function: registers have the numbers of DWARF, offsets are from the CFA.
 */

export interface CompactRules {
  readonly cfa: CfaRule;
  readonly rules: ReadonlyMap<number, RegisterRule>;
}

/** Where a function subtracts from the stack pointer more than the encoding has bits for, it tells where the instruction is. */
export interface IndirectSize {
  /** From the start of the function to the four bytes of the instruction that hold the size. */
  readonly offset: number;
  /** What is to be added: pushed registers. */
  readonly adjustment: number;
}

/** How one processor is described. */
interface Machine {
  readonly word: 4 | 8;
  readonly stack: number;
  readonly frame: number;
  readonly returnAddress: number;
  /** Registers by the numbers 1 to 6 that encodings have for them. */
  readonly saved: readonly number[];
}

const MACHINES: Readonly<Record<number, Machine>> = {
  // ebx, ecx, edx, edi, esi, ebp
  [EM_386]: { word: 4, stack: 4, frame: 5, returnAddress: 8, saved: [3, 1, 2, 7, 6, 5] },
  // rbx, r12, r13, r14, r15, rbp
  [EM_X86_64]: { word: 8, stack: 7, frame: 6, returnAddress: 16, saved: [3, 12, 13, 14, 15, 6] },
};

const MODE_MASK = 0x0f00_0000;
const X86_FRAME = 0x0100_0000;
const X86_FRAMELESS = 0x0200_0000;
const X86_FRAMELESS_INDIRECT = 0x0300_0000;
const ARM64_FRAMELESS = 0x0200_0000;
const ARM64_FRAME = 0x0400_0000;

const AARCH64_FP = 29;
const AARCH64_LR = 30;
const AARCH64_SP = 31;
/** First registers of the pairs that the lowest 5 bits tell of, and of those of the 4 bits from bit 8 on: x19 …, d8 …. */
const ARM64_PAIRS: readonly (readonly [bit: number, register: number])[] = [
  ...[19, 21, 23, 25, 27].map((register, i) => [1 << i, register] as const),
  ...[72, 74, 76, 78].map((register, i) => [0x100 << i, register] as const),
];

/** Machines whose compact unwind information is read here. */
export const hasCompactUnwind = (machine: number): boolean => machine === EM_AARCH64 || machine in MACHINES;

/** Where to read the size of the frame, if it is not in the encoding itself. */
export function indirectSize(encoding: number, machine: number): IndirectSize | undefined {
  const description = MACHINES[machine];
  if (description === undefined || (encoding & MODE_MASK) !== X86_FRAMELESS_INDIRECT) return undefined;
  return { offset: (encoding >>> 16) & 0xff, adjustment: ((encoding >>> 13) & 7) * description.word };
}

/**
 * Undefined where the encoding says nothing, says that DWARF does, or is not known.
 *
 * @param frameSize bytes of the frame, where `indirectSize` says that they are to be read
 */
export function compactRules(
  encoding: number,
  machine: number,
  frameSize?: number,
): CompactRules | undefined {
  if (machine === EM_AARCH64) return arm64Rules(encoding);
  const description = MACHINES[machine];
  if (description === undefined) return undefined;
  switch (encoding & MODE_MASK) {
    case X86_FRAME:
      return x86Frame(encoding, description);
    case X86_FRAMELESS:
      return x86Frameless(encoding, ((encoding >>> 16) & 0xff) * description.word, description);
    case X86_FRAMELESS_INDIRECT:
      return frameSize === undefined ? undefined : x86Frameless(encoding, frameSize, description);
    default:
      return undefined;
  }
}

/** At the first instruction of any function: nothing has been pushed but what the call has. */
export function entryRules(machine: number): CompactRules | undefined {
  if (machine === EM_AARCH64)
    return { cfa: { kind: 'register', register: AARCH64_SP, offset: 0 }, rules: new Map() };
  const description = MACHINES[machine];
  if (description === undefined) return undefined;
  const { stack, word, returnAddress } = description;
  return {
    cfa: { kind: 'register', register: stack, offset: word },
    rules: new Map([[returnAddress, at(-word)]]),
  };
}

/** Number of the register that DWARF takes for the return address. */
export const returnAddressRegister = (machine: number): number =>
  machine === EM_AARCH64 ? AARCH64_LR : (MACHINES[machine]?.returnAddress ?? 0);

const at = (offset: number): RegisterRule => ({ kind: 'offset', offset });

/** `push rbp; mov rbp, rsp`: up to five registers are saved upwards from a place below it. */
function x86Frame(
  encoding: number,
  { word, frame, returnAddress, saved }: Machine,
): CompactRules | undefined {
  const rules = new Map([
    [returnAddress, at(-word)],
    [frame, at(-2 * word)],
  ]);
  const lowest = ((encoding >>> 16) & 0xff) * word;
  for (let i = 0; i < 5; i++) {
    const number = (encoding >>> (3 * i)) & 7;
    if (number === 0) continue;
    const register = saved[number - 1];
    if (register === undefined || register === frame) return undefined;
    rules.set(register, at(-2 * word - lowest + i * word));
  }
  return { cfa: { kind: 'register', register: frame, offset: 2 * word }, rules };
}

/** The registers lie below the return address, in an order that is told as the number of a permutation. */
function x86Frameless(encoding: number, size: number, machine: Machine): CompactRules | undefined {
  const { word, stack, returnAddress, saved } = machine;
  const count = (encoding >>> 10) & 7;
  if (count > saved.length || size < (count + 1) * word) return undefined;
  const rules = new Map([[returnAddress, at(-word)]]);
  permutation(encoding & 0x3ff, count).forEach((number, i) => {
    rules.set(saved[number]!, at(-word * (count + 1 - i)));
  });
  return { cfa: { kind: 'register', register: stack, offset: size }, rules };
}

/** `count` different numbers below 6, from their number: each digit counts among those that are still left. */
function permutation(number: number, count: number): number[] {
  const left = [0, 1, 2, 3, 4, 5];
  let rest = number;
  return Array.from({ length: count }, (_, i) => {
    let weight = 1;
    for (let k = i + 1; k < count; k++) weight *= 6 - k;
    const digit = Math.min(Math.floor(rest / weight), left.length - 1);
    rest %= weight;
    return left.splice(digit, 1)[0]!;
  });
}

function arm64Rules(encoding: number): CompactRules | undefined {
  const mode = encoding & MODE_MASK;
  const rules = new Map<number, RegisterRule>();
  let cfa: CfaRule;
  let below: number;
  if (mode === ARM64_FRAME) {
    cfa = { kind: 'register', register: AARCH64_FP, offset: 16 };
    rules.set(AARCH64_LR, at(-8));
    rules.set(AARCH64_FP, at(-16));
    below = -16;
  } else if (mode === ARM64_FRAMELESS) {
    // The return address is still in the link register.
    cfa = { kind: 'register', register: AARCH64_SP, offset: ((encoding >>> 12) & 0xfff) * 16 };
    below = 0;
  } else return undefined;
  for (const [bit, register] of ARM64_PAIRS) {
    if (!(encoding & bit)) continue;
    rules.set(register, at(below - 8));
    rules.set(register + 1, at(below - 16));
    below -= 16;
  }
  return { cfa, rules };
}
