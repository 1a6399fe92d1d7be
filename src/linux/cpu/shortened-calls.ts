import { Reg } from '../registers.js';

/** The calls of a CPU's programs that may come back short, on kernels for x86-64: numbers, and words of user_regs_struct. */
export interface ShortenedCalls {
  /** Calls that move data, with the register that holds how much was asked for. */
  readonly moving: ReadonlyMap<number, number>;
  readonly recvfrom: { readonly call: number; readonly flags: number; readonly length: number };
  /** `completions`: how many it waits for. */
  readonly ioUringEnter: { readonly call: number; readonly completions: number };
}

const MSG_WAITALL = 0x100n;

/** Whether a call of this number may come back short. */
export function mayBeShortened(call: number, { moving, recvfrom, ioUringEnter }: ShortenedCalls): boolean {
  return moving.has(call) || call === recvfrom.call || call === ioUringEnter.call;
}

/** Whether a call stopped after it had done part of its work, by its result and what was asked for. */
export function isShortened(
  registers: BigInt64Array,
  { moving, recvfrom, ioUringEnter }: ShortenedCalls,
): boolean {
  const done = registers[Reg.Rax]!;
  const call = Number(registers[Reg.OrigRax]);
  if (done <= 0n || call < 0) return false;
  if (call === recvfrom.call) {
    return (registers[recvfrom.flags]! & MSG_WAITALL) !== 0n && done < registers[recvfrom.length]!;
  }
  // Requests were submitted, but the wait for completions was cut off.
  if (call === ioUringEnter.call) return registers[ioUringEnter.completions]! > 0n;
  const asked = moving.get(call);
  return asked !== undefined && done < registers[asked]!;
}
