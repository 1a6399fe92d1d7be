import {
  type Firing,
  type TriggerSpec,
  type WatchOptions,
  watchConditions,
} from '../../../src/watch/triggers/index.js';
import { waitFor } from '../../support/run.js';

/** Of CLOCK_MONOTONIC, as `at=` of test/programs/conditions.c. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** One second is what is promised; the rest is for a machine that has other things to do. */
const PROMISED_MS = 1000;
const MARGIN_MS = 2000;

/** Everything that a watch tells, with the time at which it did. */
export class Watched implements Disposable {
  readonly firings: (Firing & { at: number })[] = [];
  readonly problems: string[] = [];
  ended = false;
  readonly #watch: Disposable;

  constructor(pid: number, specs: readonly TriggerSpec[], options: WatchOptions = {}) {
    this.#watch = watchConditions(
      pid,
      specs,
      {
        fire: (firing) => this.firings.push({ ...firing, at: now() }),
        ended: () => {
          this.ended = true;
        },
        problem: (text) => this.problems.push(text),
      },
      options,
    );
  }

  of(trigger: TriggerSpec['kind']): (Firing & { at: number })[] {
    return this.firings.filter((firing) => firing.trigger === trigger);
  }

  /** Waits until it has fired so often in all. */
  async count(trigger: TriggerSpec['kind'], count: number): Promise<Firing & { at: number }> {
    return waitFor(
      `firing ${count} of ${trigger}; so far: ${this.firings.map(({ text }) => text).join('; ')}`,
      () => this.of(trigger)[count - 1],
      20_000,
    );
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}

/** How late a firing was, for a condition that was true from `from` on; fails where it came before or too late. */
export function expectSoon({ text, at }: { text: string; at: number }, from: number): void {
  const late = at - from;
  // A millisecond for clocks that are rounded.
  if (late < -1) throw new Error(`'${text}' came ${-late} ms before its condition`);
  if (late > PROMISED_MS + MARGIN_MS) throw new Error(`'${text}' came ${late} ms after its condition`);
}

/** The `at=` that a command of test/programs/conditions.c answered with, in milliseconds. */
export function told(answer: ReadonlyMap<string, string>, name = 'at'): number {
  return Number(answer.get(name)) / 1e6;
}

/** Lets so many polls go by, told by the timer of another watch: what did not fire meanwhile does not. */
export async function polls(pid: number, seconds: number): Promise<void> {
  using timer = new Watched(pid, [{ kind: 'after', seconds }]);
  await timer.count('after', 1);
}
