import { PlatformId } from '../../src/format/index.js';
import { runSync, type Task } from '../../src/io/index.js';
import type { Minidump, Module } from '../../src/reader/index.js';
import {
  type Frame,
  fetchStack,
  type UnwindLookups,
  type UnwindOptions,
  type UnwindSystem,
  unwind,
  type Walk,
} from '../../src/unwind/index.js';

function* nothing<T>(): Task<T | undefined> {
  return undefined;
}

export interface DumpModule {
  base: bigint;
  size: number;
  name: string;
}

/** Look-ups in the modules of a dump, without symbols. */
export function modulesOnly(modules: readonly Module[]): UnwindLookups<DumpModule> {
  const known = modules.map((module) => ({
    base: module.BaseOfImage,
    size: module.SizeOfImage,
    name: (module.name ?? '').replace(/^.*[\\/]/, ''),
  }));
  return {
    moduleAt: (address) => known.find(({ base, size }) => address >= base && address < base + BigInt(size)),
    cfiAt: nothing,
    windowsFrameAt: nothing,
    isCode: nothing,
    *parameterSizeAt() {
      return 0;
    },
  };
}

const systems: Readonly<Record<number, UnwindSystem>> = {
  [PlatformId.VER_PLATFORM_WIN32_WINDOWS]: 'windows',
  [PlatformId.VER_PLATFORM_WIN32_NT]: 'windows',
  [PlatformId.MD_OS_MAC_OS_X]: 'mac',
  [PlatformId.MD_OS_IOS]: 'ios',
  [PlatformId.MD_OS_LINUX]: 'linux',
  [PlatformId.MD_OS_ANDROID]: 'android',
};

/** The stack of each thread of a dump; the one that has the exception starts from its context. */
export function walkThreads(
  dump: Minidump,
  lookupsOf: (modules: readonly Module[]) => UnwindLookups<DumpModule> = modulesOnly,
  options: UnwindOptions = {},
): { id: number; walk: Walk<DumpModule> }[] {
  const modules = dump.getSync('modules') ?? [];
  const exception = dump.getSync('exception');
  const system = dump.getSync('systemInfo')!;
  return dump.getSync('threads')!.map((thread) => {
    const crashed = exception?.ThreadId === thread.ThreadId;
    const context = (crashed ? exception.context : undefined) ?? thread.context;
    if (!context) return { id: thread.ThreadId, walk: { frames: [], end: 'no-context', truncated: false } };
    const registers = new Map(context.registerNames.map((name) => [name, context.register(name)!]));
    const stack = { start: thread.Stack.StartOfMemoryRange, size: thread.Stack.Memory.DataSize };
    const memory = runSync(fetchStack(dump.memorySync(), stack, context.stackPointer, dump.littleEndian));
    const input = {
      cpu: context.cpu as 'x86' | 'amd64' | 'arm' | 'arm64',
      system: systems[system.PlatformId] ?? 'other',
      registers,
      memory,
      highestModuleEnd: modules.reduce((end, { BaseOfImage, SizeOfImage }) => {
        const own = BaseOfImage + BigInt(SizeOfImage);
        return own > end ? own : end;
      }, 0n),
    } as const;
    return { id: thread.ThreadId, walk: runSync(unwind(input, lookupsOf(modules), options)) };
  });
}

/** `offset trust module` of each frame, as rust-minidump's JSON has them. */
export function linesOf(frames: readonly Frame<DumpModule>[], digits: number): string[] {
  return frames.map(
    ({ lookupAddress, trust, module }) =>
      `0x${lookupAddress.toString(16).padStart(digits, '0')} ${trust} ${module?.name ?? null}`,
  );
}
