import { type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';
import { checkLength, decodeElements, encodeListWithHead } from './list.js';

/** A module that was unloaded some time before the dump; another may lie at its addresses by now. */
export const MINIDUMP_UNLOADED_MODULE = struct('MINIDUMP_UNLOADED_MODULE', {
  BaseOfImage: u64,
  SizeOfImage: u32,
  CheckSum: u32,
  TimeDateStamp: u32,
  ModuleNameRva: u32,
});
export type MINIDUMP_UNLOADED_MODULE = ValueOf<typeof MINIDUMP_UNLOADED_MODULE>;

export const MINIDUMP_UNLOADED_MODULE_LIST = struct('MINIDUMP_UNLOADED_MODULE_LIST', {
  SizeOfHeader: u32,
  SizeOfEntry: u32,
  NumberOfEntries: u32,
});

export function decodeUnloadedModuleList(bytes: Uint8Array, littleEndian = true): MINIDUMP_UNLOADED_MODULE[] {
  checkLength('UnloadedModuleList', bytes, MINIDUMP_UNLOADED_MODULE_LIST.size);
  const head = MINIDUMP_UNLOADED_MODULE_LIST.decode(bytes, 0, littleEndian);
  return decodeElements(
    'UnloadedModuleList',
    MINIDUMP_UNLOADED_MODULE,
    bytes,
    head.SizeOfHeader,
    head.NumberOfEntries,
    head.SizeOfEntry,
    littleEndian,
  );
}

export function encodeUnloadedModuleList(
  modules: readonly InputOf<typeof MINIDUMP_UNLOADED_MODULE>[],
): Uint8Array {
  const head = MINIDUMP_UNLOADED_MODULE_LIST.encode({
    SizeOfHeader: MINIDUMP_UNLOADED_MODULE_LIST.size,
    SizeOfEntry: MINIDUMP_UNLOADED_MODULE.size,
    NumberOfEntries: modules.length,
  });
  return encodeListWithHead(head, MINIDUMP_UNLOADED_MODULE, modules);
}
