import type { MemoryPart, PlacedRange } from '../../dump/target.js';
import type { Mapping } from '../../linux/maps.js';
import { type KeptMemory, readKept } from './kept-memory.js';
import { addRun, type ReadableMemory, type SortedMemory } from './memory.js';

/** Memory that was kept, and other memory where there is none of that. */
export class OverlaidMemory implements ReadableMemory {
  readonly #beyond: ReadableMemory;
  readonly #kept: KeptMemory;

  constructor(beyond: ReadableMemory, kept: KeptMemory) {
    this.#beyond = beyond;
    this.#kept = kept;
  }

  use(mappings: readonly Mapping[]): void {
    this.#beyond.use(mappings);
  }

  find(address: bigint): Mapping | undefined {
    return this.#beyond.find(address);
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
        for (const part of this.#beyond.probe(at, to)) parts.push(part);
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
      const got = typeof found === 'object' ? readKept(found, at, piece) : this.#beyond.read(at, piece);
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
          const { runs, left } = this.#beyond.sort([piece]);
          for (const run of runs) addRun(sorted.runs, run.address, run.address + run.length, run.position);
          for (const one of left) sorted.left.push(one);
        } else if (found.kind !== 'zero') sorted.left.push(piece);
        at = piece.end;
      }
    }
    return sorted;
  }

  [Symbol.dispose](): void {
    this.#beyond[Symbol.dispose]();
  }
}
