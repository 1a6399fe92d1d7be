import {
  CONTEXT_X86,
  ContextCpu,
  ContextPart,
  FLOATING_SAVE_AREA,
  type InputOf,
  ProcessorArchitecture,
} from '../../format/index.js';
import { CS_32_BIT, REGISTER_COUNT, Reg } from '../registers.js';
import { extendContext, frameStateSize, xsaveLayout, xsaveOfFrame } from '../xstate.js';
import { type Cpu, EINTR, ERESTARTNOHAND } from './cpu.js';
import { isShortened, mayBeShortened, type ShortenedCalls } from './shortened-calls.js';
import { describeX86 } from './x86-cpuinfo.js';

/** 32-bit x86 processes on a 64-bit kernel: ptrace shows their registers as those of x86-64. */

const { CONTEXT_CONTROL, CONTEXT_INTEGER, CONTEXT_SEGMENTS, CONTEXT_FLOATING_POINT } = ContextPart;
const { CONTEXT_EXTENDED_REGISTERS, CONTEXT_XSTATE } = ContextPart;

type Register = readonly [register: number, offset: number];

/** Where the registers go in CONTEXT. */
const WORDS: readonly Register[] = [
  [Reg.Rdi, CONTEXT_X86.offsetOf('Edi')],
  [Reg.Rsi, CONTEXT_X86.offsetOf('Esi')],
  [Reg.Rbx, CONTEXT_X86.offsetOf('Ebx')],
  [Reg.Rdx, CONTEXT_X86.offsetOf('Edx')],
  [Reg.Rcx, CONTEXT_X86.offsetOf('Ecx')],
  [Reg.Rax, CONTEXT_X86.offsetOf('Eax')],
  [Reg.Rbp, CONTEXT_X86.offsetOf('Ebp')],
  [Reg.Rip, CONTEXT_X86.offsetOf('Eip')],
  [Reg.Eflags, CONTEXT_X86.offsetOf('EFlags')],
  [Reg.Rsp, CONTEXT_X86.offsetOf('Esp')],
];
const SEGMENTS: readonly Register[] = [
  [Reg.Gs, CONTEXT_X86.offsetOf('SegGs')],
  [Reg.Fs, CONTEXT_X86.offsetOf('SegFs')],
  [Reg.Es, CONTEXT_X86.offsetOf('SegEs')],
  [Reg.Ds, CONTEXT_X86.offsetOf('SegDs')],
  [Reg.Cs, CONTEXT_X86.offsetOf('SegCs')],
  [Reg.Ss, CONTEXT_X86.offsetOf('SegSs')],
];
const CONTEXT_FLAGS = CONTEXT_X86.offsetOf('ContextFlags');
const ESP = CONTEXT_X86.offsetOf('Esp');
const EIP = CONTEXT_X86.offsetOf('Eip');
const FLOAT_SAVE = CONTEXT_X86.offsetOf('FloatSave');
const EXTENDED_REGISTERS = CONTEXT_X86.offsetOf('ExtendedRegisters');
const FXSAVE_SIZE = 512;
/** The rest is left to software: the kernel's own notes stand there, in register sets and signal frames. */
const FXSAVE_USED = 464;

function contextFromRegisters(registers: BigUint64Array, fxsave: Uint8Array | undefined): Uint8Array {
  const context = new Uint8Array(CONTEXT_X86.size);
  const view = new DataView(context.buffer);
  for (const [register, offset] of WORDS) {
    view.setUint32(offset, Number(registers[register]! & 0xffff_ffffn), true);
  }
  for (const [register, offset] of SEGMENTS) {
    view.setUint32(offset, Number(registers[register]! & 0xffffn), true);
  }
  let flags = ContextCpu.CONTEXT_i386 | CONTEXT_CONTROL | CONTEXT_INTEGER | CONTEXT_SEGMENTS;
  if (fxsave !== undefined) {
    // Both forms of the floating-point state: FSAVE for the x87 alone, FXSAVE with SSE.
    context.set(FLOATING_SAVE_AREA.encode(fsaveFromFxsave(fxsave, registers)), FLOAT_SAVE);
    context.set(fxsave.subarray(0, FXSAVE_USED), EXTENDED_REGISTERS);
    flags |= CONTEXT_FLOATING_POINT | CONTEXT_EXTENDED_REGISTERS;
  }
  view.setUint32(CONTEXT_FLAGS, flags, true);
  return context;
}

