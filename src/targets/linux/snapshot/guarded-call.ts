import { REGISTER_COUNT, Reg } from '../../../linux/registers.js';
import { Event, Option, type Ptrace, Request, SYSCALL_STOP } from '../ptrace.js';
import type { RegisterAccess } from '../register-access.js';
import type { RemoteMemory } from '../remote-memory.js';
import { type Gadgets, GUARD_ROOM, layOutGuard } from './guard.js';

/** All signals but those that nothing can block. */
const ALL_SIGNALS = new Uint8Array(8).fill(0xff);
/** The trap flag: a program that steps itself would trap behind the injected instruction. */
const TRAP_FLAG = 0x100n;
/** An interrupt that was pending is reported before the call begins, and there may be a stop signal; more stops than this are no call. */
const MAX_STOPS = 100;

export interface CallResult {
  /** What the system call returned, as the kernel returns it: below 0 an errno. */
  readonly result: bigint;
  /** A process that it made, as this process sees it; 0 for none. */
  readonly child: number;
  /** What stood where the frames were. A child that was made has the frames in its copy. */
  readonly covered: { readonly address: bigint; readonly bytes: Uint8Array };
}

export interface GuardedCallContext {
  readonly ptrace: Ptrace;
  readonly registersOf: RegisterAccess;
  readonly memory: RemoteMemory;
  readonly gadgets: Gadgets;
  /** Whether a thread has ended: then no stop of it is waited for. */
  readonly hasEnded: (tid: number) => boolean;
  /** How long the call may take, in milliseconds. */
  readonly limit: number;
}

/**
 * Has a stopped thread make one system call, and puts it back as it was, in a stop again. At no moment would the end of this
 * process leave the thread with foreign registers: from the first change on the frames of guard.ts are in place.
 *
 * @param place an address on its stack below which GUARD_ROOM bytes are used by nobody
 * @param registers of the thread as it is to go on: its call healed
 * @param withFrames gives the arguments from where the frames are: the stack for a child
 * @returns undefined where nothing was done
 * @throws where the call did not come to its end: then the end of the tracing thread must free the target
 */
export function guardedCall(
  context: GuardedCallContext,
  tid: number,
  place: bigint,
  registers: BigInt64Array,
  xsave: Uint8Array,
  number: number,
  withFrames: (childStackPointer: bigint) => readonly bigint[],
): CallResult | undefined {
  const { ptrace, registersOf, memory, gadgets } = context;
  const mask = new Uint8Array(8);
  if (ptrace.read(Request.GETSIGMASK, tid, mask.length, mask) < 0) return undefined;
  const guard = layOutGuard(place, registers, xsave, mask, gadgets);
  if (guard.bytes.length > GUARD_ROOM) return undefined;
  const covered = { address: guard.address, bytes: new Uint8Array(guard.bytes.length) };
  // Not through pagemap: what is not there yet is zeros, and is about to be written.
  if (!memory.read(tid, covered.address, covered.bytes) || !memory.write(tid, guard.address, guard.bytes))
    return undefined;
  if (ptrace.request(Request.SETOPTIONS, tid, 0, Option.TRACESYSGOOD | Option.TRACECLONE) < 0) {
    memory.write(tid, covered.address, covered.bytes);
    return undefined;
  }

  const injected = registers.slice();
  injected[Reg.Rip] = gadgets.call;
  injected[Reg.Rsp] = guard.stackPointer;
  injected[Reg.Rax] = BigInt(number);
  // Else the kernel takes the result of the interrupted call for this one's, and restarts it.
  injected[Reg.OrigRax] = -1n;
  injected[Reg.Eflags]! &= ~TRAP_FLAG;
  const given = withFrames(guard.childStackPointer);
  [Reg.Rdi, Reg.Rsi, Reg.Rdx, Reg.R10, Reg.R8, Reg.R9].forEach((register, i) => {
    injected[register] = given[i] ?? 0n;
  });
  // From here on the frames would heal the thread. Its signals are blocked after that, as the frames restore the mask, too.
  if (!registersOf.write!(tid, injected)) {
    memory.write(tid, covered.address, covered.bytes);
    return undefined;
  }
  ptrace.read(Request.SETSIGMASK, tid, ALL_SIGNALS.length, ALL_SIGNALS);
  const { result, child } = run(context, tid);
  // The other way round, and each until it is done: while the frames can still be needed they must stay what they are.
  insist('its signal mask', () => ptrace.read(Request.SETSIGMASK, tid, mask.length, mask) === 0);
  insist('its registers', () => registersOf.write!(tid, registers));
  memory.write(tid, covered.address, covered.bytes);
  settle(context, tid);
  return { result, child, covered };
}

