/** So many that begin before a place are asked whether they reach it. */
const MAX_STEPS_BACK = 64;

/** Address ranges with a number each, to be looked up by address. They may overlap. */
export class Intervals {
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #values: Float64Array;
  /** The greatest end up to here. */
  readonly #reach: Float64Array;

  /** Start, end and value, one triple after the other. */
  constructor(triples: readonly number[]) {
    const order: number[] = [];
    for (let i = 0; i + 2 < triples.length; i += 3) if (triples[i + 1]! > triples[i]!) order.push(i);
    // Of those that begin together the shortest comes last: it is found first.
    const sorted = Uint32Array.from(order).sort(
      (a, b) => triples[a]! - triples[b]! || triples[b + 1]! - triples[a + 1]! || a - b,
    );
    this.#starts = Float64Array.from(sorted, (i) => triples[i]!);
    this.#ends = Float64Array.from(sorted, (i) => triples[i + 1]!);
    this.#values = Float64Array.from(sorted, (i) => triples[i + 2]!);
    let reach = 0;
    this.#reach = this.#ends.map((end) => {
      reach = Math.max(reach, end);
      return reach;
    });
  }

  get count(): number {
    return this.#starts.length;
  }

  /** The value of the range that covers an address and begins last. */
  find(address: number): number | undefined {
    const i = this.#find(address);
    return i === undefined ? undefined : this.#values[i];
  }

  #find(address: number): number | undefined {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= 0 && i >= low - MAX_STEPS_BACK; i--) {
      if (this.#ends[i]! > address) return i;
      if (this.#reach[i]! <= address) return undefined;
    }
    return undefined;
  }
}
