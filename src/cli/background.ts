import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** As `nice -n 15`: others get the processor first, and what they leave is ours. */
const NICE = 15;
/** CAP_SYS_NICE: who has it can go back. */
const CAP_SYS_NICE = 23n;

let before: number | undefined;

/**
 * Lets other programs have the processor first, until `workInForeground`: to start takes some 100 ms of it, in which a process on
 * a small or busy machine would wait longer than for the stop itself. Only where there is a way back: what the process waits for must
 * not be late.
 */
export function workInBackground(): void {
  const capabilities = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  if (((BigInt(`0x${capabilities ?? '0'}`) >> CAP_SYS_NICE) & 1n) === 0n) return;
  const priority = getPriority();
  if (priority >= NICE) return;
  before = priority;
  setAll(NICE);
}

export function workInForeground(): void {
  if (before !== undefined) setAll(before);
  before = undefined;
}

/** Every thread has a priority of its own; new ones have that of the thread that makes them. */
function setAll(priority: number): void {
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      setPriority(Number(thread), priority);
    } catch {
      // It has ended, or it is not allowed after all: it is a courtesy only.
    }
  }
}
