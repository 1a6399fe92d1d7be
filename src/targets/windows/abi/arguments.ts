import type { UserStream } from '../../../dump/index.js';
import type { Abi } from './abi.js';
import type { AddressOf, NativeBlock } from './native-memory.js';

/** EXCEPTION_RECORD; addresses are as wide as the CPU's. */
export interface NativeExceptionRecord {
  ExceptionCode: number;
  ExceptionFlags?: number | undefined;
  /** Address of a nested record. */
  ExceptionRecord?: bigint | undefined;
  ExceptionAddress: bigint;
  /** At most 15; NumberParameters is their count. */
  ExceptionInformation?: readonly bigint[] | undefined;
}

/** What MINIDUMP_EXCEPTION_INFORMATION says. */
export interface NativeException {
  threadId: number;
  /**
   * The address of EXCEPTION_POINTERS in the target (ClientPointers is TRUE), or what they point to, which then lies here: the
   * record, as it is in memory or by its fields, and a CONTEXT.
   */
  pointers: bigint | { record: Uint8Array | NativeExceptionRecord; context: Uint8Array };
}

/** MINIDUMP_EXCEPTION_INFORMATION, with what it points to. */
export function encodeExceptionInformation(
  _exception: NativeException,
  _abi: Abi,
  _addressOf: AddressOf,
): NativeBlock {
  throw new Error('not written');
}

/** MINIDUMP_USER_STREAM_INFORMATION, with the array and the streams, which are not copied. */
export function encodeUserStreams(
  _streams: readonly UserStream[],
  _abi: Abi,
  _addressOf: AddressOf,
): NativeBlock {
  throw new Error('not written');
}

/**
 * MINIDUMP_CALLBACK_INFORMATION.
 *
 * @param routine the native function
 * @param param what it is called with; the user's own CallbackParam stays on this side
 */
export function encodeCallbackInformation(_routine: bigint, _param: bigint, _abi: Abi): Uint8Array {
  throw new Error('not written');
}
