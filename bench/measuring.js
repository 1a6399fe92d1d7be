// One dump of one process, and rounds of them.
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BenchError } from './error.js';
import { run, sleep } from './processes.js';
import { program } from './programs.js';
import { hugeShare } from './targets.js';
import { valuesOf } from './values.js';

/**
 * Runs a command under measure.c: `wallMs`, `peakMb` (1 MB is 1,000,000 bytes), `processorMs` of all its threads, when it began and ended in nanoseconds of CLOCK_MONOTONIC, its exit
 * `status` and what it `printed`.
 *
 * @param env variables that it has beside those of the benchmark; undefined takes one away
 */
export async function measure([command, args], folder, env = {}) {
  const report = join(folder.path, 'measured');
  rmSync(report, { force: true });
  const result = await run(program('bench/measure.c'), [report, String(folder.room), command, ...args], {
    env: { DEBUGINFOD_URLS: '', ...env },
  });
  if (!existsSync(report))
    return { status: result.status, printed: result.timedOut ? 'it did not end' : result.printed };
  const values = valuesOf(readFileSync(report, 'utf8'));
  const beganNs = Number(values.began_ns);
  const endedNs = Number(values.ended_ns);
  return {
    status: Number(values.status),
    printed: result.printed,
    wallMs: (endedNs - beganNs) / 1e6,
    peakMb: (Number(values.peak_kib) * 1024) / 1e6,
    processorMs: Number(values.processor_us) / 1000,
    beganNs,
    endedNs,
  };
}

/**
 * What the target saw since the last `reset`: `pauseMs`, the longest gap between two looks at its clock; `secondMs`, the second longest; `stillMs`, all of
 * more than half a millisecond together.
 */
async function gaps(process) {
  const report = await process.ask('report');
  return {
    pauseMs: Number(report.longest_us) / 1000,
    secondMs: Number(report.second_us) / 1000,
    stillMs: Number(report.still_us) / 1000,
  };
}

/** Has a tool dump a running target. `look`, if given, gets the file before it is removed. A tool that fails gives `failed`, why. */
export async function dump(tool, process, folder, look) {
  const file = join(folder.path, 'dump');
  const output = tool.output?.(process.pid, file) ?? file;
  try {
    await process.ask('reset');
    const { status, printed, ...took } = await measure(tool.command(process.pid, file), folder);
    const failed = status !== 0 || !existsSync(output);
    if (failed || !process.alive()) {
      const what = process.alive() ? `exit ${status}` : 'THE TARGET DIED';
      const last = printed.trim().split('\n').slice(-3).join(' / ');
      if (tool.own) throw new BenchError(`${tool.name}: ${what}:\n${printed}`);
      return { failed: `${what}: ${last}` };
    }
    const { size, blocks } = statSync(output);
    const seen = { ...took, ...(await gaps(process)), bytes: size, storedBytes: blocks * 512 };
    return { ...seen, ...(await look?.(output)) };
  } finally {
    rmSync(output, { force: true });
    rmSync(file, { force: true });
  }
}

/** What the target sees in 300 ms in which nobody dumps it: the noise of the machine. */
async function undisturbed(process) {
  await process.ask('reset');
  await sleep(300);
  return gaps(process);
}

/** Starts a target, has `body` use it and stops it. */
async function withTarget(target, probe, body) {
  const process = await target.start(probe);
  try {
    await sleep(target.settleMs ?? 50);
    return await body(process);
  } finally {
    await process.stop();
  }
}

/** `node -e 0`, the least that a command in Node takes. */
async function nodeStart(folder) {
  const result = await measure([process.execPath, ['-e', '0']], folder);
  if (result.status !== 0) throw new BenchError(`node -e 0: ${result.printed}`);
  return result;
}

/**
 * Each tool dumps a target `runs` times, each time a process of its own: what gcore reads is there afterwards, and a dump of it gets larger. In each round
 * another tool comes first. Gives the results of each tool by round, what the target sees undisturbed, which share of it was in pages of 2 MiB, and how long
 * `node -e 0` took meanwhile. A tool that fails is not tried again.
 */
export async function rounds(target, tools, { runs, probe, folder, look }) {
  const results = new Map(tools.map((tool) => [tool.name, []]));
  const idle = [];
  const shares = [];
  const nodeStarts = [];
  for (let round = 0; round < runs; round++) {
    for (let i = 0; i < tools.length; i++) {
      const tool = tools[(i + round) % tools.length];
      if (results.get(tool.name).some((result) => result?.failed)) continue;
      await withTarget(target, probe, async (process) => {
        if (target.hugePages) shares.push(hugeShare(process));
        results.get(tool.name)[round] = await dump(tool, process, folder, look?.(tool));
      });
    }
    await withTarget(target, probe, async (process) => idle.push(await undisturbed(process)));
    nodeStarts.push(await nodeStart(folder));
  }
  return {
    name: target.name,
    what: target.what,
    large: target.large ?? false,
    tools: tools.map(({ name, group }) => ({ name, group, results: results.get(name) })),
    idle,
    nodeStarts,
    ...(target.hugePages ? { hugeShare: Math.min(...shares) } : {}),
  };
}
