import { array, at, overlay, struct, u32, u64 } from '../layout.js';
import { M128A } from '../structures/m128a.js';

/** CONTEXT of ARM64, the same as Breakpad's MDRawContextARM64. ContextFlags has 0x00400000. */
export const CONTEXT_ARM64 = struct('CONTEXT', {
  ContextFlags: u32,
  Cpsr: u32,
  X0: u64,
  X1: u64,
  X2: u64,
  X3: u64,
  X4: u64,
  X5: u64,
  X6: u64,
  X7: u64,
  X8: u64,
  X9: u64,
  X10: u64,
  X11: u64,
  X12: u64,
  X13: u64,
  X14: u64,
  X15: u64,
  X16: u64,
  X17: u64,
  X18: u64,
  X19: u64,
  X20: u64,
  X21: u64,
  X22: u64,
  X23: u64,
  X24: u64,
  X25: u64,
  X26: u64,
  X27: u64,
  X28: u64,
  Fp: u64,
  Lr: u64,
  /** X0 to X28, Fp and Lr by number. */
  X: overlay('X0', array(u64, 31)),
  Sp: at(256, u64),
  Pc: u64,
  V: array(M128A, 32),
  Fpcr: u32,
  Fpsr: u32,
  Bcr: array(u32, 8),
  Bvr: array(u64, 8),
  Wcr: array(u32, 2),
  Wvr: array(u64, 2),
});

export const MDFloatingSaveAreaARM64_Old = struct('MDFloatingSaveAreaARM64_Old', {
  fpsr: u32,
  fpcr: u32,
  regs: array(M128A, 32),
});

/**
 * ARM64 as Breakpad had it before Windows did: 796 bytes, context_flags has 0x80000000. Breakpad's own Linux client
 * still writes it, under PROCESSOR_ARCHITECTURE_ARM64_OLD.
 */
export const MDRawContextARM64_Old = struct('MDRawContextARM64_Old', {
  context_flags: u64,
  /** x0 to x30, sp, pc */
  iregs: array(u64, 33),
  cpsr: u32,
  float_save: MDFloatingSaveAreaARM64_Old,
});
