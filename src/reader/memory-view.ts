import { MinidumpError, readRanges, runAsync, runSync, type Source, type Task } from '../io/index.js';

/** A stretch of captured memory, and where its first byte is in the file. */
export interface MemoryRange {
  readonly start: bigint;
  /** The address behind the last byte. */
  readonly end: bigint;
  readonly rva: number;
}

const TOP = 1n << 64n;

/** What of a range is in a file of this size and below the end of all addresses. There may be 50,000: most are taken as they are. */
function clip(range: MemoryRange, fileSize: number): MemoryRange | undefined {
  const { start, end, rva } = range;
  if (!Number.isSafeInteger(rva) || rva < 0 || rva >= fileSize || end <= start) return undefined;
  const whole = Number(end - start) <= fileSize - rva;
  if (whole && end <= TOP) return range;
  const last = whole ? end : start + BigInt(fileSize - rva);
  return start < TOP ? { start, end: last < TOP ? last : TOP, rva } : undefined;
}

/** The same in order and without what is in two: sorts them in place. */
function disjoint(ranges: MemoryRange[]): MemoryRange[] {
  ranges.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const found: MemoryRange[] = [];
  let covered = 0n;
  for (const range of ranges) {
    const { start, end, rva } = range;
    if (end <= covered) continue;
    found.push(start >= covered ? range : { start: covered, end, rva: rva + Number(covered - start) });
    covered = end;
  }
  return found;
}

/**
 * All memory of a process that a dump holds, from thread stacks, MemoryList and Memory64List alike, as one address
 * space with holes.
 */
export class MemoryView {
  readonly #source: Source;
  readonly #ranges: readonly MemoryRange[];

  /**
   * The ranges may come in any order and overlap, as they do in Breakpad's dumps, where the stacks are in the memory list
   * again. Where two overlap the one that starts lower counts. What lies beyond the end of a file that was cut off is
   * left out.
   */
  constructor(source: Source, ranges: readonly MemoryRange[]) {
    this.#source = source;
    const inFile: MemoryRange[] = [];
    let ascending = true;
    let last = 0n;
    for (const given of ranges) {
      const range = clip(given, source.size);
      if (range === undefined) continue;
      if (range.start < last) ascending = false;
      last = range.end;
      inFile.push(range);
    }
    this.#ranges = ascending ? inFile : disjoint(inFile);
  }

  /** Ascending, none overlapping another; two may touch. */
  ranges(): readonly MemoryRange[] {
    return this.#ranges;
  }

  /** The range that holds an address. */
  find(address: bigint): MemoryRange | undefined {
    const range = this.#ranges[this.#indexOf(address)];
    return range && address >= range.start ? range : undefined;
  }

  /** Index of the first range that ends behind the address. */
  #indexOf(address: bigint): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.end <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Up to `length` bytes from `address`, as many as there are without a hole; none where the address itself is not
   * there.
   */
  *readTask(address: bigint, length: number): Task<Uint8Array> {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new MinidumpError('invalid-argument', `memory: ${length} is no length`);
    }
    const pieces: { offset: number; length: number }[] = [];
    const end = address + BigInt(length);
    let at = address;
    for (let i = this.#indexOf(address); i < this.#ranges.length && at < end; i++) {
      const range = this.#ranges[i]!;
      if (range.start > at) break;
      const stop = range.end < end ? range.end : end;
      pieces.push({ offset: range.rva + Number(at - range.start), length: Number(stop - at) });
      at = stop;
    }
    if (pieces.length === 0) return new Uint8Array(0);
    const parts = yield* readRanges(this.#source, pieces, 'memory');
    if (parts.length === 1) return parts[0]!;
    const whole = new Uint8Array(Number(at - address));
    let filled = 0;
    for (const part of parts) {
      whole.set(part, filled);
      filled += part.length;
    }
    return whole;
  }

  read(address: bigint, length: number): Promise<Uint8Array> {
    return runAsync(this.readTask(address, length));
  }

  readSync(address: bigint, length: number): Uint8Array {
    return runSync(this.readTask(address, length));
  }
}
