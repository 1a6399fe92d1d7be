import { constants } from '../layout.js';

/**
 * The bits of ContextFlags that tell whose context it is. The values are those of winnt.h and, from CONTEXT_BREAKPAD_ARM
 * on, of Breakpad's minidump_cpu_*.h; CONTEXT_ARM64_OLD stands in 64 bits of flags.
 */
export const contextCpus = constants({
  CONTEXT_i386: 0x00010000,
  CONTEXT_MIPS: 0x00040000,
  CONTEXT_MIPS64: 0x00080000,
  CONTEXT_AMD64: 0x00100000,
  CONTEXT_ARM: 0x00200000,
  CONTEXT_ARM64: 0x00400000,
  CONTEXT_RISCV: 0x00800000,
  CONTEXT_PPC64: 0x01000000,
  CONTEXT_RISCV64: 0x08000000,
  CONTEXT_SPARC: 0x10000000,
  CONTEXT_PPC: 0x20000000,
  CONTEXT_BREAKPAD_ARM: 0x40000000,
  CONTEXT_ARM64_OLD: 0x80000000,
});
export const ContextCpu = contextCpus.values;

/** The parts of a context that are valid, the same for x86 and amd64 (winnt.h). */
export const contextParts = constants({
  /** SS:SP, IP, FLAGS, BP */
  CONTEXT_CONTROL: 0x1,
  CONTEXT_INTEGER: 0x2,
  CONTEXT_SEGMENTS: 0x4,
  CONTEXT_FLOATING_POINT: 0x8,
  CONTEXT_DEBUG_REGISTERS: 0x10,
  CONTEXT_EXTENDED_REGISTERS: 0x20,
  /** A CONTEXT_EX and an XSAVE area follow. */
  CONTEXT_XSTATE: 0x40,
});
export const ContextPart = contextParts.values;

/** The numbers of XSAVE features: indices into XSTATE_CONFIG_FEATURE_MSC_INFO.Features, bits of EnabledFeatures. */
export const xstateFeatures = constants({
  XSTATE_LEGACY_FLOATING_POINT: 0,
  XSTATE_LEGACY_SSE: 1,
  XSTATE_GSSE: 2,
  XSTATE_AVX: 2,
  XSTATE_MPX_BNDREGS: 3,
  XSTATE_MPX_BNDCSR: 4,
  XSTATE_AVX512_KMASK: 5,
  XSTATE_AVX512_ZMM_H: 6,
  XSTATE_AVX512_ZMM: 7,
  XSTATE_IPT: 8,
  /** The user's shadow stack: IA32_U_CET and the shadow stack pointer. */
  XSTATE_CET_U: 11,
  XSTATE_LWP: 62,
});
export const XStateFeature = xstateFeatures.values;
