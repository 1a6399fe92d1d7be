import type { MINIDUMP_EXCEPTION } from '../../format/index.js';
import { hex32 } from './hex.js';
import { ntStatusName, windowsErrorName } from './windows-names.js';

/** EXCEPTION_* of winnt.h, by the numbers that NTSTATUS has for them, and what other compilers and tools throw. */
const exceptions: ReadonlyMap<number, string> = new Map([
  [0x80000001, 'EXCEPTION_GUARD_PAGE'],
  [0x80000002, 'EXCEPTION_DATATYPE_MISALIGNMENT'],
  [0x80000003, 'EXCEPTION_BREAKPOINT'],
  [0x80000004, 'EXCEPTION_SINGLE_STEP'],
  [0xc0000005, 'EXCEPTION_ACCESS_VIOLATION'],
  [0xc0000006, 'EXCEPTION_IN_PAGE_ERROR'],
  [0xc0000008, 'EXCEPTION_INVALID_HANDLE'],
  [0xc000001d, 'EXCEPTION_ILLEGAL_INSTRUCTION'],
  [0xc0000025, 'EXCEPTION_NONCONTINUABLE_EXCEPTION'],
  [0xc0000026, 'EXCEPTION_INVALID_DISPOSITION'],
  [0xc000008c, 'EXCEPTION_BOUNDS_EXCEEDED'],
  [0xc000008d, 'EXCEPTION_FLT_DENORMAL_OPERAND'],
  [0xc000008e, 'EXCEPTION_FLT_DIVIDE_BY_ZERO'],
  [0xc000008f, 'EXCEPTION_FLT_INEXACT_RESULT'],
  [0xc0000090, 'EXCEPTION_FLT_INVALID_OPERATION'],
  [0xc0000091, 'EXCEPTION_FLT_OVERFLOW'],
  [0xc0000092, 'EXCEPTION_FLT_STACK_CHECK'],
  [0xc0000093, 'EXCEPTION_FLT_UNDERFLOW'],
  [0xc0000094, 'EXCEPTION_INT_DIVIDE_BY_ZERO'],
  [0xc0000095, 'EXCEPTION_INT_OVERFLOW'],
  [0xc0000096, 'EXCEPTION_PRIV_INSTRUCTION'],
  [0xc00000fd, 'EXCEPTION_STACK_OVERFLOW'],
  [0xc0000194, 'EXCEPTION_POSSIBLE_DEADLOCK'],
  // Chromium's allocators
  [0xe0000008, 'Out of Memory'],
  // Visual C++'s throw: 0xe0 and "msc"
  [0xe06d7363, 'Unhandled C++ Exception'],
  // .NET: 0xe0 and "CCR"
  [0xe0434352, 'MANAGED_EXCEPTION_CODE_V4'],
  // Crashpad's DumpWithoutCrash
  [0x0517a7ed, 'Simulated Exception'],
]);

const ACCESS_VIOLATION = 0xc0000005;
const IN_PAGE_ERROR = 0xc0000006;
const STACK_BUFFER_OVERRUN = 0xc0000409;

/** ExceptionInformation[0] of an access that failed. */
const accesses: ReadonlyMap<bigint, string> = new Map([
  [0n, 'READ'],
  [1n, 'WRITE'],
  // Data execution prevention
  [8n, 'EXEC'],
]);

