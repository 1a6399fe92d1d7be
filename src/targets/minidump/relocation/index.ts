import { StreamType } from '../../../format/index.js';
import type { Relocate } from './context.js';
import { relocateCrashpadInfo } from './crashpad.js';
import { relocateHandleData } from './handles.js';
import { relocateModuleList, relocateUnloadedModuleList } from './modules.js';
import { relocateDsoDebug, relocateMacBootArgs, relocateMacCrashInfo, relocateSystemInfo } from './others.js';
import {
  relocateException,
  relocateThreadExList,
  relocateThreadInfoList,
  relocateThreadList,
  relocateThreadNames,
} from './threads.js';

export type { Relocate, RelocationContext } from './context.js';
export { KeptParts } from './kept.js';

/** The streams that point to something, or of which only a part may be left. All others are carried as they are. */
export const relocations: ReadonlyMap<number, Relocate> = new Map([
  [StreamType.ThreadListStream, relocateThreadList],
  [StreamType.ThreadExListStream, relocateThreadExList],
  [StreamType.ThreadNamesStream, relocateThreadNames],
  [StreamType.ThreadInfoListStream, relocateThreadInfoList],
  [StreamType.ExceptionStream, relocateException],
  [StreamType.ModuleListStream, relocateModuleList],
  [StreamType.WineElfModuleList, relocateModuleList],
  [StreamType.UnloadedModuleListStream, relocateUnloadedModuleList],
  [StreamType.HandleDataStream, relocateHandleData],
  [StreamType.SystemInfoStream, relocateSystemInfo],
  [StreamType.CrashpadInfoStream, relocateCrashpadInfo],
  [StreamType.LinuxDsoDebug, relocateDsoDebug],
  [StreamType.MozMacosCrashInfoStream, relocateMacCrashInfo],
  [StreamType.MozMacosBootargsStream, relocateMacBootArgs],
]);
