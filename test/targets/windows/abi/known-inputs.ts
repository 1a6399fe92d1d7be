/** One known input of every callback type: as native code has it, written by the measured layout, and as the routine must see it. */
import type { MINIDUMP_CALLBACK_INPUT } from '../../../../src/dump/index.js';
import { MINIDUMP_CALLBACK_TYPE as Type } from '../../../../src/format/index.js';
import type { Abi } from '../../../../src/targets/windows/abi/index.js';
import { type FakeMemory, measured, pattern, put, utf16, type Values } from './measured.js';

export const PID = 0x8765_4321;
export const HANDLE = 0xfffc;

/** A path with a letter outside ASCII, one outside the BMP, and a lone surrogate, which Windows allows. */
export const PATH = 'C:\\Übung\\𝔪\\\ud800.dll';

const CONTEXT = { x64: 1232, x86: 716, arm64: 912 };
const THREAD = {
  ThreadId: 0xfedc_ba98,
  StackBase: 0xffff_8000_1234_5670n,
  StackEnd: 0xffff_8000_2345_6780n,
};

interface KnownInput {
  type: number;
  /** The member of the union, the structure that it is, and its fields. */
  arm?: string;
  structure?: string;
  native?: Values;
  expected: Record<string, unknown>;
  /** 0 and NULL, as the contract's table has them. */
  anonymous?: 'id' | 'both';
}

export function knownInputs(abi: Abi, memory: FakeMemory): KnownInput[] {
  const context = pattern(CONTEXT[abi.cpu]);
  const threadHandle = 0x1234;
  const native = { ...THREAD, ThreadHandle: threadHandle, Context: context, SizeOfContext: context.length };
  const thread = { ...THREAD, ThreadHandle: 0x1234n, Context: context, SizeOfContext: context.length };
  const backing = { BackingStoreBase: 0x1111_2222_3333_4444n, BackingStoreEnd: 0x5555_6666_7777_8888n };
  const version = pattern(52, 9);
  version.set([0xbd, 0x04, 0xef, 0xfe]);
  const cv = pattern(37, 3);
  const misc = pattern(276, 4);
  const written = pattern(5000, 5);
  const read = pattern(4097, 6);
  const wasRead = pattern(4097, 7);
  const numbers = {
    BaseOfImage: 0xffff_ffff_8040_0000n,
    SizeOfImage: 0xf001_2000,
    CheckSum: 0xdead_beef,
    TimeDateStamp: 0x9abc_def0,
    SizeOfCvRecord: cv.length,
    SizeOfMiscRecord: misc.length,
  };
  const Io = { Offset: 0x12_3456_789an, BufferBytes: written.length };
  const VmPreRead = { Offset: 0xffff_f780_0000_1000n, Size: read.length };
  const VmPostRead = { ...VmPreRead, Completed: 4096, Status: 0x8007_012b };
  return [
    {
      type: Type.ModuleCallback,
      arm: 'Module',
      structure: 'MINIDUMP_MODULE_CALLBACK',
      native: {
        ...numbers,
        VersionInfo: version,
        // The NUL is the last thing on its page, and the next page is not there.
        FullPath: memory.place(utf16(PATH), 'end'),
        CvRecord: memory.place(cv, 'end'),
        MiscRecord: memory.place(misc, 'end'),
      },
      expected: { ...numbers, VersionInfo: version, FullPath: PATH, CvRecord: cv, MiscRecord: misc },
    },
    {
      type: Type.ThreadCallback,
      arm: 'Thread',
      structure: 'MINIDUMP_THREAD_CALLBACK',
      native,
      expected: thread,
    },
    {
      type: Type.ThreadExCallback,
      arm: 'ThreadEx',
      structure: 'MINIDUMP_THREAD_EX_CALLBACK',
      native: { ...native, ...backing },
      expected: { ...thread, ...backing },
    },
    {
      type: Type.IncludeThreadCallback,
      arm: 'IncludeThread',
      structure: 'MINIDUMP_INCLUDE_THREAD_CALLBACK',
      native: { ThreadId: 0x8000_0001 },
      expected: { ThreadId: 0x8000_0001 },
    },
    {
      type: Type.IncludeModuleCallback,
      arm: 'IncludeModule',
      structure: 'MINIDUMP_INCLUDE_MODULE_CALLBACK',
      native: { BaseOfImage: 0x7ffe_1234_0000n },
      expected: { BaseOfImage: 0x7ffe_1234_0000n },
    },
    { type: Type.MemoryCallback, expected: {} },
    { type: Type.CancelCallback, expected: {} },
    { type: Type.WriteKernelMinidumpCallback, expected: {}, anonymous: 'both' },
    {
      type: Type.KernelMinidumpStatusCallback,
      arm: 'Status',
      native: { Status: 0x8000_4005 },
      expected: { Status: 0x8000_4005 },
    },
    { type: Type.RemoveMemoryCallback, expected: {} },
    { type: Type.IncludeVmRegionCallback, expected: {} },
    {
      type: Type.IoStartCallback,
      arm: 'Io',
      structure: 'MINIDUMP_IO_CALLBACK',
      native: { Handle: 0x88 },
      expected: { Handle: 0x88n },
      anonymous: 'both',
    },
    {
      type: Type.IoWriteAllCallback,
      arm: 'Io',
      structure: 'MINIDUMP_IO_CALLBACK',
      native: { ...Io, Handle: 0, Buffer: memory.place(written, 'end') },
      expected: { ...Io, Handle: null, Buffer: written },
    },
    {
      type: Type.IoFinishCallback,
      arm: 'Io',
      structure: 'MINIDUMP_IO_CALLBACK',
      native: { Handle: 0x88 },
      expected: { Handle: 0x88n },
    },
    {
      type: Type.ReadMemoryFailureCallback,
      arm: 'ReadMemoryFailure',
      structure: 'MINIDUMP_READ_MEMORY_FAILURE_CALLBACK',
      native: { Offset: 0xffff_0000_0000_1000n, Bytes: 0xffff_f000, FailureStatus: 0x8007_012b },
      expected: { Offset: 0xffff_0000_0000_1000n, Bytes: 0xffff_f000n, FailureStatus: 0x8007_012b },
    },
    {
      type: Type.SecondaryFlagsCallback,
      arm: 'SecondaryFlags',
      native: { SecondaryFlags: 1 },
      expected: { SecondaryFlags: 1 },
    },
    { type: Type.IsProcessSnapshotCallback, expected: {}, anonymous: 'id' },
    { type: Type.VmStartCallback, expected: {}, anonymous: 'id' },
    {
      type: Type.VmQueryCallback,
      arm: 'VmQuery',
      structure: 'MINIDUMP_VM_QUERY_CALLBACK',
      native: { Offset: 0x8000_0000_0000_0001n },
      expected: { Offset: 0x8000_0000_0000_0001n },
    },
    {
      type: Type.VmPreReadCallback,
      arm: 'VmPreRead',
      structure: 'MINIDUMP_VM_PRE_READ_CALLBACK',
      native: { ...VmPreRead, Buffer: memory.place(read, 'end') },
      expected: { ...VmPreRead, Buffer: read },
    },
    {
      type: Type.VmPostReadCallback,
      arm: 'VmPostRead',
      structure: 'MINIDUMP_VM_POST_READ_CALLBACK',
      native: { ...VmPostRead, Buffer: memory.place(wasRead, 'end') },
      expected: { ...VmPostRead, Buffer: wasRead },
    },
    { type: Type.CompressedMemoryStreamStartCallback, expected: {} },
    {
      type: Type.CompressedMemoryStreamFinishCallback,
      arm: 'CompressedMemoryStreamFinish',
      structure: 'MINIDUMP_COMPRESSED_MEMORY_STREAM_FINISH_CALLBACK',
      native: { CompressedStreamSize: 0x1_2345_6789n, StreamCompressionRate: 0xfedc_ba98 },
      expected: { CompressedStreamSize: 0x1_2345_6789n, StreamCompressionRate: 0xfedc_ba98 },
    },
  ];
}

