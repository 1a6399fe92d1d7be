import { CONTEXT_ARM64, ContextCpu, ProcessorArchitecture } from '../../format/index.js';
import { AT_HWCAP } from '../auxv.js';
import { type Cpu, type CpuDescription, EINTR } from './cpu.js';

/** Bits of ContextFlags, which ARM64 has in an order of its own (winnt.h). */
const CONTEXT_CONTROL = 0x1;
const CONTEXT_INTEGER = 0x2;
const CONTEXT_FLOATING_POINT = 0x4;

/**
 * Words of a thread's registers: user_pt_regs (asm/ptrace.h), and behind it the thread pointer, TPIDR_EL0, which is a register set of
 * its own (NT_ARM_TLS).
 */
export const ArmReg = { X0: 0, X8: 8, Sp: 31, Pc: 32, Pstate: 33, ThreadPointer: 34 } as const;
/** Of which so many are user_pt_regs. */
export const USER_PT_REGS = 34;
const REGISTER_WORDS = 35;

const CONTEXT_FLAGS = CONTEXT_ARM64.offsetOf('ContextFlags');
const CPSR = CONTEXT_ARM64.offsetOf('Cpsr');
const X = CONTEXT_ARM64.offsetOf('X');
const SP = CONTEXT_ARM64.offsetOf('Sp');
const PC = CONTEXT_ARM64.offsetOf('Pc');
const V = CONTEXT_ARM64.offsetOf('V');
const FPCR = CONTEXT_ARM64.offsetOf('Fpcr');
const FPSR = CONTEXT_ARM64.offsetOf('Fpsr');

/** struct user_fpsimd_state: v0 to v31, fpsr, fpcr. */
const VECTORS_SIZE = 512;
const FPSIMD_SIZE = VECTORS_SIZE + 16;

function contextFromRegisters(registers: BigUint64Array, fpsimd: Uint8Array | undefined): Uint8Array {
  const context = new Uint8Array(CONTEXT_ARM64.size);
  const fields = view(context);
  // x0 to x28, fp and lr.
  for (let i = 0; i < 31; i++) fields.setBigUint64(X + i * 8, registers[i]!, true);
  fields.setBigUint64(SP, registers[ArmReg.Sp]!, true);
  fields.setBigUint64(PC, registers[ArmReg.Pc]!, true);
  fields.setUint32(CPSR, Number(registers[ArmReg.Pstate]! & 0xffff_ffffn), true);
  let flags = ContextCpu.CONTEXT_ARM64 | CONTEXT_CONTROL | CONTEXT_INTEGER;
  if (fpsimd !== undefined) {
    const state = view(fpsimd);
    context.set(fpsimd.subarray(0, VECTORS_SIZE), V);
    fields.setUint32(FPSR, state.getUint32(VECTORS_SIZE, true), true);
    fields.setUint32(FPCR, state.getUint32(VECTORS_SIZE + 4, true), true);
    flags |= CONTEXT_FLOATING_POINT;
  }
  fields.setUint32(CONTEXT_FLAGS, flags, true);
  return context;
}

function controlContext(stackPointer: bigint, instructionPointer: bigint): Uint8Array {
  const context = new Uint8Array(CONTEXT_ARM64.size);
  const fields = view(context);
  fields.setBigUint64(SP, stackPointer, true);
  fields.setBigUint64(PC, instructionPointer, true);
  fields.setUint32(CONTEXT_FLAGS, ContextCpu.CONTEXT_ARM64 | CONTEXT_CONTROL, true);
  return context;
}

/** Where in ucontext_t (asm/ucontext.h) regs of struct sigcontext stand, after the address of the fault; sp, pc and pstate follow them. */
const REGS_OFFSET = 184;
/** Records with a magic and a size, in no order, up to one of size 0. */
const RECORDS_OFFSET = 464;
const RECORDS_SIZE = 4096;
const FPSIMD_MAGIC = 0x46508001;

function contextFromUcontext(ucontext: Uint8Array): Uint8Array {
  const fields = view(ucontext);
  const registers = new BigUint64Array(REGISTER_WORDS);
  for (let i = 0; i < USER_PT_REGS; i++) registers[i] = fields.getBigUint64(REGS_OFFSET + i * 8, true);
  return contextFromRegisters(registers, fpsimdRecord(ucontext));
}

