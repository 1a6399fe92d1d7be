import { NumberList, orderBy, upperBoundOf } from '../number-list.js';

/** Numbers of a range: start, end, line, file. */
const FIELDS = 4;
/** Of code that no line of a source file stands for. */
export const NO_LINE = 0;

/** Ranges of code with a line each, in the order in which they were added: start, end, line, and the offset of the file's checksum. */
export class LineRanges {
  readonly #numbers = new NumberList();

  get count(): number {
    return this.#numbers.length / FIELDS;
  }

  add(start: number, end: number, line: number, file: number): void {
    this.#numbers.push(start);
    this.#numbers.push(end);
    this.#numbers.push(line);
    this.#numbers.push(file);
  }

  start(index: number): number {
    return this.#numbers.at(index * FIELDS);
  }

  end(index: number): number {
    return this.#numbers.at(index * FIELDS + 1);
  }

  setEnd(index: number, end: number): void {
    this.#numbers.set(index * FIELDS + 1, end);
  }

  line(index: number): number {
    return this.#numbers.at(index * FIELDS + 2);
  }

  file(index: number): number {
    return this.#numbers.at(index * FIELDS + 3);
  }

  /** In the order of their starts, each ending where the next begins at the latest; of those that begin together the last counts. */
  sorted(): LineRanges {
    const order = orderBy(this.count, (i) => this.start(i));
    const sorted = new LineRanges();
    order.forEach((index, i) => {
      const next = order[i + 1];
      const start = this.start(index);
      const end = next === undefined ? this.end(index) : Math.min(this.end(index), this.start(next));
      if (end > start) sorted.add(start, end, this.line(index), this.file(index));
    });
    return sorted;
  }

  /** Of those that are sorted: the first that ends behind an address. */
  firstBehind(address: number): number {
    return upperBoundOf((i) => this.end(i), address, 0, this.count);
  }

  /** Of those that are sorted: the one that covers an address. */
  covering(address: number): number | undefined {
    const index = this.firstBehind(address);
    return index < this.count && this.start(index) <= address ? index : undefined;
  }
}
