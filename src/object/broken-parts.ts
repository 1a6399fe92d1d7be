import { MinidumpError, type Task } from '../io/index.js';

/** Of parts that are broken more than a few are not told. */
const MAX_PROBLEMS = 16;

/** Whether it is the file that is at fault. */
function isBroken(error: unknown): error is MinidumpError {
  return (
    error instanceof MinidumpError &&
    (error.code === 'malformed' || error.code === 'truncated' || error.code === 'unsupported')
  );
}

/** Runs a task over a part that may be `malformed`: then it is as if that part were absent. */
export function* unlessBroken<T>(task: Task<T>): Task<T | undefined> {
  try {
    return yield* task;
  } catch (error) {
    if (error instanceof MinidumpError && error.code === 'malformed') return undefined;
    throw error;
  }
}

/** What of a file could not be used. A part that is broken, or that nothing decompresses, costs that part. */
export class BrokenParts {
  readonly #problems: MinidumpError[] = [];

  get problems(): readonly MinidumpError[] {
    return this.#problems;
  }

  note(error: MinidumpError): void {
    // What is opened once fails in the same way whenever it is asked.
    if (this.#problems.length < MAX_PROBLEMS && !this.#problems.includes(error)) this.#problems.push(error);
  }

  /** Undefined, and a problem more, where it is broken. */
  *attempt<T>(task: Task<T>): Task<T | undefined> {
    try {
      return yield* task;
    } catch (error) {
      if (!isBroken(error)) throw error;
      this.note(error);
      return undefined;
    }
  }

  /** Runs one after the other, and gives what there is. */
  *opened<T>(tasks: readonly Task<T | undefined>[]): Task<T[]> {
    const opened: T[] = [];
    for (const task of tasks) {
      const one = yield* this.attempt(task);
      if (one !== undefined) opened.push(one);
    }
    return opened;
  }
}
