import { constants } from '../layout.js';

/** CallbackType in MINIDUMP_CALLBACK_INPUT. */
export const callbackTypes = constants({
  ModuleCallback: 0,
  ThreadCallback: 1,
  ThreadExCallback: 2,
  IncludeThreadCallback: 3,
  IncludeModuleCallback: 4,
  MemoryCallback: 5,
  CancelCallback: 6,
  WriteKernelMinidumpCallback: 7,
  KernelMinidumpStatusCallback: 8,
  RemoveMemoryCallback: 9,
  IncludeVmRegionCallback: 10,
  IoStartCallback: 11,
  IoWriteAllCallback: 12,
  IoFinishCallback: 13,
  ReadMemoryFailureCallback: 14,
  SecondaryFlagsCallback: 15,
  IsProcessSnapshotCallback: 16,
  VmStartCallback: 17,
  VmQueryCallback: 18,
  VmPreReadCallback: 19,
  VmPostReadCallback: 20,
  // With MiniDumpWithMemoryCompressed; known from the documentation and windows-rs only.
  CompressedMemoryStreamStartCallback: 21,
  CompressedMemoryStreamFinishCallback: 22,
});
export const MINIDUMP_CALLBACK_TYPE = callbackTypes.values;
export type MINIDUMP_CALLBACK_TYPE = (typeof MINIDUMP_CALLBACK_TYPE)[keyof typeof MINIDUMP_CALLBACK_TYPE];

/** What of a module is written: ModuleWriteFlags in MINIDUMP_CALLBACK_OUTPUT. */
export const moduleWriteFlags = constants({
  ModuleWriteModule: 0x1,
  ModuleWriteDataSeg: 0x2,
  ModuleWriteMiscRecord: 0x4,
  ModuleWriteCvRecord: 0x8,
  /** Set for the callback, not by it: a stack that was scanned points into the module. */
  ModuleReferencedByMemory: 0x10,
  ModuleWriteTlsData: 0x20,
  ModuleWriteCodeSegs: 0x40,
});
export const MODULE_WRITE_FLAGS = moduleWriteFlags.values;

/** What of a thread is written: ThreadWriteFlags in MINIDUMP_CALLBACK_OUTPUT. */
export const threadWriteFlags = constants({
  ThreadWriteThread: 0x1,
  ThreadWriteStack: 0x2,
  ThreadWriteContext: 0x4,
  ThreadWriteBackingStore: 0x8,
  ThreadWriteInstructionWindow: 0x10,
  ThreadWriteThreadData: 0x20,
  ThreadWriteThreadInfo: 0x40,
});
export const THREAD_WRITE_FLAGS = threadWriteFlags.values;