/** MINIDUMP_CALLBACK_INPUT of a known input. */
export function nativeInput(abi: Abi, known: KnownInput, fill = 0): Uint8Array {
  const bytes = new Uint8Array(measured(abi, 'MINIDUMP_CALLBACK_INPUT').size).fill(fill);
  put(abi, bytes, 0, 'MINIDUMP_CALLBACK_INPUT', {
    ProcessId: known.anonymous ? 0 : PID,
    ProcessHandle: known.anonymous === 'both' ? 0 : HANDLE,
    CallbackType: known.type,
  });
  if (known.arm === undefined) return bytes;
  if (known.structure === undefined) {
    put(abi, bytes, 0, 'MINIDUMP_CALLBACK_INPUT', known.native!);
  } else {
    const arm = measured(abi, 'MINIDUMP_CALLBACK_INPUT').fields[known.arm]!;
    put(abi, bytes, arm.offset, known.structure, known.native!);
  }
  return bytes;
}

/** What the routine must see. */
export function expectedInput({ type, arm, structure, expected, anonymous }: KnownInput) {
  return {
    ProcessId: anonymous ? 0 : PID,
    ProcessHandle: anonymous === 'both' ? null : BigInt(HANDLE),
    CallbackType: type,
    ...(structure === undefined ? expected : { [arm!]: expected }),
  } as unknown as MINIDUMP_CALLBACK_INPUT;
}
