import { AuxiliaryType } from '../../format/index.js';
import type { Task } from '../../io/index.js';
import type { MemoryView, Thread } from '../../reader/index.js';
import { cpuRules, LOWEST_INSTRUCTION, type UnwindCpu } from '../../unwind/index.js';
import type { Analysis, AnalyzedThread } from '../analyze.js';
import { type MemoryRegion, regionAt } from '../instruction/index.js';
import { pointerBits } from '../platform.js';
import { countOf, type Gap, RANK, type RankedGap, threadsText } from './gap.js';

type ThreadKind = 'registers' | 'stack-memory' | 'stack-end';

/** What is missing of the memory and the registers that stacks and the crash are told from. */
export function* memoryGaps(analysis: Analysis, regions: readonly MemoryRegion[]): Task<RankedGap[]> {
  const threads = (yield* analysis.dump.tryTask('threads')) ?? [];
  const blamed: RankedGap[] = [];
  const others = new Map<ThreadKind, number[]>();
  for (const [index, thread] of analysis.threads.entries()) {
    if (thread.isDumpWriter) continue;
    const kind = yield* missingOf(analysis, thread, threads[index], regions);
    if (kind === undefined) continue;
    if (index === analysis.requestingThread)
      blamed.push({ rank: RANK.thread, gap: gapOf(kind, [thread.id], 'crash') });
    else {
      const ids = others.get(kind);
      if (ids === undefined) others.set(kind, [thread.id]);
      else ids.push(thread.id);
    }
  }
  return [
    ...blamed,
    ...[...others].map(([kind, ids]) => ({ rank: RANK.thread, gap: gapOf(kind, ids, 'stacks') })),
    ...crashGaps(analysis, regions),
    ...(yield* fileGaps(analysis)),
  ];
}

function gapOf(kind: ThreadKind, ids: readonly number[], concerns: Gap['concerns']): Gap {
  const whose = threadsText(ids);
  const each = ids.length === 1 ? 'its stack is' : 'their stacks are';
  switch (kind) {
    case 'registers':
      return {
        kind,
        concerns,
        missing: `the registers of ${whose}`,
        cost: `${each} not told`,
        remedy: 'a dump whose callback leaves ThreadWriteContext set',
        threads: ids,
      };
    case 'stack-memory':
      return {
        kind,
        concerns,
        missing: `the stack memory of ${whose}`,
        cost: `of ${ids.length === 1 ? 'its stack' : 'their stacks'} the innermost frame only`,
        remedy: 'a dump whose callback leaves ThreadWriteStack set, and removes no memory there',
        threads: ids,
      };
    case 'stack-end':
      return {
        kind,
        concerns,
        missing: `the outer part of the stack memory of ${whose}`,
        cost: `${each} told up to there only`,
        remedy: 'a writer that takes the stack whole (mdmp dump: --max-stack 8M, or --type full)',
        threads: ids,
      };
  }
}

/** Words that a scan looks at, and the largest frames that there are, in bytes: within them lies what a frame goes on from. */
const SCANNED = 160n;
const LARGEST_FRAME = 128n * 1024n;

function* missingOf(
  analysis: Analysis,
  { stack }: AnalyzedThread,
  thread: Thread | undefined,
  regions: readonly MemoryRegion[],
): Task<ThreadKind | undefined> {
  const [first] = stack.frames;
  const last = stack.frames.at(-1);
  if (first === undefined || last === undefined) return 'registers';
  if (!Object.hasOwn(cpuRules, analysis.cpu)) return undefined;
  const rules = cpuRules[analysis.cpu as UnwindCpu];
  const pointer = first.registers.get(rules.stack);
  if (pointer === undefined) return 'registers';
  const { memory } = analysis.world;
  if (stack.frames.length === 1 && memory.find(pointer) === undefined) {
    // A stack pointer that points nowhere, or into a guard page, is what went wrong.
    const wrong = regions.length > 0 && !regionAt(regions, pointer)?.readable;
    return wrong ? undefined : 'stack-memory';
  }
  if (stack.end !== 'no-caller' && stack.end !== 'stack-pointer' && stack.end !== 'loop') return undefined;
  const reached = last.registers.get(rules.stack);
  if (reached === undefined || reached < pointer) return undefined;
  // The caller's stack pointer may be the first address behind the memory.
  const inside = memory.find(reached) === undefined ? reached - 1n : reached;
  const end = endOf(memory, inside);
  const near = last.function === undefined ? SCANNED * BigInt(rules.word) : LARGEST_FRAME;
  if (end === undefined || end - reached > near) return undefined;
  const top = yield* topOf(analysis, thread, regionAt(regions, inside), end);
  return top !== undefined && top > end ? 'stack-end' : undefined;
}

/** A stack is in one range, or in a few that touch. */
const MOST_RANGES = 1000;

/** The address behind the memory that there is from an address on. */
function endOf(memory: MemoryView, address: bigint): bigint | undefined {
  let range = memory.find(address);
  let end: bigint | undefined;
  for (let i = 0; range !== undefined && i < MOST_RANGES; i++) {
    end = range.end;
    range = memory.find(end);
  }
  return end;
}

/** NT_TIB begins with a list of exception handlers, one pointer, and StackBase. */
const STACK_BASE_POINTERS = 1;

