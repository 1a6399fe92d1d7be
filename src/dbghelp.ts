/**
 * The Win32-shaped face: MiniDumpWriteDump as minidumpapiset.h declares it, so that code written from Microsoft's pages
 * works after a change of syntax alone. It answers TRUE or FALSE; what went wrong is an HRESULT in GetLastError().
 */
import { checkOptions, type MINIDUMP_CALLBACK_INFORMATION } from './dump/index.js';
import { HRESULT, type MINIDUMP_DIRECTORY } from './format/index.js';
import { type ErrorCode, MinidumpError } from './io/index.js';
import { dumpNow } from './live/dump-now.js';
import type { LiveException, LiveOptions } from './live/options.js';
import { Minidump } from './reader/index.js';
import { DbgHelpError } from './targets/windows/results.js';

export type {
  MINIDUMP_CALLBACK_INFORMATION,
  MINIDUMP_CALLBACK_INPUT,
  MINIDUMP_CALLBACK_OUTPUT,
  MINIDUMP_CALLBACK_ROUTINE,
  MINIDUMP_IO_CALLBACK,
  MINIDUMP_MEMORY_INFO_VALUE as MINIDUMP_MEMORY_INFO,
  MINIDUMP_MODULE_CALLBACK,
  MINIDUMP_READ_MEMORY_FAILURE_CALLBACK,
  MINIDUMP_THREAD_CALLBACK,
  MINIDUMP_THREAD_EX_CALLBACK,
  MINIDUMP_VM_POST_READ_CALLBACK,
  MINIDUMP_VM_PRE_READ_CALLBACK,
} from './dump/index.js';
export type { MINIDUMP_DIRECTORY } from './format/index.js';
export {
  HRESULT,
  MemoryProtection,
  MemoryState,
  MemoryType,
  MINIDUMP_CALLBACK_TYPE,
  MINIDUMP_SECONDARY_FLAGS,
  MINIDUMP_TYPE,
  MODULE_WRITE_FLAGS,
  StreamType as MINIDUMP_STREAM_TYPE,
  THREAD_WRITE_FLAGS,
} from './format/index.js';

/** What OpenProcess gives; handed back as ProcessHandle in every callback. */
export interface HANDLE {
  readonly processId: number;
}

/** On Linux siginfo_t and ucontext_t, as bytes or, with ClientPointers, as addresses in the target; on Windows what its pointers point to, as bytes. */
export type EXCEPTION_POINTERS =
  | { siginfo: Uint8Array | bigint; ucontext: Uint8Array | bigint }
  | { ExceptionRecord: Uint8Array; ContextRecord: Uint8Array };

export interface MINIDUMP_EXCEPTION_INFORMATION {
  ThreadId: number;
  /** null: no exception. On Windows, with ClientPointers, the address of EXCEPTION_POINTERS in the target. */
  ExceptionPointers: EXCEPTION_POINTERS | bigint | null;
  /** TRUE if the pointers are addresses in the target. */
  ClientPointers: boolean;
}

export interface MINIDUMP_USER_STREAM {
  Type: number;
  /** Bytes of Buffer that count; all of them unless said. */
  BufferSize?: number;
  Buffer: Uint8Array;
}

export interface MINIDUMP_USER_STREAM_INFORMATION {
  /** Streams of the array that count; all of them unless said. */
  UserStreamCount?: number;
  UserStreamArray: readonly MINIDUMP_USER_STREAM[];
}

let failure: MinidumpError | undefined;
/** Where the code of the error does not tell enough. */
let lastResult: number | undefined;

export const TRUE = true;
export const FALSE = false;

/** A handle for MiniDumpWriteDump. Rights are checked when the process is dumped. */
export function OpenProcess(ProcessId: number): HANDLE;
/** As Win32 has it; the first two arguments mean nothing here. */
export function OpenProcess(DesiredAccess: number, InheritHandle: boolean, ProcessId: number): HANDLE;
export function OpenProcess(first: number, _inherit?: boolean, ProcessId: number = first): HANDLE {
  return { processId: ProcessId };
}

/** A handle of this process. A helper process dumps it, see docs/self-dump.md. */
export function GetCurrentProcess(): HANDLE {
  return { processId: process.pid };
}

/** Gives a handle back. Nothing is open behind it. */
export function CloseHandle(_hObject: HANDLE): boolean {
  return TRUE;
}

/** The HRESULT of the last call of this module that returned FALSE; 0 after one that returned TRUE. */
export function GetLastError(): number {
  if (failure === undefined) return HRESULT.S_OK;
  return lastResult ?? RESULTS[failure.code] ?? HRESULT.E_FAIL;
}

/** The error behind GetLastError(), with its message and, for a callback that threw, its cause. */
export function GetLastMinidumpError(): MinidumpError | undefined {
  return failure;
}

/** HRESULT_FROM_WIN32(112) and HRESULT_FROM_WIN32(1460). */
const ERROR_DISK_FULL = 0x8007_0070;
const ERROR_TIMEOUT = 0x8007_05b4;
/** HRESULT_FROM_WIN32(6) */
const ERROR_INVALID_HANDLE = 0x8007_0006;

