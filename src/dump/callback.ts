import type { MINIDUMP_CALLBACK_TYPE } from '../format/index.js';

/*
 * The callback protocol, under its Win32 names. One routine is called for every decision; `CallbackInput` is told apart by
 * CallbackType, `CallbackOutput` starts at the documented defaults. Values of the C union that do not belong to a callback
 * type are not looked at.
 */

/** Addresses are bigint, sizes numbers, as everywhere in mdmp. */
export interface MINIDUMP_THREAD_CALLBACK {
  ThreadId: number;
  /** Always 0: Linux has no thread handles. */
  ThreadHandle: unknown;
  /** CONTEXT as it will be written; decode it with the structures of `mdmp/format`. */
  Context: Uint8Array;
  SizeOfContext: number;
  /** The low address of the captured stack. */
  StackBase: bigint;
  /** The end of the captured stack. */
  StackEnd: bigint;
}

/** For a thread with a second stack, for registers: Itanium only. */
export interface MINIDUMP_THREAD_EX_CALLBACK extends MINIDUMP_THREAD_CALLBACK {
  BackingStoreBase: bigint;
  BackingStoreEnd: bigint;
}

export interface MINIDUMP_MODULE_CALLBACK {
  FullPath: string;
  BaseOfImage: bigint;
  SizeOfImage: number;
  CheckSum: number;
  TimeDateStamp: number;
  /** VS_FIXEDFILEINFO, if the module has a version. */
  VersionInfo: Uint8Array | undefined;
  CvRecord: Uint8Array | undefined;
  SizeOfCvRecord: number;
  MiscRecord: Uint8Array | undefined;
  SizeOfMiscRecord: number;
}

/** IoStart and IoFinish know the handle only. */
export interface MINIDUMP_IO_CALLBACK {
  /** The hFile of MiniDumpWriteDump, or null. */
  Handle: unknown;
  /** Bytes from the start of the dump. */
  Offset: bigint;
  /** Valid until the routine returns. */
  Buffer: Uint8Array;
  BufferBytes: number;
}

export interface MINIDUMP_READ_MEMORY_FAILURE_CALLBACK {
  /** Address in the process. */
  Offset: bigint;
  Bytes: bigint;
  /** HRESULT */
  FailureStatus: number;
}

/** What the routine writes into Buffer is what has been read. */
export interface MINIDUMP_VM_PRE_READ_CALLBACK {
  /** Address in the process. */
  Offset: bigint;
  Buffer: Uint8Array;
  Size: number;
}

export interface MINIDUMP_VM_POST_READ_CALLBACK extends MINIDUMP_VM_PRE_READ_CALLBACK {
  /** Bytes that were read. */
  Completed: number;
  /** HRESULT of the read */
  Status: number;
}

/** What the Windows callback of type 21 is asked for; mdmp never asks. */
export interface CompressedMemoryStreamStartOutput {
  MaxParallelism: number;
  MaxTransferSize: number;
  NumaNodeInfoArray: unknown;
  NumaNodeInfoArraySize: number;
  Reserved: number;
}

/** What the Windows callback of type 22 is told; mdmp never calls it. */
export interface CompressedMemoryStreamFinishInput {
  CompressedStreamSize: bigint;
  StreamCompressionRate: number;
}

/** MINIDUMP_MEMORY_INFO; State, Protect and Type are the MEM_* and PAGE_* values. */
export interface MINIDUMP_MEMORY_INFO_VALUE {
  BaseAddress: bigint;
  AllocationBase: bigint;
  AllocationProtect: number;
  RegionSize: bigint;
  State: number;
  Protect: number;
  Type: number;
}

type Types = typeof MINIDUMP_CALLBACK_TYPE;

interface Common {
  /** 0 where the contract says so: IsProcessSnapshot, VmStart, IoStart, WriteKernelMinidump. */
  ProcessId: number;
  /** null in IoStart and WriteKernelMinidump. */
  ProcessHandle: unknown;
}

