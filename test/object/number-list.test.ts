import { expect, it } from 'vitest';
import { runSync, type Task } from '../../src/io/index.js';
import { Intervals } from '../../src/object/dwarf/intervals.js';
import {
  NumberList,
  orderBy,
  readUpperBound,
  upperBound,
  upperBoundOf,
} from '../../src/object/number-list.js';

/** Numbers below a bound, always the same. */
function generator(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

it.each([0, 1, 5000, 40_000])('%i numbers come into the order that sorting gives', (count) => {
  for (const greatest of [10, 2 ** 16, 2 ** 32, 2 ** 52]) {
    const random = generator(count);
    const keys = Float64Array.from({ length: count }, () => random(greatest));
    const expected = Uint32Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]! || a - b);
    expect(orderBy(count, (i) => keys[i]!)).toEqual(expected);
  }
});

it('keys that are none are taken for 0', () => {
  const keys = [3, Number.NaN, -1, 2 ** 60, 0];
  expect([...orderBy(5, (i) => keys[i]!)]).toEqual([1, 2, 3, 4, 0]);
});

it('a list gives back what was put into it', () => {
  const list = new NumberList();
  for (let i = 0; i < 5000; i++) list.push(i * 1.5);
  list.set(4999, -7);
  expect(list.length).toBe(5000);
  expect([list.at(0), list.at(1023), list.at(1024), list.at(4999)]).toEqual([0, 1534.5, 1536, -7]);
});

it('upperBound counts those that are at most a value', () => {
  expect([0, 1, 2, 5, 9].map((value) => upperBound([1, 2, 2, 5], value))).toEqual([0, 1, 3, 4, 4]);
});

it('finds the same where numbers are made or read when they are asked for', () => {
  for (let count = 0; count < 40; count++) {
    const numbers = Array.from({ length: count }, (_, i) => Math.floor(i / 3));
    for (let value = -1; value < 15; value++) {
      const expected = upperBound(numbers, value);
      expect(upperBoundOf((i) => numbers[i]!, value, 0, count)).toBe(expected);
      expect(upperBoundOf((i) => numbers[i - 7]!, value, 7, count + 7)).toBe(expected + 7);
      const read = function* (index: number): Task<number> {
        return numbers[index]!;
      };
      expect(runSync(readUpperBound(read, value, count))).toBe(expected);
    }
  }
});

it.each([1000, 2 ** 33])('intervals are found as by a look at all of them, from %i on', (base) => {
  const random = generator(3);
  const all = Array.from({ length: 300 }, (_, value) => {
    const start = base + random(1000);
    // Some are empty, some reach below their beginning.
    return { start, end: start + random(40) - 3, value };
  });
  const triples = new NumberList();
  for (const { start, end, value } of all) for (const one of [start, end, value]) triples.push(one);
  const intervals = new Intervals(triples);
  expect(intervals.count).toBe(all.filter(({ start, end }) => end > start).length);
  for (let address = base - 5; address < base + 1050; address++) {
    const [best] = all
      .filter(({ start, end }) => start <= address && address < end)
      // The one that begins last, of those the shortest, of those the last.
      .sort((a, b) => b.start - a.start || a.end - b.end || b.value - a.value);
    expect(intervals.find(address)).toBe(best?.value);
  }
});
