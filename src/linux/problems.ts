/** As many lines are kept. */
const MAX_LINES = 20;

/** What is wrong with a file, a line each. A hostile one can have any number of faults, each shorter than its line. */
export class Problems {
  readonly #lines: string[] = [];
  #more = 0;

  add(line: string): void {
    if (this.#lines.length < MAX_LINES) this.#lines.push(line);
    else this.#more++;
  }

  get lines(): readonly string[] {
    return this.#more === 0
      ? this.#lines
      : [...this.#lines, `${this.#more} more things are wrong with the core`];
  }
}
