import { type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';
import { MINIDUMP_LOCATION_DESCRIPTOR } from '../structures/file.js';
import { VS_FIXEDFILEINFO } from '../structures/fixed-file-info.js';
import { decodeCountedList, encodeCountedList } from './list.js';

export const MINIDUMP_MODULE = struct('MINIDUMP_MODULE', {
  BaseOfImage: u64,
  SizeOfImage: u32,
  /** This and the time stamp from the PE header; 0 for ELF and Mach-O. */
  CheckSum: u32,
  /** Seconds since 1970 */
  TimeDateStamp: u32,
  /** Of a MINIDUMP_STRING: the full path, unless MiniDumpFilterModulePaths cut it. */
  ModuleNameRva: u32,
  VersionInfo: VS_FIXEDFILEINFO,
  /** The CodeView record: which debug information belongs to it (structures/codeview.ts). */
  CvRecord: MINIDUMP_LOCATION_DESCRIPTOR,
  /** An IMAGE_DEBUG_MISC. */
  MiscRecord: MINIDUMP_LOCATION_DESCRIPTOR,
  /** DbgHelp of Windows 10 stores DllCharacteristics of the PE header here (seen in the files, not documented). */
  Reserved0: u64,
  Reserved1: u64,
});
export type MINIDUMP_MODULE = ValueOf<typeof MINIDUMP_MODULE>;

/** The head of a module list; the modules follow, the main program first. */
export const MINIDUMP_MODULE_LIST = struct('MINIDUMP_MODULE_LIST', { NumberOfModules: u32 });

export function decodeModuleList(bytes: Uint8Array, littleEndian = true): MINIDUMP_MODULE[] {
  return decodeCountedList('ModuleList', MINIDUMP_MODULE, bytes, littleEndian);
}

export function encodeModuleList(modules: readonly InputOf<typeof MINIDUMP_MODULE>[]): Uint8Array {
  return encodeCountedList(MINIDUMP_MODULE, modules);
}
