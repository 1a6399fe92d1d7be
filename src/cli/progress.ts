import { err } from './output.js';
import { printable, size } from './text.js';

/** So long a line stays before the next: milliseconds. */
const STEP = 100;

/** A line on the terminal that says what goes on, and goes away. Nothing where stderr is no terminal. */
export class TerminalLine {
  readonly #shown = process.stderr.isTTY === true;
  #next = 0;

  show(text: string): void {
    if (!this.#shown) return;
    // One that wraps would not go away.
    const width = Math.max(10, (process.stderr.columns ?? 80) - 1);
    process.stderr.write(`\r\x1b[K${err.dim(printable(text).slice(0, width))}`);
  }

  /** The same, but not more often than an eye can follow. */
  showNow(text: () => string): void {
    if (!this.#shown || Date.now() < this.#next) return;
    this.#next = Date.now() + STEP;
    this.show(text());
  }

  clear(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
  }
}

/**
 * A line on the terminal that says what a long dump is doing. Nothing where stderr is no terminal, and nothing while the process
 * stands still: it may be the one that shows our output.
 */
export class ProgressLine {
  readonly #line = new TerminalLine();

  /** Before the process is stopped: the last word until it runs again. */
  start(pid: number): void {
    this.#line.show(`dumping process ${pid} …`);
  }

  update(written: number, total: number): void {
    this.#line.showNow(() => {
      const percent = total === 0 ? 100 : Math.floor((written / total) * 100);
      return `writing ${percent}% of ${size(total)}`;
    });
  }

  clear(): void {
    this.#line.clear();
  }
}
