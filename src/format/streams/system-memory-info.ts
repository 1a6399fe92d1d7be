import { type InputOf, i64, struct, u16, u32, u64, type ValueOf } from '../layout.js';
import { checkLength } from './list.js';

/** The machine's memory: pages and addresses. */
export const MINIDUMP_SYSTEM_BASIC_INFORMATION = struct('MINIDUMP_SYSTEM_BASIC_INFORMATION', {
  TimerResolution: u32,
  PageSize: u32,
  NumberOfPhysicalPages: u32,
  LowestPhysicalPageNumber: u32,
  HighestPhysicalPageNumber: u32,
  AllocationGranularity: u32,
  MinimumUserModeAddress: u64,
  MaximumUserModeAddress: u64,
  ActiveProcessorsAffinityMask: u64,
  NumberOfProcessors: u32,
});

export const MINIDUMP_SYSTEM_FILECACHE_INFORMATION = struct('MINIDUMP_SYSTEM_FILECACHE_INFORMATION', {
  CurrentSize: u64,
  PeakSize: u64,
  PageFaultCount: u32,
  MinimumWorkingSet: u64,
  MaximumWorkingSet: u64,
  CurrentSizeIncludingTransitionInPages: u64,
  PeakSizeIncludingTransitionInPages: u64,
  TransitionRePurposeCount: u32,
  Flags: u32,
});

/** In pages. */
export const MINIDUMP_SYSTEM_BASIC_PERFORMANCE_INFORMATION = struct(
  'MINIDUMP_SYSTEM_BASIC_PERFORMANCE_INFORMATION',
  {
    AvailablePages: u64,
    CommittedPages: u64,
    CommitLimit: u64,
    PeakCommitment: u64,
  },
);

/** SYSTEM_PERFORMANCE_INFORMATION of the Windows kernel: counts since the machine started, and pages. */
const performanceFields = {
  IdleProcessTime: u64,
  IoReadTransferCount: u64,
  IoWriteTransferCount: u64,
  IoOtherTransferCount: u64,
  IoReadOperationCount: u32,
  IoWriteOperationCount: u32,
  IoOtherOperationCount: u32,
  AvailablePages: u32,
  CommittedPages: u32,
  CommitLimit: u32,
  PeakCommitment: u32,
  PageFaultCount: u32,
  CopyOnWriteCount: u32,
  TransitionCount: u32,
  CacheTransitionCount: u32,
  DemandZeroCount: u32,
  PageReadCount: u32,
  PageReadIoCount: u32,
  CacheReadCount: u32,
  CacheIoCount: u32,
  DirtyPagesWriteCount: u32,
  DirtyWriteIoCount: u32,
  MappedPagesWriteCount: u32,
  MappedWriteIoCount: u32,
  PagedPoolPages: u32,
  NonPagedPoolPages: u32,
  PagedPoolAllocs: u32,
  PagedPoolFrees: u32,
  NonPagedPoolAllocs: u32,
  NonPagedPoolFrees: u32,
  FreeSystemPtes: u32,
  ResidentSystemCodePage: u32,
  TotalSystemDriverPages: u32,
  TotalSystemCodePages: u32,
  NonPagedPoolLookasideHits: u32,
  PagedPoolLookasideHits: u32,
  AvailablePagedPoolPages: u32,
  ResidentSystemCachePage: u32,
  ResidentPagedPoolPage: u32,
  ResidentSystemDriverPage: u32,
  CcFastReadNoWait: u32,
  CcFastReadWait: u32,
  CcFastReadResourceMiss: u32,
  CcFastReadNotPossible: u32,
  CcFastMdlReadNoWait: u32,
  CcFastMdlReadWait: u32,
  CcFastMdlReadResourceMiss: u32,
  CcFastMdlReadNotPossible: u32,
  CcMapDataNoWait: u32,
  CcMapDataWait: u32,
  CcMapDataNoWaitMiss: u32,
  CcMapDataWaitMiss: u32,
  CcPinMappedDataCount: u32,
  CcPinReadNoWait: u32,
  CcPinReadWait: u32,
  CcPinReadNoWaitMiss: u32,
  CcPinReadWaitMiss: u32,
  CcCopyReadNoWait: u32,
  CcCopyReadWait: u32,
  CcCopyReadNoWaitMiss: u32,
  CcCopyReadWaitMiss: u32,
  CcMdlReadNoWait: u32,
  CcMdlReadWait: u32,
  CcMdlReadNoWaitMiss: u32,
  CcMdlReadWaitMiss: u32,
  CcReadAheadIos: u32,
  CcLazyWriteIos: u32,
  CcLazyWritePages: u32,
  CcDataFlushes: u32,
  CcDataPages: u32,
  ContextSwitches: u32,
  FirstLevelTbFills: u32,
  SecondLevelTbFills: u32,
  SystemCalls: u32,
  CcTotalDirtyPages: u64,
  CcDirtyPageThreshold: u64,
  ResidentAvailablePages: i64,
  SharedCommittedPages: u64,
};

