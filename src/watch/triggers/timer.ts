import type { Condition } from './condition.js';
import type { Readings } from './readings.js';
import { number } from './texts.js';
import type { Finding, TimerTrigger } from './trigger.js';

/** Counts from when it is made. Times that passed while nobody looked are told as one. */
export class TimerCondition implements Condition {
  readonly #spec: TimerTrigger;
  readonly #start: number;
  #next: number;

  constructor(spec: TimerTrigger, now: number) {
    this.#spec = spec;
    this.#start = now;
    this.#next = now + spec.seconds * 1000;
  }

  look(_readings: Readings, now: number): Finding | undefined {
    if (now < this.#next) return undefined;
    const { kind, seconds } = this.#spec;
    const elapsed = (now - this.#start) / 1000;
    this.#next =
      kind === 'after' ? Infinity : this.#start + (Math.floor(elapsed / seconds) + 1) * seconds * 1000;
    const text = kind === 'after' ? `${number(seconds)} s have passed` : `every ${number(seconds)} s`;
    return { text, value: elapsed, limit: seconds };
  }

  due(): number | undefined {
    return this.#next;
  }
}
