import { type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';
import { checkLength, decodeElements, encodeListWithHead } from './list.js';

/** What Windows knows of a thread beyond its registers (MiniDumpWithThreadInfo). Times are in units of 100 ns. */
export const MINIDUMP_THREAD_INFO = struct('MINIDUMP_THREAD_INFO', {
  ThreadId: u32,
  /** MINIDUMP_THREAD_INFO_FLAGS */
  DumpFlags: u32,
  /** HRESULT of dumping this thread */
  DumpError: u32,
  ExitStatus: u32,
  /** Since 1601 */
  CreateTime: u64,
  ExitTime: u64,
  /** Spent in the kernel */
  KernelTime: u64,
  UserTime: u64,
  StartAddress: u64,
  /** A bit for each processor */
  Affinity: u64,
});
export type MINIDUMP_THREAD_INFO = ValueOf<typeof MINIDUMP_THREAD_INFO>;

export const MINIDUMP_THREAD_INFO_LIST = struct('MINIDUMP_THREAD_INFO_LIST', {
  SizeOfHeader: u32,
  SizeOfEntry: u32,
  NumberOfEntries: u32,
});

export function decodeThreadInfoList(bytes: Uint8Array, littleEndian = true): MINIDUMP_THREAD_INFO[] {
  checkLength('ThreadInfoList', bytes, MINIDUMP_THREAD_INFO_LIST.size);
  const head = MINIDUMP_THREAD_INFO_LIST.decode(bytes, 0, littleEndian);
  return decodeElements(
    'ThreadInfoList',
    MINIDUMP_THREAD_INFO,
    bytes,
    head.SizeOfHeader,
    head.NumberOfEntries,
    head.SizeOfEntry,
    littleEndian,
  );
}

export function encodeThreadInfoList(infos: readonly InputOf<typeof MINIDUMP_THREAD_INFO>[]): Uint8Array {
  const head = MINIDUMP_THREAD_INFO_LIST.encode({
    SizeOfHeader: MINIDUMP_THREAD_INFO_LIST.size,
    SizeOfEntry: MINIDUMP_THREAD_INFO.size,
    NumberOfEntries: infos.length,
  });
  return encodeListWithHead(head, MINIDUMP_THREAD_INFO, infos);
}
