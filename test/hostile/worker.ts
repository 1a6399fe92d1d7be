/**
 * A process that does attempts one after the other; test/hostile/attempts.ts starts it and watches it. In a file it leaves the number
 * of the attempt that it is at: if it hangs or dies, that one did it. Of what fails it writes a line to stdout.
 */
import { openSync, writeSync } from 'node:fs';
import { generator } from '../reader/mutations.js';
import type { Job } from './attempts.js';
import { KINDS } from './kinds.js';

/** Attempts before the first that are not measured: code is compiled, and tables are made. They have numbers below 0. */
const WARM_UP = 30;
/** Processor time of one attempt, in milliseconds. */
const MOST_TIME = 1000;
/** Memory that one attempt may add to the most that was ever in use: so much, and so many times its input. */
const MOST_MEMORY = 64 << 20;
const MOST_TIMES = 32;

const { kind, seed, from, count, progress, places }: Job = JSON.parse(process.argv[2]!);
const { attempt } = await KINDS[kind].prepare(places);
const file = openSync(progress, 'w', 0o600);
const number = new Float64Array(1);

let slowest = 0;
let slowestAttempt = from;
let largest = 0;
/** Each attempt has numbers of its own, so that it can be done again by itself. */
const randomFor = (index: number) =>
  generator(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
const say = (what: object) => writeSync(1, `${JSON.stringify(what)}\n`);

const indexes = function* () {
  for (let index = -WARM_UP; index < 0; index++) yield index;
  for (let index = from; index < from + count; index++) yield index;
};
for (const index of indexes()) {
  number[0] = index;
  writeSync(file, number, 0, 8, 0);
  const before = process.cpuUsage();
  const memory = process.resourceUsage().maxRSS;
  let size = 0;
  try {
    size = attempt(randomFor(index), index);
  } catch (error) {
    const { stack, cause } = error as Error;
    say({ failed: index, why: `${stack}${cause ? ` (${cause})` : ''}` });
    continue;
  }
  const { user, system } = process.cpuUsage(before);
  const time = (user + system) / 1000;
  const grown = (process.resourceUsage().maxRSS - memory) * 1024;
  if (index < 0) continue;
  if (time > slowest) [slowest, slowestAttempt] = [time, index];
  largest = Math.max(largest, grown);
  if (time > MOST_TIME) say({ failed: index, why: `${Math.round(time)} ms of processor time` });
  if (grown > MOST_MEMORY + MOST_TIMES * size)
    say({ failed: index, why: `${grown} bytes of memory more for an input of ${size}` });
}
say({ done: count, slowest, slowestAttempt, largest, memory: process.resourceUsage().maxRSS * 1024 });