const RESULTS: Partial<Record<ErrorCode, number>> = {
  cancelled: HRESULT.ERROR_CANCELLED,
  'invalid-argument': HRESULT.E_INVALIDARG,
  unsupported: HRESULT.E_NOTIMPL,
  'own-process': HRESULT.E_NOTIMPL,
  'kernel-thread': HRESULT.E_NOTIMPL,
  platform: HRESULT.E_NOTIMPL,
  'no-such-process': HRESULT.E_INVALIDARG,
  'not-a-minidump': HRESULT.E_INVALIDARG,
  'stream-missing': HRESULT.E_INVALIDARG,
  truncated: HRESULT.E_INVALIDARG,
  malformed: HRESULT.E_INVALIDARG,
  'disk-full': ERROR_DISK_FULL,
  'max-pause': ERROR_TIMEOUT,
  'permission-denied': HRESULT.ERROR_ACCESS_DENIED,
  'already-traced': HRESULT.ERROR_ACCESS_DENIED,
  'memory-unreadable': HRESULT.ERROR_PARTIAL_COPY,
  'target-exited': HRESULT.ERROR_PARTIAL_COPY,
};

/**
 * Writes a minidump of a process to a file descriptor, synchronously.
 *
 * @param hProcess from OpenProcess
 * @param hFile a file descriptor open for writing, a pipe too; it stays open. After FALSE what is in the file is no dump. null where
 *   the callback writes the dump itself (IoStartCallback).
 * @returns TRUE or FALSE; see GetLastError
 */
export function MiniDumpWriteDump<Param>(
  hProcess: HANDLE | null,
  ProcessId: number,
  hFile: number | null,
  DumpType: number,
  ExceptionParam?: MINIDUMP_EXCEPTION_INFORMATION | null,
  UserStreamParam?: MINIDUMP_USER_STREAM_INFORMATION | null,
  CallbackParam?: MINIDUMP_CALLBACK_INFORMATION<Param> | null,
): boolean {
  return succeeds(() => {
    const options: LiveOptions = {
      type: DumpType,
      exception: exceptionOption(ExceptionParam),
      userStreams: UserStreamParam?.UserStreamArray.slice(0, UserStreamParam.UserStreamCount).map(
        ({ Type, Buffer, BufferSize }) => ({ type: Type, bytes: Buffer.subarray(0, BufferSize) }),
      ),
      callback: (CallbackParam ?? undefined) as MINIDUMP_CALLBACK_INFORMATION | undefined,
      fileHandle: hFile,
    };
    checkOptions({ ...options, exception: undefined });
    if (hProcess === null || hProcess === undefined) {
      lastResult = ERROR_INVALID_HANDLE;
      throw new MinidumpError('invalid-argument', 'hProcess is no handle', {
        advice: 'OpenProcess gives one.',
      });
    }
    if (hProcess.processId !== ProcessId) {
      throw new MinidumpError(
        'invalid-argument',
        `the handle is that of process ${hProcess.processId}, not ${ProcessId}`,
      );
    }
    dumpNow(ProcessId, hFile, options, hProcess);
  });
}

/** Where a function puts a second result; a pointer of the original. */
export interface Out<T> {
  value?: T;
}

/**
 * Finds a stream in a dump that is in memory. Of several with that number the first one counts.
 *
 * @param BaseOfDump all bytes of the dump
 * @param Dir gets the entry of the directory
 * @param StreamPointer gets the bytes of the stream, a view into BaseOfDump
 * @param StreamSize gets its length in bytes
 * @returns FALSE if there is no such stream, or it is no dump: GetLastError() is then E_INVALIDARG. (Microsoft's page says nothing
 *   of it; Wine sets ERROR_INVALID_PARAMETER.)
 */
export function MiniDumpReadDumpStream(
  BaseOfDump: Uint8Array,
  StreamNumber: number,
  Dir?: Out<MINIDUMP_DIRECTORY> | null,
  StreamPointer?: Out<Uint8Array> | null,
  StreamSize?: Out<number> | null,
): boolean {
  return succeeds(() => {
    const dump = Minidump.openSync(BaseOfDump);
    const entry = dump.entry(StreamNumber);
    if (entry === undefined) {
      throw new MinidumpError('stream-missing', `the dump has no stream ${StreamNumber}`);
    }
    const bytes = dump.bytesSync(entry);
    const { streamType: StreamType, rva: Rva, dataSize: DataSize } = entry;
    if (Dir) Dir.value = { StreamType, Location: { DataSize, Rva } };
    if (StreamPointer) StreamPointer.value = bytes;
    if (StreamSize) StreamSize.value = DataSize;
  });
}

/** TRUE, or FALSE and the reason for GetLastError. */
function succeeds(work: () => void): boolean {
  lastResult = undefined;
  try {
    work();
    failure = undefined;
    return TRUE;
  } catch (error) {
    failure =
      error instanceof MinidumpError
        ? error
        : new MinidumpError('system-call', String(error), { cause: error });
    // What DbgHelp itself failed with.
    if (failure instanceof DbgHelpError) lastResult = failure.hresult;
    return FALSE;
  }
}

function exceptionOption(
  given: MINIDUMP_EXCEPTION_INFORMATION | null | undefined,
): LiveException | undefined {
  if (!given?.ExceptionPointers) return undefined;
  const { ThreadId: threadId, ExceptionPointers: pointers, ClientPointers } = given;
  let addresses: boolean;
  let exception: LiveException;
  if (typeof pointers === 'bigint') {
    addresses = true;
    exception = { threadId, pointers };
  } else if ('siginfo' in pointers) {
    const { siginfo, ucontext } = pointers;
    addresses = typeof siginfo === 'bigint' && typeof ucontext === 'bigint';
    exception = { threadId, siginfo, ucontext };
  } else {
    const { ExceptionRecord: record, ContextRecord: context } = pointers;
    addresses = false;
    exception = { threadId, pointers: { record, context } };
  }
  if (addresses !== ClientPointers) {
    throw new MinidumpError(
      'invalid-argument',
      'ClientPointers says whether ExceptionPointers holds addresses or bytes',
    );
  }
  return exception;
}
