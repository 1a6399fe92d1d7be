import type { Task } from '../io/index.js';

const SHIFT = 10;
const CHUNK = 1 << SHIFT;

/** Numbers of which it is not known how many come, fewer than 2^31: 8 bytes each, never copied while they grow. */
export class NumberList {
  readonly #chunks: Float64Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const at = this.#length++;
    if ((at & (CHUNK - 1)) === 0) this.#chunks.push(new Float64Array(CHUNK));
    this.#chunks[at >> SHIFT]![at & (CHUNK - 1)] = value;
  }

  set(index: number, value: number): void {
    this.#chunks[index >> SHIFT]![index & (CHUNK - 1)] = value;
  }

  at(index: number): number {
    return this.#chunks[index >> SHIFT]![index & (CHUNK - 1)]!;
  }
}

/** Room for whole numbers from 0 to `greatest`: half as large where 32 bits are enough. */
export function roomFor(count: number, greatest: number): Uint32Array | Float64Array {
  return greatest < 2 ** 32 ? new Uint32Array(count) : new Float64Array(count);
}

const DIGIT = 65536;
/** Fewer are sorted by comparing them. */
const MANY = 16_384;

/**
 * The numbers 0 to `count` - 1 in the order of their keys (whole numbers from 0 to 2^53; others are taken for 0), those of one key in
 * theirs. Many go digit by digit: a sort of typed arrays by a function takes four times the memory.
 */
export function orderBy(count: number, keyOf: (index: number) => number): Uint32Array {
  const key = (index: number) => {
    const value = keyOf(index);
    return value > 0 && value < 2 ** 53 ? value : 0;
  };
  let order = Uint32Array.from({ length: count }, (_, i) => i);
  if (count < MANY) return order.sort((a, b) => key(a) - key(b) || a - b);
  let greatest = 0;
  for (let i = 0; i < count; i++) greatest = Math.max(greatest, key(i));
  let other = new Uint32Array(count);
  const places = new Uint32Array(DIGIT + 1);
  for (let scale = 1; scale <= greatest; scale *= DIGIT) {
    const digit = (index: number) => Math.floor(key(index) / scale) % DIGIT;
    places.fill(0);
    for (let i = 0; i < count; i++) places[digit(order[i]!) + 1]!++;
    for (let i = 1; i < DIGIT; i++) places[i]! += places[i - 1]!;
    for (let i = 0; i < count; i++) {
      const index = order[i]!;
      other[places[digit(index)]!++] = index;
    }
    [order, other] = [other, order];
  }
  return order;
}

/** How many of ascending numbers are at most `value`. */
export function upperBound(numbers: ArrayLike<number>, value: number, from = 0, to = numbers.length): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The same of numbers that are not in an array: of those at `from` to before `to`, the first that is greater, or `to`. */
export function upperBoundOf(
  numberAt: (index: number) => number,
  value: number,
  from: number,
  to: number,
): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numberAt(middle) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The same of `count` numbers that are read when they are asked for. */
export function* readUpperBound(
  numberAt: (index: number) => Task<number>,
  value: number,
  count: number,
): Task<number> {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((yield* numberAt(middle)) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
