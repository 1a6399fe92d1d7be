import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Program } from './programs.js';

/** So many dumps, and more until each task of the program has got on. */
const DUMPS = 100;
const MOST = 1_000;
/** Between two dumps. */
const LONGEST_MS = 90;

/** What a task of test/programs/busy.c or calls32.c says of itself. */
interface TaskReport {
  readonly name: string;
  readonly rounds: number;
  readonly faults: { readonly eintrs: number; readonly errors: number; readonly early: number };
}

/** Dumps a program whose tasks check their own calls again and again: no task may have seen an EINTR, lost a time limit or data. */
export async function expectNoneDisturbed(
  program: Program,
  tasks: number,
  dump: () => Promise<unknown>,
): Promise<void> {
  let report: TaskReport[] = [];
  for (let round = 1; round <= MOST; round++) {
    await dump();
    // Each comes at another moment of the tasks. Some must be further apart than the time limits of their calls (30 ms): those of sockets
    // begin anew after each stop, so that a program that is dumped every 10 ms would never see one pass.
    await setTimeout((round * 37) % LONGEST_MS);
    if (round % DUMPS !== 0) continue;
    report = await reportOf(program);
    if (report.every(({ rounds }) => rounds > 0)) break;
  }
  expect(report.length).toBe(tasks);
  const undisturbed = { eintrs: 0, errors: 0, early: 0 };
  for (const { name, rounds, faults } of report) {
    expect(faults, name).toEqual(undisturbed);
    expect(rounds, name).toBeGreaterThan(0);
  }
}

async function reportOf(program: Program): Promise<TaskReport[]> {
  return [...(await program.command('report'))].map(([name, line]) => {
    const [rounds = 0, eintrs = -1, errors = -1, early = -1] = line.split(' ').map(Number);
    return { name, rounds, faults: { eintrs, errors, early } };
  });
}
