import { array, type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';
import { MINIDUMP_LOCATION_DESCRIPTOR } from '../structures/file.js';
import { checkLength } from './list.js';

/** EXCEPTION_MAXIMUM_PARAMETERS */
const MAXIMUM_PARAMETERS = 15;

/** An exception record, with 64-bit addresses whatever the CPU; EXCEPTION_RECORD64 is the same. */
export const MINIDUMP_EXCEPTION = struct('MINIDUMP_EXCEPTION', {
  /** Windows: the exception code. Linux: the signal. macOS: the Mach exception. */
  ExceptionCode: u32,
  /** Linux: si_code. macOS: the first exception code. */
  ExceptionFlags: u32,
  /** Address of a nested record */
  ExceptionRecord: u64,
  /** Linux: si_addr. Of a 32-bit process only the low half counts. */
  ExceptionAddress: u64,
  NumberParameters: u32,
  __unusedAlignment: u32,
  /** Beyond NumberParameters there may be garbage. */
  ExceptionInformation: array(u64, MAXIMUM_PARAMETERS),
});
export type MINIDUMP_EXCEPTION = ValueOf<typeof MINIDUMP_EXCEPTION>;

/** The exception that the dump is of; the thread's registers at that moment are here, not in the thread list. */
export const MINIDUMP_EXCEPTION_STREAM = struct('MINIDUMP_EXCEPTION_STREAM', {
  ThreadId: u32,
  __alignment: u32,
  ExceptionRecord: MINIDUMP_EXCEPTION,
  ThreadContext: MINIDUMP_LOCATION_DESCRIPTOR,
});
export type MINIDUMP_EXCEPTION_STREAM = ValueOf<typeof MINIDUMP_EXCEPTION_STREAM>;

export function decodeException(bytes: Uint8Array, littleEndian = true): MINIDUMP_EXCEPTION_STREAM {
  checkLength('Exception', bytes, MINIDUMP_EXCEPTION_STREAM.size);
  return MINIDUMP_EXCEPTION_STREAM.decode(bytes, 0, littleEndian);
}

export function encodeException(exception: InputOf<typeof MINIDUMP_EXCEPTION_STREAM>): Uint8Array {
  return MINIDUMP_EXCEPTION_STREAM.encode(exception);
}

/**
 * MINIDUMP_EXCEPTION_INFORMATION as a 64-bit process has it in memory. It is not a stream; the header declares it for
 * debuggers that look at a process which is about to be dumped.
 */
export const MINIDUMP_EXCEPTION_INFORMATION64 = struct('MINIDUMP_EXCEPTION_INFORMATION64', {
  ThreadId: u32,
  ExceptionRecord: u64,
  ContextRecord: u64,
  ClientPointers: u32,
});
