import { MINIDUMP_TYPE, MODULE_WRITE_FLAGS, THREAD_WRITE_FLAGS } from '../format/index.js';
import { MinidumpError, type Task } from '../io/index.js';
import type { DumpException, DumpOptions, ReportedRange } from './options.js';
import type { CallbackProtocol } from './protocol.js';
import { type AddressRange, intersectRange, mergeRanges, subtractRanges } from './ranges.js';
import { RedactedMemory } from './redaction.js';
import type { Target, TargetException, TargetModule, TargetRegion, TargetThread } from './target.js';

const { ThreadWriteThread, ThreadWriteStack, ThreadWriteContext, ThreadWriteInstructionWindow } =
  THREAD_WRITE_FLAGS;
const { ModuleWriteModule, ModuleWriteMiscRecord, ModuleWriteCvRecord } = MODULE_WRITE_FLAGS;
const { MiniDumpWithFullMemory, MiniDumpIgnoreInaccessibleMemory } = MINIDUMP_TYPE;

const THREAD_DEFAULTS =
  ThreadWriteThread | ThreadWriteStack | ThreadWriteContext | ThreadWriteInstructionWindow;
const MODULE_DEFAULTS = ModuleWriteModule | ModuleWriteMiscRecord | ModuleWriteCvRecord;

/** Around each instruction pointer, [IP - 0x80, IP + 0x80) is stored, as native dumps have it (contract, 4.2). */
const WINDOW = 0x80n;
const MEM_COMMIT = 0x1000;

/** Memory that is stored in one piece. */
export interface MemoryBlock {
  start: bigint;
  end: bigint;
  /** Parts that are stored as zeros without being read: removed by the callback, or never touched. Sorted, merged. */
  blank: AddressRange[];
}

export interface SelectedThread {
  thread: TargetThread;
  flags: number;
  stack: MemoryBlock | undefined;
}

export interface SelectedModule {
  module: TargetModule;
  flags: number;
}

export interface SelectedException extends TargetException {
  threadId: number;
}

/** All that goes into a dump, decided before the first byte of it is written. */
export interface Selection {
  threads: SelectedThread[];
  excludedThreads: number;
  modules: SelectedModule[];
  excludedModules: number;
  exception: SelectedException | undefined;
  /** In the order in which they are stored: those of the stacks first, then ascending. */
  memory: MemoryBlock[];
  removed: AddressRange[];
  unreadable: ReportedRange[];
  redacted: RedactedMemory;
}

/** Stops the target and asks the callback, in the documented order (docs/callback.md). */
export function* select(target: Target, options: DumpOptions, protocol: CallbackProtocol): Task<Selection> {
  const type = options.type ?? MINIDUMP_TYPE.MiniDumpNormal;
  const full = (type & MiniDumpWithFullMemory) !== 0;

  protocol.checkCancelled();
  const threadFlags = new Map<number, number>();
  let excludedThreads = 0;
  yield* target.hold((id) => {
    const flags = protocol.includeThread(id, THREAD_DEFAULTS);
    protocol.checkCancelled();
    threadFlags.set(id, flags);
    if ((flags & ThreadWriteThread) !== 0) return true;
    excludedThreads++;
    return false;
  });
  const { modules, excluded: excludedModules } = yield* selectModules(target, protocol);
  const plain = new RedactedMemory(target, []);
  const own =
    options.exception === undefined && target.ownException !== undefined
      ? yield* target.ownException()
      : undefined;
  const happened = options.exception
    ? yield* target.exception(options.exception, (address, length) => plain.read(address, length))
    : own;
  const { threads, refused } = yield* selectThreads(
    target,
    protocol,
    threadFlags,
    options.exception,
    happened,
  );
  excludedThreads += refused;

  const added = full ? [] : mergeRanges(protocol.memory());
  const removed = full && !protocol.idiomatic ? [] : protocol.removeMemory();
  const regions = full ? yield* selectRegions(target, protocol, removed) : [];
  const blanked = mergeRanges(removed);
  protocol.checkCancelled();

  const unreadable: ReportedRange[] = [];
  const stacks = yield* stackBlocks(target, threads, blanked);
  const wanted = full ? regions : [...added, ...windows(threads, happened)];
  const rest = subtractRanges(subtractRanges(mergeRanges(wanted), blanked), mergeRanges(stacks));
  const others = yield* otherBlocks(target, rest, { full, added, unreadable });
  if (!full && unreadable.length > 0 && (type & MiniDumpIgnoreInaccessibleMemory) === 0) {
    const [{ address, size }] = unreadable as [ReportedRange];
    throw new MinidumpError(
      'memory-unreadable',
      `the callback added memory that cannot be read: ${size} bytes at 0x${address.toString(16)}`,
      { advice: 'Add mapped memory only, or allow it with MiniDumpIgnoreInaccessibleMemory (0x20000).' },
    );
  }

  const redacted = new RedactedMemory(target, blanked);
  let exception: SelectedException | undefined = own;
  if (options.exception !== undefined) {
    // Once more, through the redaction: what was removed must not come in through the back door.
    const seen = yield* target.exception(options.exception, (address, length) =>
      redacted.read(address, length),
    );
    exception = { threadId: options.exception.threadId, ...seen };
  }
  return {
    threads,
    excludedThreads,
    modules,
    excludedModules,
    exception,
    memory: [...stacks, ...others],
    removed: blanked,
    unreadable,
    redacted,
  };
}