/** Goes through all of it for a thread that does not exist, and through memory of this process: what runs for the first time is compiled. */
export function rehearseCall(context: GuardedCallContext, xsave: Uint8Array): void {
  const { memory, registersOf, gadgets } = context;
  const nobody = 0;
  const registers = new BigInt64Array(REGISTER_COUNT);
  const { bytes } = layOutGuard(1n << 40n, registers, xsave, new Uint8Array(8), gadgets);
  memory.read(process.pid, gadgets.call, bytes);
  memory.write(process.pid, 0n, bytes);
  guardedCall(context, nobody, 1n << 40n, registers, xsave, 0, () => []);
  registersOf.write!(nobody, registers);
  insist('nothing', () => true);
  settle(context, nobody);
  try {
    run(context, nobody);
  } catch {
    // There is no such thread.
  }
}

function run(
  { ptrace, registersOf, hasEnded, limit }: GuardedCallContext,
  tid: number,
): { result: bigint; child: number } {
  let child = 0;
  for (let stops = 0, calls = 0, signal = 0; stops < MAX_STOPS; stops++) {
    if (ptrace.request(Request.SYSCALL, tid, 0, signal) < 0) break;
    signal = 0;
    const status = ptrace.awaitStop(tid, limit, () => hasEnded(tid));
    if (status === undefined) break;
    if (status === SYSCALL_STOP) {
      if (++calls < 2) continue;
      const registers = registersOf.read(tid);
      if (registers === undefined) break;
      return { result: registers[Reg.Rax]!, child };
    }
    if (status >> 8 === Event.CLONE) child = ptrace.eventMessage(tid);
    // SIGSTOP, or a signal that came before the mask: it is the thread's.
    else if (status >> 8 === 0) signal = status & 0xff;
  }
  throw new Error('the call did not come back');
}

/** A step that may not be left out. If it cannot be done, the frames heal the thread as soon as it is let go. */
function insist(what: string, step: () => boolean): void {
  for (let attempt = 0; attempt < 3; attempt++) if (step()) return;
  throw new Error(`${what} could not be put back`);
}

/** From the exit of a call to an ordinary stop, so that the kernel looks at an interrupted call anew when the thread goes on. */
function settle({ ptrace, hasEnded, limit }: GuardedCallContext, tid: number): void {
  ptrace.request(Request.SETOPTIONS, tid, 0, 0);
  // Where this is refused the thread stays at the exit of the call: it is a stop as well, and letting it go from there works, too.
  if (ptrace.request(Request.INTERRUPT, tid) < 0 || ptrace.request(Request.CONT, tid) < 0) return;
  for (let stops = 0; stops < MAX_STOPS; stops++) {
    const status = ptrace.awaitStop(tid, limit, () => hasEnded(tid));
    if (status === undefined) throw new Error('the thread does not stop again');
    if (status >> 8 === Event.STOP) return;
    // Any trap clears a pending INTERRUPT.
    ptrace.request(Request.CONT, tid, 0, status & 0xff);
    ptrace.request(Request.INTERRUPT, tid);
  }
}
