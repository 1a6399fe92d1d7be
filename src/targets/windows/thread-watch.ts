import { type Guarded, guardProcess } from './guard/guard.js';
import { resumeLeftovers } from './leftovers.js';
import { SuspendCounts } from './suspend-counts.js';

/** Most thread ids that a warning names. */
const NAMED = 8;

/**
 * Sees to it that a dump leaves the threads of a process as it found them: by a guard process where one can be started, which works also if this
 * process is killed or its callback never returns, else by itself.
 *
 * It begins when it is made, and that takes as long as a Node takes to start; the process still runs then.
 */
export class ThreadWatch implements Disposable {
  readonly warnings: string[] = [];
  readonly #guarded: Guarded | undefined;
  readonly #counts: SuspendCounts | undefined;
  #ended = false;

  /**
   * @param maxPause milliseconds until the guard lets the process go on
   * @param folder for the files of the guard
   */
  constructor(pid: number, maxPause: number, folder: string | undefined) {
    const guarded = guardProcess(pid, maxPause, folder);
    if (typeof guarded !== 'string') {
      this.#guarded = guarded;
      const { already, threads, closed } = guarded.before;
      this.#warnOf(already, threads, closed);
      return;
    }
    this.warnings.push(
      `no guard could be started (${guarded}): if this program is ended during the dump the process stays suspended`,
    );
    try {
      this.#counts = new SuspendCounts(pid);
      this.#warnOf(this.#counts.already, this.#counts.size, this.#counts.closed);
    } catch {} // The dump itself may be possible all the same.
  }

  /** The dump is over, however it ended. Gives whether the process was let go on before that, as the time was over. */
  end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.#guarded === undefined) {
      this.#warnOfLeft(this.#counts === undefined ? [] : resumeLeftovers(this.#counts));
      this.#counts?.[Symbol.dispose]();
      return false;
    }
    const after = this.#guarded.end();
    if (after === undefined) {
      this.warnings.push('the guard of the process has ended before the dump did');
      return false;
    }
    this.#warnOfLeft(after.left);
    return after.late;
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #warnOf(already: readonly number[], all: number, closed: readonly number[]): void {
    if (already.length > 0) {
      const who = already.length === all ? 'all threads' : threadNames(already);
      this.warnings.push(
        `${who} of the process had been suspended before the dump, by a debugger, by Windows or by itself, and still are`,
      );
    }
    if (closed.length > 0) {
      this.warnings.push(
        `${threadNames(closed)} may not be opened: whether the dump leaves them suspended is not known`,
      );
    }
  }

  #warnOfLeft(left: readonly number[]): void {
    if (left.length === 0) return;
    this.warnings.push(`DbgHelp left ${threadNames(left)} suspended; mdmp has resumed them`);
  }
}

function threadNames(ids: readonly number[]): string {
  const named = ids.slice(0, NAMED).join(', ');
  return `threads ${named}${ids.length > NAMED ? ` and ${ids.length - NAMED} more` : ''}`;
}
