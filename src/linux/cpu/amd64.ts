import { CONTEXT_AMD64, ContextCpu, ContextPart, ProcessorArchitecture } from '../../format/index.js';
import { CS_64_BIT, REGISTER_COUNT, Reg, SIGCONTEXT_ORDER } from '../registers.js';
import { extendContext, frameStateSize, type XsaveFeature, xsaveLayout, xsaveOfFrame } from '../xstate.js';
import { type Cpu, EINTR, ERESTARTNOHAND } from './cpu.js';
import { isShortened, mayBeShortened, type ShortenedCalls } from './shortened-calls.js';
import { describeX86 } from './x86-cpuinfo.js';

const { CONTEXT_CONTROL, CONTEXT_INTEGER, CONTEXT_SEGMENTS, CONTEXT_FLOATING_POINT, CONTEXT_XSTATE } =
  ContextPart;

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
const CONTEXT_RSP = CONTEXT_AMD64.offsetOf('Rsp');
const CONTEXT_RIP = CONTEXT_AMD64.offsetOf('Rip');
const CONTEXT_FLAGS = CONTEXT_AMD64.offsetOf('ContextFlags');
const MXCSR = CONTEXT_AMD64.offsetOf('MxCsr');
const EFLAGS = CONTEXT_AMD64.offsetOf('EFlags');
const FLOAT_SAVE = CONTEXT_AMD64.offsetOf('FltSave');
const FXSAVE_SIZE = 512;
/** The rest is left to software: the kernel's own notes stand there, in register sets and signal frames. */
const FXSAVE_USED = 464;
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
    context.set(fxsave.subarray(0, FXSAVE_USED), FLOAT_SAVE);
    context.set(fxsave.subarray(FXSAVE_MXCSR, FXSAVE_MXCSR + 4), MXCSR);
    flags |= CONTEXT_FLOATING_POINT;
  }
  view.setUint32(CONTEXT_FLAGS, flags, true);
  return context;
}

/**
 * CONTEXT with what the XSAVE area holds beyond FXSAVE behind it: MiniDumpWithAvxXStateContext.
 *
 * @param xsave NT_X86_XSTATE: the XSAVE area in its standard format
 * @param layout where its features lie; worked out from the area itself unless something better knows
 */
export function contextFromXsave(
  registers: BigUint64Array,
  xsave: Uint8Array,
  layout: readonly XsaveFeature[] = xsaveLayout(xsave),
): Uint8Array {
  const context = contextFromRegisters(registers, xsave);
  const extended = extendContext(context, xsave, layout);
  if (extended !== context) {
    const view = new DataView(extended.buffer);
    view.setUint32(CONTEXT_FLAGS, view.getUint32(CONTEXT_FLAGS, true) | CONTEXT_XSTATE, true);
  }
  return extended;
}

function controlContext(stackPointer: bigint, instructionPointer: bigint): Uint8Array {
  const context = new Uint8Array(CONTEXT_AMD64.size);
  const view = new DataView(context.buffer);
  view.setBigUint64(CONTEXT_RSP, stackPointer, true);
  view.setBigUint64(CONTEXT_RIP, instructionPointer, true);
  view.setUint32(CONTEXT_FLAGS, ContextCpu.CONTEXT_AMD64 | CONTEXT_CONTROL, true);
  return context;
}

const GREGS_OFFSET = 40;
/** cs, gs, fs, ss: 16 bits each. */
const CSGSFS_OFFSET = GREGS_OFFSET + 18 * 8;
const FPREGS_OFFSET = GREGS_OFFSET + 23 * 8;
/** What of ucontext_t is read: up to and with the pointer to the floating-point state. */
const UCONTEXT_SIZE = FPREGS_OFFSET + 8;

