import { HRESULT, THREAD_WRITE_FLAGS } from '../format/index.js';
import { MinidumpError, type Task } from '../io/index.js';
import { hasFlag } from './dump-type.js';
import type { DumpMemory } from './memory.js';
import type { CallbackProtocol } from './protocol.js';
import { type AddressRange, intersectRange, mergeRanges, subtractRanges } from './ranges.js';
import type { SelectedThread } from './select.js';
import type { MemoryPart, StoredDump, Target } from './target.js';

const { ThreadWriteStack, ThreadWriteBackingStore } = THREAD_WRITE_FLAGS;

/** Memory that is stored in one piece. */
export interface MemoryBlock extends AddressRange {
  /** Parts that are stored as zeros without being read: removed by the callback, or never touched. Sorted, merged. */
  blank: AddressRange[];
  /** It is the stack of a thread. */
  stack: boolean;
}

/** The memory of a dump. */
export interface Blocks {
  /** In the order in which they are stored: those of stacks first. */
  stored: MemoryBlock[];
  /** In the order of the memory list; what no list names is not among them. */
  listed: readonly MemoryBlock[];
}

/**
 * One block a stack, in one piece, so that MINIDUMP_THREAD.Stack can point to it: what was removed is zero in it, and it
 * ends where memory ends. Stacks that overlap (two threads in one mapping) are cut at the next one's start.
 */
export function* stackBlocks(
  target: Target,
  threads: readonly SelectedThread[],
  removed: readonly AddressRange[],
): Task<MemoryBlock[]> {
  const blocks: MemoryBlock[] = [];
  const wanted = wantedStacks(threads).sort(byStart);
  for (const [i, { selected, key, start, end: limit }] of wanted.entries()) {
    const previous = blocks.at(-1);
    if (previous?.start === start) {
      selected[key] = { block: previous, start, end: previous.end };
      continue;
    }
    let after = i + 1;
    while (wanted[after]?.start === start) after++;
    const next = wanted[after]?.start;
    const bound = next !== undefined && next < limit ? next : limit;
    const parts = yield* target.probe(start, bound);
    const end = parts.find(({ kind }) => kind === 'hole')?.start ?? bound;
    if (end <= start) continue;
    const zeros = parts.filter(({ kind, start }) => kind === 'zero' && start < end);
    const blank = mergeRanges([...zeros, ...intersectRange(removed, start, end)]);
    const block: MemoryBlock = { start, end, blank, stack: true };
    blocks.push(block);
    selected[key] = { block, start, end };
  }
  return blocks;
}

interface WantedStack extends AddressRange {
  selected: SelectedThread;
  key: 'stack' | 'backingStore';
}

function wantedStacks(threads: readonly SelectedThread[]): WantedStack[] {
  const wanted: WantedStack[] = [];
  for (const selected of threads) {
    const { thread, flags } = selected;
    const add = (key: WantedStack['key'], flag: number, range: AddressRange | undefined) => {
      if (range !== undefined && range.end > range.start && hasFlag(flags, flag)) {
        wanted.push({ selected, key, ...range });
      }
    };
    add('stack', ThreadWriteStack, thread.stack);
    add('backingStore', ThreadWriteBackingStore, thread.backingStore);
  }
  return wanted;
}

const byStart = (a: AddressRange, b: AddressRange) =>
  a.start < b.start ? -1 : a.start > b.start ? 1 : a.end < b.end ? -1 : a.end > b.end ? 1 : 0;

/** What is to be done about memory that is wanted and not there. */
export type MissingMemory =
  /** Nobody asked for it by name: the edge of an instruction window, the surroundings of a pointer. */
  | 'nothing'
  /** It is left out, unless the callback says that the dump fails. */
  | 'omit'
  /** The dump fails, unless the callback says that it is left out. */
  | 'fail';

export interface WantedMemory {
  ranges: readonly AddressRange[];
  missing: MissingMemory;
  /** Anonymous memory that was never touched: stored as zeros where it was asked for by name, else left out. */
  zeros: 'keep' | 'skip';
}

/**
 * Blocks for memory that is no stack: ascending, split where it cannot be read. Of overlapping wishes the first counts.
 *
 * @param taken what is stored already, and what was removed
 */