/** How far up a stack goes; undefined where that is not known. */
function* topOf(
  { os, cpu, dump, world }: Analysis,
  thread: Thread | undefined,
  region: MemoryRegion | undefined,
  end: bigint,
): Task<bigint | undefined> {
  if (os === 'windows') {
    const size = pointerBits(cpu) / 8;
    const from = (thread?.Teb ?? 0n) + BigInt(STACK_BASE_POINTERS * size);
    const bytes = yield* world.memory.readTask(from, size);
    if (bytes.length < size) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, size);
    return size === 4
      ? BigInt(view.getUint32(0, world.littleEndian))
      : view.getBigUint64(0, world.littleEndian);
  }
  if (region === undefined) return undefined;
  // The kernel puts the program's arguments and environment above the first frame of the main thread, and these 16 bytes below
  // them: who has the stack up to there has all of it.
  const auxv = (yield* dump.tryTask('linuxAuxv')) ?? [];
  const random = auxv.find(({ type }) => type === AuxiliaryType.AT_RANDOM)?.value;
  const holdsArguments = random !== undefined && random >= region.start && random < region.end;
  if (holdsArguments) return random < end ? end : region.end;
  const status = yield* dump.tryTask('linuxStatus');
  const isMain = thread !== undefined && /^Pid:\s*(\d+)/m.exec(status ?? '')?.[1] === `${thread.ThreadId}`;
  return isMain ? undefined : region.end;
}

/** What the crashing instruction is, and what it used. */
function* crashMemory({ instruction, world }: Analysis, regions: readonly MemoryRegion[]) {
  for (const { address, size, access } of instruction?.instruction?.accesses ?? []) {
    if (access === 'write' || world.memory.find(address) !== undefined) continue;
    // Where nothing is mapped the access itself is the crash, and where nothing is known of the memory nobody can tell.
    if (regionAt(regions, address)?.readable) yield { address, size };
  }
}

function crashGaps(analysis: Analysis, regions: readonly MemoryRegion[]): RankedGap[] {
  const { crash, instruction, world, cpu, threads, requestingThread } = analysis;
  if (crash === undefined) return [];
  const gaps: Gap[] = [...crashMemory(analysis, regions)].map(({ address, size }) => ({
    kind: 'accessed-memory',
    concerns: 'crash',
    missing: `the ${size === null ? 'memory' : countOf(size, 'byte')} at 0x${address.toString(16)} that the crashing instruction read`,
    cost: 'the value that it went on with is not known',
    remedy:
      'MiniDumpWithIndirectlyReferencedMemory, or MiniDumpWithPrivateReadWriteMemory or WithFullMemory (--type indirectly-referenced-memory, or full)',
  }));
  const known = ['x86', 'amd64', 'arm64'].includes(cpu);
  const at =
    requestingThread === undefined ? undefined : threads[requestingThread]!.stack.frames[0]?.instruction;
  const wild =
    at === undefined || (regions.length > 0 && !regionAt(regions, at)?.executable) || at < LOWEST_INSTRUCTION;
  if (known && instruction?.instruction === undefined && !wild) {
    const cost =
      'what it read or wrote is not told, nor null pointers behind it, nor whether that fits the crash';
    gaps.push(
      world.memory.find(at) === undefined
        ? {
            kind: 'instruction',
            concerns: 'crash',
            missing: `the bytes of the crashing instruction at 0x${at.toString(16)}`,
            cost,
            remedy:
              'a dump with the memory around instruction pointers (ThreadWriteInstructionWindow; mdmp dump stores it), or --type code-segs',
          }
        : {
            kind: 'disassembler',
            concerns: 'crash',
            missing: 'a disassembler for the crashing instruction',
            cost,
            remedy: 'npm install @alexaltea/capstone-js',
          },
    );
  }
  return gaps.map((gap) => ({ rank: RANK.crash, gap }));
}

/** Memory that the lists speak of, and that the file does not have. */
function* fileGaps({ dump }: Analysis): Task<RankedGap[]> {
  const { size } = dump.source;
  let ranges = 0;
  let bytes = 0;
  const counted = new Set<number>();
  const add = (rva: number, length: number) => {
    // Stacks are in the memory list, too.
    if (rva + length <= size || counted.has(rva)) return;
    counted.add(rva);
    ranges++;
    bytes += length - Math.max(0, Math.min(length, size - rva));
  };
  for (const { Memory } of (yield* dump.tryTask('memoryList')) ?? []) add(Memory.Rva, Memory.DataSize);
  const full = yield* dump.tryTask('memory64List');
  let rva = Number(full?.BaseRva ?? 0n);
  for (const { DataSize } of full?.MemoryRanges ?? []) {
    add(rva, Number(DataSize));
    rva += Number(DataSize);
  }
  for (const { Stack } of (yield* dump.tryTask('threads')) ?? [])
    add(Stack.Memory.Rva, Stack.Memory.DataSize);
  if (ranges === 0) return [];
  return [
    {
      rank: RANK.everything,
      gap: {
        kind: 'file-end',
        concerns: 'stacks',
        missing: `${countOf(bytes, 'byte')} of memory, of ${countOf(ranges, 'range')}, behind the end of the file`,
        cost: 'stacks and values there are cut off',
        remedy: 'the whole file: copy it again from where it was written',
      },
    },
  ];
}
