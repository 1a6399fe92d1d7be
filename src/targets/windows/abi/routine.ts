import type { MINIDUMP_CALLBACK_ROUTINE } from '../../../dump/index.js';
import type { MinidumpError } from '../../../io/index.js';
import type { Abi } from './abi.js';
import type { Handles, NativeMemory } from './native-memory.js';

export interface NativeRoutineOptions {
  /** What the callback sees for native handles; by default their values. */
  handles?: Handles | undefined;
  /** hProcess is a snapshot that mdmp made: DbgHelp is told so whatever the routine says. */
  processSnapshot?: boolean | undefined;
}

/** A CallbackRoutine that native code can call. */
export interface NativeRoutine {
  /**
   * One call of native code, with the addresses that it gave. Never throws.
   *
   * @returns TRUE (1) or FALSE (0)
   */
  call(input: bigint, output: bigint): 0 | 1;
  /**
   * The first thing that went wrong: what the routine threw, a promise, an answer that cannot be, Cancel (`cancelled`), output that
   * it did not write (`write-failed`). From then on every answer makes the dump fail, and the routine is not asked any more. When
   * it is set the dump counts as failed, with this error, whatever MiniDumpWriteDump returned.
   */
  readonly failure: MinidumpError | undefined;
}

/**
 * The bridge between DbgHelp and a routine of TypeScript.
 *
 * @param param the CallbackParam, handed to the routine as it is
 */
export function nativeRoutine(
  _routine: MINIDUMP_CALLBACK_ROUTINE,
  _param: unknown,
  _abi: Abi,
  _memory: NativeMemory,
  _options: NativeRoutineOptions = {},
): NativeRoutine {
  throw new Error('not written');
}
