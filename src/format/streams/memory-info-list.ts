import { type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';
import { checkLength, decodeElements, encodeListWithHead, malformed } from './list.js';

/** A region of the address space, as VirtualQuery tells of it. */
export const MINIDUMP_MEMORY_INFO = struct('MINIDUMP_MEMORY_INFO', {
  BaseAddress: u64,
  AllocationBase: u64,
  /** MemoryProtection of the allocation when it was made */
  AllocationProtect: u32,
  __alignment1: u32,
  RegionSize: u64,
  /** MemoryState */
  State: u32,
  /** MemoryProtection now */
  Protect: u32,
  /** MemoryType */
  Type: u32,
  __alignment2: u32,
});
export type MINIDUMP_MEMORY_INFO = ValueOf<typeof MINIDUMP_MEMORY_INFO>;

export const MINIDUMP_MEMORY_INFO_LIST = struct('MINIDUMP_MEMORY_INFO_LIST', {
  SizeOfHeader: u32,
  SizeOfEntry: u32,
  NumberOfEntries: u64,
});

/** The regions by ascending address, on Windows the free ones too. */
export function decodeMemoryInfoList(bytes: Uint8Array, littleEndian = true): MINIDUMP_MEMORY_INFO[] {
  checkLength('MemoryInfoList', bytes, MINIDUMP_MEMORY_INFO_LIST.size);
  const head = MINIDUMP_MEMORY_INFO_LIST.decode(bytes, 0, littleEndian);
  if (head.NumberOfEntries > BigInt(bytes.length)) {
    throw malformed('MemoryInfoList', 'a count that the stream has room for', `${head.NumberOfEntries}`);
  }
  return decodeElements(
    'MemoryInfoList',
    MINIDUMP_MEMORY_INFO,
    bytes,
    head.SizeOfHeader,
    Number(head.NumberOfEntries),
    head.SizeOfEntry,
    littleEndian,
  );
}

export function encodeMemoryInfoList(regions: readonly InputOf<typeof MINIDUMP_MEMORY_INFO>[]): Uint8Array {
  const head = MINIDUMP_MEMORY_INFO_LIST.encode({
    SizeOfHeader: MINIDUMP_MEMORY_INFO_LIST.size,
    SizeOfEntry: MINIDUMP_MEMORY_INFO.size,
    NumberOfEntries: BigInt(regions.length),
  });
  return encodeListWithHead(head, MINIDUMP_MEMORY_INFO, regions);
}
