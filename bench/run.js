// How long a dump takes, how long the target stands still meanwhile (by its own clock), and how large the file is,
// against lldb and gcore on the same process: npm run bench -- [--quick] [--runs N] [--only NAME] [--probe sleep|spin] [--write NAME]
//
// All tools take turns on one process, so the ratios of a run are of the same moment. Each number is a median. Needs `npm run build`,
// and for the other tools `npm run setup:tools`; one that is missing is left out and said. Fails only on errors.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, release, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    only: { type: 'string' },
    probe: { type: 'string', default: 'sleep' },
    write: { type: 'string' },
  },
});
const runs = Number(options.runs ?? (options.quick ? 3 : 9));
if (!Number.isInteger(runs) || runs < 1) fail(`--runs wants a number, not ${options.runs}`);
if (options.write !== undefined && !/^[\w-]+$/.test(options.write))
  fail('--write wants a name of letters, digits and dashes');

const main = join(root, 'dist', 'cli', 'main.js');
if (!existsSync(main)) fail('dist/cli/main.js is missing; run: npm run build');

const work = mkdtempSync(join(tmpdir(), 'mdmp-bench-'));
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(work, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(1);
}

function which(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

const median = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// --- what is dumped

const targets = [
  {
    name: 'small',
    what: '1 thread, 3 MiB touched',
    start: () => startC(['--touch', '3', '--probe', options.probe]),
  },
  {
    name: 'threads100',
    what: '100 threads, 20 frames deep',
    limitMs: 40,
    start: () => startC(['--threads', '100', '--touch', '3', '--probe', options.probe]),
  },
  {
    name: 'node',
    what: 'Node: HTTP server, timers, 2 workers; the pause is that of its event loop',
    limitMs: 12,
    start: () => startTarget(process.execPath, [join(root, 'test/programs/node-target.js')]),
  },
].filter(({ name }) => options.only === undefined || options.only === name);
if (targets.length === 0) fail(`no target is called ${options.only}`);

let pausewatch;
function startC(args) {
  if (!pausewatch) {
    pausewatch = join(work, 'pausewatch');
    const source = join(root, 'test', 'programs', 'pausewatch.c');
    const gcc = spawnSync('gcc', ['-O1', '-pthread', '-o', pausewatch, source], { encoding: 'utf8' });
    if (gcc.status !== 0) fail(`gcc: ${gcc.error?.message ?? gcc.stderr}`);
  }
  return startTarget(pausewatch, args);
}

/** A test program (see test/programs/common.h): `ask` sends a command and gives what it answered. */
async function startTarget(command, args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const until = async (last) => {
    const values = {};
    const timer = setTimeout(() => fail(`the target did not say ${last} within 20 s`), 20_000);
    for (;;) {
      const { value: line, done } = await lines.next();
      if (done) fail(`the target ended before it said ${last}`);
      if (line === last) break;
      const [name, value] = line.split('=');
      values[name] = value;
    }
    clearTimeout(timer);
    return values;
  };
  await until('READY');
  return {
    pid: child.pid,
    alive: () => child.exitCode === null && child.signalCode === null,
    ask: (line) => {
      child.stdin.write(`${line}\n`);
      return until('END');
    },
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => {
          running.delete(child);
          resolve();
        });
        child.stdin.end('quit\n');
        setTimeout(() => child.kill('SIGKILL'), 2000).unref();
      }),
  };
}

// --- what dumps

const tools = [
  {
    name: 'mdmp',
    command: (pid, file) => [process.execPath, [main, 'dump', String(pid), '-o', file, '--force']],
  },
  {
    name: 'lldb-19 minidump',
    needs: 'lldb-19',
    command: (pid, file) => [
      'lldb-19',
      [
        '--no-lldbinit',
        '--batch',
        '-p',
        String(pid),
        '-o',
        `process save-core --plugin-name=minidump --style=stack ${file}`,
        '-o',
        'detach',
      ],
    ],
  },
  {
    name: 'mdmp --type full',
    command: (pid, file) => [
      process.execPath,
      [main, 'dump', String(pid), '-o', file, '--type', 'full', '--force'],
    ],
  },
  {
    name: 'gcore',
    needs: 'gcore',
    command: (pid, file) => ['gcore', ['-o', file, String(pid)]],
    output: (pid, file) => `${file}.${pid}`,
  },
];

