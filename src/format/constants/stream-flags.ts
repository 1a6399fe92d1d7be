import { constants } from '../layout.js';

/** Flags1 of MINIDUMP_MISC_INFO: which fields are valid. */
export const miscFlags = constants({
  MINIDUMP_MISC1_PROCESS_ID: 0x1,
  MINIDUMP_MISC1_PROCESS_TIMES: 0x2,
  MINIDUMP_MISC1_PROCESSOR_POWER_INFO: 0x4,
  MINIDUMP_MISC3_PROCESS_INTEGRITY: 0x10,
  MINIDUMP_MISC3_PROCESS_EXECUTE_FLAGS: 0x20,
  MINIDUMP_MISC3_TIMEZONE: 0x40,
  MINIDUMP_MISC3_PROTECTED_PROCESS: 0x80,
  MINIDUMP_MISC4_BUILDSTRING: 0x100,
  MINIDUMP_MISC5_PROCESS_COOKIE: 0x200,
});
export const MINIDUMP_MISC_FLAGS = miscFlags.values;

/** DumpFlags of MINIDUMP_THREAD_INFO. */
export const threadInfoFlags = constants({
  MINIDUMP_THREAD_INFO_ERROR_THREAD: 0x1,
  /** The thread that called MiniDumpWriteDump. */
  MINIDUMP_THREAD_INFO_WRITING_THREAD: 0x2,
  MINIDUMP_THREAD_INFO_EXITED_THREAD: 0x4,
  MINIDUMP_THREAD_INFO_INVALID_INFO: 0x8,
  MINIDUMP_THREAD_INFO_INVALID_CONTEXT: 0x10,
  MINIDUMP_THREAD_INFO_INVALID_TEB: 0x20,
});
export const MINIDUMP_THREAD_INFO_FLAGS = threadInfoFlags.values;

/** Flags of MINIDUMP_SYSTEM_MEMORY_INFO_1: which fields are valid. */
export const systemMemoryInfoFlags = constants({
  MINIDUMP_SYSMEMINFO1_FILECACHE_TRANSITIONREPURPOSECOUNT_FLAGS: 0x1,
  MINIDUMP_SYSMEMINFO1_BASICPERF: 0x2,
  MINIDUMP_SYSMEMINFO1_PERF_CCTOTALDIRTYPAGES_CCDIRTYPAGETHRESHOLD: 0x4,
  MINIDUMP_SYSMEMINFO1_PERF_RESIDENTAVAILABLEPAGES_SHAREDCOMMITPAGES: 0x8,
  MINIDUMP_SYSMEMINFO1_PERF_MDLPAGESALLOCATED_PFNDATABASECOMMITTEDPAGES: 0x10,
  MINIDUMP_SYSMEMINFO1_PERF_SYSTEMPAGETABLECOMMITTEDPAGES_CONTIGUOUSPAGESALLOCATED: 0x20,
});
export const MINIDUMP_SYSMEMINFO1_FLAGS = systemMemoryInfoFlags.values;

/** Flags of MINIDUMP_PROCESS_VM_COUNTERS_2: which fields are valid. */
export const processVmCountersFlags = constants({
  MINIDUMP_PROCESS_VM_COUNTERS: 0x1,
  MINIDUMP_PROCESS_VM_COUNTERS_VIRTUALSIZE: 0x2,
  MINIDUMP_PROCESS_VM_COUNTERS_EX: 0x4,
  MINIDUMP_PROCESS_VM_COUNTERS_EX2: 0x8,
  MINIDUMP_PROCESS_VM_COUNTERS_JOB: 0x10,
});
export const MINIDUMP_PROCESS_VM_COUNTERS_FLAGS = processVmCountersFlags.values;

/** InfoType of MINIDUMP_HANDLE_OBJECT_INFORMATION. */
export const handleObjectInformationTypes = constants({
  MiniHandleObjectInformationNone: 0,
  MiniThreadInformation1: 1,
  MiniMutantInformation1: 2,
  MiniMutantInformation2: 3,
  MiniProcessInformation1: 4,
  MiniProcessInformation2: 5,
  MiniEventInformation1: 6,
  MiniSectionInformation1: 7,
  MiniSemaphoreInformation1: 8,
  MiniHandleObjectInformationTypeMax: 9,
});
export const MINIDUMP_HANDLE_OBJECT_INFORMATION_TYPE = handleObjectInformationTypes.values;

/** OperationType of AVRF_HANDLE_OPERATION (eHANDLE_TRACE_OPERATIONS of avrfsdk.h). */
export const handleTraceOperations = constants({
  OperationDbUnused: 0,
  OperationDbOPEN: 1,
  OperationDbCLOSE: 2,
  OperationDbBADREF: 3,
});
export const HANDLE_TRACE_OPERATIONS = handleTraceOperations.values;

/** `validity` of MDRawBreakpadInfo: which of its thread ids are meant. */
export const breakpadInfoValidity = constants({
  MD_BREAKPAD_INFO_VALID_DUMP_THREAD_ID: 1,
  MD_BREAKPAD_INFO_VALID_REQUESTING_THREAD_ID: 2,
});
export const MDBreakpadInfoValidity = breakpadInfoValidity.values;

/** `type` of MDRawAssertionInfo. */
export const assertionTypes = constants({
  MD_ASSERTION_INFO_TYPE_UNKNOWN: 0,
  MD_ASSERTION_INFO_TYPE_INVALID_PARAMETER: 1,
  MD_ASSERTION_INFO_TYPE_PURE_VIRTUAL_CALL: 2,
});
export const MDAssertionInfoData = assertionTypes.values;
