import type { ReadMemory, TargetException } from '../dump/target.js';
import { MinidumpError, type Task } from '../io/index.js';
import { amd64 } from './cpu/amd64.js';
import type { Cpu } from './cpu/cpu.js';
import { hasFaultAddress, parseSiginfo, SIGINFO_SIZE } from './siginfo.js';

/**
 * What happened, from the siginfo_t and ucontext_t that the kernel gave to a handler: bytes, or addresses.
 *
 * @param xstate the context shall have the registers beyond SSE, if they are there
 */
export function* readException(
  { siginfo, ucontext }: { siginfo: Uint8Array | bigint; ucontext: Uint8Array | bigint },
  read: ReadMemory,
  isMapped: (address: bigint) => boolean,
  cpu: Cpu = amd64,
  xstate = false,
): Task<TargetException> {
  const info = typeof siginfo === 'bigint' ? yield* read(siginfo, SIGINFO_SIZE) : siginfo;
  const user = typeof ucontext === 'bigint' ? yield* read(ucontext, cpu.ucontextSize) : ucontext;
  // si_signo, si_errno, si_code and si_addr.
  const used = cpu.faultAddressOffset + cpu.pointerSize;
  if (info.length < used || user.length < cpu.ucontextSize) {
    throw new MinidumpError('invalid-argument', 'siginfo or ucontext is too short', {
      advice: `Give at least ${used} and ${cpu.ucontextSize} bytes, or addresses in the process.`,
    });
  }
  const readWhole = function* (address: bigint, size: number): Task<Uint8Array | undefined> {
    const bytes = yield* read(address, size);
    return bytes.length < size ? undefined : bytes;
  };
  const state = cpu.floatingPointOf(user);
  let floatingPoint: Uint8Array | undefined;
  if (state !== undefined && isMapped(state.address)) {
    floatingPoint = yield* readWhole(state.address, state.size);
    const full = xstate && floatingPoint ? cpu.fullFloatingPointSize(floatingPoint) : 0;
    if (full > state.size) floatingPoint = (yield* readWhole(state.address, full)) ?? floatingPoint;
  }
  return exceptionFrom(info, cpu.contextFromUcontext(user, floatingPoint), cpu);
}

/** What happened, from siginfo_t and the context of the thread at that moment. */
export function exceptionFrom(siginfo: Uint8Array, context: Uint8Array, cpu: Cpu = amd64): TargetException {
  const view = new DataView(siginfo.buffer, siginfo.byteOffset, siginfo.byteLength);
  const info = parseSiginfo(siginfo);
  const instructionPointer = cpu.instructionPointer(context);
  const at = cpu.faultAddressOffset;
  const faultAddress = cpu.pointerSize === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
  return {
    code: info.signal,
    flags: info.code >>> 0,
    address: hasFaultAddress(info) ? faultAddress : instructionPointer,
    context,
    instructionPointer,
    stackPointer: cpu.stackPointer(context),
  };
}
