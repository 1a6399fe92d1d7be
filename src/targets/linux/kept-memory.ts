import { type AddressRange, mergeRanges } from '../../dump/ranges.js';
import type { MemoryPart } from '../../dump/target.js';
import { indexAbove } from '../../linux/stacks.js';
import type { ReadableMemory } from './memory.js';

/** A part of the memory of a process, as it was at one moment. */
export interface KeptPart extends MemoryPart {
  /** Of data. */
  bytes: Uint8Array | undefined;
}

/** Memory of ours that is there already: to get it from the kernel page by page takes longer than to copy, and a process may wait. */
export class Room {
  readonly #bytes: Uint8Array;
  #used = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    // Each page of it is touched.
    this.#bytes.fill(1);
  }

  take(length: number): Uint8Array {
    if (this.#used + length > this.#bytes.length) return new Uint8Array(length);
    this.#used += length;
    return this.#bytes.subarray(this.#used - length, this.#used);
  }
}

/**
 * Reads ranges into parts, ascending and without overlaps. What is more than `budget` bytes is left out, and told in `left`.
 *
 * @param take gives arrays to read into, whatever is in them
 */
export function keepMemory(
  memory: ReadableMemory,
  ranges: readonly AddressRange[],
  budget: number,
  left: AddressRange[] = [],
  take: (length: number) => Uint8Array = (length) => new Uint8Array(length),
): KeptPart[] {
  const kept: KeptPart[] = [];
  let taken = 0;
  for (const range of mergeRanges(ranges)) {
    const parts = memory.probe(range.start, range.end);
    const size = parts.reduce(
      (sum, part) => sum + (part.kind === 'data' ? Number(part.end - part.start) : 0),
      0,
    );
    if (taken + size > budget) {
      left.push(range);
      continue;
    }
    taken += size;
    for (const part of parts) {
      if (part.kind !== 'data') {
        kept.push({ ...part, bytes: undefined });
        continue;
      }
      const bytes = take(Number(part.end - part.start));
      const got = memory.read(part.start, bytes);
      kept.push({ ...part, end: part.start + BigInt(got), bytes: bytes.subarray(0, got) });
    }
  }
  return kept;
}

/** Parts of memory by their addresses. */
export class KeptMemory {
  readonly #parts: readonly KeptPart[];

  /** @param parts ascending, without overlaps */
  constructor(parts: readonly KeptPart[]) {
    this.#parts = parts;
  }

  /** The part that holds an address, or else where the next one begins. */
  at(address: bigint): KeptPart | bigint | undefined {
    const index = indexAbove(this.#parts, address);
    const part = this.#parts[index - 1];
    return part !== undefined && address < part.end ? part : this.#parts[index]?.start;
  }
}

/** Reads from a part that holds an address; gives how many bytes there are. `into` does not go beyond its end. */
export function readKept(part: KeptPart, address: bigint, into: Uint8Array): number {
  if (part.bytes === undefined) return part.kind === 'zero' ? into.fill(0).length : 0;
  const from = Number(address - part.start);
  into.set(part.bytes.subarray(from, from + into.length));
  return into.length;
}
