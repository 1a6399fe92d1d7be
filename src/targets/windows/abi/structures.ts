import {
  array,
  at,
  bytes,
  CONTEXT_AMD64,
  CONTEXT_ARM64,
  CONTEXT_X86,
  MINIDUMP_COMPRESSED_MEMORY_STREAM_FINISH_CALLBACK,
  MINIDUMP_MEMORY_INFO,
  overlay,
  struct,
  u32,
  u64,
  VS_FIXEDFILEINFO,
} from '../../../format/index.js';
import { type Abi, pointerLayout } from './abi.js';

/** EXCEPTION_MAXIMUM_PARAMETERS */
const MAXIMUM_PARAMETERS = 15;

/** Bytes of a CONTEXT without extended state. */
export const CONTEXT_SIZE: Readonly<Record<Abi['cpu'], number>> = {
  x64: CONTEXT_AMD64.size,
  x86: CONTEXT_X86.size,
  arm64: CONTEXT_ARM64.size,
};

/**
 * The structures that MiniDumpWriteDump and its callback exchange in memory (minidumpapiset.h, pack(4); layouts.json has them
 * measured). HRESULT and BOOL are unsigned numbers here.
 *
 * CONTEXT is declared with an alignment of 16 on 64-bit CPUs. MSVC keeps it inside packed structures, so it moves Context and
 * rounds up the size of all that holds it; gcc does not. ARM64 has explicit padding, and Context is at 16 with both.
 */
