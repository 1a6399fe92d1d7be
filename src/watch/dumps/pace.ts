import { type DumpOccasion, isUrgent } from './occasion.js';
import type { PaceFile } from './pace-file.js';

/**
 * What keeps a service that crashes again and again from filling a disk and burning a processor. Occasions of one kind, the same name of
 * the process and the same trigger, are counted together, whatever the process id is.
 */
export interface BackOff {
  /** So many dumps of a kind come as they are due; 5. */
  readonly burst: number;
  /** After these the next has to wait so many milliseconds, or `spacing` if that is longer; 10,000. The wait doubles with each dump, */
  readonly first: number;
  /** up to this one, in milliseconds; an hour. */
  readonly most: number;
  /** Without an occasion of the kind for so many milliseconds all of that is forgotten; ten minutes. */
  readonly calm: number;
}

export const BACK_OFF: BackOff = { burst: 5, first: 10_000, most: 3_600_000, calm: 600_000 };

/** What somebody asks for, or has set the clock for, comes when it is due. */
const NEVER_LATE = new Set(['request', 'every', 'after']);

/** Of one kind of occasion; times are in milliseconds since 1970. */
export interface Kind {
  readonly name: string;
  readonly trigger: string;
  /** The last dump, or the last time that one was tried. */
  last: number;
  /** The last occasion. */
  seen: number;
  /** Dumps since all was calm. */
  dumps: number;
  /** Occasions without a dump since the last one that got one. */
  leftOut: number;
}

export interface PaceOptions {
  readonly spacing: number;
  /** Most dumps in all. */
  readonly limit: number;
  /** undefined: none. */
  readonly backOff: BackOff | undefined;
  /** Keeps what is known of crashes beyond the end of this process. */
  readonly file: PaceFile | undefined;
}

/** Decides whether an occasion gets a dump. Its clock is the time of the occasions. */
export class Pace {
  readonly #options: PaceOptions;
  readonly #kinds = new Map<string, Kind>();
  /** Of a process and a trigger, the time of the last dump. */
  readonly #spaced = new Map<string, number>();
  #stored = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** All dumps that were asked for are there. */
  get exhausted(): boolean {
    return this.#stored >= this.#options.limit;
  }

  /** How many dumps there are. */
  get stored(): number {
    return this.#stored;
  }

  /** Why an occasion would get no dump, for people; undefined if it would. Changes nothing. */
  refusal(occasion: DumpOccasion): string | undefined {
    const { spacing, limit, backOff } = this.#options;
    if (this.exhausted)
      return limit === 1 ? 'there is the one dump that was asked for' : `there are ${limit} dumps`;
    if (occasion.trigger === 'request') return undefined;
    const now = occasion.time.getTime();
    const spaced = this.#spaced.get(spacedKey(occasion));
    if (spaced !== undefined && !hasPassed(spacing, spaced, now)) {
      return `the last one is less than ${seconds(spacing)} old`;
    }
    if (backOff === undefined || NEVER_LATE.has(occasion.trigger)) return undefined;
    const kind = this.#kind(occasion);
    if (kind.dumps < backOff.burst) return undefined;
    const wait = Math.min(backOff.most, Math.max(spacing, backOff.first) * 2 ** (kind.dumps - backOff.burst));
    if (hasPassed(wait, kind.last, now)) return undefined;
    return `there were ${kind.dumps} of ${occasion.trigger} in a short time, and the last one is less than ${seconds(wait)} old`;
  }

  /** An occasion goes without a dump. */
  leaveOut(occasion: DumpOccasion): void {
    const kind = this.#kind(occasion);
    kind.leftOut++;
    kind.seen = occasion.time.getTime();
    this.#keep(occasion, kind);
  }

  /** A dump is tried now. It counts whether it succeeds or not: what fails costs as much. */
  begin(occasion: DumpOccasion): void {
    const now = occasion.time.getTime();
    const kind = this.#kind(occasion);
    kind.last = now;
    kind.seen = now;
    kind.dumps++;
    this.#spaced.set(spacedKey(occasion), now);
    this.#forget(now);
    this.#keep(occasion, kind);
  }

  /**
   * The dump is there.
   *
   * @returns how many occasions of the kind were left out before it
   */
  finish(occasion: DumpOccasion): number {
    this.#stored++;
    const kind = this.#kind(occasion);
    const { leftOut } = kind;
    if (leftOut > 0) {
      kind.leftOut = 0;
      this.#keep(occasion, kind);
    }
    return leftOut;
  }

  #kind(occasion: DumpOccasion): Kind {
    const { name, trigger } = occasion;
    const key = JSON.stringify([name, trigger]);
    let kind = this.#kinds.get(key);
    // The watcher before this one has seen more, or another that watches the same program.
    const kept = isUrgent(occasion) ? this.#options.file?.read(name, trigger) : undefined;
    if (kept !== undefined && (kind === undefined || kept.seen > kind.seen)) kind = kept;
    kind ??= { name, trigger, last: 0, seen: 0, dumps: 0, leftOut: 0 };
    const { calm } = this.#options.backOff ?? BACK_OFF;
    if (hasPassed(calm, kind.seen, occasion.time.getTime())) kind.dumps = 0;
    this.#kinds.set(key, kind);
    return kind;
  }

  #keep(occasion: DumpOccasion, kind: Kind): void {
    if (isUrgent(occasion)) this.#options.file?.write(kind, (this.#options.backOff ?? BACK_OFF).calm);
  }

  /** A watcher runs for months, and processes come and go. */
  #forget(now: number): void {
    const { spacing, backOff } = this.#options;
    for (const [key, last] of this.#spaced) if (hasPassed(spacing, last, now)) this.#spaced.delete(key);
    const { calm } = backOff ?? BACK_OFF;
    for (const [key, { seen, leftOut }] of this.#kinds) {
      if (leftOut === 0 && hasPassed(calm, seen, now)) this.#kinds.delete(key);
    }
  }
}

function spacedKey({ pid, trigger }: DumpOccasion): string {
  return `${pid} ${trigger}`;
}

/** Whoever sets the clock back shall not stop the dumps for as long. Occasions may come a little out of order. */
const CLOCK_SET_BACK = 60_000;

function hasPassed(wait: number, since: number, now: number): boolean {
  return since - now > CLOCK_SET_BACK || Math.max(0, now - since) >= wait;
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 100) / 10} s`;
}