export function* otherBlocks(
  target: Target,
  memory: DumpMemory,
  protocol: CallbackProtocol,
  wishes: readonly WantedMemory[],
  taken: readonly AddressRange[],
  ignore: boolean,
): Task<MemoryBlock[]> {
  const blocks: MemoryBlock[] = [];
  let done = mergeRanges(taken);
  for (const { ranges, missing, zeros } of wishes) {
    const wanted = subtractRanges(mergeRanges(ranges), done);
    done = mergeRanges([...done, ...wanted]);
    for (const range of wanted) {
      for (const part of yield* target.probe(range.start, range.end)) {
        const { start, end, kind } = part;
        if (kind === 'hole') {
          if (missing !== 'nothing') miss(memory, protocol, part, missing, ignore);
        } else if (kind === 'data' || zeros === 'keep') {
          blocks.push({ start, end, blank: kind === 'zero' ? [{ start, end }] : [], stack: false });
        }
      }
    }
  }
  return blocks.sort(byStart);
}

function miss(
  memory: DumpMemory,
  protocol: CallbackProtocol,
  { start, end, why = 'it is not there' }: MemoryPart,
  missing: MissingMemory,
  ignore: boolean,
): void {
  const size = end - start;
  const omitted =
    ignore || protocol.readMemoryFailure(start, size, HRESULT.ERROR_PARTIAL_COPY, missing === 'omit');
  if (!omitted) {
    throw new MinidumpError(
      'memory-unreadable',
      `memory that is wanted cannot be read: ${size} bytes at 0x${start.toString(16)}, ${why}`,
      {
        advice:
          'Add mapped memory only, or allow it with MiniDumpIgnoreInaccessibleMemory (0x20000) or the callback readMemoryFailure.',
      },
    );
  }
  memory.failures.push({ start, end, zeroed: false, why });
}

/** Blocks that touch become one, as native dumps have them; stacks stay by themselves. */
export function mergeBlocks(blocks: readonly MemoryBlock[]): MemoryBlock[] {
  const merged: MemoryBlock[] = [];
  for (const block of blocks) {
    const last = merged.at(-1);
    if (last !== undefined && last.end === block.start) {
      last.end = block.end;
      for (const blank of block.blank) last.blank.push(blank);
    } else {
      merged.push({ ...block });
    }
  }
  return merged;
}

/**
 * The memory of a stored dump as it lies there, without what was removed. A range with a stack stays in one piece, with zeros
 * in place of what was removed; others are split around it. Stacks that no memory list names stay out of the list.
 */
export function* storedBlocks(
  target: Target,
  { memory, wide }: StoredDump,
  threads: readonly SelectedThread[],
  removed: readonly AddressRange[],
): Task<Blocks> {
  const stacks = wantedStacks(threads).sort(byStart);
  const known = new Map<string, MemoryBlock[]>();
  const stored: MemoryBlock[] = [];
  const listed: MemoryBlock[] = [];
  for (const range of memory) {
    const key = `${range.start}-${range.end}`;
    // The same range twice is stored once; but the bytes of a Memory64List follow from its sizes alone. It is listed twice as well
    // as long as it is whole: many entries of one range, each in many pieces, would make a list of any size.
    const before = wide ? undefined : known.get(key);
    if (before !== undefined) {
      if (before.length === 1) listed.push(before[0]!);
      continue;
    }
    const first = stacks[firstFrom(stacks, range.start)];
    const whole = first !== undefined && isInside(range, first);
    const blocks: MemoryBlock[] = [];
    for (const { start, end, kind } of yield* target.probe(range.start, range.end)) {
      if (kind === 'hole') continue;
      const parts = whole ? [{ start, end }] : subtractRanges([{ start, end }], removed);
      for (const part of parts) {
        const blank = whole ? intersectRange(removed, part.start, part.end) : [];
        blocks.push({ ...part, blank, stack: whole });
      }
    }
    known.set(key, blocks);
    for (const block of blocks) {
      stored.push(block);
      listed.push(block);
    }
  }
  const unlisted: MemoryBlock[] = [];
  const sorted = [...stored].sort(byStart);
  for (const { selected, key, start, end } of stacks) {
    const after = firstFrom(sorted, start + 1n);
    let block = [sorted[after - 1], unlisted.at(-1)].find((one) => one && isInside(one, { start, end }));
    if (block === undefined) {
      block = { start, end, blank: intersectRange(removed, start, end), stack: true };
      unlisted.push(block);
    }
    selected[key] = { block, start, end };
  }
  return { stored: [...unlisted, ...stored], listed };
}

const isInside = (outer: AddressRange, inner: AddressRange): boolean =>
  inner.start >= outer.start && inner.end <= outer.end;

/** Index of the first range that does not start before the address; they are sorted. */
function firstFrom(ranges: readonly AddressRange[], address: bigint): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.start < address) low = middle + 1;
    else high = middle;
  }
  return low;
}
