import { type NumberList, orderBy, roomFor, upperBound } from '../number-list.js';

/** So many that begin before a place are asked whether they reach it. */
const MAX_STEPS_BACK = 64;

/** Address ranges with a number each, to be looked up by address. They may overlap. 16 bytes each, 32 above 4 GiB. */
export class Intervals {
  readonly #starts: ArrayLike<number>;
  readonly #ends: ArrayLike<number>;
  readonly #values: ArrayLike<number>;
  /** The greatest end up to here. */
  readonly #reach: ArrayLike<number>;

  /** Start, end and value, one triple after the other: whole numbers. Those that are empty or reach past 2^53 are left out. */
  constructor(triples: NumberList) {
    const places = usable(triples);
    const count = places.length;
    let greatest = 0;
    let greatestValue = 0;
    for (let i = 0; i < count; i++) {
      greatest = Math.max(greatest, triples.at(places[i]! + 1));
      greatestValue = Math.max(greatestValue, triples.at(places[i]! + 2));
    }
    const order = orderBy(count, (i) => triples.at(places[i]!));
    shortestLast(triples, places, order);
    const starts = roomFor(count, greatest);
    const ends = roomFor(count, greatest);
    const reach = roomFor(count, greatest);
    const values = roomFor(count, greatestValue);
    let furthest = 0;
    for (let i = 0; i < count; i++) {
      const place = places[order[i]!]!;
      starts[i] = triples.at(place);
      ends[i] = triples.at(place + 1);
      values[i] = triples.at(place + 2);
      furthest = Math.max(furthest, ends[i]!);
      reach[i] = furthest;
    }
    this.#starts = starts;
    this.#ends = ends;
    this.#reach = reach;
    this.#values = values;
  }

  get count(): number {
    return this.#starts.length;
  }

  /** The value of the range that covers an address and begins last; of those that begin together, of the shortest. */
  find(address: number): number | undefined {
    const after = upperBound(this.#starts, address);
    for (let i = after - 1; i >= 0 && i >= after - MAX_STEPS_BACK; i--) {
      if (this.#ends[i]! > address) return this.#values[i];
      if (this.#reach[i]! <= address) return undefined;
    }
    return undefined;
  }
}

/** Where the triples are that can be looked up. */
function usable(triples: NumberList): Uint32Array {
  const is = (i: number) => triples.at(i + 1) > triples.at(i) && triples.at(i + 1) < 2 ** 53;
  let count = 0;
  for (let i = 0; i + 2 < triples.length; i += 3) if (is(i)) count++;
  const places = new Uint32Array(count);
  let next = 0;
  for (let i = 0; i + 2 < triples.length; i += 3) if (is(i)) places[next++] = i;
  return places;
}

/** Of those that begin together the shortest comes last: it is found first. */
function shortestLast(triples: NumberList, places: Uint32Array, order: Uint32Array): void {
  const start = (i: number) => triples.at(places[order[i]!]!);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && start(to) === start(from)) to++;
    if (to > from + 1) {
      const end = (i: number) => triples.at(places[i]! + 1);
      order.subarray(from, to).sort((a, b) => end(b) - end(a) || a - b);
    }
    from = to;
  }
}
