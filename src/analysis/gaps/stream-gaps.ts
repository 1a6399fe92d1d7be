import { MINIDUMP_TYPE, streamTypes } from '../../format/index.js';
import { MinidumpError, type Task } from '../../io/index.js';
import type { Minidump, StreamKey } from '../../reader/index.js';
import type { Analysis } from '../analyze.js';
import type { MemoryRegion } from '../instruction/index.js';
import { outsideKind } from './frame-gaps.js';
import { countOf, type GapConcern, RANK, type RankedGap, threadsText } from './gap.js';

const S = streamTypes.values;
const T = MINIDUMP_TYPE;

/** A stream that answers are made of. */
interface WantedStream {
  readonly keys: readonly StreamKey[];
  readonly name: string;
  readonly concerns: GapConcern;
  readonly cost: string;
  readonly remedy: string;
  /** Its flag of MINIDUMP_TYPE: where that was given and there is no stream, there was nothing to store. */
  readonly flag?: number;
  /** Whether this dump could have it and has a use for it. */
  readonly when?: (analysis: Analysis, regions: readonly MemoryRegion[]) => boolean;
}

const isLinux = ({ os }: Analysis) => os === 'linux' || os === 'android';
const byMdmp = 'mdmp dump writes it, unless MiniDumpFilterTriage or WithoutOptionalData keep it out';

/** In the order of what they cost. */
const WANTED: readonly WantedStream[] = [
  {
    keys: ['systemInfo'],
    name: 'SystemInfoStream',
    concerns: 'stacks',
    cost: 'the processor is not known, so that no registers can be read: no stacks, no crash reason',
    remedy: 'a writer that keeps to the format: every MiniDumpWriteDump stores it',
  },
  {
    keys: ['threads', 'threadsEx'],
    name: 'ThreadListStream',
    concerns: 'stacks',
    cost: 'no stacks',
    remedy: 'a writer that keeps to the format: every MiniDumpWriteDump stores it',
  },
  {
    keys: ['modules'],
    name: 'ModuleListStream',
    concerns: 'stacks',
    cost: 'addresses have no module and no function, and stacks are walked by frame pointers at best',
    remedy: 'a writer that keeps to the format: every MiniDumpWriteDump stores it',
  },
  {
    keys: ['memoryInfo', 'linuxMaps'],
    name: 'MemoryInfoListStream',
    concerns: 'details',
    cost: 'guard pages, flipped bits and accesses that cannot have failed are not recognised',
    remedy: 'MiniDumpWithFullMemoryInfo (--type full-memory-info)',
    flag: T.MiniDumpWithFullMemoryInfo,
  },
  {
    keys: ['unloadedModules'],
    name: 'UnloadedModuleListStream',
    concerns: 'details',
    cost: 'frames in code that was unloaded have no name',
    remedy: 'MiniDumpWithUnloadedModules (--type unloaded-modules)',
    flag: T.MiniDumpWithUnloadedModules,
    // On Linux the memory map tells code that was made at run time from that of files.
    when: ({ threads, os }, regions) =>
      threads.some(({ stack }) =>
        stack.frames.some((frame) => {
          const kind = outsideKind(frame, regions);
          return kind === 'module' || (kind !== undefined && os === 'windows');
        }),
      ),
  },
  {
    keys: ['threadNames'],
    name: 'ThreadNamesStream',
    concerns: 'details',
    cost: 'threads have numbers only',
    remedy:
      'a writer that stores names (mdmp dump, Crashpad, DbgHelp of Windows 10), and a program that names its threads',
    when: ({ threads }) => threads.length > 1,
  },
  {
    keys: ['miscInfo'],
    name: 'MiscInfoStream',
    concerns: 'details',
    cost: 'how long the process ran is not told',
    remedy: 'mdmp dump, Crashpad and DbgHelp write it',
  },
  {
    keys: ['linuxCpuInfo'],
    name: 'LinuxCpuInfo',
    concerns: 'details',
    cost: "the processor's microcode is not told",
    remedy: byMdmp,
    when: isLinux,
  },
  {
    keys: ['linuxLsbRelease'],
    name: 'LinuxLsbRelease',
    concerns: 'details',
    cost: 'the distribution is not told, and so which packages have the symbols',
    remedy: byMdmp,
    when: isLinux,
  },
  {
    keys: ['handles'],
    name: 'HandleDataStream',
    concerns: 'details',
    cost: 'which files and sockets were open is not told',
    remedy: 'MiniDumpWithHandleData (--type handle-data)',
    flag: T.MiniDumpWithHandleData,
  },
  {
    keys: ['threadInfo'],
    name: 'ThreadInfoListStream',
    concerns: 'details',
    cost: 'when each thread began, with which function, and how long it ran is not told',
    remedy: 'MiniDumpWithThreadInfo (--type thread-info)',
    flag: T.MiniDumpWithThreadInfo,
  },
];

