import { constants } from '../layout.js';

/** What a dump shall hold: the DumpType of MiniDumpWriteDump, and Flags in the header of the file. */
export const minidumpTypes = constants({
  MiniDumpNormal: 0,
  MiniDumpWithDataSegs: 0x1,
  MiniDumpWithFullMemory: 0x2,
  MiniDumpWithHandleData: 0x4,
  MiniDumpFilterMemory: 0x8,
  MiniDumpScanMemory: 0x10,
  MiniDumpWithUnloadedModules: 0x20,
  MiniDumpWithIndirectlyReferencedMemory: 0x40,
  MiniDumpFilterModulePaths: 0x80,
  MiniDumpWithProcessThreadData: 0x100,
  MiniDumpWithPrivateReadWriteMemory: 0x200,
  MiniDumpWithoutOptionalData: 0x400,
  MiniDumpWithFullMemoryInfo: 0x800,
  MiniDumpWithThreadInfo: 0x1000,
  MiniDumpWithCodeSegs: 0x2000,
  MiniDumpWithoutAuxiliaryState: 0x4000,
  MiniDumpWithFullAuxiliaryState: 0x8000,
  MiniDumpWithPrivateWriteCopyMemory: 0x10000,
  MiniDumpIgnoreInaccessibleMemory: 0x20000,
  MiniDumpWithTokenInformation: 0x40000,
  MiniDumpWithModuleHeaders: 0x80000,
  MiniDumpFilterTriage: 0x100000,
  MiniDumpWithAvxXStateContext: 0x200000,
  MiniDumpWithIptTrace: 0x400000,
  MiniDumpScanInaccessiblePartialPages: 0x800000,
  MiniDumpFilterWriteCombinedMemory: 0x1000000,
  MiniDumpValidTypeFlags: 0x1ffffff,
  MiniDumpNoIgnoreInaccessibleMemory: 0x2000000,
  MiniDumpValidTypeFlagsEx: 0x3ffffff,
  /** Newer than the header that the rest is from; the windows-rs bindings have it. */
  MiniDumpWithMemoryCompressed: 0x4000000,
});
export const MINIDUMP_TYPE = minidumpTypes.values;

/** SecondaryFlags of the SecondaryFlagsCallback. */
export const secondaryFlags = constants({
  /** Leave the fields of MINIDUMP_MISC1_PROCESSOR_POWER_INFO out. */
  MiniSecondaryWithoutPowerInfo: 1,
  MiniSecondaryValidFlags: 1,
});
export const MINIDUMP_SECONDARY_FLAGS = secondaryFlags.values;
