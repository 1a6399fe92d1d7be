import { EM_386, EM_AARCH64, EM_ARM, EM_X86_64 } from '../elf-machines.js';

/**
 * Numbers that DWARF gives to registers, by machine: the psABI of each, and "DWARF for the Arm 64-bit Architecture". The names are
 * those of reader/cpu-context.ts. On i386, .eh_frame has the same numbers as .debug_frame, except on Darwin.
 */

/** Not an e_machine: .eh_frame of i386 on Darwin, which has esp and ebp the other way round. */
export const DARWIN_386_EH_FRAME = -EM_386;

function sequence(prefix: string, count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${from + i}`);
}

const NAMES: Readonly<Record<number, readonly string[]>> = {
  [EM_386]: ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eip'],
  [DARWIN_386_EH_FRAME]: ['eax', 'ecx', 'edx', 'ebx', 'ebp', 'esp', 'esi', 'edi', 'eip'],
  [EM_ARM]: [...sequence('r', 13), 'sp', 'lr', 'pc'],
  [EM_X86_64]: [
    ...['rax', 'rdx', 'rcx', 'rbx', 'rsi', 'rdi', 'rbp', 'rsp'],
    ...[...sequence('r', 8, 8), 'rip'],
  ],
  [EM_AARCH64]: [...sequence('x', 29), 'fp', 'lr', 'sp', 'pc'],
};

/** Undefined for vector registers and others that unwinding has no use for, and for unknown machines. */
export function registerName(machine: number, number: number): string | undefined {
  return NAMES[machine]?.[number];
}

/** Machines whose registers have a `$` before their names in .sym files. */
const WITH_DOLLAR: ReadonlySet<number> = new Set([EM_386, DARWIN_386_EH_FRAME, EM_X86_64]);

/** The same as .sym files have it: `$rsp`, and on AArch64 numbers also for the frame pointer and the link register. */
export function symRegisterName(machine: number, number: number): string | undefined {
  const name = registerName(machine, number);
  if (name === undefined) return undefined;
  if (WITH_DOLLAR.has(machine)) return `$${name}`;
  return machine === EM_AARCH64 && (name === 'fp' || name === 'lr') ? `x${number}` : name;
}