/** Which streams are absent, broken, or broken in parts. */
export function* streamGaps(analysis: Analysis, regions: readonly MemoryRegion[]): Task<RankedGap[]> {
  const { dump } = analysis;
  const gaps: RankedGap[] = [];
  for (const [index, wanted] of WANTED.entries()) {
    const { keys, name: stream, concerns, cost, remedy, flag, when } = wanted;
    if (keys.some((key) => dump.entry(key) !== undefined) || when?.(analysis, regions) === false) continue;
    // Windows writes no list of unloaded modules or handles where there are none.
    if (flag !== undefined && (Number(dump.header.Flags) & flag) !== 0) continue;
    const rank = (concerns === 'details' ? RANK.beside : RANK.everything) + index;
    gaps.push({ rank, gap: { kind: 'stream', concerns, missing: stream, cost, remedy, stream } });
  }
  return [
    ...gaps,
    ...(yield* brokenStreams(dump)),
    ...(yield* brokenParts(analysis)),
    ...(yield* softErrors(dump)),
    ...(yield* versionGap(analysis)),
    ...exceptionGap(analysis),
  ];
}

/** What all stacks are made of. */
const ESSENTIAL: ReadonlySet<StreamKey> = new Set([
  'systemInfo',
  'threads',
  'modules',
  'exception',
  'memoryList',
  'memory64List',
]);

function* brokenStreams(dump: Minidump): Task<RankedGap[]> {
  const gaps: RankedGap[] = [];
  const { size } = dump.source;
  const seen = new Set<number>();
  for (const entry of dump.directory) {
    const { key, streamType, rva, dataSize } = entry;
    if (streamType === S.UnusedStream) continue;
    const stream = entry.name ?? `0x${streamType.toString(16)}`;
    // Of several with one type the first counts, as in all readers.
    const isFirst = !seen.has(streamType);
    seen.add(streamType);
    const isCut = rva + dataSize > size;
    const message = isCut
      ? `it ends at ${rva + dataSize}, the file at ${size}`
      : key !== undefined && isFirst && (yield* messageOf(dump, key));
    if (!message) continue;
    const essential = key !== undefined && ESSENTIAL.has(key);
    const used = WANTED.find(({ keys }) => key !== undefined && keys.includes(key));
    gaps.push({
      rank: essential ? RANK.everything : RANK.beside,
      gap: {
        kind: 'broken-stream',
        concerns: essential ? (key === 'exception' ? 'crash' : 'stacks') : 'details',
        missing: `${stream}, which is broken: ${message}`,
        cost: used?.cost ?? COSTS[key ?? ''] ?? 'what it holds cannot be shown',
        remedy: isCut
          ? 'the whole file: copy it again from where it was written'
          : 'a dump by a writer that keeps to the format',
        stream,
      },
    });
  }
  return gaps;
}

const COSTS: Readonly<Record<string, string>> = {
  exception: 'the crash has no reason and no address, and its thread is not known',
  memoryList: 'stacks that lie in it are not told',
  memory64List: 'stacks that lie in it are not told',
};

