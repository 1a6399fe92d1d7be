import { array, at, overlay, struct, u32, u64 } from '../layout.js';
import { M128A } from '../structures/m128a.js';

/** CONTEXT of 32-bit ARM as Windows has it: 416 bytes, ContextFlags has 0x00200000. */
export const CONTEXT_ARM = struct('CONTEXT', {
  ContextFlags: u32,
  R0: u32,
  R1: u32,
  R2: u32,
  R3: u32,
  R4: u32,
  R5: u32,
  R6: u32,
  R7: u32,
  R8: u32,
  R9: u32,
  R10: u32,
  R11: u32,
  R12: u32,
  Sp: u32,
  Lr: u32,
  Pc: u32,
  Cpsr: u32,
  Fpscr: u32,
  Padding: u32,
  Q: array(M128A, 16),
  D: overlay('Q', array(u64, 32)),
  S: at(80, array(u32, 32)),
  Bvr: at(336, array(u32, 8)),
  Bcr: array(u32, 8),
  Wvr: array(u32, 1),
  Wcr: array(u32, 1),
  Padding2: array(u32, 2),
});

export const MDFloatingSaveAreaARM = struct('MDFloatingSaveAreaARM', {
  fpscr: u64,
  regs: array(u64, 32),
  extra: array(u32, 8),
});

/** 32-bit ARM as Breakpad and Crashpad have it: 368 bytes, context_flags has 0x40000000. */
export const MDRawContextARM = struct('MDRawContextARM', {
  context_flags: u32,
  /** r0 to r12, sp, lr, pc */
  iregs: array(u32, 16),
  cpsr: u32,
  float_save: MDFloatingSaveAreaARM,
});
