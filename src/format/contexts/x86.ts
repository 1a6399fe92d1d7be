import { array, at, bytes, struct, u8, u16, u32 } from '../layout.js';
import { M128A } from '../structures/m128a.js';

/** x87 state as FSAVE has it: FLOATING_SAVE_AREA. */
export const FLOATING_SAVE_AREA = struct('FLOATING_SAVE_AREA', {
  ControlWord: u32,
  StatusWord: u32,
  TagWord: u32,
  ErrorOffset: u32,
  ErrorSelector: u32,
  DataOffset: u32,
  DataSelector: u32,
  /** Eight registers of 10 bytes. */
  RegisterArea: bytes(80),
  Cr0NpxState: u32,
});

/** x87 and SSE state as FXSAVE has it on a 32-bit x86: what CONTEXT_X86.ExtendedRegisters holds. */
export const XSAVE_FORMAT_X86 = struct('XSAVE_FORMAT', {
  ControlWord: u16,
  StatusWord: u16,
  TagWord: u8,
  Reserved1: u8,
  ErrorOpcode: u16,
  ErrorOffset: u32,
  ErrorSelector: u16,
  Reserved2: u16,
  DataOffset: u32,
  DataSelector: u16,
  Reserved3: u16,
  MxCsr: u32,
  MxCsr_Mask: u32,
  FloatRegisters: array(M128A, 8),
  XmmRegisters: array(M128A, 8),
  Reserved4: bytes(220),
  Cr0NpxState: u32,
});

/** CONTEXT of 32-bit x86, the same as WOW64_CONTEXT and Breakpad's MDRawContextX86. ContextFlags has 0x00010000. */
export const CONTEXT_X86 = struct('CONTEXT', {
  ContextFlags: u32,
  Dr0: u32,
  Dr1: u32,
  Dr2: u32,
  Dr3: u32,
  Dr6: u32,
  Dr7: u32,
  FloatSave: FLOATING_SAVE_AREA,
  SegGs: u32,
  SegFs: u32,
  SegEs: u32,
  SegDs: u32,
  Edi: u32,
  Esi: u32,
  Ebx: u32,
  Edx: u32,
  Ecx: u32,
  Eax: u32,
  Ebp: u32,
  Eip: u32,
  SegCs: u32,
  EFlags: u32,
  Esp: u32,
  SegSs: u32,
  /** An XSAVE_FORMAT_X86, if ContextFlags has CONTEXT_EXTENDED_REGISTERS. */
  ExtendedRegisters: at(204, bytes(512)),
});
