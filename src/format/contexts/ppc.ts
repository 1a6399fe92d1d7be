import { array, struct, u32, u64 } from '../layout.js';
import { M128A } from '../structures/m128a.js';

export const MDFloatingSaveAreaPPC = struct('MDFloatingSaveAreaPPC', {
  fpregs: array(u64, 32),
  fpscr_pad: u32,
  fpscr: u32,
});

export const MDVectorSaveAreaPPC = struct('MDVectorSaveAreaPPC', {
  save_vr: array(M128A, 32),
  save_vscr: M128A,
  save_pad5: array(u32, 4),
  save_vrvalid: u32,
  save_pad6: array(u32, 7),
});

/** 32-bit PowerPC (Breakpad): 1004 bytes, context_flags has 0x20000000. srr0 is the program counter, gpr[1] the stack. */
export const MDRawContextPPC = struct('MDRawContextPPC', {
  context_flags: u32,
  srr0: u32,
  srr1: u32,
  gpr: array(u32, 32),
  cr: u32,
  xer: u32,
  lr: u32,
  ctr: u32,
  mq: u32,
  vrsave: u32,
  float_save: MDFloatingSaveAreaPPC,
  vector_save: MDVectorSaveAreaPPC,
});

/** 64-bit PowerPC (Breakpad): 1160 bytes, context_flags has 0x01000000. */
export const MDRawContextPPC64 = struct('MDRawContextPPC64', {
  context_flags: u64,
  srr0: u64,
  srr1: u64,
  gpr: array(u64, 32),
  cr: u64,
  xer: u64,
  lr: u64,
  ctr: u64,
  vrsave: u64,
  float_save: MDFloatingSaveAreaPPC,
  vector_save: MDVectorSaveAreaPPC,
});
