import { MinidumpError } from '../../io/index.js';
import type { NativeException } from './abi/index.js';

export type { NativeException };

/** What was given as the exception of a process on Windows. @throws MinidumpError `invalid-argument` */
export function checkNativeException(given: NativeException): void {
  const { threadId, pointers } = given;
  if (!Number.isInteger(threadId) || threadId <= 0 || threadId > 0xffff_ffff) {
    throw new MinidumpError('invalid-argument', `${String(threadId)} is no id of a thread`);
  }
  if (typeof pointers === 'bigint') {
    if (pointers > 0n && pointers < 1n << 64n) return;
    throw new MinidumpError('invalid-argument', 'the address of EXCEPTION_POINTERS is no address');
  }
  if (typeof pointers === 'object' && pointers !== null && pointers.context instanceof Uint8Array) return;
  throw new MinidumpError(
    'invalid-argument',
    'an exception on Windows has `pointers`: the address of EXCEPTION_POINTERS in the process, or `record` and `context`',
    { advice: 'siginfo and ucontext are what Linux has.' },
  );
}