export type MINIDUMP_CALLBACK_INPUT = Common &
  (
    | { CallbackType: Types['ModuleCallback']; Module: MINIDUMP_MODULE_CALLBACK }
    | { CallbackType: Types['ThreadCallback']; Thread: MINIDUMP_THREAD_CALLBACK }
    | { CallbackType: Types['ThreadExCallback']; ThreadEx: MINIDUMP_THREAD_EX_CALLBACK }
    | { CallbackType: Types['IncludeThreadCallback']; IncludeThread: { ThreadId: number } }
    | { CallbackType: Types['IncludeModuleCallback']; IncludeModule: { BaseOfImage: bigint } }
    | { CallbackType: Types['MemoryCallback'] }
    | { CallbackType: Types['CancelCallback'] }
    | { CallbackType: Types['WriteKernelMinidumpCallback'] }
    | { CallbackType: Types['KernelMinidumpStatusCallback']; Status: number }
    | { CallbackType: Types['RemoveMemoryCallback'] }
    | { CallbackType: Types['IncludeVmRegionCallback'] }
    | { CallbackType: Types['IoStartCallback']; Io: Pick<MINIDUMP_IO_CALLBACK, 'Handle'> }
    | { CallbackType: Types['IoWriteAllCallback']; Io: MINIDUMP_IO_CALLBACK }
    | { CallbackType: Types['IoFinishCallback']; Io: Pick<MINIDUMP_IO_CALLBACK, 'Handle'> }
    | {
        CallbackType: Types['ReadMemoryFailureCallback'];
        ReadMemoryFailure: MINIDUMP_READ_MEMORY_FAILURE_CALLBACK;
      }
    | { CallbackType: Types['SecondaryFlagsCallback']; SecondaryFlags: number }
    | { CallbackType: Types['IsProcessSnapshotCallback'] }
    | { CallbackType: Types['VmStartCallback'] }
    | { CallbackType: Types['VmQueryCallback']; VmQuery: { Offset: bigint } }
    | { CallbackType: Types['VmPreReadCallback']; VmPreRead: MINIDUMP_VM_PRE_READ_CALLBACK }
    | { CallbackType: Types['VmPostReadCallback']; VmPostRead: MINIDUMP_VM_POST_READ_CALLBACK }
    | { CallbackType: Types['CompressedMemoryStreamStartCallback'] }
    | {
        CallbackType: Types['CompressedMemoryStreamFinishCallback'];
        CompressedMemoryStreamFinish: CompressedMemoryStreamFinishInput;
      }
  );

/** The members of the output union. Each callback type uses its own; docs/callback.md has the table. */
export interface MINIDUMP_CALLBACK_OUTPUT {
  ModuleWriteFlags: number;
  ThreadWriteFlags: number;
  SecondaryFlags: number;
  MemoryBase: bigint;
  /** Bytes; a bigint is taken too. */
  MemorySize: number | bigint;
  CheckCancel: boolean;
  Cancel: boolean;
  /** Where a kernel minidump is to be written. */
  Handle: unknown;
  VmRegion: MINIDUMP_MEMORY_INFO_VALUE;
  Continue: boolean;
  /** HRESULT */
  VmQueryStatus: number;
  VmQueryResult: MINIDUMP_MEMORY_INFO_VALUE;
  /** HRESULT */
  VmReadStatus: number;
  VmReadBytesCompleted: number;
  /** HRESULT */
  Status: number;
  CompressedMemoryStreamStart: CompressedMemoryStreamStartOutput;
}

/** TRUE or FALSE, as each callback type defines it. */
export type MINIDUMP_CALLBACK_ROUTINE<Param = unknown> = (
  CallbackParam: Param,
  CallbackInput: MINIDUMP_CALLBACK_INPUT,
  CallbackOutput: MINIDUMP_CALLBACK_OUTPUT,
) => boolean;

export interface MINIDUMP_CALLBACK_INFORMATION<Param = unknown> {
  /** Without one nothing is called. */
  CallbackRoutine?: MINIDUMP_CALLBACK_ROUTINE<Param> | null | undefined;
  /** Any value; handed to the routine as it is. */
  CallbackParam?: Param;
}