/** With what the XSAVE area holds beyond FXSAVE behind it; ymm0 to ymm7 are what such a process can use of it. */
function contextFromXsave(registers: BigUint64Array, xsave: Uint8Array): Uint8Array {
  const context = contextFromRegisters(registers, xsave);
  const extended = extendContext(context, xsave, xsaveLayout(xsave));
  if (extended !== context) {
    const view = new DataView(extended.buffer);
    view.setUint32(CONTEXT_FLAGS, view.getUint32(CONTEXT_FLAGS, true) | CONTEXT_XSTATE, true);
  }
  return extended;
}

/**
 * FSAVE from FXSAVE in its 64-bit form, in which a 64-bit kernel saves the state of every process: the last instruction and its
 * operand have no selectors there, so they get those of the thread, as the kernel itself does in a signal frame.
 */
function fsaveFromFxsave(fxsave: Uint8Array, registers: BigUint64Array): InputOf<typeof FLOATING_SAVE_AREA> {
  const view = new DataView(fxsave.buffer, fxsave.byteOffset, fxsave.byteLength);
  const StatusWord = view.getUint16(2, true);
  const RegisterArea = new Uint8Array(80);
  for (let i = 0; i < 8; i++) RegisterArea.set(fxsave.subarray(32 + i * 16, 42 + i * 16), i * 10);
  return {
    // Where FSAVE has ones in the upper half of a word, so has this.
    ControlWord: 0xffff0000 + view.getUint16(0, true),
    StatusWord: 0xffff0000 + StatusWord,
    TagWord: 0xffff0000 + fullTagWord(fxsave, StatusWord),
    ErrorOffset: view.getUint32(8, true),
    ErrorSelector: Number(registers[Reg.Cs]! & 0xffffn),
    DataOffset: view.getUint32(16, true),
    DataSelector: 0xffff0000 + Number(registers[Reg.Ds]! & 0xffffn),
    RegisterArea,
    Cr0NpxState: 0,
  };
}

const [VALID, ZERO, SPECIAL, EMPTY] = [0, 1, 2, 3];

/** FXSAVE has one bit a register (empty or not), FSAVE two: valid, zero, special, empty (Intel SDM 1, 8.1.7 and 10.5.1). */
function fullTagWord(fxsave: Uint8Array, statusWord: number): number {
  const used = fxsave[4]!;
  const top = (statusWord >> 11) & 7;
  let word = 0;
  for (let physical = 0; physical < 8; physical++) {
    let tag = EMPTY;
    if ((used >> physical) & 1) {
      // The registers lie in the order of the stack, the tags in that of the hardware.
      const at = 32 + ((physical - top) & 7) * 16;
      tag = tagOf(new DataView(fxsave.buffer, fxsave.byteOffset + at, 10));
    }
    word |= tag << (physical * 2);
  }
  return word;
}

function tagOf(register: DataView): number {
  const fraction = register.getBigUint64(0, true);
  const exponent = register.getUint16(8, true) & 0x7fff;
  if (exponent === 0x7fff) return SPECIAL;
  if (exponent === 0) return fraction === 0n ? ZERO : SPECIAL;
  return fraction >> 63n === 1n ? VALID : SPECIAL;
}

function controlContext(stackPointer: bigint, instructionPointer: bigint): Uint8Array {
  const context = new Uint8Array(CONTEXT_X86.size);
  const view = new DataView(context.buffer);
  view.setUint32(ESP, Number(stackPointer & 0xffff_ffffn), true);
  view.setUint32(EIP, Number(instructionPointer & 0xffff_ffffn), true);
  view.setUint32(CONTEXT_FLAGS, ContextCpu.CONTEXT_i386 | CONTEXT_CONTROL, true);
  return context;
}

/** Order of the words in struct sigcontext of i386, from the start of uc_mcontext (asm/sigcontext.h). */
const SIGCONTEXT: readonly (number | undefined)[] = [
  Reg.Gs,
  Reg.Fs,
  Reg.Es,
  Reg.Ds,
  Reg.Rdi,
  Reg.Rsi,
  Reg.Rbp,
  undefined, // esp at the moment of the signal, which is kept again below
  Reg.Rbx,
  Reg.Rdx,
  Reg.Rcx,
  Reg.Rax,
  undefined, // trapno
  undefined, // err
  Reg.Rip,
  Reg.Cs,
  Reg.Eflags,
  Reg.Rsp,
  Reg.Ss,
];
/** After uc_flags, uc_link and uc_stack. */
const MCONTEXT_OFFSET = 20;
const FPSTATE_OFFSET = MCONTEXT_OFFSET + SIGCONTEXT.length * 4;
const UCONTEXT_SIZE = FPSTATE_OFFSET + 4;
/** struct _fpstate begins with the 112 bytes of FSAVE; FXSAVE follows, if the upper half of `status` there is 0. */
const FSAVE_SIZE = 112;
const FSTATE_MAGIC_OFFSET = 110;

