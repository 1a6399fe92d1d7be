import { MINIDUMP_TYPE, MODULE_WRITE_FLAGS, minidumpTypes, THREAD_WRITE_FLAGS } from '../format/index.js';
import { MinidumpError } from '../io/index.js';

/** MiniDumpValidTypeFlagsEx, and MiniDumpWithMemoryCompressed. */
const VALID = 0x07ff_ffff;

/** What is accepted as on Windows, and why it changes nothing. */
const WITHOUT_MEANING: readonly (readonly [flag: number, why: string])[] = [
  [MINIDUMP_TYPE.MiniDumpWithoutAuxiliaryState, 'only Windows has auxiliary data providers'],
  [MINIDUMP_TYPE.MiniDumpWithFullAuxiliaryState, 'only Windows has auxiliary data providers'],
  [MINIDUMP_TYPE.MiniDumpWithIptTrace, 'only Windows records Intel Processor Trace for a process'],
  [MINIDUMP_TYPE.MiniDumpWithMemoryCompressed, 'its stream has no public format; memory is stored as it is'],
  [
    MINIDUMP_TYPE.MiniDumpScanInaccessiblePartialPages,
    'memory is always salvaged page by page where some of it cannot be read',
  ],
  [MINIDUMP_TYPE.MiniDumpFilterWriteCombinedMemory, 'the memory of devices is never read'],
];

/** Refuses what is no MINIDUMP_TYPE (E_INVALIDARG). */
export function checkDumpType(type: number): void {
  if (Number.isInteger(type) && type >= 0 && type <= VALID) return;
  throw new MinidumpError(
    'invalid-argument',
    `${Number.isInteger(type) ? `0x${(type >>> 0).toString(16)}` : String(type)} is not a MINIDUMP_TYPE`,
    { advice: 'Bits outside 0x07ffffff have no meaning.' },
  );
}

/** The flags of a type that change nothing, with the reason. */
export function flagsWithoutMeaning(type: number): { name: string; why: string }[] {
  return WITHOUT_MEANING.filter(([flag]) => (type & flag) !== 0).map(([flag, why]) => ({
    name: minidumpTypes.nameOf(flag)!,
    why,
  }));
}

export const hasFlag = (type: number, flag: number): boolean => (type & flag) !== 0;

/** THREAD_WRITE_FLAGS that a callback finds set (contract, 4.2). */
export function threadDefaults(type: number): number {
  return (
    THREAD_WRITE_FLAGS.ThreadWriteThread |
    THREAD_WRITE_FLAGS.ThreadWriteStack |
    THREAD_WRITE_FLAGS.ThreadWriteContext |
    THREAD_WRITE_FLAGS.ThreadWriteInstructionWindow |
    (hasFlag(type, MINIDUMP_TYPE.MiniDumpWithProcessThreadData)
      ? THREAD_WRITE_FLAGS.ThreadWriteThreadData
      : 0) |
    (hasFlag(type, MINIDUMP_TYPE.MiniDumpWithThreadInfo) ? THREAD_WRITE_FLAGS.ThreadWriteThreadInfo : 0)
  );
}

/** MODULE_WRITE_FLAGS that a callback finds set (contract, 4.1). */
export function moduleDefaults(type: number): number {
  return (
    MODULE_WRITE_FLAGS.ModuleWriteModule |
    MODULE_WRITE_FLAGS.ModuleWriteMiscRecord |
    MODULE_WRITE_FLAGS.ModuleWriteCvRecord |
    (hasFlag(type, MINIDUMP_TYPE.MiniDumpWithDataSegs) ? MODULE_WRITE_FLAGS.ModuleWriteDataSeg : 0) |
    (hasFlag(type, MINIDUMP_TYPE.MiniDumpWithCodeSegs) ? MODULE_WRITE_FLAGS.ModuleWriteCodeSegs : 0) |
    (hasFlag(type, MINIDUMP_TYPE.MiniDumpWithProcessThreadData) ? MODULE_WRITE_FLAGS.ModuleWriteTlsData : 0)
  );
}
