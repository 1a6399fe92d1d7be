import type { Readings } from './readings.js';
import type { Finding } from './trigger.js';

/** One trigger at work. Times are milliseconds of a clock that nobody sets (`performance.now`). */
export interface Condition extends Partial<Disposable> {
  /** Called at each poll; gives what is to be told now, if anything. */
  look(readings: Readings, now: number): Finding | undefined;
  /** When it wants to be asked, if that is before the next regular poll. */
  due?(now: number): number | undefined;
}

/** What a condition may do besides. */
export interface ConditionContext {
  /** Tells of something between two polls. */
  fire(finding: Finding): void;
  /** One line that says what cannot be seen, and why. The same line is told once. */
  problem(text: string): void;
  /** See WatchOptions. */
  rearmMs: number | undefined;
}

/** Fires when something becomes true, and again when it was false meanwhile or, if so wished, has stayed true for a while. */
export class Edge {
  readonly #rearmMs: number | undefined;
  #firedAt: number | undefined;

  constructor(rearmMs: number | undefined) {
    this.#rearmMs = rearmMs;
  }

  /** Whether to fire. */
  update(holds: boolean, now: number): boolean {
    if (!holds) {
      this.#firedAt = undefined;
      return false;
    }
    if (this.#firedAt !== undefined && !(now - this.#firedAt >= (this.#rearmMs ?? Infinity))) return false;
    this.#firedAt = now;
    return true;
  }

  /** When it would fire again by itself. */
  get due(): number | undefined {
    return this.#firedAt === undefined || this.#rearmMs === undefined
      ? undefined
      : this.#firedAt + this.#rearmMs;
  }
}
