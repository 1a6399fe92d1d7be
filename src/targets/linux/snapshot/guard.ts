import { Reg, SIGCONTEXT_ORDER } from '../../../linux/registers.js';

/*
 * The frames that heal a thread of the target, should this process die while the thread makes a call for it. They are what a
 * handler of a signal returns by: rt_sigreturn takes all registers, the floating-point state and the signal mask from
 * struct rt_sigframe (arch/x86/include/asm/sigframe.h). The injected call is followed by a `ret` that pops the address of an
 * rt_sigreturn, so that the thread finds back by itself. How and why it was tried: linux-capture, section 6 (500 of 500
 * dumpers killed at random moments left the target whole).
 */

/** Offsets in a frame, from its first word, the return address. */
const UC = 8;
const UC_STACK_FLAGS = UC + 24;
const MCONTEXT = UC + 40;
const MC_SEGMENTS = MCONTEXT + 18 * 8;
const MC_FPSTATE = MCONTEXT + 184;
const UC_SIGMASK = MCONTEXT + 256;
const FRAME_SIZE = UC_SIGMASK + 8;

/** UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */
const UC_FLAGS = 7n;
/** No valid state of an alternate stack: the kernel then leaves the thread's own alone (restore_altstack). */
const NO_ALTERNATE_STACK = 0x7fffffff;

/** In the 48 bytes that XSAVE leaves to software: NT_X86_XSTATE has XCR0 there, a signal frame struct _fpx_sw_bytes. */
const SOFTWARE_BYTES = 464;
const FP_XSTATE_MAGIC1 = 0x46505853;
const FP_XSTATE_MAGIC2 = 0x46505845;
const XSTATE_BV = 512;
/** Features from here on are those of AMX, and what may come: a thread that uses them is not injected into. */
const FIRST_LARGE_FEATURE = 17n;
/** Their state lies from here on (2752, linux/xstate.ts); a frame holds what is before. */
const MAX_XSAVE = 2752;

const CALL_SIZE = 2n;
const NR_RESTART_SYSCALL = 219n;
const NR_EXIT_GROUP = 231n;
const ERESTARTSYS = -512n;
const ERESTARTNOHAND = -514n;
const ERESTART_RESTARTBLOCK = -516n;

/** Addresses of instructions that every process has somewhere. */
export interface Gadgets {
  /** `syscall; ret` */
  readonly call: bigint;
  /** `mov $15, %eax; syscall`: rt_sigreturn. */
  readonly sigreturn: bigint;
}

/** What a guarded call needs in the memory of the target. */
export interface Guard {
  /** Where `bytes` go. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** The stack pointer of the call. */
  readonly stackPointer: bigint;
  /** The stack pointer of a child that the call makes: it ends by itself if nobody holds it. */
  readonly childStackPointer: bigint;
}

/** Room for the frames and for the signal frame of a handler that runs before they are used. */
export const GUARD_ROOM = 16 * 1024;

/** Whether the restart of an interrupted call is due; -514 also for those that were healed (linux/cpu/amd64.ts). */
export function restartOf(registers: BigInt64Array): 'call' | 'block' | 'none' {
  if (registers[Reg.OrigRax]! < 0n) return 'none';
  const result = registers[Reg.Rax]!;
  if (result <= ERESTARTSYS && result >= ERESTARTNOHAND) return 'call';
  return result === ERESTART_RESTARTBLOCK ? 'block' : 'none';
}

/** Whether a thread's floating-point state fits into a frame: it uses no tiles. */
export function fitsGuard(xsave: Uint8Array): boolean {
  if (xsave.length < XSTATE_BV + 64) return false;
  return view(xsave).getBigUint64(XSTATE_BV, true) >> FIRST_LARGE_FEATURE === 0n;
}

/**
 * Lays the frames out below `top`: one with the thread's own state, one for a child, which ends at once.
 *
 * @param registers of the stopped thread, its call healed if it needs that
 * @param xsave NT_X86_XSTATE
 * @param signalMask of the thread: 8 bytes
 */
export function layOutGuard(
  top: bigint,
  registers: BigInt64Array,
  xsave: Uint8Array,
  signalMask: Uint8Array,
  gadgets: Gadgets,
): Guard {
  const state = frameState(xsave);
  // XRSTOR wants multiples of 64.
  const stateAt = (top - BigInt(state.length)) & ~63n;
  // The `ret` of a call pops the first word: after it the stack is aligned as behind a call.
  const own = ((stateAt - BigInt(FRAME_SIZE) - 64n) & ~15n) - 8n;
  const child = ((own - BigInt(FRAME_SIZE) - 64n) & ~15n) - 8n;
  const bytes = new Uint8Array(Number(top - child));
  bytes.set(state, Number(stateAt - child));
  writeFrame(bytes.subarray(Number(own - child)), resumed(registers), stateAt, signalMask, gadgets);
  const ending = registers.slice();
  ending[Reg.Rip] = gadgets.call;
  ending[Reg.Rax] = NR_EXIT_GROUP;
  ending[Reg.Rdi] = 0n;
  ending[Reg.Rsp] = child;
  writeFrame(bytes, ending, 0n, signalMask, gadgets);
  return { address: child, bytes, stackPointer: own, childStackPointer: child };
}

/** The registers as they have to be behind rt_sigreturn: the kernel restarts no call there, so the thread makes it again. */
function resumed(registers: BigInt64Array): BigInt64Array {
  const copy = registers.slice();
  const restart = restartOf(registers);
  if (restart === 'none') return copy;
  copy[Reg.Rip]! -= CALL_SIZE;
  copy[Reg.Rax] = restart === 'call' ? registers[Reg.OrigRax]! : NR_RESTART_SYSCALL;
  return copy;
}

function writeFrame(
  into: Uint8Array,
  registers: BigInt64Array,
  state: bigint,
  signalMask: Uint8Array,
  gadgets: Gadgets,
): void {
  const fields = view(into);
  fields.setBigUint64(0, gadgets.sigreturn, true);
  fields.setBigUint64(UC, UC_FLAGS, true);
  fields.setInt32(UC_STACK_FLAGS, NO_ALTERNATE_STACK, true);
  SIGCONTEXT_ORDER.forEach((register, i) => {
    fields.setBigInt64(MCONTEXT + i * 8, registers[register]!, true);
  });
  fields.setUint16(MC_SEGMENTS, Number(registers[Reg.Cs]), true);
  fields.setUint16(MC_SEGMENTS + 6, Number(registers[Reg.Ss]), true);
  fields.setBigUint64(MC_FPSTATE, state, true);
  into.set(signalMask.subarray(0, 8), UC_SIGMASK);
}

/** The XSAVE area as a signal frame has it. */
function frameState(xsave: Uint8Array): Uint8Array {
  const size = Math.min(xsave.length, MAX_XSAVE);
  const state = new Uint8Array(size + 4);
  state.set(xsave.subarray(0, size));
  const fields = view(state);
  const features = view(xsave).getBigUint64(SOFTWARE_BYTES, true) & ((1n << FIRST_LARGE_FEATURE) - 1n);
  state.fill(0, SOFTWARE_BYTES, SOFTWARE_BYTES + 48);
  fields.setUint32(SOFTWARE_BYTES, FP_XSTATE_MAGIC1, true);
  fields.setUint32(SOFTWARE_BYTES + 4, size + 4, true);
  fields.setBigUint64(SOFTWARE_BYTES + 8, features, true);
  fields.setUint32(SOFTWARE_BYTES + 16, size, true);
  fields.setUint32(size, FP_XSTATE_MAGIC2, true);
  return state;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