function contextFromUcontext(ucontext: Uint8Array, state: Uint8Array | undefined): Uint8Array {
  const view = new DataView(ucontext.buffer, ucontext.byteOffset, ucontext.byteLength);
  const registers = new BigUint64Array(REGISTER_COUNT);
  SIGCONTEXT_ORDER.forEach((register, i) => {
    registers[register] = view.getBigUint64(GREGS_OFFSET + i * 8, true);
  });
  registers[Reg.Cs] = BigInt(view.getUint16(CSGSFS_OFFSET, true));
  registers[Reg.Gs] = BigInt(view.getUint16(CSGSFS_OFFSET + 2, true));
  registers[Reg.Fs] = BigInt(view.getUint16(CSGSFS_OFFSET + 4, true));
  registers[Reg.Ss] = BigInt(view.getUint16(CSGSFS_OFFSET + 6, true));
  const xsave = state && xsaveOfFrame(state);
  return xsave ? contextFromXsave(registers, xsave) : contextFromRegisters(registers, state);
}

/**
 * System calls that a bare stop makes return EINTR although no signal arrived: epoll_wait and its kin, calls on
 * sockets with a time-out, semop, sigtimedwait, io_getevents, io_uring_enter. Measured on Linux 6.18, one process a call;
 * close and the others are not on the list, as their EINTR may be final.
 */
const EINTR_CALLS = new Set([
  232, 281, 441, 65, 220, 0, 19, 45, 47, 299, 43, 288, 42, 1, 20, 44, 46, 128, 208, 333, 426,
]);

function isInterrupted(registers: BigInt64Array): boolean {
  if (registers[Reg.Rax] !== EINTR || registers[Reg.Cs] !== CS_64_BIT) return false;
  // orig_rax is -1 in user mode, and after a handler returned: then the value in rax is the program's own.
  return EINTR_CALLS.has(Number(registers[Reg.OrigRax]));
}

const SHORTENED_CALLS: ShortenedCalls = {
  moving: new Map([
    [1, Reg.Rdx], // write
    [18, Reg.Rdx], // pwrite64
    [44, Reg.Rdx], // sendto
    [40, Reg.R10], // sendfile
    [275, Reg.R8], // splice
    [326, Reg.R8], // copy_file_range
    [318, Reg.Rsi], // getrandom
  ]),
  recvfrom: { call: 45, flags: Reg.R10, length: Reg.Rdx },
  ioUringEnter: { call: 426, completions: Reg.Rdx },
};

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export const amd64: Cpu = {
  architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
  pointerSize: 8,
  contextSize: CONTEXT_AMD64.size,
  registerWords: REGISTER_COUNT,
  floatingPointSize: FXSAVE_SIZE,
  // A leaf function of the x86-64 ABI may keep data there.
  redZone: 128n,
  exitCall: 60,
  faultAddressOffset: 16,
  ucontextSize: UCONTEXT_SIZE,
  describe: describeX86,
  context: ({ registers, floatingPoint, xsave }) =>
    xsave === undefined ? contextFromRegisters(registers, floatingPoint) : contextFromXsave(registers, xsave),
  pointersOf: (registers) => [registers[Reg.Rsp]!, registers[Reg.Rip]!],
  registersAt(stackPointer, instructionPointer) {
    const registers = new BigUint64Array(amd64.registerWords);
    registers[Reg.Rsp] = stackPointer;
    registers[Reg.Rip] = instructionPointer;
    return registers;
  },
  controlContext,
  threadBlock: ({ registers }) => registers[Reg.FsBase]!,
  floatingPointOf: (ucontext) => {
    const address = view(ucontext).getBigUint64(FPREGS_OFFSET, true);
    return address === 0n ? undefined : { address, size: FXSAVE_SIZE };
  },
  fullFloatingPointSize: frameStateSize,
  contextFromUcontext,
  stackPointer: (context) => view(context).getBigUint64(CONTEXT_RSP, true),
  instructionPointer: (context) => view(context).getBigUint64(CONTEXT_RIP, true),
  isInterruptible: (call) => EINTR_CALLS.has(call),
  isInterrupted,
  heal: (registers) => {
    registers[Reg.Rax] = ERESTARTNOHAND;
  },
  isShortenedCall: (registers) => isShortened(registers, SHORTENED_CALLS),
  mayBeShortened: (call) => mayBeShortened(call, SHORTENED_CALLS),
};
