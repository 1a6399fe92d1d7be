import { stateIn } from '../../targets/linux/procfs.js';
import { beatInterval } from '../messages.js';

/** Watches the beats of an event loop, and tells when they have stayed away for too long; again when they had come back meanwhile. */
export class LoopWatch implements Disposable {
  readonly #pid: number;
  readonly #limit: number;
  readonly #interval: number;
  readonly #hangs: () => void;
  readonly #timer: NodeJS.Timeout;
  /** What comes before the first turn is the start of the program, which may take its time. */
  #armed = false;
  /** It has, since the last look. */
  #turned = false;
  #silent = 0;
  #looked = performance.now();

  /** @param limit milliseconds */
  constructor(pid: number, limit: number, hangs: () => void) {
    this.#pid = pid;
    this.#limit = limit;
    this.#interval = beatInterval(limit);
    this.#hangs = hangs;
    this.#timer = setInterval(() => this.#look(), this.#interval);
  }

  beat(): void {
    this.#armed = true;
    this.#turned = true;
    this.#silent = 0;
  }

  #look(): void {
    const now = performance.now();
    // A machine or a watcher that stood still says nothing of the process.
    const passed = Math.min(now - this.#looked, 2 * this.#interval);
    this.#looked = now;
    if (!this.#armed) return;
    if (this.#turned) {
      this.#turned = false;
      return;
    }
    // Somebody has stopped it: with a signal, or for a dump.
    if (/^[tT]$/.test(stateIn(`/proc/${this.#pid}/stat`) ?? '')) this.#silent = 0;
    else this.#silent += passed;
    if (this.#silent < this.#limit) return;
    this.#armed = false;
    // Beats that have arrived by now are to be seen first.
    setImmediate(() => {
      if (!this.#armed) this.#hangs();
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
