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

/** When a condition may have been true first, and when it was for certain, in milliseconds. */
export interface Moment {
  from: number;
  at: number;
}

/** What a command of test/programs/conditions.c answered, so many milliseconds later. */
export function told(answer: ReadonlyMap<string, string>, later = 0): Moment {
  const time = (name: string) => Number(answer.get(name)) / 1e6 + later;
  return { from: time('from'), at: time('at') };
}

/** Fails for a firing that came before its condition or too late. */
export function expectSoon({ text, at }: { text: string; at: number }, moment: Moment): void {
  // A millisecond for clocks that are rounded.
  const early = moment.from - at - 1;
  if (early > 0) throw new Error(`'${text}' came ${early} ms before its condition`);
  const late = at - moment.at;
  if (late > PROMISED_MS + MARGIN_MS) throw new Error(`'${text}' came ${late} ms after its condition`);
}

/** Lets so many polls go by, told by the timer of another watch: what did not fire meanwhile does not. */
export async function polls(pid: number, seconds: number): Promise<void> {
  using timer = new Watched(pid, [{ kind: 'after', seconds }]);
  await timer.count('after', 1);
}
