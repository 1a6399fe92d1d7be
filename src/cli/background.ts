import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, getPriority, setPriority } from 'node:os';

/** As `nice -n 15`: others get the processor first, and what they leave is ours. */
const NICE = 15;
/** CAP_SYS_NICE: who has it can go back. */
const CAP_SYS_NICE = 23n;

/** The priority that this process had, and the threads that it began with; undefined where it stays as it is. */
let before: { priority: number; threads: ReadonlySet<string> } | undefined;

/**
 * Lets other programs have the processor first: to start takes some 100 ms of it, in which a process on a small machine would
 * wait longer than for the stop itself. Only where there is a way back: what the process waits for must not be late. And only where the
 * processors have time left: in the background of a machine that is overloaded a dump took a quarter of a minute.
 */
export function workInBackground(): void {
  if (((ownCapabilities() >> CAP_SYS_NICE) & 1n) === 0n || runnableThreads() > availableParallelism()) return;
  const priority = getPriority();
  if (priority >= NICE) return;
  before = { priority, threads: new Set(ownThreads()) };
  setAll(ownThreads(), NICE);
}

/**
 * The process is about to be stopped.
 *
 * @param tracerOnly it waits for the tracer thread, and for no other
 */
export function workInForeground(tracerOnly: boolean): void {
  if (before === undefined) return;
  const { priority, threads } = before;
  setAll(
    ownThreads().filter((thread) => !tracerOnly || !threads.has(thread)),
    priority,
  );
}

/** It runs again, and nothing of it is held any more. */
export function backToBackground(): void {
  if (before !== undefined) setAll(ownThreads(), NICE);
}

/** None where they cannot be told. */
function ownCapabilities(): bigint {
  try {
    const [, bits] = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return BigInt(`0x${bits ?? '0'}`);
  } catch {
    return 0n;
  }
}

/** How many threads of the machine run or wait for a processor, this one among them; 0 where it cannot be told. */
function runnableThreads(): number {
  try {
    // proc(5): three averages, then those that are runnable and all, `3/215`.
    return Number(/^\S+ \S+ \S+ (\d+)\//.exec(readFileSync('/proc/loadavg', 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function ownThreads(): string[] {
  try {
    return readdirSync('/proc/self/task');
  } catch {
    return [];
  }
}

/** Every thread has a priority of its own; new ones have that of the thread that makes them. It is a courtesy only: what fails stays as it is. */
function setAll(threads: readonly string[], priority: number): void {
  for (const thread of threads) {
    try {
      setPriority(Number(thread), priority);
    } catch {
      // It has ended, or it is not allowed after all.
    }
  }
}
