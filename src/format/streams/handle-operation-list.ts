import { array, struct, u32, u64, type ValueOf } from '../layout.js';
import { checkLength, decodeElements } from './list.js';

export const MINIDUMP_HANDLE_OPERATION_LIST = struct('MINIDUMP_HANDLE_OPERATION_LIST', {
  SizeOfHeader: u32,
  SizeOfEntry: u32,
  NumberOfEntries: u32,
  Reserved: u32,
});

/** AVRF_MAX_TRACES */
const MAX_TRACES = 32;

/** From avrfsdk.h of the Windows SDK. */
export const AVRF_BACKTRACE_INFORMATION = struct('AVRF_BACKTRACE_INFORMATION', {
  /** How many of ReturnAddresses are filled in */
  Depth: u32,
  Index: u32,
  ReturnAddresses: array(u64, MAX_TRACES),
});

/** A handle was opened, closed or used badly, and from where: what Application Verifier has traced. From avrfsdk.h. */
export const AVRF_HANDLE_OPERATION = struct('AVRF_HANDLE_OPERATION', {
  Handle: u64,
  ProcessId: u32,
  ThreadId: u32,
  /** HANDLE_TRACE_OPERATIONS */
  OperationType: u32,
  Spare0: u32,
  BackTraceInformation: AVRF_BACKTRACE_INFORMATION,
});
export type AVRF_HANDLE_OPERATION = ValueOf<typeof AVRF_HANDLE_OPERATION>;

export function decodeHandleOperationList(bytes: Uint8Array, littleEndian = true): AVRF_HANDLE_OPERATION[] {
  checkLength('HandleOperationList', bytes, MINIDUMP_HANDLE_OPERATION_LIST.size);
  const head = MINIDUMP_HANDLE_OPERATION_LIST.decode(bytes, 0, littleEndian);
  return decodeElements(
    'HandleOperationList',
    AVRF_HANDLE_OPERATION,
    bytes,
    head.SizeOfHeader,
    head.NumberOfEntries,
    head.SizeOfEntry,
    littleEndian,
  );
}
