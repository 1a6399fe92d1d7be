import type { AddressRange } from '../../../dump/ranges.js';
import type { MemoryPart, PlacedRange } from '../../../dump/target.js';
import type { Mapping } from '../../../linux/maps.js';
import { indexAbove } from '../../../linux/stacks.js';
import { addRun, type ProcessMemory, type ReadableMemory, type SortedMemory } from '../memory.js';

/** A part of memory as it was in the process itself, which the copy does not have. */
interface KeptPart extends MemoryPart {
  /** Of data. */
  bytes: Uint8Array | undefined;
}

/** What a fork does not copy, or what goes on changing, read while the process stands still. */
export class KeptMemory {
  readonly #parts: KeptPart[] = [];
  /** What was too much; it is read from the copy, and where that has none, it is a hole. */
  readonly left: AddressRange[] = [];

  /** @param budget most bytes to read */
  constructor(memory: ReadableMemory, ranges: readonly AddressRange[], budget: number) {
    let taken = 0;
    for (const range of [...ranges].sort((a, b) => (a.start < b.start ? -1 : 1))) {
      const parts = memory.probe(range.start, range.end);
      const size = parts.reduce(
        (sum, part) => sum + (part.kind === 'data' ? Number(part.end - part.start) : 0),
        0,
      );
      if (taken + size > budget) {
        this.left.push(range);
        continue;
      }
      taken += size;
      for (const part of parts) {
        if (part.kind !== 'data') {
          this.#parts.push({ ...part, bytes: undefined });
          continue;
        }
        const bytes = new Uint8Array(Number(part.end - part.start));
        const got = memory.read(part.start, bytes);
        this.#parts.push({ ...part, end: part.start + BigInt(got), bytes: bytes.subarray(0, got) });
      }
    }
  }

  /** The part that holds an address, or else where the next one begins. */
  at(address: bigint): KeptPart | bigint | undefined {
    const index = indexAbove(this.#parts, address);
    const part = this.#parts[index - 1];
    return part !== undefined && address < part.end ? part : this.#parts[index]?.start;
  }
}

/** The memory of a process at the moment of its snapshot: that of the copy, and what was kept of the process itself. */
export class SnapshotMemory implements ReadableMemory {
  readonly #copy: ProcessMemory;
  readonly #kept: KeptMemory;

  constructor(copy: ProcessMemory, kept: KeptMemory) {
    this.#copy = copy;
    this.#kept = kept;
  }

  use(mappings: readonly Mapping[]): void {
    this.#copy.use(mappings);
  }

  find(address: bigint): Mapping | undefined {
    return this.#copy.find(address);
  }

  probe(start: bigint, end: bigint): MemoryPart[] {
    const parts: MemoryPart[] = [];
    for (let at = start; at < end; ) {
      const found = this.#kept.at(at);
      if (typeof found === 'object') {
        const to = found.end < end ? found.end : end;
        parts.push({ start: at, end: to, kind: found.kind, why: found.why });
        at = to;
      } else {
        const to = found !== undefined && found < end ? found : end;
        for (const part of this.#copy.probe(at, to)) parts.push(part);
        at = to;
      }
    }
    return parts;
  }

  read(address: bigint, into: Uint8Array): number {
    for (let done = 0; done < into.length; ) {
      const at = address + BigInt(done);
      const found = this.#kept.at(at);
      const limit = typeof found === 'object' ? found.end : found;
      const room = into.length - done;
      const length = limit !== undefined && limit - at < BigInt(room) ? Number(limit - at) : room;
      const piece = into.subarray(done, done + length);
      let got: number;
      if (typeof found !== 'object') got = this.#copy.read(at, piece);
      else if (found.bytes === undefined) got = found.kind === 'zero' ? piece.fill(0).length : 0;
      else {
        const from = Number(at - found.start);
        piece.set(found.bytes.subarray(from, from + length));
        got = length;
      }
      done += got;
      if (got < length) return done;
    }
    return into.length;
  }

  sort(ranges: readonly PlacedRange[]): SortedMemory {
    const sorted: SortedMemory = { runs: [], left: [] };
    for (const { start, end, position } of ranges) {
      for (let at = start; at < end; ) {
        const found = this.#kept.at(at);
        let to = typeof found === 'object' ? found.end : (found ?? end);
        if (to > end) to = end;
        const piece = { start: at, end: to, position: position + Number(at - start) };
        if (typeof found !== 'object') {
          const { runs, left } = this.#copy.sort([piece]);
          for (const run of runs) addRun(sorted.runs, run.address, run.address + run.length, run.position);
          for (const one of left) sorted.left.push(one);
        } else if (found.kind !== 'zero') sorted.left.push(piece);
        at = piece.end;
      }
    }
    return sorted;
  }

  [Symbol.dispose](): void {
    this.#copy[Symbol.dispose]();
  }
}
