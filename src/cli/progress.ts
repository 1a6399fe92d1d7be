import { err } from './output.js';
import { size } from './text.js';

/**
 * A line on the terminal that says what a long dump is doing. Nothing where stderr is no terminal, and nothing while the process
 * stands still: it may be the one that shows our output.
 */
export class ProgressLine {
  readonly #shown = process.stderr.isTTY === true;
  #next = 0;

  /** Before the process is stopped: the last word until it runs again. */
  start(pid: number): void {
    this.#show(`dumping process ${pid} …`);
  }

  update(written: number, total: number): void {
    if (Date.now() < this.#next) return;
    this.#next = Date.now() + 100;
    const percent = total === 0 ? 100 : Math.floor((written / total) * 100);
    this.#show(`writing ${percent}% of ${size(total)}`);
  }

  clear(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
  }

  #show(text: string): void {
    if (this.#shown) process.stderr.write(`\r\x1b[K${err.dim(text)}`);
  }
}
