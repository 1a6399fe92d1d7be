import { constants } from '../layout.js';

/**
 * MINIDUMP_STREAM_TYPE of minidumpapiset.h, then what others have added since. The header leaves everything above
 * LastReservedStream to the user, so each producer took a range of its own.
 */
export const streamTypes = constants({
  UnusedStream: 0,
  ReservedStream0: 1,
  ReservedStream1: 2,
  ThreadListStream: 3,
  ModuleListStream: 4,
  MemoryListStream: 5,
  ExceptionStream: 6,
  SystemInfoStream: 7,
  ThreadExListStream: 8,
  Memory64ListStream: 9,
  CommentStreamA: 10,
  CommentStreamW: 11,
  HandleDataStream: 12,
  FunctionTableStream: 13,
  UnloadedModuleListStream: 14,
  MiscInfoStream: 15,
  MemoryInfoListStream: 16,
  ThreadInfoListStream: 17,
  HandleOperationListStream: 18,
  TokenStream: 19,
  JavaScriptDataStream: 20,
  SystemMemoryInfoStream: 21,
  ProcessVmCountersStream: 22,
  IptTraceStream: 23,
  ThreadNamesStream: 24,
  /** Not in the header of 2024 yet; the windows-rs bindings have it, as the next. */
  CompressedMemoryStream: 25,
  CompressedMemoryStreamSQL: 0x7000,
  // Windows CE
  ceStreamNull: 0x8000,
  ceStreamSystemInfo: 0x8001,
  ceStreamException: 0x8002,
  ceStreamModuleList: 0x8003,
  ceStreamProcessList: 0x8004,
  ceStreamThreadList: 0x8005,
  ceStreamThreadContextList: 0x8006,
  ceStreamThreadCallStackList: 0x8007,
  ceStreamMemoryVirtualList: 0x8008,
  ceStreamMemoryPhysicalList: 0x8009,
  ceStreamBucketParameters: 0x800a,
  ceStreamProcessModuleMap: 0x800b,
  ceStreamDiagnosisList: 0x800c,
  /** Wine: the ELF modules beside the PE ones, laid out as ModuleListStream. */
  WineElfModuleList: 0xfff0,
  LastReservedStream: 0xffff,

  // Breakpad ("Gg" 0x4767); minidump-writer and LLDB write the Linux ones too
  BreakpadInfoStream: 0x47670001,
  AssertionInfoStream: 0x47670002,
  LinuxCpuInfo: 0x47670003,
  LinuxProcStatus: 0x47670004,
  LinuxLsbRelease: 0x47670005,
  LinuxCmdLine: 0x47670006,
  LinuxEnviron: 0x47670007,
  LinuxAuxv: 0x47670008,
  LinuxMaps: 0x47670009,
  LinuxDsoDebug: 0x4767000a,
  // LLDB continues Breakpad's numbers
  LinuxProcStat: 0x4767000b,
  LinuxProcUptime: 0x4767000c,
  LinuxProcFD: 0x4767000d,

  // Crashpad ("CP" 0x4350)
  CrashpadInfoStream: 0x43500001,
  CrashpadLastReservedStream: 0x4350ffff,

  // Chromium ("Kk" 0x4b6b): a protobuf
  StabilityReportStream: 0x4b6b0002,

  // LLDB ("LLDB" as the bytes of a number)
  LLDBGenerated: 0x4c4c4442,

  // Mozilla ("Mz" 0x4d7a)
  MozMacosCrashInfoStream: 0x4d7a0001,
  MozMacosBootargsStream: 0x4d7a0002,
  MozLinuxLimits: 0x4d7a0003,
  MozSoftErrors: 0x4d7a0004,

  // Facebook, as LLDB's `process plugin dump` knows them
  FacebookLogcat: 0xface1ca7,
  FacebookAppCustomData: 0xfacecafa,
  FacebookBuildID: 0xfacecafb,
  FacebookAppVersionName: 0xfacecafc,
  FacebookJavaStack: 0xfacecafd,
  FacebookDalvikInfo: 0xfacecafe,
  FacebookUnwindSymbols: 0xfacecaff,
  FacebookDumpErrorLog: 0xfacecb00,
  FacebookAppStateLog: 0xfacecccc,
  FacebookAbortReason: 0xfacedead,
  FacebookThreadName: 0xfacee000,
});

export const StreamType = streamTypes.values;
/** The name of a known stream type, as in `StreamType`. */
export type StreamTypeName = keyof typeof StreamType;
