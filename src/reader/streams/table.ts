import {
  type AuxiliaryValue,
  type AVRF_HANDLE_OPERATION,
  decodeAssertionInfo,
  decodeBreakpadInfo,
  decodeFunctionTables,
  decodeHandleOperationList,
  decodeMemory64List,
  decodeMemoryInfoList,
  decodeMemoryList,
  decodeMiscInfo,
  decodeProcessVmCounters,
  decodeSystemMemoryInfo,
  decodeThreadInfoList,
  type FunctionTables,
  type MDRawAssertionInfo,
  type MDRawBreakpadInfo,
  type Memory64List,
  type MINIDUMP_MEMORY_DESCRIPTOR,
  type MINIDUMP_MEMORY_INFO,
  type MINIDUMP_THREAD_INFO,
  type MiscInfo,
  type ProcessVmCounters,
  StreamType,
  type SystemMemoryInfo,
} from '../../format/index.js';
import { type CrashpadInfo, readCrashpadInfo } from './crashpad-info.js';
import { type Decoder, plain } from './decoder.js';
import { type Handle, readHandles } from './handles.js';
import { decodeMaps, type LinuxDsoDebug, type LinuxMapping, readAuxv, readDsoDebug } from './linux.js';
import { type Module, readModules, readUnloadedModules, type UnloadedModule } from './modules.js';
import { type MacCrashInfo, readMacBootArgs, readMacCrashInfo } from './mozilla.js';
import { readSystemInfo, type SystemInfo } from './system-info.js';
import {
  decodeCommentA,
  decodeCommentW,
  decodeJson,
  decodeNumber,
  decodeStrings,
  decodeText,
} from './text.js';
import {
  type Exception,
  readException,
  readThreadNames,
  readThreads,
  readThreadsEx,
  type Thread,
  type ThreadEx,
  type ThreadName,
} from './threads.js';
import { decodeTokenTexts, type Token } from './tokens.js';

/** The streams that are understood, by the name that `Minidump.get` takes, and what each is read as. */
export interface Streams {
  threads: Thread[];
  modules: Module[];
  memoryList: MINIDUMP_MEMORY_DESCRIPTOR[];
  exception: Exception;
  systemInfo: SystemInfo;
  threadsEx: ThreadEx[];
  memory64List: Memory64List;
  commentA: string;
  commentW: string;
  handles: Handle[];
  functionTables: FunctionTables;
  unloadedModules: UnloadedModule[];
  miscInfo: MiscInfo;
  memoryInfo: MINIDUMP_MEMORY_INFO[];
  threadInfo: MINIDUMP_THREAD_INFO[];
  handleOperations: AVRF_HANDLE_OPERATION[];
  tokens: Token[];
  systemMemoryInfo: SystemMemoryInfo;
  processVmCounters: ProcessVmCounters;
  threadNames: ThreadName[];
  wineElfModules: Module[];
  breakpadInfo: MDRawBreakpadInfo;
  assertionInfo: MDRawAssertionInfo;
  linuxCpuInfo: string;
  linuxStatus: string;
  linuxLsbRelease: string;
  linuxCommandLine: string[];
  linuxEnvironment: string[];
  linuxAuxv: AuxiliaryValue[];
  linuxMaps: LinuxMapping[];
  linuxDsoDebug: LinuxDsoDebug;
  linuxStat: string;
  linuxUptime: string;
  linuxFd: string;
  crashpadInfo: CrashpadInfo;
  macCrashInfo: MacCrashInfo;
  macBootArgs: string;
  linuxLimits: string;
  softErrors: unknown;
  facebookLogcat: string;
  facebookAppCustomData: string;
  facebookBuildId: number;
  facebookAppVersionName: string;
  facebookJavaStack: string;
  facebookDalvikInfo: string;
  facebookUnwindSymbols: string;
  facebookDumpErrorLog: string;
  facebookAppStateLog: string;
  facebookAbortReason: string;
  facebookThreadName: string;
}
export type StreamKey = keyof Streams;

interface Entry<T> {
  type: number;
  read: Decoder<T>;
}
function entry<T>(type: number, read: Decoder<T>): Entry<T> {
  return { type, read };
}
const text = plain(decodeText);

