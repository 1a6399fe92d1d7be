import type { MINIDUMP_EXCEPTION } from '../../format/index.js';
import type { CpuName } from '../platform.js';
import { guardReason } from './apple-guard.js';
import { resourceReason } from './apple-resource.js';
import { hex32, unknownReason } from './hex.js';

/** EXC_* of mach/exception_types.h. EXC_CRASH (10) has no name in rust-minidump. */
const types: Readonly<Record<number, string>> = {
  1: 'EXC_BAD_ACCESS',
  2: 'EXC_BAD_INSTRUCTION',
  3: 'EXC_ARITHMETIC',
  4: 'EXC_EMULATION',
  5: 'EXC_SOFTWARE',
  6: 'EXC_BREAKPOINT',
  7: 'EXC_SYSCALL',
  8: 'EXC_MACH_SYSCALL',
  9: 'EXC_RPC_ALERT',
  11: 'EXC_RESOURCE',
  12: 'EXC_GUARD',
};

/** Crashpad's, for a dump without a crash: "CPsx" */
const SIMULATED = 0x43507378;

type Codes = Readonly<Record<number, string>>;
type CodesOfCpu = Readonly<Partial<Record<'any' | 'x86' | 'arm64' | 'ppc', Codes>>>;

/** What the first code means: by type, and then by the processor (mach/kern_return.h, mach/i386, arm and ppc/exception.h). */
const codes: Readonly<Record<string, CodesOfCpu>> = {
  EXC_BAD_ACCESS: {
    any: {
      1: 'KERN_INVALID_ADDRESS',
      2: 'KERN_PROTECTION_FAILURE',
      5: 'KERN_FAILURE',
      8: 'KERN_NO_ACCESS',
      9: 'KERN_MEMORY_FAILURE',
      10: 'KERN_MEMORY_ERROR',
      50: 'KERN_CODESIGN_ERROR',
    },
    arm64: {
      257: 'EXC_ARM_DA_ALIGN',
      258: 'EXC_ARM_DA_DEBUG',
      259: 'EXC_ARM_SP_ALIGN',
      260: 'EXC_ARM_SWP',
      261: 'EXC_ARM_PAC_FAIL',
    },
    x86: { 13: 'EXC_I386_GPFLT' },
    ppc: { 257: 'EXC_PPC_VM_PROT_READ', 258: 'EXC_PPC_BADSPACE', 259: 'EXC_PPC_UNALIGNED' },
  },
  EXC_BAD_INSTRUCTION: {
    arm64: { 1: 'EXC_ARM_UNDEFINED' },
    x86: {
      1: 'EXC_I386_INVOP',
      10: 'EXC_I386_INVTSSFLT',
      11: 'EXC_I386_SEGNPFLT',
      12: 'EXC_I386_STKFLT',
      13: 'EXC_I386_GPFLT',
      17: 'EXC_I386_ALIGNFLT',
    },
    ppc: {
      1: 'EXC_PPC_INVALID_SYSCALL',
      2: 'EXC_PPC_UNIPL_INST',
      3: 'EXC_PPC_PRIVINST',
      4: 'EXC_PPC_PRIVREG',
      5: 'EXC_PPC_TRACE',
      6: 'EXC_PPC_PERFMON',
    },
  },
  EXC_ARITHMETIC: {
    x86: {
      1: 'EXC_I386_DIV',
      2: 'EXC_I386_INTO',
      3: 'EXC_I386_NOEXT',
      4: 'EXC_I386_EXTOVR',
      5: 'EXC_I386_EXTERR',
      6: 'EXC_I386_EMERR',
      7: 'EXC_I386_BOUND',
      8: 'EXC_I386_SSEEXTERR',
    },
    arm64: {
      1: 'EXC_ARM_FP_IO',
      2: 'EXC_ARM_FP_DZ',
      3: 'EXC_ARM_FP_OF',
      4: 'EXC_ARM_FP_UF',
      5: 'EXC_ARM_FP_IX',
      6: 'EXC_ARM_FP_ID',
    },
    ppc: {
      1: 'EXC_PPC_OVERFLOW',
      2: 'EXC_PPC_ZERO_DIVIDE',
      3: 'EXC_FLT_INEXACT',
      4: 'EXC_PPC_FLT_ZERO_DIVIDE',
      5: 'EXC_PPC_FLT_UNDERFLOW',
      6: 'EXC_PPC_FLT_OVERFLOW',
      7: 'EXC_PPC_FLT_NOT_A_NUMBER',
      8: 'EXC_PPC_NOEMULATION',
      9: 'EXC_PPC_ALTIVECASSIST',
    },
  },
  EXC_SOFTWARE: {
    any: {
      // EXC_UNIX_ABORT
      65538: 'SIGABRT',
      // Breakpad's, for an Objective-C exception that nobody caught
      3735929054: 'UNCAUGHT_NS_EXCEPTION',
      1: 'EXC_PPC_TRAP',
      65792: 'EXC_PPC_MIGRATE',
    },
  },
  EXC_BREAKPOINT: {
    x86: { 1: 'EXC_I386_SGL', 2: 'EXC_I386_BPT' },
    arm64: { 1: 'EXC_ARM_BREAKPOINT' },
    ppc: { 1: 'EXC_PPC_BREAKPOINT' },
  },
};

/** Whose codes a processor has. 32-bit ARM has none in rust-minidump. */
function familyOf(cpu: CpuName): keyof CodesOfCpu | undefined {
  if (cpu === 'amd64' || cpu === 'x86') return 'x86';
  return cpu === 'arm64' || cpu === 'ppc' ? cpu : undefined;
}

/**
 * ExceptionCode is the Mach exception, ExceptionFlags its first code; of EXC_RESOURCE and EXC_GUARD, which pack their data
 * into 64 bits, ExceptionInformation has both codes whole.
 */
export function appleReason(exception: MINIDUMP_EXCEPTION, cpu: CpuName): string {
  const { ExceptionCode, ExceptionFlags: flags, ExceptionInformation: information } = exception;
  if (ExceptionCode === SIMULATED) return 'Simulated Exception';
  const type = types[ExceptionCode];
  if (type === undefined) return unknownReason(ExceptionCode, flags);
  const kind = flags >>> 29;
  const special =
    type === 'EXC_RESOURCE'
      ? resourceReason(kind, information[1]!, information[2]!)
      : type === 'EXC_GUARD'
        ? guardReason(kind, information[1]!, information[2]!)
        : undefined;
  if (special !== undefined) return `${type} / ${special}`;
  const family = familyOf(cpu);
  const name = codes[type]?.any?.[flags] ?? (family && codes[type]?.[family]?.[flags]);
  return `${type} / ${name ?? hex32(flags)}`;
}
