// What is dumped.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchError } from './error.js';
import { root } from './folders.js';
import { program } from './programs.js';
import { startTarget } from './target-process.js';

const MIB = 1 << 20;
const GIB = 1 << 30;

/**
 * One that is at rest, all but: it looks at its clock once a millisecond. A process that does so all the time takes a processor for itself, and who dumps it has to
 * share the other one.
 */
const resting = (...args) => ({
  start: () => startTarget(program('test/programs/pausewatch.c'), [...args, '--probe', 'nap']),
});

const pausewatch = (...args) => ({
  start: (probe) => startTarget(program('test/programs/pausewatch.c'), [...args, '--probe', probe]),
});

/**
 * The targets, in the order in which they run. `present` is how much memory they have about, `reserved` what a dumper gets in addition that does not look
 * which pages exist; `settleMs` how long they need after they say that they are ready.
 */
export const targets = [
  {
    name: 'small',
    what: '1 thread, 3 MiB touched',
    present: 6 * MIB,
    quick: true,
    ...pausewatch('--touch', '3'),
  },
  {
    name: 'resting',
    what: 'the same at rest: for the wall time, as the small one keeps a processor busy with its clock',
    present: 6 * MIB,
    ...resting('--touch', '3'),
  },
  {
    name: 'threads100',
    what: '100 threads in nested calls',
    present: 20 * MIB,
    reserved: GIB,
    quick: true,
    ...pausewatch('--threads', '100', '--touch', '3'),
  },
  {
    name: 'threads1000',
    what: '1,000 threads in nested calls',
    present: 40 * MIB,
    reserved: GIB,
    ...pausewatch('--threads', '1000', '--touch', '3'),
  },
  {
    name: 'node',
    what: 'an idle Node: HTTP server, 2 workers; the pause is that of its event loop',
    present: 80 * MIB,
    reserved: 3 * GIB,
    settleMs: 1000,
    start: () => startTarget(process.execPath, [join(root, 'test/programs/node-target.js'), '--idle']),
  },
  {
    name: '256mib',
    what: '256 MiB of random memory',
    present: 256 * MIB,
    quick: 'only',
    ...pausewatch('--touch', '256'),
  },
  {
    name: '2gib-4k',
    what: '2 GiB of random memory in pages of 4 KiB',
    present: 2 * GIB,
    large: true,
    ...resting('--touch', '2048', '--pages', '4k'),
  },
  {
    name: '2gib-2m',
    what: '2 GiB of random memory in pages of 2 MiB',
    present: 2 * GIB,
    large: true,
    hugePages: true,
    ...resting('--touch', '2048', '--pages', '2m'),
  },
  {
    name: '2gib-4k-8gib',
    what: '2 GiB of random memory in pages of 4 KiB, and 8 GiB reserved and never touched',
    present: 2 * GIB,
    reserved: 8 * GIB,
    large: true,
    ...resting('--touch', '2048', '--pages', '4k', '--reserve', '8'),
  },
  {
    name: '2gib-2m-8gib',
    what: '2 GiB of random memory in pages of 2 MiB, and 8 GiB reserved and never touched',
    present: 2 * GIB,
    reserved: 8 * GIB,
    large: true,
    hugePages: true,
    ...resting('--touch', '2048', '--pages', '2m', '--reserve', '8'),
  },
];

/** How much of what a target touched is in pages of 2 MiB, from 0 to 1. */
export function hugeShare(target) {
  const [address, bytes] = target.values.touched.split(' ');
  const start = BigInt(address);
  const end = start + BigInt(bytes);
  let huge = 0;
  let inside = false;
  for (const line of readFileSync(`/proc/${target.pid}/smaps`, 'utf8').split('\n')) {
    const region = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (region) inside = BigInt(`0x${region[1]}`) < end && BigInt(`0x${region[2]}`) > start;
    const size = inside && /^AnonHugePages: +(\d+) kB/.exec(line);
    if (size) huge += Number(size[1]) * 1024;
  }
  return Math.min(1, huge / Number(bytes));
}

/** Names of targets and further parts that `--only` may want. */
export function checkNames(only, parts) {
  const known = [...targets.map(({ name }) => name), ...parts];
  for (const name of only ?? [])
    if (!known.includes(name)) throw new BenchError(`--only ${name}: there are ${known.join(', ')}`);
}
