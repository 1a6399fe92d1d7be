import {
  decodeException,
  decodeThreadExList,
  decodeThreadList,
  decodeThreadNames,
  type MINIDUMP_EXCEPTION_STREAM,
  type MINIDUMP_LOCATION_DESCRIPTOR,
  type MINIDUMP_THREAD,
  type MINIDUMP_THREAD_EX,
  type MINIDUMP_THREAD_NAME,
} from '../../format/index.js';
import { MinidumpError, type Task } from '../../io/index.js';
import { type CpuContext, decodeContext } from '../cpu-context.js';
import type { Minidump } from '../minidump.js';
import { type Part, partOr, readParts, readStrings } from '../parts.js';
import type { Decoder } from './decoder.js';
import { pointerSizeOf } from './system-info.js';

export interface Resolved {
  /** From ThreadNames. */
  name: string | undefined;
  /** The registers; undefined where they were left out, or are broken. */
  context: CpuContext | undefined;
  problems: MinidumpError[];
}
export interface Thread extends MINIDUMP_THREAD, Resolved {}
/** A thread of Itanium. */
export interface ThreadEx extends MINIDUMP_THREAD_EX, Resolved {}

/** An XSAVE area with all that processors have today (AMX) is 11 KiB. */
const LONGEST_CONTEXT = 0x10000;

function* readContexts(
  dump: Minidump,
  locations: readonly MINIDUMP_LOCATION_DESCRIPTOR[],
): Task<Part<CpuContext | undefined>[]> {
  const architecture = (yield* dump.systemTask())?.ProcessorArchitecture;
  const parts = yield* readParts(
    dump,
    'context',
    locations.map(({ Rva, DataSize }) => ({ rva: DataSize === 0 ? 0 : Rva, size: DataSize })),
    LONGEST_CONTEXT,
  );
  return parts.map((part) => {
    if (part instanceof MinidumpError) return part;
    if (part.length === 0) return undefined;
    try {
      return decodeContext(part, architecture, dump.littleEndian);
    } catch (error) {
      return error as MinidumpError;
    }
  });
}

function* resolve<T extends MINIDUMP_THREAD>(dump: Minidump, threads: readonly T[]): Task<(T & Resolved)[]> {
  const contexts = yield* readContexts(
    dump,
    threads.map(({ ThreadContext }) => ThreadContext),
  );
  const names = new Map<number, string>();
  // Threads without names are worth more than no threads.
  for (const { ThreadId, name } of (yield* dump.tryTask('threadNames')) ?? []) {
    if (name !== undefined && !names.has(ThreadId)) names.set(ThreadId, name);
  }
  return threads.map((thread, i) => {
    const problems: MinidumpError[] = [];
    const context = partOr(contexts[i], problems);
    return { ...thread, name: names.get(thread.ThreadId), context, problems };
  });
}

export const readThreads: Decoder<Thread[]> = function* (dump, bytes) {
  return yield* resolve(dump, decodeThreadList(bytes, dump.littleEndian));
};

export const readThreadsEx: Decoder<ThreadEx[]> = function* (dump, bytes) {
  return yield* resolve(dump, decodeThreadExList(bytes, dump.littleEndian));
};

export interface ThreadName extends MINIDUMP_THREAD_NAME {
  name: string | undefined;
  problems: MinidumpError[];
}

export const readThreadNames: Decoder<ThreadName[]> = function* (dump, bytes) {
  const list = decodeThreadNames(bytes, dump.littleEndian);
  const names = yield* readStrings(
    dump,
    'thread name',
    list.map(({ RvaOfThreadName }) => RvaOfThreadName),
  );
  return list.map((entry, i) => {
    const problems: MinidumpError[] = [];
    return { ...entry, name: partOr(names[i]!, problems), problems };
  });
};

export interface Exception extends MINIDUMP_EXCEPTION_STREAM {
  /**
   * ExceptionAddress, in 32 bits where the process has no more: DbgHelp may extend the sign of a 32-bit address to 64 bits
   * (minidump_32bit_crash_addr.dmp of Breakpad).
   */
  address: bigint;
  /** The registers when it happened. Those in the thread list are of the moment of the dump. */
  context: CpuContext | undefined;
  problems: MinidumpError[];
}

export const readException: Decoder<Exception> = function* (dump, bytes) {
  const exception = decodeException(bytes, dump.littleEndian);
  const [context] = yield* readContexts(dump, [exception.ThreadContext]);
  const bits = pointerSizeOf(yield* dump.systemTask()) * 8;
  const problems: MinidumpError[] = [];
  return {
    ...exception,
    address: BigInt.asUintN(bits, exception.ExceptionRecord.ExceptionAddress),
    context: partOr(context, problems),
    problems,
  };
};
