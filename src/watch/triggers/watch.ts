import { FileCondition } from './appearing-file.js';
import type { Condition, ConditionContext } from './condition.js';
import { CountCondition } from './counts.js';
import { CpuCondition } from './cpu.js';
import { HangCondition } from './hang.js';
import { LogCondition } from './log.js';
import { memoryCondition } from './memory.js';
import { Readings } from './readings.js';
import { TimerCondition } from './timer.js';
import type { Finding, Firing, TriggerSpec } from './trigger.js';
import { checkPoll, checkTrigger } from './validate.js';

export interface WatchOptions {
  /** How often to look, in milliseconds; 500 unless said. Hangs shorter than that, and moments that are due, make it look more often. */
  pollMs?: number | undefined;
  /**
   * A threshold or hang that stays true fires again after so many milliseconds, as ProcDump's does after `-s` seconds. Without it, it
   * has to become false first.
   */
  rearmMs?: number | undefined;
}

export interface WatchEvents {
  /** A condition came true. It may take its time (a dump): nothing is looked at meanwhile. */
  fire(firing: Firing): void;
  /** The process is gone; nothing follows. */
  ended(): void;
  /** One line that says what cannot be seen, and what can be done. Each is told once. */
  problem(text: string): void;
}

/** Looks follow each other no faster than that, in milliseconds. */
const SHORTEST_WAIT = 10;
const DEFAULT_POLL = 500;

/**
 * Watches a process for conditions, from outside: it is not stopped, traced or changed. The first look comes after this returns.
 *
 * @returns dispose it to end the watch; nothing is told afterwards
 * @throws MinidumpError `invalid-argument` for an impossible trigger, `no-such-process`, `zombie`
 */
export function watchConditions(
  pid: number,
  specs: readonly TriggerSpec[],
  on: WatchEvents,
  options: WatchOptions = {},
): Disposable {
  const { pollMs = DEFAULT_POLL, rearmMs } = options;
  checkPoll(pollMs);
  for (const spec of specs) checkTrigger(spec);
  return new Watch(pid, specs, on, pollMs, rearmMs);
}

class Watch implements Disposable {
  readonly #on: WatchEvents;
  readonly #pollMs: number;
  readonly #readings: Readings;
  readonly #conditions: { spec: TriggerSpec; condition: Condition }[] = [];
  readonly #told = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  constructor(
    pid: number,
    specs: readonly TriggerSpec[],
    on: WatchEvents,
    pollMs: number,
    rearmMs: number | undefined,
  ) {
    this.#on = on;
    this.#pollMs = pollMs;
    this.#readings = new Readings(pid);
    // What a condition says while it is made waits for the first look: the caller has nothing to dispose of yet.
    const early: string[] = [];
    let started = false;
    for (const spec of specs) {
      const context: ConditionContext = {
        fire: (finding) => this.#tell(spec, finding),
        problem: (text) => (started ? this.#complain(text) : early.push(text)),
        rearmMs,
      };
      this.#conditions.push({ spec, condition: conditionOf(spec, context) });
    }
    this.#timer = setTimeout(() => {
      started = true;
      for (const text of early) this.#complain(text);
      this.#poll();
    }, 0);
  }

  #poll(): void {
    if (this.#disposed) return;
    if (!this.#readings.poll()) {
      this[Symbol.dispose]();
      this.#on.ended();
      return;
    }
    const now = performance.now();
    const found: [TriggerSpec, Finding][] = [];
    for (const { spec, condition } of this.#conditions) {
      const finding = condition.look(this.#readings, now);
      if (finding !== undefined) found.push([spec, finding]);
    }
    try {
      for (const [spec, finding] of found) this.#tell(spec, finding);
    } finally {
      // Also where the caller throws: it may catch that far above.
      this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#disposed) return;
    const now = performance.now();
    let wait = this.#pollMs;
    for (const { condition } of this.#conditions) {
      const due = condition.due?.(now);
      if (due !== undefined) wait = Math.min(wait, Math.max(due - now, SHORTEST_WAIT));
    }
    // A timer may come up to a millisecond early.
    this.#timer = setTimeout(() => this.#poll(), Math.ceil(wait));
  }

  #tell(spec: TriggerSpec, finding: Finding): void {
    if (this.#disposed) return;
    this.#on.fire({ trigger: spec.kind, spec, ...finding, time: new Date() });
  }

  #complain(text: string): void {
    if (this.#disposed || this.#told.has(text)) return;
    this.#told.add(text);
    this.#on.problem(text);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    clearTimeout(this.#timer);
    for (const { condition } of this.#conditions) condition[Symbol.dispose]?.();
    this.#readings[Symbol.dispose]();
  }
}

function conditionOf(spec: TriggerSpec, context: ConditionContext): Condition {
  switch (spec.kind) {
    case 'cpu-above':
    case 'cpu-below':
      return new CpuCondition(spec, context);
    case 'memory-above':
    case 'memory-below':
      return memoryCondition(spec, context);
    case 'threads-above':
    case 'descriptors-above':
      return new CountCondition(spec, context);
    case 'hang':
      return new HangCondition(spec, context);
    case 'log':
      return new LogCondition(spec.file, spec.pattern, context);
    case 'file':
      return new FileCondition(spec.path, context);
    case 'every':
    case 'after':
      return new TimerCondition(spec, performance.now());
  }
}
