import {
  type InputOf,
  type MINIDUMP_PROCESS_VM_COUNTERS_2,
  type MINIDUMP_SYSTEM_MEMORY_INFO_1,
  MINIDUMP_TYPE,
} from '../../format/index.js';
import type { Task } from '../../io/index.js';
import { hasFlag } from '../dump-type.js';
import type { Image, Location } from '../image.js';
import type { DumpOptions } from '../options.js';
import type { PlacedStack, Selection } from '../select.js';
import type {
  Target,
  TargetHandle,
  TargetLinkMap,
  TargetProcess,
  TargetText,
  TargetToken,
  TargetUnloadedModule,
} from '../target.js';

/** All that the streams are made of, gathered before the target goes on. */
export interface StreamContext {
  target: Target;
  options: DumpOptions;
  selection: Selection;
  process: TargetProcess;
  texts: readonly TargetText[];
  linkMap: TargetLinkMap | undefined;
  handles: readonly TargetHandle[] | undefined;
  unloadedModules: readonly TargetUnloadedModule[];
  tokens: readonly TargetToken[];
  systemMemory: InputOf<typeof MINIDUMP_SYSTEM_MEMORY_INFO_1> | undefined;
  vmCounters: InputOf<typeof MINIDUMP_PROCESS_VM_COUNTERS_2> | undefined;
}

export interface StreamWriter {
  type: number;
  /** Places the stream and what it points to; gives where the stream is. */
  write: (image: Image, place: StackPlace) => Location;
}

/** Where a stack will be in the file. */
export type StackPlace = (stack: PlacedStack | undefined) => Location;

/** Asks the target for all that the streams of this dump need. */
export function* gatherStreams(
  target: Target,
  options: DumpOptions,
  selection: Selection,
): Task<StreamContext> {
  const wants = (flag: keyof typeof MINIDUMP_TYPE) => hasFlag(selection.type, MINIDUMP_TYPE[flag]);
  return {
    target,
    options,
    selection,
    process: yield* target.process(),
    texts: yield* target.texts(),
    linkMap: yield* target.linkMap((address, length) => selection.memory.readSome(address, length)),
    handles: wants('MiniDumpWithHandleData') ? yield* target.handles() : undefined,
    unloadedModules: wants('MiniDumpWithUnloadedModules') ? yield* target.unloadedModules() : [],
    tokens: wants('MiniDumpWithTokenInformation') ? yield* target.tokens() : [],
    systemMemory: yield* target.systemMemory(),
    vmCounters: yield* target.vmCounters(),
  };
}

/** Whether paths are cut to the names of files, in every stream that names files. */
export function filtersPaths({ selection }: StreamContext): boolean {
  return hasFlag(
    selection.type,
    MINIDUMP_TYPE.MiniDumpFilterModulePaths | MINIDUMP_TYPE.MiniDumpFilterTriage,
  );
}

export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
