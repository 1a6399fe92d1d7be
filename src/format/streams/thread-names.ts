import { type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';
import { decodeCountedList, encodeCountedList } from './list.js';

export const MINIDUMP_THREAD_NAME = struct('MINIDUMP_THREAD_NAME', {
  ThreadId: u32,
  /** Of a MINIDUMP_STRING. Not aligned: the structure is packed. */
  RvaOfThreadName: u64,
});
export type MINIDUMP_THREAD_NAME = ValueOf<typeof MINIDUMP_THREAD_NAME>;

/** The head of the list; only threads that have a name are in it. */
export const MINIDUMP_THREAD_NAME_LIST = struct('MINIDUMP_THREAD_NAME_LIST', { NumberOfThreadNames: u32 });

export function decodeThreadNames(bytes: Uint8Array, littleEndian = true): MINIDUMP_THREAD_NAME[] {
  return decodeCountedList('ThreadNames', MINIDUMP_THREAD_NAME, bytes, littleEndian);
}

export function encodeThreadNames(names: readonly InputOf<typeof MINIDUMP_THREAD_NAME>[]): Uint8Array {
  return encodeCountedList(MINIDUMP_THREAD_NAME, names);
}
