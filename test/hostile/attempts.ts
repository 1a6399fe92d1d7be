import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from '../support/bundle.js';
import { temporaryFolder } from '../support/programs.js';
import { root } from '../support/tools.js';
import type { Places } from './kind.js';
import type { KindName } from './kinds.js';

/** Attempts that a worker is to do. */
export interface Job {
  kind: KindName;
  seed: number;
  from: number;
  count: number;
  /** Milliseconds after which an attempt hangs; 30 s, however busy the machine is. */
  hangs?: number;
  /** The file that the number of the attempt goes into. */
  progress: string;
  places: Places;
}

export interface Outcome {
  /** What failed, each with its number. */
  failures: string[];
  done: number;
  /** Milliseconds of processor time of the slowest attempt. */
  slowest: number;
  slowestAttempt: number;
  /** Bytes that one attempt added to the most that was in use. */
  largest: number;
  /** The most memory that the process had. */
  memory: number;
}

const HANGS = 30_000;
const LOOK = 200;
const MAX_FAILURES = 10;
/** The heap of a worker: an attempt that wants more than this ends it. */
const MOST_HEAP = 256;

let script: string | undefined;

/** The worker as one file, made of the sources. */
async function workerScript(): Promise<string> {
  if (script !== undefined) return script;
  const path = join(temporaryFolder(), 'worker.mjs');
  const entry = join(root, 'test/hostile/worker.ts');
  writeFileSync(path, await bundle(`import ${JSON.stringify(entry)};`, 'node'));
  script = path;
  return path;
}

/** Does attempts in a process of its own, and goes on behind one that ends or hangs it. */
export async function attempts(job: Omit<Job, 'progress'>): Promise<Outcome> {
  const all: Outcome = { failures: [], done: 0, slowest: 0, slowestAttempt: job.from, largest: 0, memory: 0 };
  const end = job.from + job.count;
  for (let from = job.from; from < end && all.failures.length < MAX_FAILURES; ) {
    const { outcome, stoppedAt } = await attemptsOfOne(job, from, end - from);
    all.failures.push(...outcome.failures);
    if (outcome.slowest > all.slowest) {
      all.slowest = outcome.slowest;
      all.slowestAttempt = outcome.slowestAttempt;
    }
    all.largest = Math.max(all.largest, outcome.largest);
    all.memory = Math.max(all.memory, outcome.memory);
    const next = stoppedAt === undefined ? end : Math.max(stoppedAt, from) + 1;
    all.done += next - from;
    from = next;
  }
  return all;
}

async function attemptsOfOne(
  job: Omit<Job, 'progress'>,
  from: number,
  count: number,
): Promise<{ outcome: Outcome; stoppedAt: number | undefined }> {
  const progress = join(temporaryFolder(), 'progress');
  writeFileSync(progress, '');
  const argument = JSON.stringify({ ...job, from, count, progress } satisfies Job);
  const options = [`--max-old-space-size=${MOST_HEAP}`, await workerScript(), argument];
  const worker = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let complaint = '';
  worker.stdout.on('data', (chunk) => {
    said += chunk;
  });
  worker.stderr.on('data', (chunk) => {
    complaint = (complaint + chunk).slice(-2000);
  });
  let last = -1;
  let since = performance.now();
  const hangs = job.hangs ?? HANGS;
  let hung = false;
  const watch = setInterval(() => {
    const at = numberIn(progress);
    if (at !== last) {
      last = at;
      since = performance.now();
    } else if (performance.now() - since > hangs) {
      hung = true;
      worker.kill('SIGKILL');
    }
  }, LOOK);
  const [code, signal] = await once(worker, 'close');
  clearInterval(watch);

  const outcome: Outcome = {
    failures: [],
    done: count,
    slowest: 0,
    slowestAttempt: from,
    largest: 0,
    memory: 0,
  };
  let ended = false;
  for (const line of said.split('\n').filter(Boolean)) {
    const { failed, why, ...rest } = JSON.parse(line);
    if (failed !== undefined) outcome.failures.push(`attempt ${failed}: ${why}`);
    else {
      Object.assign(outcome, rest);
      ended = true;
    }
  }
  if (ended) return { outcome, stoppedAt: undefined };
  const at = numberIn(progress);
  const how = hung ? `hung for ${hangs / 1000} s` : `ended the process with ${code ?? signal}: ${complaint}`;
  outcome.failures.push(`attempt ${at}: ${how}`);
  // One that never came to an attempt will not with the next either.
  return { outcome, stoppedAt: at < 0 ? from + count : at };
}

function numberIn(path: string): number {
  const bytes = readFileSync(path);
  return bytes.length < 8
    ? -1
    : new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 8))[0]!;
}
