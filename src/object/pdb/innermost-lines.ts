import type { LineRanges } from './line-ranges.js';
import { MAX_INLINE_DEPTH } from './module-symbols.js';

/** Code of one line: of the function itself, or of the innermost call that was inlined there. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  /** Offset of the checksum of its file. */
  readonly file: number;
}

interface DeepSpan extends Span {
  /** 0 for the function itself. */
  readonly depth: number;
}

/** Spans of a range, at whatever depth: at each address the deepest is the one that counts. */
export class InnermostLines {
  readonly #start: number;
  readonly #end: number;
  readonly #spans: DeepSpan[] = [];

  constructor(start: number, end: number) {
    this.#start = start;
    this.#end = end;
  }

  /** @param shift what the ranges are relative to */
  add(ranges: LineRanges, depth: number, shift = 0): void {
    for (let i = ranges.firstBehind(this.#start - shift); i < ranges.count; i++) {
      const start = Math.max(this.#start, ranges.start(i) + shift);
      const end = Math.min(this.#end, ranges.end(i) + shift);
      if (start >= this.#end) break;
      if (end > start) this.#spans.push({ start, end, line: ranges.line(i), file: ranges.file(i), depth });
    }
  }

  /** From left to right; they do not overlap. */
  *innermost(): Iterable<Span> {
    const spans = this.#spans.sort((a, b) => a.start - b.start || a.depth - b.depth);
    const boundaries = new Float64Array(spans.length * 2);
    spans.forEach(({ start, end }, i) => {
      boundaries.set([start, end], i * 2);
    });
    boundaries.sort();
    const open: (DeepSpan | undefined)[] = new Array(MAX_INLINE_DEPTH + 1);
    let next = 0;
    let last: Span | undefined;
    let lastOf: DeepSpan | undefined;
    for (let i = 0; i + 1 < boundaries.length; i++) {
      const at = boundaries[i]!;
      const until = boundaries[i + 1]!;
      if (until === at) continue;
      for (; next < spans.length && spans[next]!.start <= at; next++) open[spans[next]!.depth] = spans[next];
      const deepest = open.findLast((span) => span !== undefined && span.end > at);
      if (deepest !== undefined && deepest === lastOf && last?.end === at) {
        last = { ...last, end: until };
        continue;
      }
      if (last !== undefined) yield last;
      lastOf = deepest;
      last = deepest && { start: at, end: until, line: deepest.line, file: deepest.file };
    }
    if (last !== undefined) yield last;
  }
}
