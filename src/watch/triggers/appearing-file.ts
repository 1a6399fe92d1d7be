import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Condition, ConditionContext } from './condition.js';
import type { Readings } from './readings.js';

/** A file that appears after the watch began; the same name given to a new file counts again. */
export class FileCondition implements Condition {
  readonly #path: string;
  readonly #context: ConditionContext;
  #known: string | undefined;
  #looking = false;

  constructor(path: string, context: ConditionContext) {
    this.#path = path;
    this.#context = context;
    try {
      this.#known = identity(statSync(path));
    } catch (error) {
      this.#missing(error);
    }
  }

  /** The file system may answer slowly: nobody waits for it. */
  look(_readings: Readings, _now: number): undefined {
    if (this.#looking) return;
    this.#looking = true;
    stat(this.#path)
      .then(
        (found) => {
          const now = identity(found);
          const before = this.#known;
          this.#known = now;
          if (now !== before) this.#context.fire({ text: `${this.#path} appeared`, value: 1, limit: 1 });
        },
        (error) => this.#missing(error),
      )
      .finally(() => {
        this.#looking = false;
      });
  }

  #missing(error: unknown): void {
    this.#known = undefined;
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      this.#context.problem(`${this.#path} cannot be looked for (${code})`);
  }
}

/** An inode number is soon given to another file, but not with the same time of birth. */
function identity({ dev, ino, birthtimeMs }: Stats): string {
  return `${dev}:${ino}:${birthtimeMs}`;
}
