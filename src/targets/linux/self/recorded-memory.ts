import type { MemoryPart, PlacedRange } from '../../../dump/target.js';
import type { Mapping } from '../../../linux/maps.js';
import { addHole, mergingInto } from '../../../linux/parts.js';
import { findMapping } from '../../../linux/stacks.js';
import type { Spool } from '../../../node/spool.js';
import type { ReadableMemory, SortedMemory } from '../memory.js';
import type { RecordedPart } from './protocol.js';

/** The memory of a process at the moment when it was recorded. */
export class RecordedMemory implements ReadableMemory {
  readonly #parts: readonly RecordedPart[];
  readonly #spool: Spool;
  #mappings: readonly Mapping[] = [];

  /** @param spool has the data; it is given back with this */
  constructor(parts: readonly RecordedPart[], spool: Spool) {
    this.#parts = parts;
    this.#spool = spool;
  }

  use(mappings: readonly Mapping[]): void {
    this.#mappings = mappings;
  }

  find(address: bigint): Mapping | undefined {
    return findMapping(this.#mappings, address);
  }

  probe(start: bigint, end: bigint): MemoryPart[] {
    const parts: MemoryPart[] = [];
    const add = mergingInto(parts);
    for (let at = start; at < end; ) {
      const part = findMapping(this.#parts, at);
      if (part === undefined) {
        at = addHole(add, this.#mappings, at, end);
        continue;
      }
      const to = part.end < end ? part.end : end;
      add(at, to, part.kind, part.why);
      at = to;
    }
    return parts;
  }

  read(address: bigint, into: Uint8Array): number {
    let done = 0;
    while (done < into.length) {
      const at = address + BigInt(done);
      const part = findMapping(this.#parts, at);
      if (part === undefined || part.kind === 'hole') break;
      const left = part.end - at;
      const room = into.length - done;
      const piece = into.subarray(done, done + (left < BigInt(room) ? Number(left) : room));
      if (part.kind === 'zero') piece.fill(0);
      else piece.set(this.#spool.read(part.position + Number(at - part.start), piece.length));
      done += piece.length;
    }
    return done;
  }

  sort(ranges: readonly PlacedRange[]): SortedMemory {
    const left = ranges.flatMap(({ start, end, position }) =>
      this.probe(start, end)
        .filter(({ kind }) => kind !== 'zero')
        .map((part) => ({
          start: part.start,
          end: part.end,
          position: position + Number(part.start - start),
        })),
    );
    return { runs: [], left };
  }

  [Symbol.dispose](): void {
    this.#spool[Symbol.dispose]();
  }
}
