/** What ptrace and the notes of a core give of a thread. */
export interface ThreadState {
  /** Words of user_regs_struct on x86-64 kernels (registers.ts), of user_pt_regs and more on ARM64 (arm64.ts). */
  registers: BigUint64Array;
  /** NT_PRFPREG: FXSAVE on x86-64 kernels, user_fpsimd_state on ARM64. */
  floatingPoint: Uint8Array | undefined;
  /** NT_X86_XSTATE, if it is wanted. */
  xsave?: Uint8Array | undefined;
}

/** What MINIDUMP_SYSTEM_INFO says of a processor. */
export interface CpuDescription {
  /** ProcessorLevel */
  level: number;
  /** ProcessorRevision */
  revision: number;
  /** The 24 bytes of CPU_INFORMATION. */
  cpu: Uint8Array;
}

/** What differs between the processors that Linux processes run on. One file each, beside this one. */
export interface Cpu {
  /** PROCESSOR_ARCHITECTURE_* */
  readonly architecture: number;
  readonly pointerSize: 4 | 8;
  /** Of the CONTEXT alone, in bytes. */
  readonly contextSize: number;
  /** Of ThreadState.registers. */
  readonly registerWords: number;
  /** Of ThreadState.floatingPoint, in bytes. */
  readonly floatingPointSize: number;
  /** Bytes below the stack pointer that belong to the stack. */
  readonly redZone: bigint;
  /** Number of exit(2), which ends one thread. */
  readonly exitCall: number;
  /** Where si_addr stands in siginfo_t. */
  readonly faultAddressOffset: number;
  /** Bytes that are read of a ucontext_t. */
  readonly ucontextSize: number;

  /** The processor, from /proc/cpuinfo and the auxiliary vector of a process. */
  describe(cpuinfo: string, auxv: ReadonlyMap<number, bigint>): CpuDescription;

  /** The CONTEXT of a thread. */
  context(state: ThreadState): Uint8Array;
  /** ThreadState.registers with nothing in them but these. */
  registersAt(stackPointer: bigint, instructionPointer: bigint): BigUint64Array;
  /** The CONTEXT of a thread of which no more is known: only its control registers are claimed. */
  controlContext(stackPointer: bigint, instructionPointer: bigint): Uint8Array;
  /** Stack and instruction pointer. */
  pointersOf(registers: BigUint64Array): readonly [stackPointer: bigint, instructionPointer: bigint];
  /** Address of the thread block: what the thread pointer points to. */
  threadBlock(state: ThreadState): bigint;

  /** Where the floating-point state lies that a ucontext_t points to, and its least size; undefined for none. */
  floatingPointOf(ucontext: Uint8Array): { address: bigint; size: number } | undefined;
  /** How long that state is with the registers beyond SSE, from the bytes of its least size. */
  fullFloatingPointSize(state: Uint8Array): number;
  /** The CONTEXT from the ucontext_t that the kernel gave to a signal handler, and that state, as much as was read of it. */
  contextFromUcontext(ucontext: Uint8Array, floatingPoint: Uint8Array | undefined): Uint8Array;

  stackPointer(context: Uint8Array): bigint;
  instructionPointer(context: Uint8Array): bigint;

  /** Whether a thread that sits in this call would see an EINTR if it were woken for nothing. */
  isInterruptible(call: number): boolean;
  /** Whether the call that the stopped thread stands behind is about to return EINTR only because of the stop. */
  isInterrupted(registers: BigInt64Array): boolean;
  /** Changes the registers of such a thread so that the kernel makes the call again; undefined where that cannot be done. */
  readonly heal: ((registers: BigInt64Array) => void) | undefined;
  /**
   * Whether the thread was caught in a call that has done part of its work and now returns a short count. Nothing in
   * the registers can undo that; the report counts it.
   */
  isShortenedCall(registers: BigInt64Array): boolean;
  /** Whether that may happen to a call of this number. */
  mayBeShortened(call: number): boolean;
}

/** EINTR as the kernel returns it. */
export const EINTR = -4n;
/** The kernel restarts the call when the thread goes on, or reports EINTR by itself if a handler really runs. */
export const ERESTARTNOHAND = -514n;

/**
 * What /proc/PID/task/TID/syscall says of a thread that did not stop (`nr arg0 … arg5 sp pc`, or `-1 sp pc`). Undefined
 * for `running`.
 */
export function parseSyscall(text: string): { stackPointer: bigint; instructionPointer: bigint } | undefined {
  const parts = text.trim().split(' ');
  if (parts.length < 3) return undefined;
  const [stackPointer, instructionPointer] = parts.slice(-2).map(BigInt) as [bigint, bigint];
  return { stackPointer, instructionPointer };
}