function contextFromUcontext(ucontext: Uint8Array, fpstate: Uint8Array | undefined): Uint8Array {
  const view = new DataView(ucontext.buffer, ucontext.byteOffset, ucontext.byteLength);
  const registers = new BigUint64Array(REGISTER_COUNT);
  SIGCONTEXT.forEach((register, i) => {
    if (register !== undefined) registers[register] = BigInt(view.getUint32(MCONTEXT_OFFSET + i * 4, true));
  });
  const magic =
    fpstate && new DataView(fpstate.buffer, fpstate.byteOffset).getUint16(FSTATE_MAGIC_OFFSET, true);
  if (magic !== 0) return contextFromRegisters(registers, undefined);
  const state = fpstate!.subarray(FSAVE_SIZE);
  const xsave = xsaveOfFrame(state);
  return xsave ? contextFromXsave(registers, xsave) : contextFromRegisters(registers, state);
}

/**
 * The calls of amd64.ts by their i386 numbers, with those that share a number (ipc 117, socketcall 102). Measured on Linux
 * 6.18 with test/programs/calls32.c: each gave EINTR after a bare stop, and none when healed. io_pgetevents gave none.
 */
const EINTR_CALLS = new Set([
  256, 319, 441, 117, 420, 3, 145, 102, 371, 372, 337, 417, 364, 362, 4, 146, 369, 370, 177, 421, 247, 385,
  416, 426,
]);
function isInterrupted(registers: BigInt64Array): boolean {
  if (registers[Reg.Rax] !== EINTR || registers[Reg.Cs] !== CS_32_BIT) return false;
  return EINTR_CALLS.has(Number(registers[Reg.OrigRax]));
}

const SHORTENED_CALLS: ShortenedCalls = {
  moving: new Map([
    [4, Reg.Rdx], // write
    [181, Reg.Rdx], // pwrite64
    [369, Reg.Rdx], // sendto
    [187, Reg.Rsi], // sendfile
    [239, Reg.Rsi], // sendfile64
    [313, Reg.Rdi], // splice
    [377, Reg.Rdi], // copy_file_range
    [355, Reg.Rcx], // getrandom
  ]),
  recvfrom: { call: 371, flags: Reg.Rsi, length: Reg.Rdx },
  ioUringEnter: { call: 426, completions: Reg.Rdx },
};

function word(bytes: Uint8Array, offset: number): bigint {
  return BigInt(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset, true));
}

export const x86: Cpu = {
  architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_INTEL,
  pointerSize: 4,
  contextSize: CONTEXT_X86.size,
  registerWords: REGISTER_COUNT,
  floatingPointSize: FXSAVE_SIZE,
  // The i386 ABI has no red zone. The word below, which a push is about to write, is what Windows' own dumps begin with.
  redZone: 4n,
  exitCall: 1,
  faultAddressOffset: 12,
  ucontextSize: UCONTEXT_SIZE,
  describe: describeX86,
  context: ({ registers, floatingPoint, xsave }) =>
    xsave === undefined ? contextFromRegisters(registers, floatingPoint) : contextFromXsave(registers, xsave),
  pointersOf: (registers) => [registers[Reg.Rsp]!, registers[Reg.Rip]!],
  registersAt(stackPointer, instructionPointer) {
    const registers = new BigUint64Array(x86.registerWords);
    registers[Reg.Rsp] = stackPointer;
    registers[Reg.Rip] = instructionPointer;
    return registers;
  },
  controlContext,
  // Of the segment that gs selects: the kernel looks it up in the thread's own part of the GDT.
  threadBlock: ({ registers }) => registers[Reg.GsBase]!,
  floatingPointOf: (ucontext) => {
    const address = word(ucontext, FPSTATE_OFFSET);
    return address === 0n ? undefined : { address, size: FSAVE_SIZE + FXSAVE_SIZE };
  },
  fullFloatingPointSize: (state) => FSAVE_SIZE + frameStateSize(state.subarray(FSAVE_SIZE)),
  contextFromUcontext,
  stackPointer: (context) => word(context, ESP),
  instructionPointer: (context) => word(context, EIP),
  isInterruptible: (call) => EINTR_CALLS.has(call),
  isInterrupted,
  heal: (registers) => {
    registers[Reg.Rax] = ERESTARTNOHAND;
  },
  isShortenedCall: (registers) => isShortened(registers, SHORTENED_CALLS),
  mayBeShortened: (call) => mayBeShortened(call, SHORTENED_CALLS),
};
