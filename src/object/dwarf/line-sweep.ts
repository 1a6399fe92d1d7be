import type { LineRows } from './line-program.js';

/**
 * Hands the rows of a line table out to ranges of addresses, from the lowest up. No piece of a row is handed out twice: where ranges or
 * sequences overlap, the first has it. So all of it costs no more than there are rows and ranges.
 */
export class LineSweep {
  readonly #rows: LineRows;
  readonly #sequences: readonly number[];
  #next = 0;
  #row = 0;
  #last = 0;
  /** All before it was handed out. */
  #reached = 0;

  constructor(rows: LineRows) {
    this.#rows = rows;
    this.#sequences = rows.sequences();
  }

  /** The pieces of rows inside a range. It must not begin before the one before it did. */
  take(from: number, to: number, piece: (start: number, size: number, row: number) => void): void {
    const rows = this.#rows;
    let start = Math.max(from, this.#reached);
    this.#reached = Math.max(this.#reached, to);
    while (start < to) {
      if (this.#row >= this.#last && !this.#nextSequence()) return;
      let row = this.#row;
      const last = this.#last;
      let begin = rows.address(row);
      while (row < last && begin < to) {
        const end = rows.address(row + 1);
        if (end > start) {
          const first = Math.max(begin, start);
          start = Math.min(end, to);
          if (start > first) piece(first, start - first, row);
          // The rest of it is for the next range.
          if (end > to) break;
        }
        begin = end;
        row++;
      }
      this.#row = row;
      if (row < last) return;
    }
  }

  /** Linkers leave the rows of functions in that they have discarded, at address 0: there is never code there. */
  #nextSequence(): boolean {
    for (; this.#next < this.#sequences.length; this.#next += 2) {
      const first = this.#sequences[this.#next]!;
      if (this.#rows.address(first) === 0) continue;
      this.#row = first;
      this.#last = this.#sequences[this.#next + 1]!;
      this.#next += 2;
      return true;
    }
    return false;
  }
}