/** To add a stream: its layout and decoder in src/format/streams, a line in `Streams` and one here. */
export const streams: { readonly [K in StreamKey]: Entry<Streams[K]> } = {
  threads: entry(StreamType.ThreadListStream, readThreads),
  modules: entry(StreamType.ModuleListStream, readModules),
  memoryList: entry(StreamType.MemoryListStream, plain(decodeMemoryList)),
  exception: entry(StreamType.ExceptionStream, readException),
  systemInfo: entry(StreamType.SystemInfoStream, readSystemInfo),
  threadsEx: entry(StreamType.ThreadExListStream, readThreadsEx),
  memory64List: entry(StreamType.Memory64ListStream, plain(decodeMemory64List)),
  commentA: entry(StreamType.CommentStreamA, plain(decodeCommentA)),
  commentW: entry(StreamType.CommentStreamW, plain(decodeCommentW)),
  handles: entry(StreamType.HandleDataStream, readHandles),
  functionTables: entry(StreamType.FunctionTableStream, plain(decodeFunctionTables)),
  unloadedModules: entry(StreamType.UnloadedModuleListStream, readUnloadedModules),
  miscInfo: entry(StreamType.MiscInfoStream, plain(decodeMiscInfo)),
  memoryInfo: entry(StreamType.MemoryInfoListStream, plain(decodeMemoryInfoList)),
  threadInfo: entry(StreamType.ThreadInfoListStream, plain(decodeThreadInfoList)),
  handleOperations: entry(StreamType.HandleOperationListStream, plain(decodeHandleOperationList)),
  tokens: entry(StreamType.TokenStream, plain(decodeTokenTexts)),
  systemMemoryInfo: entry(StreamType.SystemMemoryInfoStream, plain(decodeSystemMemoryInfo)),
  processVmCounters: entry(StreamType.ProcessVmCountersStream, plain(decodeProcessVmCounters)),
  threadNames: entry(StreamType.ThreadNamesStream, readThreadNames),
  wineElfModules: entry(StreamType.WineElfModuleList, readModules),
  breakpadInfo: entry(StreamType.BreakpadInfoStream, plain(decodeBreakpadInfo)),
  assertionInfo: entry(StreamType.AssertionInfoStream, plain(decodeAssertionInfo)),
  linuxCpuInfo: entry(StreamType.LinuxCpuInfo, text),
  linuxStatus: entry(StreamType.LinuxProcStatus, text),
  linuxLsbRelease: entry(StreamType.LinuxLsbRelease, text),
  linuxCommandLine: entry(StreamType.LinuxCmdLine, plain(decodeStrings)),
  linuxEnvironment: entry(StreamType.LinuxEnviron, plain(decodeStrings)),
  linuxAuxv: entry(StreamType.LinuxAuxv, readAuxv),
  linuxMaps: entry(StreamType.LinuxMaps, plain(decodeMaps)),
  linuxDsoDebug: entry(StreamType.LinuxDsoDebug, readDsoDebug),
  linuxStat: entry(StreamType.LinuxProcStat, text),
  linuxUptime: entry(StreamType.LinuxProcUptime, text),
  linuxFd: entry(StreamType.LinuxProcFD, text),
  crashpadInfo: entry(StreamType.CrashpadInfoStream, readCrashpadInfo),
  macCrashInfo: entry(StreamType.MozMacosCrashInfoStream, readMacCrashInfo),
  macBootArgs: entry(StreamType.MozMacosBootargsStream, readMacBootArgs),
  linuxLimits: entry(StreamType.MozLinuxLimits, text),
  softErrors: entry(StreamType.MozSoftErrors, plain(decodeJson)),
  facebookLogcat: entry(StreamType.FacebookLogcat, text),
  facebookAppCustomData: entry(StreamType.FacebookAppCustomData, text),
  facebookBuildId: entry(StreamType.FacebookBuildID, plain(decodeNumber)),
  facebookAppVersionName: entry(StreamType.FacebookAppVersionName, text),
  facebookJavaStack: entry(StreamType.FacebookJavaStack, text),
  facebookDalvikInfo: entry(StreamType.FacebookDalvikInfo, text),
  facebookUnwindSymbols: entry(StreamType.FacebookUnwindSymbols, text),
  facebookDumpErrorLog: entry(StreamType.FacebookDumpErrorLog, text),
  facebookAppStateLog: entry(StreamType.FacebookAppStateLog, text),
  facebookAbortReason: entry(StreamType.FacebookAbortReason, text),
  facebookThreadName: entry(StreamType.FacebookThreadName, text),
};

export const streamKeys = Object.keys(streams) as StreamKey[];

const keysByType = new Map(streamKeys.map((key) => [streams[key].type, key]));

/** The key of a stream type that is understood. */
export function streamKeyOf(type: number): StreamKey | undefined {
  return keysByType.get(type);
}