export const MINIDUMP_SYSTEM_PERFORMANCE_INFORMATION = struct(
  'MINIDUMP_SYSTEM_PERFORMANCE_INFORMATION',
  performanceFields,
);

export const MINIDUMP_SYSTEM_PERFORMANCE_INFORMATION_2 = struct('MINIDUMP_SYSTEM_PERFORMANCE_INFORMATION_2', {
  ...performanceFields,
  MdlPagesAllocated: u64,
  PfnDatabaseCommittedPages: u64,
  SystemPageTableCommittedPages: u64,
  ContiguousPagesAllocated: u64,
});

const headFields = {
  Revision: u16,
  /** MINIDUMP_SYSMEMINFO1_FLAGS: which fields are valid */
  Flags: u16,
  BasicInfo: MINIDUMP_SYSTEM_BASIC_INFORMATION,
  FileCacheInfo: MINIDUMP_SYSTEM_FILECACHE_INFORMATION,
  BasicPerfInfo: MINIDUMP_SYSTEM_BASIC_PERFORMANCE_INFORMATION,
};

export const MINIDUMP_SYSTEM_MEMORY_INFO_1 = struct('MINIDUMP_SYSTEM_MEMORY_INFO_1', {
  ...headFields,
  PerfInfo: MINIDUMP_SYSTEM_PERFORMANCE_INFORMATION,
});

/** Newer Windows writes 32 bytes more under the same Revision, 1; the size tells them apart. */
export const MINIDUMP_SYSTEM_MEMORY_INFO_2 = struct('MINIDUMP_SYSTEM_MEMORY_INFO_2', {
  ...headFields,
  PerfInfo: MINIDUMP_SYSTEM_PERFORMANCE_INFORMATION_2,
});

export type SystemMemoryInfo =
  | ValueOf<typeof MINIDUMP_SYSTEM_MEMORY_INFO_1>
  | ValueOf<typeof MINIDUMP_SYSTEM_MEMORY_INFO_2>;

export function decodeSystemMemoryInfo(bytes: Uint8Array, littleEndian = true): SystemMemoryInfo {
  checkLength('SystemMemoryInfo', bytes, MINIDUMP_SYSTEM_MEMORY_INFO_1.size);
  const structure =
    bytes.length >= MINIDUMP_SYSTEM_MEMORY_INFO_2.size
      ? MINIDUMP_SYSTEM_MEMORY_INFO_2
      : MINIDUMP_SYSTEM_MEMORY_INFO_1;
  return structure.decode(bytes, 0, littleEndian);
}

export function encodeSystemMemoryInfo(info: InputOf<typeof MINIDUMP_SYSTEM_MEMORY_INFO_1>): Uint8Array {
  return MINIDUMP_SYSTEM_MEMORY_INFO_1.encode({ ...info, Revision: 1 });
}
