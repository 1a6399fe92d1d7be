import type { Cpu } from '../../../linux/cpu/index.js';
import type { Mapping } from '../../../linux/maps.js';
import { Reg } from '../../../linux/registers.js';
import { findMapping } from '../../../linux/stacks.js';
import { listThreads, readText } from '../procfs.js';
import { type Candidate, rankForCalls } from './frozen-copy.js';
import { GUARD_ROOM } from './guard.js';

const ROOM = BigInt(GUARD_ROOM);
/** So many threads are looked at more closely while all of them wait. */
const MAX_CANDIDATES = 8;
/** Added to the rank of a thread whose guard would lie on memory that it has used. */
const USED = 3;

export interface StoppedThread {
  id: number;
  /** As user_regs_struct has them. */
  registers: BigUint64Array;
}

/**
 * The threads that may make a call, best first, each with the place for its guard: the lowest part of its stack if that was never
 * touched, so that whatever happens nothing of the thread is there; else what is free below its stack pointer. Only stacks
 * are taken whose ends are known: that of the main thread, and those of the C library's threads, which have their thread
 * block above. What else a stack pointer may point into (a coroutine's, a goroutine's, an alternate one) may be small, with somebody
 * else's memory below it.
 *
 * @param isUntouched whether no page of a range exists
 */
export function findCandidates(
  threads: readonly StoppedThread[],
  mappings: readonly Mapping[],
  isUntouched: (start: bigint, end: bigint) => boolean,
): Candidate[] {
  const ranked = threads
    .map((thread) => ({ thread, rank: rankForCalls(thread.registers) }))
    .sort((a, b) => a.rank - b.rank);
  const found: (Candidate & { rank: number })[] = [];
  for (const { thread, rank } of ranked) {
    if (found.length === MAX_CANDIDATES) break;
    const stackPointer = thread.registers[Reg.Rsp]!;
    // The workers of io_uring, which are threads of the process, have a copy of its registers, with these two at 0.
    const stack = stackPointer === 0n ? undefined : ownStack(thread, mappings);
    if (stack === undefined || stackPointer - stack.start < 2n * ROOM + 128n) continue;
    const place = stack.start + ROOM;
    if (isUntouched(stack.start, place)) found.push({ tid: thread.id, place, rank });
    // Below the red zone of the ABI.
    else found.push({ tid: thread.id, place: stackPointer - 128n, rank: rank + USED });
  }
  return found.sort((a, b) => a.rank - b.rank);
}

function ownStack({ registers }: StoppedThread, mappings: readonly Mapping[]): Mapping | undefined {
  const stackPointer = registers[Reg.Rsp]!;
  const block = registers[Reg.FsBase]!;
  const mapping = findMapping(mappings, stackPointer);
  if (mapping === undefined || !mapping.writable || mapping.shared || mapping.inode !== 0n) return undefined;
  const isThreads = block > stackPointer && block < mapping.end;
  return mapping.path === '[stack]' || isThreads ? mapping : undefined;
}

/** Calls that wait with a time limit: stopped there a thread has a restart block, which is the last choice (`rankForCalls`). */
const SLEEPS = new Set([7, 35, 202, 219, 230]);

/**
 * In which order to try threads that run, when one must be stopped to make a call: not one that a stop could do harm to.
 *
 * A thread that is traced alone has signals queued that its process ignores, and others are woken for them (tracer-thread.ts).
 * Such signals come to the main thread, and to those that have children.
 */
export function leastDisturbed(pid: number, cpu: Cpu): number[] {
  const rank = (tid: number) => {
    const folder = `/proc/${pid}/task/${tid}`;
    const text = readText(`${folder}/syscall`) ?? '';
    const call = Number.parseInt(text, 10);
    const signalled = tid === pid || (readText(`${folder}/children`) ?? '') !== '' ? 8 : 0;
    if (text.startsWith('running') || call < 0) return signalled + 2;
    if (cpu.mayBeShortened(call)) return signalled + 4;
    return signalled + (SLEEPS.has(call) ? 1 : 0);
  };
  return listThreads(pid)
    .map((tid) => ({ tid, rank: rank(tid) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ tid }) => tid);
}
