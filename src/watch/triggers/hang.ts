import { CLOCK_TICK } from '../../linux/stat.js';
import { readText } from '../../targets/linux/procfs.js';
import { type Condition, type ConditionContext, Edge } from './condition.js';
import type { Readings } from './readings.js';
import { number } from './texts.js';
import type { Finding, HangTrigger } from './trigger.js';

/** The main thread as it was at a look. */
interface Look {
  time: number;
  /** How often it has gone to sleep by itself; the kernel counts being preempted apart. */
  sleeps: number;
  /** How many read and write calls it has made; undefined where that may not be known. */
  calls: number | undefined;
  /** In clock ticks. */
  userTime: number;
  kernelTime: number;
}

/** More time in the kernel than this, beside time outside, comes of system calls; a few ticks can be interrupts. */
const KERNEL_SHARE = 0.02;
const KERNEL_TICKS = 3;
/** One long call has no time outside. */
const USER_TICKS = 2;
/** Between looks a thread that hangs briefly would not be seen. */
const SHORTEST_POLL_MS = 50;

/**
 * Holds when the main thread has not gone to sleep, has not made a read or write call and has not spent its time in system calls
 * for N ms, while it was running, waiting for a processor or in an uninterruptible wait (state R or D). What sleeps, for an event, a lock or the
 * clock, is idle and no hang. docs/triggers.md says what cannot be seen from outside.
 */
export class HangCondition implements Condition {
  readonly #spec: HangTrigger;
  readonly #context: ConditionContext;
  readonly #edge: Edge;
  /** Since then it has made no progress. */
  #since: Look | undefined;

  constructor(spec: HangTrigger, context: ConditionContext) {
    this.#spec = spec;
    this.#context = context;
    this.#edge = new Edge(context.rearmMs);
  }

  look(readings: Readings, now: number): Finding | undefined {
    const { mainStat, status } = readings;
    const sleeps = Number(status?.get('voluntary_ctxt_switches') ?? Number.NaN);
    if (mainStat === undefined || Number.isNaN(sleeps)) return undefined;
    const { calls } = readings;
    if (calls === undefined && readings.callsError === 'EACCES') {
      this.#context.problem(
        `the calls of process ${readings.pid} cannot be counted (EACCES): a main thread that only reads and writes may be taken for one that hangs. Run as its user or with CAP_SYS_PTRACE`,
      );
    }
    const { state, userTime, kernelTime } = mainStat;
    const here: Look = { time: now, sleeps, calls, userTime, kernelTime };
    const since = this.#since;
    const progress = since === undefined || sleeps !== since.sleeps || calls !== since.calls;
    if (!(state === 'R' || state === 'D') || progress) {
      this.#since = state === 'R' || state === 'D' ? here : undefined;
      this.#edge.update(false, now);
      return undefined;
    }
    const { milliseconds } = this.#spec;
    const length = now - since.time;
    if (length < milliseconds) return undefined;
    if (makesCalls(since, here) || (state === 'D' && isFrozen(readings.pid))) {
      this.#since = here;
      this.#edge.update(false, now);
      return undefined;
    }
    if (!this.#edge.update(true, now)) return undefined;
    const what = state === 'D' ? 'has been in an uninterruptible wait' : 'has run without a pause';
    return {
      text: `the main thread ${what} for ${number(length / 1000)} s (limit ${number(milliseconds / 1000)} s)`,
      value: length,
      limit: milliseconds,
    };
  }

  due(now: number): number | undefined {
    const { milliseconds } = this.#spec;
    const often = now + Math.max(milliseconds / 2, SHORTEST_POLL_MS);
    if (this.#since === undefined) return often;
    const complete = this.#since.time + milliseconds;
    if (complete > now) return Math.min(complete, often);
    return this.#edge.due ?? often;
  }
}

/** Whether a thread without any other sign of it must have made system calls in the meantime. */
function makesCalls(from: Look, to: Look): boolean {
  const user = to.userTime - from.userTime;
  const kernel = to.kernelTime - from.kernelTime;
  return user >= USER_TICKS && kernel >= KERNEL_TICKS && kernel / (user + kernel) > KERNEL_SHARE;
}

/** A cgroup freezer and a sleeping machine show as an uninterruptible wait, too. */
function isFrozen(pid: number): boolean {
  return /refrigerator|freez/.test(readText(`/proc/${pid}/wchan`) ?? '');
}

/** The shortest hang that clock ticks and looks can tell, in milliseconds. */
export const SHORTEST_HANG_MS = 10 * CLOCK_TICK;
