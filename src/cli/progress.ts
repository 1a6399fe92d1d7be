import { err } from './output.js';
import { size } from './text.js';

/** A line on the terminal that says how far a long dump is. Nothing where stderr is no terminal. */
export class ProgressLine {
  readonly #shown = process.stderr.isTTY === true;
  /** Dumps that are done before that need no line. */
  #next = Date.now() + 300;
  #visible = false;

  update(written: number, total: number): void {
    const now = Date.now();
    if (!this.#shown || now < this.#next) return;
    this.#next = now + 100;
    this.#visible = true;
    const percent = total === 0 ? 100 : Math.floor((written / total) * 100);
    process.stderr.write(`\r\x1b[K${err.dim(`writing ${percent}% of ${size(total)}`)}`);
  }

  clear(): void {
    if (this.#visible) process.stderr.write('\r\x1b[K');
    this.#visible = false;
  }
}
