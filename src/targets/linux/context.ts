import { Reg } from './tracer-protocol.js';

/** CONTEXT of amd64 (winnt.h); offsets are those of format/structures, written by hand because 1,000 threads pass here. */
export const CONTEXT_AMD64_SIZE = 1232;
const CONTEXT_AMD64 = 0x0010_0000;
const CONTROL = 0x1;
const INTEGER = 0x2;
const SEGMENTS = 0x4;
const FLOATING_POINT = 0x8;

/** Where each word of user_regs_struct goes in CONTEXT. */
const WORDS: readonly (readonly [register: number, offset: number])[] = [
  [Reg.Rax, 120],
  [Reg.Rcx, 128],
  [Reg.Rdx, 136],
  [Reg.Rbx, 144],
  [Reg.Rsp, 152],
  [Reg.Rbp, 160],
  [Reg.Rsi, 168],
  [Reg.Rdi, 176],
  [Reg.R8, 184],
  [Reg.R9, 192],
  [Reg.R10, 200],
  [Reg.R11, 208],
  [Reg.R12, 216],
  [Reg.R13, 224],
  [Reg.R14, 232],
  [Reg.R15, 240],
  [Reg.Rip, 248],
];
const SEGMENT_WORDS: readonly (readonly [register: number, offset: number])[] = [
  [Reg.Cs, 56],
  [Reg.Ds, 58],
  [Reg.Es, 60],
  [Reg.Fs, 62],
  [Reg.Gs, 64],
  [Reg.Ss, 66],
];
export const CONTEXT_RSP = 152;
export const CONTEXT_RIP = 248;
const CONTEXT_FLAGS = 48;
const MXCSR = 52;
const EFLAGS = 68;
const FLOAT_SAVE = 256;
/** MXCSR within FXSAVE. */
const FXSAVE_MXCSR = 24;

/** CONTEXT from what ptrace gives: user_regs_struct and FXSAVE. */
export function contextFromRegisters(registers: BigUint64Array, fxsave: Uint8Array | undefined): Uint8Array {
  const context = new Uint8Array(CONTEXT_AMD64_SIZE);
  const view = new DataView(context.buffer);
  for (const [register, offset] of WORDS) view.setBigUint64(offset, registers[register]!, true);
  for (const [register, offset] of SEGMENT_WORDS) {
    view.setUint16(offset, Number(registers[register]! & 0xffffn), true);
  }
  view.setUint32(EFLAGS, Number(registers[Reg.Eflags]! & 0xffff_ffffn), true);
  let flags = CONTEXT_AMD64 | CONTROL | INTEGER | SEGMENTS;
  if (fxsave !== undefined) {
    context.set(fxsave.subarray(0, 512), FLOAT_SAVE);
    context.set(fxsave.subarray(FXSAVE_MXCSR, FXSAVE_MXCSR + 4), MXCSR);
    flags |= FLOATING_POINT;
  }
  view.setUint32(CONTEXT_FLAGS, flags, true);
  return context;
}

/**
 * CONTEXT of a thread that did not stop, from /proc/PID/task/TID/syscall (`nr arg0 … arg5 sp pc`, or `-1 sp pc`): only the
 * control registers are claimed. Undefined for `running`.
 */
export function contextFromSyscall(
  text: string,
): { context: Uint8Array; sp: bigint; pc: bigint } | undefined {
  const parts = text.trim().split(' ');
  if (parts.length < 3) return undefined;
  const [sp, pc] = parts.slice(-2).map(BigInt) as [bigint, bigint];
  const context = new Uint8Array(CONTEXT_AMD64_SIZE);
  const view = new DataView(context.buffer);
  view.setBigUint64(CONTEXT_RSP, sp, true);
  view.setBigUint64(CONTEXT_RIP, pc, true);
  view.setUint32(CONTEXT_FLAGS, CONTEXT_AMD64 | CONTROL, true);
  return { context, sp, pc };
}

/** Order of the words in gregs of ucontext_t (sys/ucontext.h), as registers of user_regs_struct. */
const GREGS: readonly number[] = [
  Reg.R8,
  Reg.R9,
  Reg.R10,
  Reg.R11,
  Reg.R12,
  Reg.R13,
  Reg.R14,
  Reg.R15,
  Reg.Rdi,
  Reg.Rsi,
  Reg.Rbp,
  Reg.Rbx,
  Reg.Rdx,
  Reg.Rax,
  Reg.Rcx,
  Reg.Rsp,
  Reg.Rip,
  Reg.Eflags,
];
const GREGS_OFFSET = 40;
/** cs, gs, fs, ss: 16 bits each. */
const CSGSFS_OFFSET = GREGS_OFFSET + 18 * 8;
const FPREGS_OFFSET = GREGS_OFFSET + 23 * 8;
/** What of ucontext_t is read: up to and with the pointer to the floating-point state. */
export const UCONTEXT_SIZE = FPREGS_OFFSET + 8;

/** Address of the FXSAVE area that a ucontext_t points to; 0 for none. */
export function fpregsOfUcontext(ucontext: Uint8Array): bigint {
  return new DataView(ucontext.buffer, ucontext.byteOffset).getBigUint64(FPREGS_OFFSET, true);
}

/** CONTEXT from the ucontext_t that the kernel gave to a signal handler. */
export function contextFromUcontext(ucontext: Uint8Array, fxsave: Uint8Array | undefined): Uint8Array {
  const view = new DataView(ucontext.buffer, ucontext.byteOffset, ucontext.byteLength);
  const registers = new BigUint64Array(27);
  GREGS.forEach((register, i) => {
    registers[register] = view.getBigUint64(GREGS_OFFSET + i * 8, true);
  });
  registers[Reg.Cs] = BigInt(view.getUint16(CSGSFS_OFFSET, true));
  registers[Reg.Gs] = BigInt(view.getUint16(CSGSFS_OFFSET + 2, true));
  registers[Reg.Fs] = BigInt(view.getUint16(CSGSFS_OFFSET + 4, true));
  registers[Reg.Ss] = BigInt(view.getUint16(CSGSFS_OFFSET + 6, true));
  return contextFromRegisters(registers, fxsave);
}
