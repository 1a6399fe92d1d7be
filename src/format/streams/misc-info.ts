import { array, type InputOf, struct, u32, u64, utf16, type ValueOf } from '../layout.js';
import { TIME_ZONE_INFORMATION } from '../structures/time-zone.js';
import { checkLength, malformed } from './list.js';

/** MAXIMUM_XSTATE_FEATURES */
const XSTATE_FEATURES = 64;

/** Where a feature's state lies in an XSAVE area that is not packed, in bytes. */
export const XSTATE_FEATURE = struct('XSTATE_FEATURE', { Offset: u32, Size: u32 });

/** How the contexts of this dump are extended. */
export const XSTATE_CONFIG_FEATURE_MSC_INFO = struct('XSTATE_CONFIG_FEATURE_MSC_INFO', {
  SizeOfInfo: u32,
  ContextSize: u32,
  /** A bit for each of XStateFeature. */
  EnabledFeatures: u64,
  /** By number of the feature. */
  Features: array(XSTATE_FEATURE, XSTATE_FEATURES),
});

const fields1 = {
  /** Of the structure, in bytes: it tells which of the five it is. */
  SizeOfInfo: u32,
  /** MINIDUMP_MISC_FLAGS: which fields are valid */
  Flags1: u32,
  ProcessId: u32,
  /** Seconds since 1970 */
  ProcessCreateTime: u32,
  /** Seconds */
  ProcessUserTime: u32,
  ProcessKernelTime: u32,
};
const fields2 = {
  ...fields1,
  ProcessorMaxMhz: u32,
  ProcessorCurrentMhz: u32,
  ProcessorMhzLimit: u32,
  ProcessorMaxIdleState: u32,
  ProcessorCurrentIdleState: u32,
};
const fields3 = {
  ...fields2,
  /** RID of the mandatory label: 0x2000 medium, 0x3000 high */
  ProcessIntegrityLevel: u32,
  /** MEM_EXECUTE_OPTION_* */
  ProcessExecuteFlags: u32,
  ProtectedProcess: u32,
  /** 0 unknown, 1 standard, 2 daylight saving time */
  TimeZoneId: u32,
  TimeZone: TIME_ZONE_INFORMATION,
};
const fields4 = {
  ...fields3,
  /** Of Windows: "17763.1.x86fre.rs5_release…" */
  BuildString: utf16(260),
  /** Of the library that wrote the dump: "dbgcore.i386,10.0.17763.1" */
  DbgBldStr: utf16(40),
};
const fields5 = {
  ...fields4,
  XStateData: XSTATE_CONFIG_FEATURE_MSC_INFO,
  ProcessCookie: u32,
};

/** Windows XP */
export const MINIDUMP_MISC_INFO = struct('MINIDUMP_MISC_INFO', fields1);
export const MINIDUMP_MISC_INFO_2 = struct('MINIDUMP_MISC_INFO_2', fields2);
/** Windows 7 */
export const MINIDUMP_MISC_INFO_3 = struct('MINIDUMP_MISC_INFO_3', fields3);
export const MINIDUMP_MISC_INFO_4 = struct('MINIDUMP_MISC_INFO_4', fields4);
/** Windows 10 */
export const MINIDUMP_MISC_INFO_5 = struct('MINIDUMP_MISC_INFO_5', fields5);

type Fields1 = ValueOf<typeof MINIDUMP_MISC_INFO>;
type Fields5 = ValueOf<typeof MINIDUMP_MISC_INFO_5>;

/** The fields of the oldest version, and of the newer ones what this dump has. */
export type MiscInfo = Fields1 & Partial<Omit<Fields5, keyof Fields1>> & { version: 1 | 2 | 3 | 4 | 5 };

interface Version {
  readonly size: number;
  decode(bytes: Uint8Array, offset?: number, littleEndian?: boolean): Fields1;
}

const versions: readonly (readonly [MiscInfo['version'], Version])[] = [
  [5, MINIDUMP_MISC_INFO_5],
  [4, MINIDUMP_MISC_INFO_4],
  [3, MINIDUMP_MISC_INFO_3],
  [2, MINIDUMP_MISC_INFO_2],
  [1, MINIDUMP_MISC_INFO],
];

/**
 * The newest version that SizeOfInfo has room for. Which of its fields mean something is told by Flags1; the others are
 * given as they are.
 */
export function decodeMiscInfo(bytes: Uint8Array, littleEndian = true): MiscInfo {
  checkLength('MiscInfo', bytes, MINIDUMP_MISC_INFO.size);
  const { SizeOfInfo } = MINIDUMP_MISC_INFO.decode(bytes, 0, littleEndian);
  const size = Math.min(SizeOfInfo, bytes.length);
  for (const [version, structure] of versions) {
    if (size >= structure.size) return { version, ...structure.decode(bytes, 0, littleEndian) };
  }
  throw malformed('MiscInfo', `a SizeOfInfo of ${MINIDUMP_MISC_INFO.size} or more`, `${SizeOfInfo}`);
}

export function encodeMiscInfo(info: InputOf<typeof MINIDUMP_MISC_INFO>): Uint8Array {
  return MINIDUMP_MISC_INFO.encode({ ...info, SizeOfInfo: MINIDUMP_MISC_INFO.size });
}

export function encodeMiscInfo5(info: InputOf<typeof MINIDUMP_MISC_INFO_5>): Uint8Array {
  return MINIDUMP_MISC_INFO_5.encode({ ...info, SizeOfInfo: MINIDUMP_MISC_INFO_5.size });
}
