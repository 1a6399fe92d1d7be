import { at, type InputOf, struct, u16, u32, u64, type ValueOf } from '../layout.js';
import { checkLength } from './list.js';

/** Sizes in bytes. */
const workingSetFields = {
  PageFaultCount: at(4, u32),
  PeakWorkingSetSize: u64,
  WorkingSetSize: u64,
  QuotaPeakPagedPoolUsage: u64,
  QuotaPagedPoolUsage: u64,
  QuotaPeakNonPagedPoolUsage: u64,
  QuotaNonPagedPoolUsage: u64,
  PagefileUsage: u64,
  PeakPagefileUsage: u64,
};

export const MINIDUMP_PROCESS_VM_COUNTERS_1 = struct('MINIDUMP_PROCESS_VM_COUNTERS_1', {
  /** 1 */
  Revision: u16,
  ...workingSetFields,
  PrivateUsage: u64,
});

export const MINIDUMP_PROCESS_VM_COUNTERS_2 = struct('MINIDUMP_PROCESS_VM_COUNTERS_2', {
  /** 2 */
  Revision: u16,
  /** MINIDUMP_PROCESS_VM_COUNTERS_FLAGS: which fields are valid */
  Flags: u16,
  ...workingSetFields,
  PeakVirtualSize: u64,
  VirtualSize: u64,
  PrivateUsage: u64,
  PrivateWorkingSetSize: u64,
  SharedCommitUsage: u64,
  JobSharedCommitUsage: u64,
  JobPrivateCommitUsage: u64,
  JobPeakPrivateCommitUsage: u64,
  JobPrivateCommitLimit: u64,
  JobTotalCommitLimit: u64,
});

type Counters1 = ValueOf<typeof MINIDUMP_PROCESS_VM_COUNTERS_1>;
export type ProcessVmCounters = Counters1 & Partial<ValueOf<typeof MINIDUMP_PROCESS_VM_COUNTERS_2>>;

export function decodeProcessVmCounters(bytes: Uint8Array, littleEndian = true): ProcessVmCounters {
  checkLength('ProcessVmCounters', bytes, MINIDUMP_PROCESS_VM_COUNTERS_1.size);
  const first = MINIDUMP_PROCESS_VM_COUNTERS_1.decode(bytes, 0, littleEndian);
  if (first.Revision < 2 || bytes.length < MINIDUMP_PROCESS_VM_COUNTERS_2.size) return first;
  return MINIDUMP_PROCESS_VM_COUNTERS_2.decode(bytes, 0, littleEndian);
}

export function encodeProcessVmCounters(info: InputOf<typeof MINIDUMP_PROCESS_VM_COUNTERS_2>): Uint8Array {
  return MINIDUMP_PROCESS_VM_COUNTERS_2.encode({ ...info, Revision: 2 });
}
