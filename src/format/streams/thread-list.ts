import { type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';
import { MINIDUMP_LOCATION_DESCRIPTOR, MINIDUMP_MEMORY_DESCRIPTOR } from '../structures/file.js';
import { decodeCountedList, encodeCountedList } from './list.js';

const threadFields = {
  ThreadId: u32,
  /** 0 in dumps by DbgHelp. */
  SuspendCount: u32,
  PriorityClass: u32,
  Priority: u32,
  /** Address of the thread's block of data: TEB on Windows, thread pointer elsewhere. */
  Teb: u64,
  /** The used part of the stack, low address first. Its bytes are those of an entry of MemoryList. */
  Stack: MINIDUMP_MEMORY_DESCRIPTOR,
  /** The registers: one of the contexts of this folder's neighbour, by CPU, perhaps with XSTATE behind it. */
  ThreadContext: MINIDUMP_LOCATION_DESCRIPTOR,
};

export const MINIDUMP_THREAD = struct('MINIDUMP_THREAD', threadFields);
export type MINIDUMP_THREAD = ValueOf<typeof MINIDUMP_THREAD>;

/** The head of a thread list; the threads follow. */
export const MINIDUMP_THREAD_LIST = struct('MINIDUMP_THREAD_LIST', { NumberOfThreads: u32 });

export function decodeThreadList(bytes: Uint8Array, littleEndian = true): MINIDUMP_THREAD[] {
  return decodeCountedList('ThreadList', MINIDUMP_THREAD, bytes, littleEndian);
}

export function encodeThreadList(threads: readonly InputOf<typeof MINIDUMP_THREAD>[]): Uint8Array {
  return encodeCountedList(MINIDUMP_THREAD, threads);
}

/** A thread with a backing store for its registers: Itanium only. */
export const MINIDUMP_THREAD_EX = struct('MINIDUMP_THREAD_EX', {
  ...threadFields,
  BackingStore: MINIDUMP_MEMORY_DESCRIPTOR,
});
export type MINIDUMP_THREAD_EX = ValueOf<typeof MINIDUMP_THREAD_EX>;

/** The head of a ThreadExList, which takes the place of the ThreadList. */
export const MINIDUMP_THREAD_EX_LIST = struct('MINIDUMP_THREAD_EX_LIST', { NumberOfThreads: u32 });

export function decodeThreadExList(bytes: Uint8Array, littleEndian = true): MINIDUMP_THREAD_EX[] {
  return decodeCountedList('ThreadExList', MINIDUMP_THREAD_EX, bytes, littleEndian);
}

export function encodeThreadExList(threads: readonly InputOf<typeof MINIDUMP_THREAD_EX>[]): Uint8Array {
  return encodeCountedList(MINIDUMP_THREAD_EX, threads);
}
