import { type Condition, type ConditionContext, Edge } from './condition.js';
import type { Readings } from './readings.js';
import type { CountTrigger, Finding } from './trigger.js';

/** Threads or descriptors. */
export class CountCondition implements Condition {
  readonly #spec: CountTrigger;
  readonly #context: ConditionContext;
  readonly #edge: Edge;

  constructor(spec: CountTrigger, context: ConditionContext) {
    this.#spec = spec;
    this.#context = context;
    this.#edge = new Edge(context.rearmMs);
  }

  look(readings: Readings, now: number): Finding | undefined {
    const { kind, count: limit } = this.#spec;
    const what = kind === 'threads-above' ? 'threads' : 'descriptors';
    const value = kind === 'threads-above' ? readings.stat.threads : readings.descriptors;
    if (typeof value === 'string') {
      if (value !== 'ESRCH' && value !== 'ENOENT')
        this.#context.problem(
          `the descriptors of process ${readings.pid} cannot be counted (${value}): run as its user or with CAP_SYS_PTRACE`,
        );
      return undefined;
    }
    if (!this.#edge.update(value >= limit, now)) return undefined;
    return { text: `${value} ${what} (limit ${limit})`, value, limit };
  }
}
