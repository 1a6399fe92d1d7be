import { CONTEXT_AMD64, ContextCpu, ContextPart } from '../format/index.js';
import { Reg } from './registers.js';

const { CONTEXT_CONTROL, CONTEXT_INTEGER, CONTEXT_SEGMENTS, CONTEXT_FLOATING_POINT } = ContextPart;

/** Where each word of user_regs_struct goes in CONTEXT. */
const WORDS: readonly (readonly [register: number, offset: number])[] = [
  [Reg.Rax, CONTEXT_AMD64.offsetOf('Rax')],
  [Reg.Rcx, CONTEXT_AMD64.offsetOf('Rcx')],
  [Reg.Rdx, CONTEXT_AMD64.offsetOf('Rdx')],
  [Reg.Rbx, CONTEXT_AMD64.offsetOf('Rbx')],
  [Reg.Rsp, CONTEXT_AMD64.offsetOf('Rsp')],
  [Reg.Rbp, CONTEXT_AMD64.offsetOf('Rbp')],
  [Reg.Rsi, CONTEXT_AMD64.offsetOf('Rsi')],
  [Reg.Rdi, CONTEXT_AMD64.offsetOf('Rdi')],
  [Reg.R8, CONTEXT_AMD64.offsetOf('R8')],
  [Reg.R9, CONTEXT_AMD64.offsetOf('R9')],
  [Reg.R10, CONTEXT_AMD64.offsetOf('R10')],
  [Reg.R11, CONTEXT_AMD64.offsetOf('R11')],
  [Reg.R12, CONTEXT_AMD64.offsetOf('R12')],
  [Reg.R13, CONTEXT_AMD64.offsetOf('R13')],
  [Reg.R14, CONTEXT_AMD64.offsetOf('R14')],
  [Reg.R15, CONTEXT_AMD64.offsetOf('R15')],
  [Reg.Rip, CONTEXT_AMD64.offsetOf('Rip')],
];
const SEGMENT_WORDS: readonly (readonly [register: number, offset: number])[] = [
  [Reg.Cs, CONTEXT_AMD64.offsetOf('SegCs')],
  [Reg.Ds, CONTEXT_AMD64.offsetOf('SegDs')],
  [Reg.Es, CONTEXT_AMD64.offsetOf('SegEs')],
  [Reg.Fs, CONTEXT_AMD64.offsetOf('SegFs')],
  [Reg.Gs, CONTEXT_AMD64.offsetOf('SegGs')],
  [Reg.Ss, CONTEXT_AMD64.offsetOf('SegSs')],
];
export const CONTEXT_RSP = CONTEXT_AMD64.offsetOf('Rsp');
export const CONTEXT_RIP = CONTEXT_AMD64.offsetOf('Rip');
const CONTEXT_FLAGS = CONTEXT_AMD64.offsetOf('ContextFlags');
const MXCSR = CONTEXT_AMD64.offsetOf('MxCsr');
const EFLAGS = CONTEXT_AMD64.offsetOf('EFlags');
const FLOAT_SAVE = CONTEXT_AMD64.offsetOf('FltSave');
/** MXCSR within FXSAVE. */
const FXSAVE_MXCSR = 24;

/** CONTEXT from what ptrace gives: user_regs_struct and FXSAVE. */
export function contextFromRegisters(registers: BigUint64Array, fxsave: Uint8Array | undefined): Uint8Array {
  const context = new Uint8Array(CONTEXT_AMD64.size);
  const view = new DataView(context.buffer);
  for (const [register, offset] of WORDS) view.setBigUint64(offset, registers[register]!, true);
  for (const [register, offset] of SEGMENT_WORDS) {
    view.setUint16(offset, Number(registers[register]! & 0xffffn), true);
  }
  view.setUint32(EFLAGS, Number(registers[Reg.Eflags]! & 0xffff_ffffn), true);
  let flags = ContextCpu.CONTEXT_AMD64 | CONTEXT_CONTROL | CONTEXT_INTEGER | CONTEXT_SEGMENTS;
  if (fxsave !== undefined) {
    context.set(fxsave.subarray(0, 512), FLOAT_SAVE);
    context.set(fxsave.subarray(FXSAVE_MXCSR, FXSAVE_MXCSR + 4), MXCSR);
    flags |= CONTEXT_FLOATING_POINT;
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
  const context = new Uint8Array(CONTEXT_AMD64.size);
  const view = new DataView(context.buffer);
  view.setBigUint64(CONTEXT_RSP, sp, true);
  view.setBigUint64(CONTEXT_RIP, pc, true);
  view.setUint32(CONTEXT_FLAGS, ContextCpu.CONTEXT_AMD64 | CONTEXT_CONTROL, true);
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