/** struct fpsimd_context has fpsr and fpcr before the vectors, user_fpsimd_state behind them. */
function fpsimdRecord(ucontext: Uint8Array): Uint8Array | undefined {
  const fields = view(ucontext);
  for (let at = RECORDS_OFFSET; at + 8 <= ucontext.length; ) {
    const size = fields.getUint32(at + 4, true);
    if (size < 8 || at + size > ucontext.length) return undefined;
    if (fields.getUint32(at, true) === FPSIMD_MAGIC && size >= 16 + VECTORS_SIZE) {
      const state = new Uint8Array(FPSIMD_SIZE);
      state.set(ucontext.subarray(at + 16, at + 16 + VECTORS_SIZE));
      state.set(ucontext.subarray(at + 8, at + 16), VECTORS_SIZE);
      return state;
    }
    at += size;
  }
  return undefined;
}

/** The calls of amd64.ts by their generic numbers. All but readv, writev, accept4 and io_uring_enter were measured (docs/stopping.md). */
const EINTR_CALLS = new Set([
  22, 441, 193, 192, 63, 65, 207, 212, 243, 202, 242, 203, 64, 66, 206, 211, 137, 4, 426,
]);

/**
 * What MIDR_EL1 says, of the first processor: as Breakpad has it for ARM, the architecture is the level, and the register itself, with
 * AT_HWCAP, the ARM arm of CPU_INFORMATION. The revision is that of Windows: variant << 8 | revision.
 */
function describe(cpuinfo: string, auxv: ReadonlyMap<number, bigint>): CpuDescription {
  const field = (key: string) => Number(new RegExp(`^CPU ${key}\\s*: (.*)$`, 'm').exec(cpuinfo)?.[1] ?? 0);
  const [variant, revision] = [field('variant'), field('revision')];
  const cpu = new Uint8Array(24);
  const fields = view(cpu);
  const midr = (field('implementer') << 24) | (variant << 20) | (0xf << 16) | (field('part') << 4) | revision;
  fields.setUint32(0, midr >>> 0, true);
  fields.setUint32(4, Number((auxv.get(AT_HWCAP) ?? 0n) & 0xffff_ffffn), true);
  return { level: field('architecture'), revision: (variant << 8) | revision, cpu };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export const arm64: Cpu = {
  architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM64,
  pointerSize: 8,
  contextSize: CONTEXT_ARM64.size,
  registerWords: REGISTER_WORDS,
  floatingPointSize: FPSIMD_SIZE,
  // The procedure call standard of ARM64 gives nothing below the stack pointer to anybody.
  redZone: 0n,
  exitCall: 93,
  faultAddressOffset: 16,
  ucontextSize: RECORDS_OFFSET + RECORDS_SIZE,
  describe,
  context: ({ registers, floatingPoint }) => contextFromRegisters(registers, floatingPoint),
  pointersOf: (registers) => [registers[ArmReg.Sp]!, registers[ArmReg.Pc]!],
  registersAt(stackPointer, instructionPointer) {
    const registers = new BigUint64Array(arm64.registerWords);
    registers[ArmReg.Sp] = stackPointer;
    registers[ArmReg.Pc] = instructionPointer;
    return registers;
  },
  controlContext,
  threadBlock: ({ registers }) => registers[ArmReg.ThreadPointer]!,
  // It stands in the ucontext_t itself.
  floatingPointOf: () => undefined,
  fullFloatingPointSize: (state) => state.length,
  contextFromUcontext,
  stackPointer: (context) => view(context).getBigUint64(SP, true),
  instructionPointer: (context) => view(context).getBigUint64(PC, true),
  isInterruptible: (call) => EINTR_CALLS.has(call),
  isInterrupted: (registers) =>
    registers[ArmReg.X0] === EINTR && EINTR_CALLS.has(Number(registers[ArmReg.X8])),
  // At the stop the kernel has decided about the restart already, and forgotten that there was a call: ERESTARTNOHAND would be
  // what the program sees. The first argument, which a new call needs, is in no register any more.
  heal: undefined,
  // For the same reason nothing tells a short count from any other value in x0.
  isShortenedCall: () => false,
  mayBeShortened: () => false,
};
