import { Reg } from '../../linux/registers.js';

/**
 * System calls that a bare stop makes return EINTR although no signal arrived: epoll_wait and its kin, calls on
 * sockets with a time-out, semop, sigtimedwait, io_getevents, io_uring_enter. Measured on Linux 6.18, one process a call;
 * close and the others are not on the list, as their EINTR may be final.
 */
const EINTR_CALLS = new Set([
  232, 281, 441, 65, 220, 0, 19, 45, 47, 299, 43, 288, 42, 1, 20, 44, 46, 128, 208, 333, 426,
]);

/** Whether a thread that sits in this call would see an EINTR if it were woken for nothing. */
export function isInterruptible(call: number): boolean {
  return EINTR_CALLS.has(call);
}

const EINTR = -4n;
/** The kernel restarts the call when the thread goes on, or reports EINTR by itself if a handler really runs. */
const ERESTARTNOHAND = -514n;
const CS_64_BIT = 0x33n;

/**
 * Heals a call that this stop interrupted, in the registers of the stopped thread.
 *
 * @returns true if the registers must be written back.
 */
export function healInterruptedCall(registers: BigInt64Array): boolean {
  if (registers[Reg.Rax] !== EINTR || registers[Reg.Cs] !== CS_64_BIT) return false;
  // -1 in user mode, and after a handler returned: then the value in rax is the program's own.
  if (!EINTR_CALLS.has(Number(registers[Reg.OrigRax]))) return false;
  registers[Reg.Rax] = ERESTARTNOHAND;
  return true;
}

/** Calls that move data and may come back short, with the register that holds how much was asked for. */
const SHORTENED_CALLS = new Map<number, number>([
  [1, Reg.Rdx], // write
  [18, Reg.Rdx], // pwrite64
  [44, Reg.Rdx], // sendto
  [40, Reg.R10], // sendfile
  [275, Reg.R8], // splice
  [326, Reg.R8], // copy_file_range
  [318, Reg.Rsi], // getrandom
]);
const RECVFROM = 45n;
const MSG_WAITALL = 0x100n;
const IO_URING_ENTER = 426n;

/**
 * Whether the thread was caught in a call that has done part of its work and now returns a short count. Nothing in
 * the registers can undo that; the report counts it.
 */
export function isShortenedCall(registers: BigInt64Array): boolean {
  const done = registers[Reg.Rax]!;
  const call = registers[Reg.OrigRax]!;
  if (done <= 0n || call < 0n) return false;
  if (call === RECVFROM) {
    return (registers[Reg.R10]! & MSG_WAITALL) !== 0n && done < registers[Reg.Rdx]!;
  }
  if (call === IO_URING_ENTER) {
    // Requests were submitted, but the wait for completions was cut off.
    return registers[Reg.Rdx]! > 0n;
  }
  const asked = SHORTENED_CALLS.get(Number(call));
  return asked !== undefined && done < registers[asked]!;
}
