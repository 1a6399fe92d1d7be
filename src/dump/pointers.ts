import { type AddressRange, intersectRange } from './ranges.js';

/**
 * Visits the aligned words of a copy of memory. They come as numbers: an address above 2^53 loses its low bits, but no process has
 * memory there. A word that is cut off at either end is left out.
 */
export function eachWord(
  address: bigint,
  bytes: Uint8Array,
  size: 4 | 8,
  littleEndian: boolean,
  visit: (value: number, offset: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [low, high] = littleEndian ? [0, 4] : [4, 0];
  for (let offset = firstWord(address, size); offset + size <= bytes.length; offset += size) {
    const value =
      size === 4
        ? view.getUint32(offset, littleEndian)
        : view.getUint32(offset + high, littleEndian) * 2 ** 32 + view.getUint32(offset + low, littleEndian);
    visit(value, offset);
  }
}

function firstWord(address: bigint, size: number): number {
  return (size - Number(address % BigInt(size))) % size;
}

/** Looks up in which of many ranges an address lies; they must not overlap. */
export class AddressTable {
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #order: Uint32Array;

  constructor(ranges: readonly AddressRange[]) {
    this.#order = Uint32Array.from(ranges.keys()).sort((a, b) =>
      ranges[a]!.start < ranges[b]!.start ? -1 : ranges[a]!.start > ranges[b]!.start ? 1 : 0,
    );
    this.#starts = Float64Array.from(this.#order, (i) => Number(ranges[i]!.start));
    this.#ends = Float64Array.from(this.#order, (i) => Number(ranges[i]!.end));
  }

  /** Index of the range that holds an address, in the list that was given; -1 if there is none. */
  indexOf(address: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! > address) high = middle;
      else low = middle + 1;
    }
    return low > 0 && address < this.#ends[low - 1]! ? this.#order[low - 1]! : -1;
  }
}

/** What MiniDumpFilterMemory leaves of stacks. */
export interface PointerFilter {
  /** The stacks: sorted, merged. */
  ranges: readonly AddressRange[];
  /** What a word of them that stays points to. */
  keep: AddressTable;
}

/**
 * MiniDumpFilterMemory: zeroes what is of a stack in a copy of memory, except the aligned words that point into code or stacks,
 * which is what a stack trace is made of. (Breakpad and Crashpad, which sanitise stacks too, also keep small integers; those
 * may be a user's.)
 */
export function filterPointers(
  address: bigint,
  bytes: Uint8Array,
  { ranges, keep }: PointerFilter,
  size: 4 | 8,
  littleEndian: boolean,
): void {
  for (const { start, end } of intersectRange(ranges, address, address + BigInt(bytes.length))) {
    const stack = bytes.subarray(Number(start - address), Number(end - address));
    let zeroed = 0;
    eachWord(start, stack, size, littleEndian, (value, offset) => {
      if (keep.indexOf(value) < 0) return;
      stack.fill(0, zeroed, offset);
      zeroed = offset + size;
    });
    stack.fill(0, zeroed);
  }
}
