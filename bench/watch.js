// What it costs to be watched, and to watch: node bench/watch.js [--seconds N] [--write]
//
// A program at rest, watched for crashes, and for crashes and all thresholds: processor time and memory of the watcher over N seconds (600 by
// default). A program that sends itself 100,000 signals which it handles, and one that makes 10,000 threads, alone and watched: medians of
// five runs each, in turns. --write puts it into docs/evidence/bench-watch.md. Needs `npm run build`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '600' }, write: { type: 'boolean', default: false } },
});
const seconds = Number(values.seconds);
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'mdmp-watch-'));
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(work, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
const TICK = 100;
const RUNS = 5;

function start(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

/** Seconds of processor time, and the most memory that there was, in megabytes. */
function used(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const [, peak] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { time: (Number(fields[11]) + Number(fields[12])) / TICK, megabytes: Number(peak) / 1000 };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const lines = [];
const say = (line) => {
  lines.push(line);
  console.log(line);
};

const thresholds = [
  '--cpu',
  '90',
  '--memory',
  '100000',
  '--threads',
  '1000',
  '--descriptors',
  '1000',
  '--hang',
  '5s',
];
const watchers = [
  ['crashes', []],
  ['crashes and thresholds', thresholds],
  ['thresholds alone', ['--no-crash', ...thresholds]],
];
say(`A program at rest, ${seconds} s (\`node bench/watch.js --seconds ${seconds}\`), all three at once:\n`);
say('| watched for | processor time | of one processor | peak memory |');
say('|---|---|---|---|');
const watched = watchers.map(([name, options]) => {
  const target = start('sleep', ['100000']);
  const watcher = start(process.execPath, [main, 'watch', `${target.pid}`, '--dir', work, ...options]);
  return { name, target, watcher };
});
await sleep(5000);
const before = watched.map(({ watcher }) => used(watcher.pid));
await sleep(seconds * 1000);
watched.forEach(({ name, watcher, target }, i) => {
  const { time, megabytes } = used(watcher.pid);
  const share = ((time - before[i].time) / seconds) * 100;
  say(
    `| ${name} | ${(time - before[i].time).toFixed(2)} s | ${share.toFixed(2)} % | ${megabytes.toFixed(0)} MB |`,
  );
  watcher.kill('SIGTERM');
  target.kill('SIGKILL');
});

/** A program that prints how long its work took, in microseconds a turn. */
function compile(name, code) {
  const file = join(work, name);
  writeFileSync(`${file}.c`, code);
  const { status, stderr } = spawnSync('cc', ['-O2', '-pthread', '-o', file, `${file}.c`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return file;
}
const clock = `#include <stdio.h>
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e6 + t.tv_nsec / 1e3; }
`;
const programs = [
  [
    'a signal that is handled',
    compile(
      'signals',
      `${clock}#include <signal.h>
#include <unistd.h>
static volatile int count; static void handler(int s) { (void)s; count++; }
int main(void) { signal(SIGUSR1, handler); double t = now(); for (int i = 0; i < 100000; i++) kill(getpid(), SIGUSR1);
printf("%f\\n", (now() - t) / 100000); return count != 100000; }`,
    ),
  ],
  [
    'a thread that is made and joined',
    compile(
      'threads',
      `${clock}#include <pthread.h>
static void *run(void *p) { return p; }
int main(void) { double t = now(); for (int i = 0; i < 10000; i++) { pthread_t p; pthread_create(&p, 0, run, 0); pthread_join(p, 0); }
printf("%f\\n", (now() - t) / 10000); return 0; }`,
    ),
  ],
];
say('\n| what the program does | alone | watched |');
say('|---|---|---|');
for (const [name, file] of programs) {
  const results = { alone: [], watched: [] };
  for (let i = 0; i < RUNS; i++) {
    for (const [how, command, args] of [
      ['alone', file, []],
      ['watched', process.execPath, [main, 'run', '--dir', work, '--', file]],
    ]) {
      const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`${name}, ${how}: exit ${status}`);
      results[how].push(Number(stdout));
    }
  }
  say(`| ${name} | ${median(results.alone).toFixed(1)} µs | ${median(results.watched).toFixed(1)} µs |`);
}
say(
  `\nNode ${process.version}, Linux ${release()}, ${cpus().length} processors, ${new Date().toISOString().slice(0, 10)}.`,
);
if (values.write) {
  const file = fileURLToPath(new URL('../docs/evidence/bench-watch.md', import.meta.url));
  writeFileSync(
    file,
    `# What it costs to watch\n\nWritten by \`node bench/watch.js --write\`.\n\n${lines.join('\n')}\n`,
  );
}