function* messageOf(dump: Minidump, key: StreamKey): Task<string | undefined> {
  try {
    yield* dump.getTask(key);
    return undefined;
  } catch (error) {
    if (error instanceof MinidumpError && (error.code === 'malformed' || error.code === 'truncated'))
      return error.message.replace(/^\w+: /, '');
    throw error;
  }
}

/** Names, registers and records of modules and threads that cannot be read. */
function* brokenParts({ dump }: Analysis): Task<RankedGap[]> {
  const gaps: RankedGap[] = [];
  const modules = (yield* dump.tryTask('modules')) ?? [];
  const damaged = modules.filter(({ problems }) => problems.length > 0);
  if (damaged.length > 0) {
    const [first] = damaged;
    gaps.push({
      rank: RANK.module,
      gap: {
        kind: 'broken-part',
        concerns: 'stacks',
        missing: `names or identifiers of ${countOf(damaged.length, 'module')}: ${first!.problems[0]!.message}`,
        cost: 'their symbols are not found',
        remedy: 'the whole file, or a dump by a writer that keeps to the format',
        stream: 'ModuleListStream',
      },
    });
  }
  const threads = ((yield* dump.tryTask('threads')) ?? []).filter(({ problems }) => problems.length > 0);
  if (threads.length > 0) {
    const ids = threads.map(({ ThreadId }) => ThreadId);
    gaps.push({
      rank: RANK.thread,
      gap: {
        kind: 'broken-part',
        concerns: 'stacks',
        missing: `a part of ${threadsText(ids)}: ${threads[0]!.problems[0]!.message}`,
        cost: ids.length === 1 ? 'its stack is not told' : 'their stacks are not told',
        remedy: 'the whole file, or a dump by a writer that keeps to the format',
        threads: ids,
        stream: 'ThreadListStream',
      },
    });
  }
  return gaps;
}

/** What the writer says that it could not have. */
function* softErrors(dump: Minidump): Task<RankedGap[]> {
  const errors = yield* dump.tryTask('softErrors');
  const count = Array.isArray(errors) ? errors.length : errors === undefined || errors === null ? 0 : 1;
  if (count === 0) return [];
  return [
    {
      rank: RANK.beside,
      gap: {
        kind: 'unreadable-memory',
        concerns: 'details',
        missing: `what the writer of the dump could not read: it notes ${countOf(count, 'problem')}`,
        cost: 'the memory there is absent or zero',
        remedy: '`mdmp show FILE MozSoftErrors` tells what and why',
        stream: 'MozSoftErrors',
      },
    },
  ];
}

function* versionGap({ dump }: Analysis): Task<RankedGap[]> {
  const system = yield* dump.systemTask();
  if (system === undefined || system.csdVersion) return [];
  if (system.MajorVersion !== 0 || system.MinorVersion !== 0 || system.BuildNumber !== 0) return [];
  return [
    {
      rank: RANK.beside,
      gap: {
        kind: 'system-version',
        concerns: 'details',
        missing: 'the version of the operating system',
        cost: 'which system files and symbols belong to it is not told',
        remedy: 'a writer that stores it, as mdmp dump, Crashpad and DbgHelp do',
        stream: 'SystemInfoStream',
      },
    },
  ];
}

function exceptionGap({ dump, crash }: Analysis): RankedGap[] {
  if (crash !== undefined || dump.entry('exception') !== undefined) return [];
  return [
    {
      rank: RANK.beside,
      gap: {
        kind: 'exception',
        concerns: 'note',
        missing: 'an exception: the dump was asked for, nothing crashed, or its writer was not told of it',
        cost: 'a crash, if there was one, has no reason and no thread',
        remedy: 'mdmp core-handler, mdmp dump --exception, or ExceptionParam of MiniDumpWriteDump',
        stream: 'ExceptionStream',
      },
    },
  ];
}