/** FAST_FAIL_* of winnt.h, from 0 on; 15 to 17 have no name there. */
const fastFails = (
  'LEGACY_GS_VIOLATION VTGUARD_CHECK_FAILURE STACK_COOKIE_CHECK_FAILURE CORRUPT_LIST_ENTRY INCORRECT_STACK ' +
  'INVALID_ARG GS_COOKIE_INIT FATAL_APP_EXIT RANGE_CHECK_FAILURE UNSAFE_REGISTRY_ACCESS ' +
  'GUARD_ICALL_CHECK_FAILURE GUARD_WRITE_CHECK_FAILURE INVALID_FIBER_SWITCH INVALID_SET_OF_CONTEXT ' +
  'INVALID_REFERENCE_COUNT - - - INVALID_JUMP_BUFFER MRDATA_MODIFIED CERTIFICATION_FAILURE ' +
  'INVALID_EXCEPTION_CHAIN CRYPTO_LIBRARY INVALID_CALL_IN_DLL_CALLOUT INVALID_IMAGE_BASE ' +
  'DLOAD_PROTECTION_FAILURE UNSAFE_EXTENSION_CALL DEPRECATED_SERVICE_INVOKED INVALID_BUFFER_ACCESS ' +
  'INVALID_BALANCED_TREE INVALID_NEXT_THREAD GUARD_ICALL_CHECK_SUPPRESSED APCS_DISABLED INVALID_IDLE_STATE ' +
  'MRDATA_PROTECTION_FAILURE UNEXPECTED_HEAP_EXCEPTION INVALID_LOCK_STATE GUARD_JUMPTABLE ' +
  'INVALID_LONGJUMP_TARGET INVALID_DISPATCH_CONTEXT INVALID_THREAD INVALID_SYSCALL_NUMBER ' +
  'INVALID_FILE_OPERATION LPAC_ACCESS_DENIED GUARD_SS_FAILURE LOADER_CONTINUITY_FAILURE ' +
  'GUARD_EXPORT_SUPPRESSION_FAILURE INVALID_CONTROL_STACK SET_CONTEXT_DENIED INVALID_IAT ' +
  'HEAP_METADATA_CORRUPTION PAYLOAD_RESTRICTION_VIOLATION LOW_LABEL_ACCESS_DENIED ENCLAVE_CALL_FAILURE ' +
  'UNHANDLED_LSS_EXCEPTON ADMINLESS_ACCESS_DENIED UNEXPECTED_CALL CONTROL_INVALID_RETURN_ADDRESS ' +
  'UNEXPECTED_HOST_BEHAVIOR FLAGS_CORRUPTION VEH_CORRUPTION ETW_CORRUPTION RIO_ABORT INVALID_PFN ' +
  'GUARD_ICALL_CHECK_FAILURE_XFG CAST_GUARD HOST_VISIBILITY_CHANGE KERNEL_CET_SHADOW_STACK_ASSIST ' +
  'PATCH_CALLBACK_FAILED NTDLL_PATCH_FAILED INVALID_FLS_DATA ASAN_ERROR CLR_EXCEPTION_AOT ' +
  'POINTER_AUTH_INVALID_RETURN_ADDRESS INVALID_THREAD_STATE CORRUPT_WOW64_STATE INVALID_EXTENDED_STATE'
).split(' ');

function fastFailName(code: number): string {
  const name = fastFails[code];
  return name === undefined || name === '-' ? hex32(code) : `FAST_FAIL_${name}`;
}

/**
 * ExceptionCode by its name, and what ExceptionInformation adds: the kind of access that failed, the NTSTATUS that a page could not
 * be read with, the code that __fastfail was given. What is beyond NumberParameters is not looked at.
 */
export function windowsReason(exception: MINIDUMP_EXCEPTION): string {
  const { ExceptionCode: code, NumberParameters: parameters, ExceptionInformation: information } = exception;
  const low = (i: number) => Number(BigInt.asUintN(32, information[i]!));
  const name = exceptions.get(code) ?? windowsErrorName(code);
  const access = accesses.get(information[0]!);
  if (code === ACCESS_VIOLATION && parameters >= 1 && access !== undefined) return `${name}_${access}`;
  if (code === IN_PAGE_ERROR && parameters >= 3 && access !== undefined) {
    return `${name}_${access} / ${ntStatusName(low(2)) ?? hex32(low(2))}`;
  }
  // The number has the name of what first used it, /GS; by now it is any __fastfail.
  if (code === STACK_BUFFER_OVERRUN && parameters >= 1) {
    return `EXCEPTION_STACK_BUFFER_OVERRUN / ${fastFailName(low(0))}`;
  }
  return name;
}

/** Whether ExceptionInformation[1] is the address of the access that failed. */
export function hasAccessAddress({ ExceptionCode: code, NumberParameters }: MINIDUMP_EXCEPTION): boolean {
  return (code === ACCESS_VIOLATION || code === IN_PAGE_ERROR) && NumberParameters >= 2;
}
