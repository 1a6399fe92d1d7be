import { type InputOf, struct, u32, u64 } from '../layout.js';
import { MINIDUMP_MEMORY_DESCRIPTOR, MINIDUMP_MEMORY_DESCRIPTOR64 } from '../structures/file.js';
import {
  checkLength,
  decodeCountedList,
  decodeElements,
  encodeCountedList,
  encodeListWithHead,
  malformed,
} from './list.js';

/** The head of a memory list; the descriptors follow. Neither sorted nor aligned in files by DbgHelp. */
export const MINIDUMP_MEMORY_LIST = struct('MINIDUMP_MEMORY_LIST', { NumberOfMemoryRanges: u32 });

export function decodeMemoryList(bytes: Uint8Array, littleEndian = true): MINIDUMP_MEMORY_DESCRIPTOR[] {
  return decodeCountedList('MemoryList', MINIDUMP_MEMORY_DESCRIPTOR, bytes, littleEndian);
}

export function encodeMemoryList(
  ranges: readonly InputOf<typeof MINIDUMP_MEMORY_DESCRIPTOR>[],
  littleEndian = true,
): Uint8Array {
  return encodeCountedList(MINIDUMP_MEMORY_DESCRIPTOR, ranges, littleEndian);
}

/** The head of the list of a full-memory dump; the descriptors follow. */
export const MINIDUMP_MEMORY64_LIST = struct('MINIDUMP_MEMORY64_LIST', {
  NumberOfMemoryRanges: u64,
  /** Where the bytes of the first range are. Those of all others follow, in the order of the list, without gaps. */
  BaseRva: u64,
});

export interface Memory64List {
  BaseRva: bigint;
  MemoryRanges: MINIDUMP_MEMORY_DESCRIPTOR64[];
}

export function decodeMemory64List(bytes: Uint8Array, littleEndian = true): Memory64List {
  checkLength('Memory64List', bytes, MINIDUMP_MEMORY64_LIST.size);
  const head = MINIDUMP_MEMORY64_LIST.decode(bytes, 0, littleEndian);
  if (head.NumberOfMemoryRanges > BigInt(bytes.length)) {
    throw malformed('Memory64List', 'a count that the stream has room for', `${head.NumberOfMemoryRanges}`);
  }
  return {
    BaseRva: head.BaseRva,
    MemoryRanges: decodeElements(
      'Memory64List',
      MINIDUMP_MEMORY_DESCRIPTOR64,
      bytes,
      MINIDUMP_MEMORY64_LIST.size,
      Number(head.NumberOfMemoryRanges),
      MINIDUMP_MEMORY_DESCRIPTOR64.size,
      littleEndian,
    ),
  };
}

export function encodeMemory64List(
  baseRva: bigint,
  ranges: readonly InputOf<typeof MINIDUMP_MEMORY_DESCRIPTOR64>[],
  littleEndian = true,
): Uint8Array {
  const head = MINIDUMP_MEMORY64_LIST.encode(
    { NumberOfMemoryRanges: BigInt(ranges.length), BaseRva: baseRva },
    littleEndian,
  );
  return encodeListWithHead(head, MINIDUMP_MEMORY_DESCRIPTOR64, ranges, littleEndian);
}
