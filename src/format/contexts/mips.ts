import { array, struct, u32, u64 } from '../layout.js';

export const MDFloatingSaveAreaMIPS = struct('MDFloatingSaveAreaMIPS', {
  regs: array(u64, 32),
  fpcsr: u32,
  fir: u32,
});

/** MIPS and MIPS64 (Breakpad): 600 bytes, context_flags has 0x00040000 or 0x00080000. */
export const MDRawContextMIPS = struct('MDRawContextMIPS', {
  context_flags: u32,
  _pad0: u32,
  /** 29 is the stack pointer, 30 the frame pointer, 31 the return address. */
  iregs: array(u64, 32),
  mdhi: u64,
  mdlo: u64,
  hi: array(u32, 3),
  lo: array(u32, 3),
  dsp_control: u32,
  _pad1: u32,
  /** The program counter. */
  epc: u64,
  badvaddr: u64,
  status: u32,
  cause: u32,
  float_save: MDFloatingSaveAreaMIPS,
});