function* selectModules(
  target: Target,
  protocol: CallbackProtocol,
): Task<{ modules: SelectedModule[]; excluded: number }> {
  const all = yield* target.modules();
  const included: SelectedModule[] = [];
  for (const module of all) {
    const flags = protocol.includeModule(module.base, MODULE_DEFAULTS);
    if ((flags & ModuleWriteModule) !== 0) included.push({ module, flags });
    protocol.checkCancelled();
  }
  const modules: SelectedModule[] = [];
  for (const { module, flags: before } of included) {
    const flags = protocol.module(
      {
        Module: {
          FullPath: module.path,
          BaseOfImage: module.base,
          SizeOfImage: module.size,
          CheckSum: module.checkSum,
          TimeDateStamp: module.timeDateStamp,
          VersionInfo: module.versionInfo,
          CvRecord: module.codeView,
          SizeOfCvRecord: module.codeView?.length ?? 0,
          MiscRecord: module.misc,
          SizeOfMiscRecord: module.misc?.length ?? 0,
        },
      },
      before,
    );
    if ((flags & ModuleWriteModule) !== 0) modules.push({ module, flags });
    protocol.checkCancelled();
  }
  return { modules, excluded: all.length - modules.length };
}

function* selectThreads(
  target: Target,
  protocol: CallbackProtocol,
  included: ReadonlyMap<number, number>,
  asked: DumpException | undefined,
  happened: TargetException | undefined,
): Task<{ threads: SelectedThread[]; refused: number }> {
  const threads: SelectedThread[] = [];
  let refused = 0;
  for (const found of yield* target.threads()) {
    const thread =
      happened !== undefined && asked?.threadId === found.id ? atException(target, found, happened) : found;
    const flags = protocol.thread(
      {
        Thread: {
          ThreadId: thread.id,
          ThreadHandle: 0,
          Context: thread.context.slice(),
          SizeOfContext: thread.context.length,
          StackBase: thread.stack.start,
          StackEnd: thread.stack.end,
        },
      },
      included.get(thread.id) ?? 0,
    );
    if ((flags & ThreadWriteThread) !== 0) threads.push({ thread, flags, stack: undefined });
    else refused++;
    protocol.checkCancelled();
  }
  return { threads, refused };
}

/**
 * The thread that got the signal stands in its handler, perhaps on a stack of its own. As Breakpad does it, it is
 * written as it was at the fault, so that its stack is that of the fault.
 */
function atException(target: Target, thread: TargetThread, happened: TargetException): TargetThread {
  const { context, instructionPointer, stackPointer } = happened;
  return { ...thread, context, instructionPointer, stackPointer, stack: target.stackAt(stackPointer) };
}

/**
 * The regions of a full-memory dump. IncludeVmRegion is asked in two passes, as documented; what either of them drops stays
 * out, and counts as removed: a stack in it is blanked as well.
 */
