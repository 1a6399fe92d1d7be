import { array, struct, u32, u64 } from '../layout.js';

export const MDFloatingSaveAreaSPARC = struct('MDFloatingSaveAreaSPARC', {
  regs: array(u64, 32),
  filler: u64,
  fsr: u64,
});

/** SPARC v8 and v9 (Breakpad): 584 bytes, context_flags has 0x10000000. g_r[14] is the stack pointer. */
export const MDRawContextSPARC = struct('MDRawContextSPARC', {
  context_flags: u32,
  flag_pad: u32,
  g_r: array(u64, 32),
  ccr: u64,
  pc: u64,
  npc: u64,
  y: u64,
  asi: u64,
  fprs: u64,
  float_save: MDFloatingSaveAreaSPARC,
});
