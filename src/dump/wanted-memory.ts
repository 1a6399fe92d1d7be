import { MINIDUMP_TYPE, MODULE_WRITE_FLAGS, THREAD_WRITE_FLAGS } from '../format/index.js';
import type { Task } from '../io/index.js';
import type { WantedMemory } from './blocks.js';
import { hasFlag } from './dump-type.js';
import type { DumpMemory } from './memory.js';
import { AddressTable, eachWord } from './pointers.js';
import type { AddressRange } from './ranges.js';
import { isExecutable, isPrivateReadWrite, isPrivateWriteCopy } from './regions.js';
import type { SelectedModule, SelectedThread } from './select.js';
import type { Target, TargetException, TargetRegion } from './target.js';

const { ThreadWriteStack, ThreadWriteInstructionWindow, ThreadWriteThreadData } = THREAD_WRITE_FLAGS;
const { ModuleWriteDataSeg, ModuleWriteCodeSegs, ModuleWriteTlsData } = MODULE_WRITE_FLAGS;

/** Around each instruction pointer, [IP - 0x80, IP + 0x80) is stored, as native dumps have it (contract, 4.2). */
const WINDOW = 0x80n;
/**
 * MiniDumpWithIndirectlyReferencedMemory: around a pointer, [p - 256, p + 768). Microsoft's pages give no size; the one that was
 * remembered for the contract is 1 KiB with 256 bytes before the pointer.
 */
const BEFORE_POINTER = 256;
const AROUND_POINTER = 1024;

/** Where the memory of a dump is looked for. */
export interface MemorySource {
  target: Target;
  memory: DumpMemory;
  /** MINIDUMP_TYPE flags */
  type: number;
  regions(): Task<readonly TargetRegion[]>;
}

const has = (type: number, flag: keyof typeof MINIDUMP_TYPE): boolean => hasFlag(type, MINIDUMP_TYPE[flag]);

/** What of memory goes into a dump that is not a full-memory one, but for its stacks and what the callback adds. */
export function* wantedMemory(
  source: MemorySource,
  threads: readonly SelectedThread[],
  modules: readonly SelectedModule[],
  exception: TargetException | undefined,
): Task<WantedMemory[]> {
  const named = [
    windows(threads, exception),
    yield* describingMemory(source, threads, modules),
    yield* indirectMemory(source, threads),
  ];
  return [
    { ranges: named.flat(), missing: 'nothing', zeros: 'keep' },
    { ranges: yield* bulkMemory(source, modules), missing: 'omit', zeros: 'skip' },
  ];
}

/** What native dumps store around each instruction pointer. */
function windows(threads: readonly SelectedThread[], happened: TargetException | undefined): AddressRange[] {
  const pointers = threads
    .filter(({ flags }) => hasFlag(flags, ThreadWriteInstructionWindow))
    .map(({ thread }) => thread.instructionPointer);
  if (happened !== undefined) pointers.push(happened.instructionPointer);
  return pointers
    .filter((pointer) => pointer >= WINDOW)
    .map((pointer) => ({ start: pointer - WINDOW, end: pointer + WINDOW }));
}

/** What describes process, threads and thread-local variables (MiniDumpWithProcessThreadData). */
function* describingMemory(
  { target, memory, type }: MemorySource,
  threads: readonly SelectedThread[],
  modules: readonly SelectedModule[],
): Task<AddressRange[]> {
  const read = (address: bigint, length: number) => memory.readSome(address, length);
  const ranges: AddressRange[] = [];
  const add = (more: readonly AddressRange[]) => {
    for (const range of more) ranges.push(range);
  };
  if (has(type, 'MiniDumpWithProcessThreadData') && !has(type, 'MiniDumpWithoutOptionalData')) {
    add(yield* target.processData(read));
  }
  for (const { thread, flags } of threads) {
    if (hasFlag(flags, ThreadWriteThreadData)) add(yield* target.threadData(thread));
  }
  for (const { module, flags } of modules) {
    if (hasFlag(flags, ModuleWriteTlsData)) add(yield* target.moduleTls(module, read));
  }
  return ranges;
}

/** MiniDumpWithIndirectlyReferencedMemory: the surroundings of what the stacks point to, in memory that is data. */
function* indirectMemory(source: MemorySource, threads: readonly SelectedThread[]): Task<AddressRange[]> {
  if (
    !has(source.type, 'MiniDumpWithIndirectlyReferencedMemory') ||
    has(source.type, 'MiniDumpWithoutOptionalData')
  ) {
    return [];
  }
  const regions = (yield* source.regions()).filter((region) => region.dumpable && !isExecutable(region));
  const table = new AddressTable(regions);
  const found = new Map<number, AddressRange>();
  yield* eachStackWord(source, threads, (value) => {
    const index = table.indexOf(value);
    if (index < 0 || found.has(value)) return;
    const region = regions[index]!;
    const start = BigInt(Math.max(0, value - BEFORE_POINTER));
    const end = start + BigInt(AROUND_POINTER);
    found.set(value, {
      start: start > region.start ? start : region.start,
      end: end < region.end ? end : region.end,
    });
  });
  return [...found.values()];
}

/** Visits the aligned words of all stacks that are wanted, as numbers (see `eachWord`). */
export function* eachStackWord(
  { target, memory }: MemorySource,
  threads: readonly SelectedThread[],
  visit: (value: number) => void,
): Task<void> {
  const { pointerSize } = target.system;
  for (const { thread, flags } of threads) {
    if (!hasFlag(flags, ThreadWriteStack)) continue;
    const { start, end } = thread.stack;
    for (const part of yield* target.probe(start, end)) {
      if (part.kind !== 'data') continue;
      const bytes = yield* memory.readSome(part.start, Number(part.end - part.start));
      eachWord(part.start, bytes, pointerSize, target.stored?.littleEndian ?? true, visit);
    }
  }
}

/** Segments of modules, and regions of a kind. */
function* bulkMemory(
  { type, regions }: MemorySource,
  modules: readonly SelectedModule[],
): Task<AddressRange[]> {
  const ranges: AddressRange[] = [];
  const headers = has(type, 'MiniDumpWithModuleHeaders');
  for (const { module, flags } of modules) {
    for (const segment of module.segments) {
      const wanted =
        segment.kind === 'header' || segment.kind === 'note'
          ? headers
          : hasFlag(flags, segment.kind === 'data' ? ModuleWriteDataSeg : ModuleWriteCodeSegs);
      if (wanted) ranges.push(segment);
    }
  }
  const optional = !has(type, 'MiniDumpWithoutOptionalData');
  const readWrite = has(type, 'MiniDumpWithPrivateReadWriteMemory') && optional;
  const writeCopy = has(type, 'MiniDumpWithPrivateWriteCopyMemory') && optional;
  if (readWrite || writeCopy) {
    for (const region of yield* regions()) {
      if ((readWrite && isPrivateReadWrite(region)) || (writeCopy && isPrivateWriteCopy(region))) {
        ranges.push({ start: region.start, end: region.end });
      }
    }
  }
  return ranges;
}
