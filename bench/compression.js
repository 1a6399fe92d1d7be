// What compressing a dump costs and saves: node bench/compression.js [--runs N]
//
// A Node process is dumped in full, in turn plainly, with each compressor and through a pipe to the program zstd; medians of wall
// time and of processor time, and the most memory of the dumper. What is missing (npm run setup:tools) is left out and said.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({ options: { runs: { type: 'string', default: '7' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs wants a number, not ${values.runs}`);

const main = join(root, 'dist', 'cli', 'main.js');
const node22 = join(root, '.tools', 'node-22', 'node');
const zstd = spawnSync('which', ['zstd'], { encoding: 'utf8' }).stdout.trim();
if (!existsSync(main)) throw new Error('dist/cli/main.js is missing; run: npm run build');

const work = mkdtempSync(join(tmpdir(), 'mdmp-compression-'));
const target = spawn(process.execPath, [join(root, 'test/programs/node-target.js'), '--heap', '64'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
process.on('exit', () => {
  target.kill('SIGKILL');
  rmSync(work, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
for await (const line of createInterface(target.stdout)) if (line === 'READY') break;

// No libzstd, so that the program has to do it.
writeFileSync(join(work, 'libzstd.so.1'), 'none');
writeFileSync(join(work, 'zstd'), `#!/bin/sh\nunset LD_LIBRARY_PATH\nexec ${zstd} "$@"\n`);
chmodSync(join(work, 'zstd'), 0o755);
const withoutLibrary = { LD_LIBRARY_PATH: work, PATH: work };

const here = process.execPath;
const file = join(work, 'out');
const dump = (node, name = file) => [node, main, 'dump', String(target.pid), '-t', 'full', '-o', name];
const piped = (level) => ['/bin/bash', '-c', `"$0" "$@" | ${zstd} -q ${level} > ${file}`, ...dump(here, '-')];
const ways = [
  { name: 'not compressed', words: dump(here) },
  { name: 'libzstd', words: [...dump(here), '--compress', 'zstd'] },
  { name: 'node:zlib of Node 22', words: [...dump(node22), '--compress', 'zstd'], needs: node22 },
  { name: 'program zstd', words: [...dump(here), '--compress', 'zstd'], env: withoutLibrary, needs: zstd },
  { name: 'not compressed, Node 22', words: dump(node22), needs: node22 },
  { name: '`-o - \\| zstd -1`', words: piped('-1'), needs: zstd },
  { name: '`-o - \\| zstd -3`', words: piped('-3'), needs: zstd },
].filter(({ name, needs }) => {
  if (needs === undefined || (needs !== '' && existsSync(needs))) return true;
  console.error(`left out: ${name}`);
  return false;
});

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const times = join(work, 'times');
const loads = [];
for (const way of ways) way.results = [];
for (let i = 0; i < runs; i++) {
  for (const { name, words, env, results } of ways) {
    rmSync(file, { force: true });
    const timed = ['-o', times, '-f', '%e %U %S %M', ...words];
    const { status, stderr } = spawnSync('/usr/bin/time', timed, { env: { ...process.env, ...env } });
    if (status !== 0) throw new Error(`${name}: ${stderr ?? '/usr/bin/time is missing'}`);
    const [wall, user, system, memory] = readFileSync(times, 'utf8').split(' ').map(Number);
    results.push({ wall, cpu: user + system, memory, size: statSync(file).size });
    loads.push(loadavg()[0]);
  }
}
const { results: plain } = ways[0];
console.log(
  `Linux ${release()}, ${availableParallelism()} × ${cpus()[0].model}, Node ${process.versions.node};`,
);
console.log(
  `medians of ${runs} runs; load ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}.\n`,
);
console.log('| | wall s | shortest | processor s | most memory MB | size MB | of it |');
console.log('|---|---:|---:|---:|---:|---:|---:|');
for (const { name, results } of ways) {
  const of = (key) => results.map((result) => result[key]);
  const size = median(of('size'));
  const cells = [
    median(of('wall')).toFixed(2),
    Math.min(...of('wall')).toFixed(2),
    median(of('cpu')).toFixed(2),
    (Math.max(...of('memory')) / 1024).toFixed(0),
    (size / 1e6).toFixed(0),
    `${((100 * size) / median(plain.map((one) => one.size))).toFixed(0)} %`,
  ];
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
process.exit();
