/**
 * The Win32-shaped face: MiniDumpWriteDump as minidumpapiset.h declares it, so that code written from Microsoft's pages
 * works after a change of syntax alone. It answers TRUE or FALSE; what went wrong is an HRESULT in GetLastError().
 */
import type { MINIDUMP_CALLBACK_INFORMATION } from './dump/index.js';
import { HRESULT } from './format/index.js';
import { type ErrorCode, MinidumpError, NoSink } from './io/index.js';
import { DescriptorSink } from './node/descriptor-sink.js';
import { dumpProcess, type LiveOptions, openProcess } from './targets/linux/live.js';

export type {
  MINIDUMP_CALLBACK_INFORMATION,
  MINIDUMP_CALLBACK_INPUT,
  MINIDUMP_CALLBACK_OUTPUT,
  MINIDUMP_CALLBACK_ROUTINE,
  MINIDUMP_MODULE_CALLBACK,
  MINIDUMP_THREAD_CALLBACK,
} from './dump/index.js';
export {
  HRESULT,
  MINIDUMP_CALLBACK_TYPE,
  MINIDUMP_TYPE,
  MODULE_WRITE_FLAGS,
  THREAD_WRITE_FLAGS,
} from './format/index.js';

/** What OpenProcess gives; handed back as ProcessHandle in every callback. */
export interface HANDLE {
  readonly processId: number;
}

/** EXCEPTION_POINTERS of Linux: siginfo_t and ucontext_t, as bytes or, with ClientPointers, as addresses in the target. */
export interface EXCEPTION_POINTERS {
  siginfo: Uint8Array | bigint;
  ucontext: Uint8Array | bigint;
}

export interface MINIDUMP_EXCEPTION_INFORMATION {
  ThreadId: number;
  /** null: no exception. */
  ExceptionPointers: EXCEPTION_POINTERS | null;
  /** TRUE if the pointers are addresses in the target. */
  ClientPointers: boolean;
}

export interface MINIDUMP_USER_STREAM {
  Type: number;
  Buffer: Uint8Array;
}

export interface MINIDUMP_USER_STREAM_INFORMATION {
  UserStreamArray: readonly MINIDUMP_USER_STREAM[];
}

let failure: MinidumpError | undefined;

/** A handle for MiniDumpWriteDump. Rights are checked when the process is dumped. */
export function OpenProcess(ProcessId: number): HANDLE {
  return { processId: ProcessId };
}

/** The HRESULT of the last MiniDumpWriteDump that returned FALSE; 0 after one that returned TRUE. */
export function GetLastError(): number {
  return failure === undefined ? HRESULT.S_OK : (RESULTS[failure.code] ?? HRESULT.E_FAIL);
}

/** The error behind GetLastError(), with its message and, for a callback that threw, its cause. */
export function GetLastMinidumpError(): MinidumpError | undefined {
  return failure;
}

const RESULTS: Partial<Record<ErrorCode, number>> = {
  cancelled: HRESULT.ERROR_CANCELLED,
  'invalid-argument': HRESULT.E_INVALIDARG,
  unsupported: HRESULT.E_NOTIMPL,
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
  hProcess: HANDLE,
  ProcessId: number,
  hFile: number | null,
  DumpType: number,
  ExceptionParam?: MINIDUMP_EXCEPTION_INFORMATION | null,
  UserStreamParam?: MINIDUMP_USER_STREAM_INFORMATION | null,
  CallbackParam?: MINIDUMP_CALLBACK_INFORMATION<Param> | null,
): boolean {
  try {
    const options: LiveOptions = {
      type: DumpType,
      exception: exceptionOption(ExceptionParam),
      userStreams: UserStreamParam?.UserStreamArray.map(({ Type, Buffer }) => ({
        type: Type,
        bytes: Buffer,
      })),
      callback: (CallbackParam ?? undefined) as MINIDUMP_CALLBACK_INFORMATION | undefined,
    };
    if (hProcess.processId !== ProcessId) {
      throw new MinidumpError(
        'invalid-argument',
        `the handle is that of process ${hProcess.processId}, not ${ProcessId}`,
      );
    }
    const sink = hFile === null ? new NoSink() : new DescriptorSink(hFile);
    dumpProcess(openProcess(ProcessId, options, hProcess), options, sink);
    failure = undefined;
    return true;
  } catch (error) {
    failure =
      error instanceof MinidumpError
        ? error
        : new MinidumpError('system-call', String(error), { cause: error });
    return false;
  }
}

function exceptionOption(given: MINIDUMP_EXCEPTION_INFORMATION | null | undefined): LiveOptions['exception'] {
  if (!given?.ExceptionPointers) return undefined;
  const { siginfo, ucontext } = given.ExceptionPointers;
  const addresses = typeof siginfo === 'bigint' && typeof ucontext === 'bigint';
  if (addresses !== given.ClientPointers) {
    throw new MinidumpError(
      'invalid-argument',
      'ClientPointers says whether ExceptionPointers holds addresses or bytes',
    );
  }
  return { threadId: given.ThreadId, siginfo, ucontext };
}
