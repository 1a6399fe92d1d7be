import { CLOCK_TICK } from '../../linux/stat.js';
import { type Condition, type ConditionContext, Edge } from './condition.js';
import type { Readings } from './readings.js';
import { limitText, number } from './texts.js';
import type { CpuTrigger, Finding } from './trigger.js';

/** The processor time of a process up to a moment, both in milliseconds. */
interface Sample {
  time: number;
  cpu: number;
}

/** User and kernel time are each told in whole ticks, so their sum lags by up to two. */
const ERROR_MS = 2 * CLOCK_TICK;
/** Samples that lie closer together tell no percentage. */
const SHORTEST_MS = 100;

/**
 * Holds when each reading, from one poll to the next, of the last N seconds was beyond the limit as far as clock ticks can tell, and
 * so was the mean of these seconds.
 */
export class CpuCondition implements Condition {
  readonly #spec: CpuTrigger;
  readonly #edge: Edge;
  /** From the start of the row of readings that are beyond the limit, but no older than needed. */
  #row: Sample[] = [];

  constructor(spec: CpuTrigger, { rearmMs }: Pick<ConditionContext, 'rearmMs'>) {
    this.#spec = spec;
    this.#edge = new Edge(rearmMs);
  }

  look(readings: Readings, now: number): Finding | undefined {
    const { userTime, kernelTime } = readings.stat;
    return this.add({ time: readings.time, cpu: (userTime + kernelTime) * CLOCK_TICK }, now);
  }

  /** One more sample. */
  add(sample: Sample, now: number): Finding | undefined {
    const row = this.#row;
    const before = row.at(-1);
    if (before === undefined) {
      row.push(sample);
      return undefined;
    }
    if (sample.time - before.time < SHORTEST_MS) return undefined;
    if (this.#isBeyond(before, sample)) row.push(sample);
    else this.#row = [sample];
    const span = this.#spec.seconds * 1000;
    while (this.#row.length > 2 && sample.time - this.#row[1]!.time >= span) this.#row.shift();
    const first = this.#row[0]!;
    const longEnough = sample.time - first.time >= span;
    const percent = usage(first, sample);
    const holds = longEnough && this.#isMeanBeyond(first, sample);
    if (!this.#edge.update(holds, now)) return undefined;
    const { kind, percent: limit, seconds } = this.#spec;
    return {
      text: `CPU ${number(percent)} % for ${number(seconds)} s ${limitText(kind, `${number(limit)} %`)}`,
      value: percent,
      limit,
    };
  }

  due(): number | undefined {
    if (this.#row.length < 2) return undefined;
    const complete = this.#row[0]!.time + this.#spec.seconds * 1000;
    return complete > this.#row.at(-1)!.time ? complete : this.#edge.due;
  }

  #isBeyond(from: Sample, to: Sample): boolean {
    const error = (100 * ERROR_MS) / (to.time - from.time);
    const { kind, percent } = this.#spec;
    return kind === 'cpu-above' ? usage(from, to) + error >= percent : usage(from, to) - error < percent;
  }

  #isMeanBeyond(from: Sample, to: Sample): boolean {
    const { kind, percent } = this.#spec;
    if (kind === 'cpu-below') return usage(from, to) < percent;
    // The error of a mean is small, but a limit of 100 could never be met without it.
    return usage(from, to) + (100 * ERROR_MS) / (to.time - from.time) >= percent;
  }
}

function usage(from: Sample, to: Sample): number {
  return to.time > from.time ? (100 * (to.cpu - from.cpu)) / (to.time - from.time) : 0;
}
