import type { ReadMemory, TargetException } from '../dump/target.js';
import { MinidumpError, type Task } from '../io/index.js';
import { CONTEXT_RIP, CONTEXT_RSP, contextFromUcontext, fpregsOfUcontext, UCONTEXT_SIZE } from './context.js';

/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV: siginfo_t has the address of the fault. */
const FAULTS = new Set([4, 5, 7, 8, 11]);
const SIGINFO_SIZE = 128;
/** si_signo, si_errno, si_code and si_addr. */
const SIGINFO_USED = 24;

/** What happened, from the siginfo_t and ucontext_t that the kernel gave to a handler: bytes, or addresses. */
export function* readException(
  { siginfo, ucontext }: { siginfo: Uint8Array | bigint; ucontext: Uint8Array | bigint },
  read: ReadMemory,
  isMapped: (address: bigint) => boolean,
): Task<TargetException> {
  const info = typeof siginfo === 'bigint' ? yield* read(siginfo, SIGINFO_SIZE) : siginfo;
  const user = typeof ucontext === 'bigint' ? yield* read(ucontext, UCONTEXT_SIZE) : ucontext;
  if (info.length < SIGINFO_USED || user.length < UCONTEXT_SIZE) {
    throw new MinidumpError('invalid-argument', 'siginfo or ucontext is too short', {
      advice: `Give at least ${SIGINFO_USED} and ${UCONTEXT_SIZE} bytes, or addresses in the process.`,
    });
  }
  const state = fpregsOfUcontext(user);
  let fxsave: Uint8Array | undefined;
  if (state !== 0n && isMapped(state)) fxsave = yield* read(state, 512);
  return exceptionFrom(info, contextFromUcontext(user, fxsave));
}

/** What happened, from siginfo_t and the context of the thread at that moment. */
export function exceptionFrom(siginfo: Uint8Array, context: Uint8Array): TargetException {
  const view = new DataView(siginfo.buffer, siginfo.byteOffset, siginfo.byteLength);
  const code = view.getInt32(0, true);
  // si_code: above 0 the kernel raised the signal, else somebody sent it.
  const raised = view.getInt32(8, true) > 0;
  const registers = new DataView(context.buffer, context.byteOffset);
  const instructionPointer = registers.getBigUint64(CONTEXT_RIP, true);
  return {
    code,
    flags: view.getUint32(8, true),
    // si_addr is there for faults only; a signal that somebody sent has the sender at that place.
    address: raised && FAULTS.has(code) ? view.getBigUint64(16, true) : instructionPointer,
    context,
    instructionPointer,
    stackPointer: registers.getBigUint64(CONTEXT_RSP, true),
  };
}