function runTool(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, DEBUGINFOD_URLS: '' },
    });
    running.add(child);
    let printed = '';
    child.stdout.on('data', (text) => (printed += text));
    child.stderr.on('data', (text) => (printed += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
    child.on('error', (error) => fail(`${command}: ${error.message}`));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ code, signal, printed });
    });
  });
}

async function measure(tool, target) {
  const file = join(work, `${tool.name.replaceAll(/\W+/g, '-')}.dmp`);
  const output = tool.output?.(target.pid, file) ?? file;
  rmSync(output, { force: true });
  await target.ask('reset');
  const began = performance.now();
  const result = await runTool(...tool.command(target.pid, file));
  const wallMs = performance.now() - began;
  const pauseMs = Number((await target.ask('report')).longest_us) / 1000;
  if (result.code !== 0) fail(`${tool.name} ended with ${result.signal ?? result.code}:\n${result.printed}`);
  if (!existsSync(output)) fail(`${tool.name} wrote no file:\n${result.printed}`);
  if (!target.alive()) fail(`the target did not survive ${tool.name}`);
  const bytes = statSync(output).size;
  rmSync(output, { force: true });
  return { wallMs, pauseMs, bytes };
}

/** The longest gap that the target sees while nobody dumps it: the noise of the machine. */
async function idlePause(target, ms) {
  await target.ask('reset');
  await new Promise((resolve) => setTimeout(resolve, ms));
  return Number((await target.ask('report')).longest_us) / 1000;
}

const usable = tools.filter((tool) => {
  if (!tool.needs || which(tool.needs)) return true;
  console.log(`left out: ${tool.name} (${tool.needs} is not installed; npm run setup:tools)`);
  return false;
});

// --- the runs

const out = [];
const print = (line = '') => {
  console.log(line);
  out.push(line);
};
const ms = (number) => (number < 10 ? number.toFixed(2) : number.toFixed(1));
const size = (bytes) =>
  bytes < 1 << 20 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
const ratio = (number) => `${number.toFixed(number < 10 ? 2 : 1)}×`;

const nodeStart = [];
for (let i = 0; i < runs; i++) {
  const began = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  nodeStart.push(performance.now() - began);
}
print(
  `Linux ${release()} ${arch()}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}; medians of ${runs} runs.`,
);
print(`\`node -e 0\` alone takes ${ms(median(nodeStart))} ms.`);

for (const { name, what, limitMs, start } of targets) {
  const target = await start();
  const results = new Map(usable.map((tool) => [tool, []]));
  const idle = [];
  for (let run = 0; run < runs; run++) {
    // Each tool comes first, second … in turn: who follows gcore finds other caches.
    for (let i = 0; i < usable.length; i++) {
      const tool = usable[(i + run) % usable.length];
      results.get(tool).push(await measure(tool, target));
    }
    idle.push(await idlePause(target, 300));
  }
  await target.stop();

  const of = (tool, key) => median(results.get(tool).map((result) => result[key]));
  const base = usable[0];
  print();
  print(`## ${name}: ${what}`);
  print();
  print('| tool | wall ms | ratio | pause ms | ratio | longest pause ms | size |');
  print('|---|---:|---:|---:|---:|---:|---:|');
  for (const tool of usable) {
    const against = (key) =>
      ratio(median(results.get(tool).map((result, i) => result[key] / results.get(base)[i][key])));
    const longest = Math.max(...results.get(tool).map(({ pauseMs }) => pauseMs));
    print(
      `| ${tool.name} | ${ms(of(tool, 'wallMs'))} | ${against('wallMs')} | ${ms(of(tool, 'pauseMs'))} | ${against('pauseMs')} | ${ms(longest)} | ${size(of(tool, 'bytes'))} |`,
    );
  }
  print();
  print(`Undisturbed, the target sees a gap of ${ms(median(idle))} ms within 300 ms.`);
  if (limitMs !== undefined) {
    const pause = of(base, 'pauseMs');
    print(
      `The pause is to stay under ${limitMs} ms: ${pause < limitMs ? 'it does' : 'IT DOES NOT'} (${ms(pause)} ms).`,
    );
  }
}

if (options.write !== undefined) {
  const folder = join(root, 'docs', 'evidence');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `bench-${options.write}.md`);
  writeFileSync(
    file,
    `# Benchmark: ${options.write}\n\nWritten by \`npm run bench -- --write ${options.write}\`.\n\n${out.join('\n')}\n`,
  );
  console.log(`\nwritten: docs/evidence/bench-${options.write}.md`);
}
