import type { MemoryPart } from '../../dump/index.js';
import type { AddressRange } from '../../dump/ranges.js';
import type { Task } from '../../io/index.js';
import type { MemoryView, Minidump } from '../../reader/index.js';

const TOP = 1n << 64n;

/**
 * As in the reader: ranges of memory lie side by side in a sound file. Where they overlap each is written for itself, so that
 * all together they may be this many times as long as the file.
 */
const SHARING = 4n;

/** The memory that a dump holds. */
export class StoredMemory {
  readonly view: MemoryView;
  /** What its lists hold, in their order. */
  readonly listed: readonly AddressRange[];
  /** Its list is a Memory64List. */
  readonly wide: boolean;
  /** Bytes that stacks may yet have. */
  #left: bigint;
  readonly #stacks = new Set<string>();
  #crowded = false;
  readonly #dropped: number;

  private constructor(
    view: MemoryView,
    { listed, wide, dropped }: { listed: AddressRange[]; wide: boolean; dropped: number },
    left: bigint,
  ) {
    this.view = view;
    this.listed = listed;
    this.wide = wide;
    this.#dropped = dropped;
    this.#left = left;
  }

  /** @param without types of streams that are taken for absent */
  static *open(dump: Minidump, without: (key: 'memoryList' | 'memory64List') => boolean): Task<StoredMemory> {
    const view = yield* dump.memoryTask();
    const size = BigInt(dump.source.size);
    const listed: AddressRange[] = [];
    const known = new Set<string>();
    let left = size * SHARING;
    let dropped = 0;
    const add = (start: bigint, length: bigint, once: boolean) => {
      const end = start + length < TOP ? start + length : TOP;
      const key = `${start}-${end}`;
      if (!once || !known.has(key)) {
        if (end - start > left) {
          dropped++;
          return;
        }
        left -= end - start;
        known.add(key);
      }
      listed.push({ start, end });
    };
    if (!without('memoryList')) {
      for (const { StartOfMemoryRange, Memory } of (yield* dump.tryTask('memoryList')) ?? []) {
        const inFile = Math.max(0, Math.min(Memory.DataSize, dump.source.size - Memory.Rva));
        if (inFile > 0) add(StartOfMemoryRange, BigInt(inFile), true);
      }
    }
    const full = without('memory64List') ? undefined : yield* dump.tryTask('memory64List');
    let rva = full?.BaseRva ?? 0n;
    for (const { StartOfMemoryRange, DataSize } of full?.MemoryRanges ?? []) {
      const inFile = rva + DataSize > size ? size - rva : DataSize;
      if (inFile > 0n) add(StartOfMemoryRange, inFile, false);
      rva += DataSize;
    }
    return new StoredMemory(view, { listed, wide: full !== undefined, dropped }, size * SHARING);
  }

  /** Index of the first range of memory that ends behind an address. */
  #indexOf(address: bigint): number {
    const ranges = this.view.ranges();
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle]!.end <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What of a range is in the dump, ascending, without gaps. */
  probe(start: bigint, end: bigint): MemoryPart[] {
    const ranges = this.view.ranges();
    const parts: MemoryPart[] = [];
    let at = start;
    for (let i = this.#indexOf(start); i < ranges.length && ranges[i]!.start < end; i++) {
      const range = ranges[i]!;
      if (range.start > at) parts.push({ start: at, end: range.start, kind: 'hole' });
      if (range.start > at) at = range.start;
      const to = range.end < end ? range.end : end;
      const last = parts.at(-1);
      if (last?.kind === 'data' && last.end === at) last.end = to;
      else parts.push({ start: at, end: to, kind: 'data' });
      at = to;
    }
    if (at < end) parts.push({ start: at, end, kind: 'hole' });
    return parts;
  }

  /** The part of a range that can be read from its start on. */
  readable({ start, end }: AddressRange): AddressRange {
    const [first] = end > start ? this.probe(start, end) : [];
    return first?.kind === 'data' ? { start: first.start, end: first.end } : { start, end: start };
  }

  /** A stack, as much of it as there is; nothing of it where the file would grow without bounds. */
  stack(range: AddressRange): AddressRange {
    const stack = this.readable(range);
    const key = `${stack.start}-${stack.end}`;
    if (this.#stacks.has(key)) return stack;
    const size = stack.end - stack.start;
    if (size > this.#left) {
      this.#crowded = true;
      return { start: range.start, end: range.start };
    }
    this.#left -= size;
    this.#stacks.add(key);
    return stack;
  }

  /** What was left out so that the new dump does not grow without bounds. */
  get notes(): string[] {
    const why = 'share bytes of the file with others too often, and are left out';
    return [
      ...(this.#dropped > 0 ? [`${this.#dropped} ranges of memory ${why}`] : []),
      ...(this.#crowded ? [`some stacks ${why}`] : []),
    ];
  }

  /** All memory of the dump, with ranges that touch as one. */
  contiguous(): AddressRange[] {
    const runs: AddressRange[] = [];
    for (const { start, end } of this.view.ranges()) {
      const last = runs.at(-1);
      if (last?.end === start) last.end = end;
      else runs.push({ start, end });
    }
    return runs;
  }
}
