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
  /** 0 where the contract says so (IsProcessSnapshot, VmStart, IoStart …). */
  ProcessId: number;
  ProcessHandle: unknown;
}

export type MINIDUMP_CALLBACK_INPUT = Common &
  (
    | { CallbackType: Types['ModuleCallback']; Module: MINIDUMP_MODULE_CALLBACK }
    | { CallbackType: Types['ThreadCallback']; Thread: MINIDUMP_THREAD_CALLBACK }
    | { CallbackType: Types['IncludeThreadCallback']; IncludeThread: { ThreadId: number } }
    | { CallbackType: Types['IncludeModuleCallback']; IncludeModule: { BaseOfImage: bigint } }
    | { CallbackType: Types['MemoryCallback'] }
    | { CallbackType: Types['CancelCallback'] }
    | { CallbackType: Types['RemoveMemoryCallback'] }
    | { CallbackType: Types['IncludeVmRegionCallback'] }
  );

/** The members of the output union that the callback types above use. */
export interface MINIDUMP_CALLBACK_OUTPUT {
  ModuleWriteFlags: number;
  ThreadWriteFlags: number;
  MemoryBase: bigint;
  /** Bytes; a bigint is taken too. */
  MemorySize: number | bigint;
  CheckCancel: boolean;
  Cancel: boolean;
  VmRegion: MINIDUMP_MEMORY_INFO_VALUE;
  Continue: boolean;
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
