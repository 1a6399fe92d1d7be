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
  /** ExceptionAddress, and the NumberParameters elements of ExceptionInformation that mean something: see below. */
  address: bigint;
  information: bigint[];
  /** The registers when it happened. Those in the thread list are of the moment of the dump. */
  context: CpuContext | undefined;
  problems: MinidumpError[];
}

export const readException: Decoder<Exception> = function* (dump, bytes) {
  const exception = decodeException(bytes, dump.littleEndian);
  const [context] = yield* readContexts(dump, [exception.ThreadContext]);
  const { ExceptionAddress, NumberParameters, ExceptionInformation } = exception.ExceptionRecord;
  // A 32-bit process has no more than the low half; the upper one may be anything, such as the extension of a sign (the
  // address in minidump_32bit_crash_addr.dmp of Breakpad, ExceptionInformation[1], is 0xffffffff00000045).
  const bits = pointerSizeOf(yield* dump.systemTask()) * 8;
  const problems: MinidumpError[] = [];
  return {
    ...exception,
    address: BigInt.asUintN(bits, ExceptionAddress),
    information: ExceptionInformation.slice(0, NumberParameters).map((value) => BigInt.asUintN(bits, value)),
    context: partOr(context, problems),
    problems,
  };
};