function declare(abi: Abi) {
  const pointer = pointerLayout(abi);
  const aligned = abi.cpu !== 'x86' && abi.compiler === 'msvc';
  const whole = (size: number) => (aligned ? Math.ceil(size / 16) * 16 : size);
  const handleEnd = u32.size + pointer.size;
  const contextAt = abi.cpu === 'arm64' ? 16 : whole(handleEnd);
  const contextSize = CONTEXT_SIZE[abi.cpu];
  const stackAt = contextAt + contextSize + u32.size;

  const thread = {
    ThreadId: u32,
    ThreadHandle: pointer,
    Context: at(contextAt, bytes(contextSize)),
    SizeOfContext: u32,
    StackBase: u64,
    StackEnd: u64,
  };
  const threadSize = whole(stackAt + 2 * u64.size);
  const threadExSize = whole(stackAt + 4 * u64.size);
  const THREAD = struct('MINIDUMP_THREAD_CALLBACK', thread, threadSize);
  const THREAD_EX = struct(
    'MINIDUMP_THREAD_EX_CALLBACK',
    { ...thread, BackingStoreBase: u64, BackingStoreEnd: u64 },
    threadExSize,
  );
  const MODULE = struct('MINIDUMP_MODULE_CALLBACK', {
    FullPath: pointer,
    BaseOfImage: u64,
    SizeOfImage: u32,
    CheckSum: u32,
    TimeDateStamp: u32,
    VersionInfo: VS_FIXEDFILEINFO,
    CvRecord: pointer,
    SizeOfCvRecord: u32,
    MiscRecord: pointer,
    SizeOfMiscRecord: u32,
  });
  const INCLUDE_THREAD = struct('MINIDUMP_INCLUDE_THREAD_CALLBACK', { ThreadId: u32 });
  const INCLUDE_MODULE = struct('MINIDUMP_INCLUDE_MODULE_CALLBACK', { BaseOfImage: u64 });
  const IO = struct('MINIDUMP_IO_CALLBACK', {
    Handle: pointer,
    Offset: u64,
    Buffer: pointer,
    BufferBytes: u32,
  });
  const READ_MEMORY_FAILURE = struct('MINIDUMP_READ_MEMORY_FAILURE_CALLBACK', {
    Offset: u64,
    Bytes: u32,
    FailureStatus: u32,
  });
  const VM_QUERY = struct('MINIDUMP_VM_QUERY_CALLBACK', { Offset: u64 });
  const read = { Offset: u64, Buffer: pointer, Size: u32 };
  const VM_PRE_READ = struct('MINIDUMP_VM_PRE_READ_CALLBACK', read);
  const VM_POST_READ = struct('MINIDUMP_VM_POST_READ_CALLBACK', { ...read, Completed: u32, Status: u32 });
  const COMPRESSED_START = struct('MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK', {
    MaxParallelism: u32,
    MaxTransferSize: u32,
    NumaNodeInfoArray: pointer,
    NumaNodeInfoArraySize: u32,
    Reserved: u32,
  });

  const armsAt = handleEnd + u32.size;
  return {
    MINIDUMP_THREAD_CALLBACK: THREAD,
    MINIDUMP_THREAD_EX_CALLBACK: THREAD_EX,
    MINIDUMP_MODULE_CALLBACK: MODULE,
    MINIDUMP_INCLUDE_THREAD_CALLBACK: INCLUDE_THREAD,
    MINIDUMP_INCLUDE_MODULE_CALLBACK: INCLUDE_MODULE,
    MINIDUMP_IO_CALLBACK: IO,
    MINIDUMP_READ_MEMORY_FAILURE_CALLBACK: READ_MEMORY_FAILURE,
    MINIDUMP_VM_QUERY_CALLBACK: VM_QUERY,
    MINIDUMP_VM_PRE_READ_CALLBACK: VM_PRE_READ,
    MINIDUMP_VM_POST_READ_CALLBACK: VM_POST_READ,
    MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK: COMPRESSED_START,
    MINIDUMP_COMPRESSED_MEMORY_STREAM_FINISH_CALLBACK,
    MINIDUMP_MEMORY_INFO,
    VS_FIXEDFILEINFO,
    /** The arms of the union share one place; writing takes the one that is given. */
    MINIDUMP_CALLBACK_INPUT: struct(
      'MINIDUMP_CALLBACK_INPUT',
      {
        ProcessId: u32,
        ProcessHandle: pointer,
        CallbackType: u32,
        Status: at(armsAt, u32),
        Thread: overlay('Status', THREAD),
        ThreadEx: overlay('Status', THREAD_EX),
        Module: overlay('Status', MODULE),
        IncludeThread: overlay('Status', INCLUDE_THREAD),
        IncludeModule: overlay('Status', INCLUDE_MODULE),
        Io: overlay('Status', IO),
        ReadMemoryFailure: overlay('Status', READ_MEMORY_FAILURE),
        SecondaryFlags: overlay('Status', u32),
        VmQuery: overlay('Status', VM_QUERY),
        VmPreRead: overlay('Status', VM_PRE_READ),
        VmPostRead: overlay('Status', VM_POST_READ),
        CompressedMemoryStreamFinish: overlay('Status', MINIDUMP_COMPRESSED_MEMORY_STREAM_FINISH_CALLBACK),
      },
      whole(armsAt + threadExSize),
    ),
    MINIDUMP_CALLBACK_OUTPUT: struct('MINIDUMP_CALLBACK_OUTPUT', {
      ModuleWriteFlags: u32,
      ThreadWriteFlags: at(0, u32),
      SecondaryFlags: at(0, u32),
      MemoryBase: at(0, u64),
      MemorySize: u32,
      CheckCancel: at(0, u32),
      Cancel: u32,
      Handle: at(0, pointer),
      VmRegion: at(0, MINIDUMP_MEMORY_INFO),
      Continue: u32,
      VmQueryStatus: at(0, u32),
      VmQueryResult: at(4, MINIDUMP_MEMORY_INFO),
      VmReadStatus: at(0, u32),
      VmReadBytesCompleted: u32,
      Status: at(0, u32),
      CompressedMemoryStreamStart: at(0, COMPRESSED_START),
    }),
    MINIDUMP_CALLBACK_INFORMATION: struct('MINIDUMP_CALLBACK_INFORMATION', {
      CallbackRoutine: pointer,
      CallbackParam: pointer,
    }),
    MINIDUMP_USER_STREAM: struct('MINIDUMP_USER_STREAM', { Type: u32, BufferSize: u32, Buffer: pointer }),
    MINIDUMP_USER_STREAM_INFORMATION: struct('MINIDUMP_USER_STREAM_INFORMATION', {
      UserStreamCount: u32,
      UserStreamArray: pointer,
    }),
    MINIDUMP_EXCEPTION_INFORMATION: struct('MINIDUMP_EXCEPTION_INFORMATION', {
      ThreadId: u32,
      ExceptionPointers: pointer,
      ClientPointers: u32,
    }),
    EXCEPTION_POINTERS: struct('EXCEPTION_POINTERS', { ExceptionRecord: pointer, ContextRecord: pointer }),
    /** winnt.h, naturally aligned: not packed. */
    EXCEPTION_RECORD: struct('EXCEPTION_RECORD', {
      ExceptionCode: u32,
      ExceptionFlags: u32,
      ExceptionRecord: pointer,
      ExceptionAddress: pointer,
      NumberParameters: u32,
      ExceptionInformation: at(8 + 3 * pointer.size, array(pointer, MAXIMUM_PARAMETERS)),
    }),
  };
}

export type NativeStructures = ReturnType<typeof declare>;

const declared = new Map<string, NativeStructures>();

/** The structures as an ABI has them. */
export function structuresOf(abi: Abi): NativeStructures {
  const key = `${abi.cpu} ${abi.compiler}`;
  let found = declared.get(key);
  if (found === undefined) {
    found = declare(abi);
    declared.set(key, found);
  }
  return found;
}