function* selectRegions(
  target: Target,
  protocol: CallbackProtocol,
  removed: AddressRange[],
): Task<AddressRange[]> {
  let kept = (yield* target.regions())
    .filter(({ dumpable }) => dumpable)
    .map((region) => ({ region, range: whole(region) }));
  for (let pass = 0; pass < 2; pass++) {
    const next: typeof kept = [];
    for (const { region, range } of kept) {
      const answer = protocol.includeVmRegion({
        BaseAddress: region.start,
        AllocationBase: region.allocationBase,
        AllocationProtect: region.allocationProtection,
        RegionSize: region.end - region.start,
        State: MEM_COMMIT,
        Protect: region.protection,
        Type: region.type,
      });
      const left = answer === undefined ? [] : intersectRange([range], answer.start, answer.end);
      removed.push(...subtractRanges([range], left));
      for (const piece of left) next.push({ region, range: piece });
      protocol.checkCancelled();
    }
    kept = next;
  }
  return kept.map(({ range }) => range);
}

const whole = ({ start, end }: TargetRegion): AddressRange => ({ start, end });

/** What native dumps store around each instruction pointer. */
function windows(threads: readonly SelectedThread[], happened: TargetException | undefined): AddressRange[] {
  const pointers = threads
    .filter(({ flags }) => (flags & ThreadWriteInstructionWindow) !== 0)
    .map(({ thread }) => thread.instructionPointer);
  if (happened !== undefined) pointers.push(happened.instructionPointer);
  return pointers
    .filter((pointer) => pointer >= WINDOW)
    .map((pointer) => ({ start: pointer - WINDOW, end: pointer + WINDOW }));
}

/**
 * One block a stack, in one piece, so that MINIDUMP_THREAD.Stack can point to it: what was removed is zero in it, and it
 * ends where memory ends. Stacks that overlap (two threads in one mapping) are cut at the next one's start.
 */
function* stackBlocks(
  target: Target,
  threads: readonly SelectedThread[],
  removed: readonly AddressRange[],
): Task<MemoryBlock[]> {
  const blocks: MemoryBlock[] = [];
  const withStack = threads
    .filter(({ flags, thread }) => (flags & ThreadWriteStack) !== 0 && thread.stack.end > thread.stack.start)
    .sort((a, b) => (a.thread.stack.start < b.thread.stack.start ? -1 : 1));
  for (const [i, selected] of withStack.entries()) {
    const { start, end: limit } = selected.thread.stack;
    const previous = blocks.at(-1);
    if (previous?.start === start) {
      selected.stack = previous;
      continue;
    }
    let after = i + 1;
    while (withStack[after]?.thread.stack.start === start) after++;
    const next = withStack[after]?.thread.stack.start;
    const bound = next !== undefined && next < limit ? next : limit;
    const parts = yield* target.probe(start, bound);
    const hole = parts.find(({ kind }) => kind === 'hole');
    const end = hole?.start ?? bound;
    if (end <= start) continue;
    const zeros = parts.filter(({ kind, start }) => kind === 'zero' && start < end);
    const block = { start, end, blank: mergeRanges([...zeros, ...intersectRange(removed, start, end)]) };
    blocks.push(block);
    selected.stack = block;
  }
  return blocks;
}

/** Blocks for memory that is no stack: split where it cannot be read. */
function* otherBlocks(
  target: Target,
  ranges: readonly AddressRange[],
  { full, added, unreadable }: { full: boolean; added: readonly AddressRange[]; unreadable: ReportedRange[] },
): Task<MemoryBlock[]> {
  const blocks: MemoryBlock[] = [];
  for (const range of ranges) {
    for (const { start, end, kind } of yield* target.probe(range.start, range.end)) {
      const last = blocks.at(-1);
      if (kind === 'hole') {
        // Of what nobody asked for by name (the edge of an instruction window) nothing is missed.
        const missed = full ? [{ start, end }] : intersectRange(added, start, end);
        for (const { start: address, end: to } of missed) unreadable.push({ address, size: to - address });
        continue;
      }
      // Never touched: 8 GiB of reserved memory cost a full dump nothing. Asked for by name, it is there as zeros.
      if (full && kind === 'zero') continue;
      const blank = kind === 'zero' ? [{ start, end }] : [];
      if (!full && last !== undefined && last.end === start) {
        last.end = end;
        last.blank.push(...blank);
      } else {
        blocks.push({ start, end, blank });
      }
    }
  }
  return blocks;
}
