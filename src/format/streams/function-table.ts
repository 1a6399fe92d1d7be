import { struct, u32, u64, type ValueOf } from '../layout.js';
import { checkLength, malformed } from './list.js';

/**
 * The head of the dynamic function tables of a process (RtlAddFunctionTable and the like: unwind information of code that
 * was made at run time). DbgHelp writes the stream where there are any; no flag asks for it.
 */
export const MINIDUMP_FUNCTION_TABLE_STREAM = struct('MINIDUMP_FUNCTION_TABLE_STREAM', {
  SizeOfHeader: u32,
  SizeOfDescriptor: u32,
  /** Of the system's own descriptor, which follows ours: 112 on x86-64 */
  SizeOfNativeDescriptor: u32,
  /** Of a RUNTIME_FUNCTION: 12 on x86-64, 8 on ARM */
  SizeOfFunctionEntry: u32,
  NumberOfDescriptors: u32,
  /** Of the padding between this head and the first table */
  SizeOfAlignPad: u32,
});

/** A function table: after it the native descriptor, the entries and padding. */
export const MINIDUMP_FUNCTION_TABLE_DESCRIPTOR = struct('MINIDUMP_FUNCTION_TABLE_DESCRIPTOR', {
  MinimumAddress: u64,
  MaximumAddress: u64,
  /** What the entries count from */
  BaseAddress: u64,
  EntryCount: u32,
  SizeOfAlignPad: u32,
});

/** An entry on x86-64; offsets from BaseAddress. */
export const RUNTIME_FUNCTION_AMD64 = struct('RUNTIME_FUNCTION', {
  BeginAddress: u32,
  EndAddress: u32,
  UnwindData: u32,
});

/** An entry on ARM and ARM64: UnwindData is packed unwind data or, if its low two bits are 0, an offset. */
export const RUNTIME_FUNCTION_ARM = struct('RUNTIME_FUNCTION', {
  BeginAddress: u32,
  UnwindData: u32,
});

export type FunctionTable = ValueOf<typeof MINIDUMP_FUNCTION_TABLE_DESCRIPTOR> & {
  nativeDescriptor: Uint8Array;
  /** EntryCount entries of SizeOfFunctionEntry bytes, as they are */
  entries: Uint8Array;
};

export interface FunctionTables {
  SizeOfFunctionEntry: number;
  tables: FunctionTable[];
}

export function decodeFunctionTables(bytes: Uint8Array, littleEndian = true): FunctionTables {
  const what = 'FunctionTable';
  checkLength(what, bytes, MINIDUMP_FUNCTION_TABLE_STREAM.size);
  const head = MINIDUMP_FUNCTION_TABLE_STREAM.decode(bytes, 0, littleEndian);
  const least = MINIDUMP_FUNCTION_TABLE_DESCRIPTOR.size;
  if (head.SizeOfDescriptor < least) {
    throw malformed(what, `descriptors of ${least} bytes or more`, `${head.SizeOfDescriptor}`);
  }
  const tables: FunctionTable[] = [];
  let at = head.SizeOfHeader + head.SizeOfAlignPad;
  const take = (size: number): number => {
    const start = at;
    if (start + size > bytes.length) {
      throw malformed(what, `${head.NumberOfDescriptors} tables`, `an end inside table ${tables.length}`);
    }
    at += size;
    return start;
  };
  for (let i = 0; i < head.NumberOfDescriptors; i++) {
    const table = MINIDUMP_FUNCTION_TABLE_DESCRIPTOR.decode(bytes, take(head.SizeOfDescriptor), littleEndian);
    const native = take(head.SizeOfNativeDescriptor);
    const entries = take(table.EntryCount * head.SizeOfFunctionEntry);
    tables.push({
      ...table,
      nativeDescriptor: bytes.slice(native, entries),
      entries: bytes.slice(entries, at),
    });
    // The padding of the last table may be missing.
    at += table.SizeOfAlignPad;
  }
  return { SizeOfFunctionEntry: head.SizeOfFunctionEntry, tables };
}
