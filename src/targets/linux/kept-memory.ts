import { type AddressRange, mergeRanges } from '../../dump/ranges.js';
import type { MemoryPart } from '../../dump/target.js';
import { indexAbove } from '../../linux/stacks.js';
import type { ReadableMemory } from './memory.js';

/** A part of the memory of a process, as it was at one moment. */
export interface KeptPart extends MemoryPart {
  /** Of data. */
  bytes: Uint8Array | undefined;
}

/** Reads ranges into parts, ascending and without overlaps. What is more than `budget` bytes is left out, and told in `left`. */
export function keepMemory(
  memory: ReadableMemory,
  ranges: readonly AddressRange[],
  budget: number,
  left: AddressRange[] = [],
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
      const bytes = new Uint8Array(Number(part.end - part.start));
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
