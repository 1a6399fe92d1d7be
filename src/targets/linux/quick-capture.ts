import type { AddressRange } from '../../dump/ranges.js';
import type { MemoryPart } from '../../dump/target.js';
import { MINIDUMP_TYPE } from '../../format/index.js';
import type { Cpu } from '../../linux/cpu/index.js';
import type { Mapping } from '../../linux/maps.js';
import { addHole, mergingInto } from '../../linux/parts.js';
import { isOpaque } from '../../linux/regions.js';
import { findMapping, stackAt } from '../../linux/stacks.js';
import { KeptMemory, type KeptPart, keepMemory } from './kept-memory.js';
import type { ReadableMemory, SortedMemory } from './memory.js';
import { OverlaidMemory } from './overlaid-memory.js';

/*
 * A dump that nobody is asked about needs memory that can be told beforehand: stacks, the surroundings of instruction pointers, and pages
 * with lists of the dynamic linker and the like, which the rehearsal (rehearsal.ts) has read. The tracer thread copies these by
 * itself while the process stands still, and lets it go: no other thread has to be woken meanwhile, and all decisions are made
 * afterwards, on the copies. Should they turn out not to be all (a library was loaded in between), the process is stopped again and
 * dumped in the ordinary way.
 */

/** Flags that make no other memory needed. */
const QUICK =
  MINIDUMP_TYPE.MiniDumpWithHandleData |
  MINIDUMP_TYPE.MiniDumpScanMemory |
  MINIDUMP_TYPE.MiniDumpFilterModulePaths |
  MINIDUMP_TYPE.MiniDumpWithoutOptionalData |
  MINIDUMP_TYPE.MiniDumpIgnoreInaccessibleMemory |
  MINIDUMP_TYPE.MiniDumpWithTokenInformation |
  MINIDUMP_TYPE.MiniDumpFilterTriage |
  MINIDUMP_TYPE.MiniDumpWithAvxXStateContext;

/** More than this is not kept: such stacks are copied in the ordinary way. Bytes. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Around instruction pointers: what native dumps store (dump/wanted-memory.ts). */
const WINDOW = 0x80n;
const PAGE = 4096n;

/** Whether dumps of this type can be taken that way. */
export function isQuick(type: number): boolean {
  return (type & ~QUICK) === 0;
}

/** What the tracer thread has to know. */
export interface QuickPlan {
  /** A living thread. */
  readonly via: number;
  /** /proc/PID/maps as it was read before: if it has changed, somebody has to look at it first. */
  readonly maps: Uint8Array;
  /** Addresses of pages. */
  readonly pages: readonly bigint[];
  readonly maxStack: number;
  readonly argumentsStart: bigint;
}

/** Copies what a dump needs of threads that stand still; undefined if that is too much. */
export function captureQuickly(
  memory: ReadableMemory,
  mappings: readonly Mapping[],
  cpu: Cpu,
  threads: readonly BigUint64Array[],
  { pages, maxStack, argumentsStart }: QuickPlan,
): KeptPart[] | undefined {
  const ranges: AddressRange[] = pages.map((page) => ({ start: page, end: page + PAGE }));
  for (const registers of threads) {
    const [stackPointer, instructionPointer] = cpu.pointersOf(registers);
    const stack = stackAt(stackPointer, mappings, argumentsStart, maxStack, cpu.redZone);
    if (stack.end > stack.start) ranges.push(stack);
    if (instructionPointer >= WINDOW) {
      ranges.push({ start: instructionPointer - WINDOW, end: instructionPointer + WINDOW });
    }
  }
  const left: AddressRange[] = [];
  const parts = keepMemory(memory, ranges, MAX_BYTES, left);
  return left.length === 0 ? parts : undefined;
}

/** Memory is needed that was not kept. */
export class NotKept extends Error {}

/** The memory that was kept, and nothing else: what is beyond it is `NotKept`. */
export class QuickMemory extends OverlaidMemory {
  constructor(parts: readonly KeptPart[]) {
    super(new UnknownMemory(), new KeptMemory(parts));
  }
}

/** Memory of which no more is known than where there is some. */
class UnknownMemory implements ReadableMemory {
  #mappings: readonly Mapping[] = [];

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
      this.#unreadable(at);
      at = addHole(add, this.#mappings, at, end);
    }
    return parts;
  }

  read(address: bigint): number {
    this.#unreadable(address);
    return 0;
  }

  sort(): SortedMemory {
    throw new NotKept();
  }

  /** Nothing could be read at an address anyway, or else it is `NotKept`. */
  #unreadable(address: bigint): void {
    const mapping = this.find(address);
    if (mapping !== undefined && !isOpaque(mapping)) throw new NotKept();
  }

  [Symbol.dispose](): void {}
}
