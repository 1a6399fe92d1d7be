// How long whole commands take beside a Node that does nothing, and how much memory they need at most:
// node bench/start.js [--runs N] [--other main.js] DUMP…
//
// A dump of a small process, `mdmp info` of it, and `mdmp info` of each DUMP that is named. All take turns, so the ratios are of the same
// minutes; each number is a median. `--other` is the command of another build, which takes turns, too. Needs `npm run build`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '21' }, other: { type: 'string' } },
});
const runs = Number(values.runs);
const work = mkdtempSync(join(tmpdir(), 'mdmp-start-'));
const sleeper = spawn('sleep', ['100000'], { stdio: 'ignore' });
sleeper.unref();
process.on('exit', () => {
  sleeper.kill('SIGKILL');
  rmSync(work, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const small = join(work, 'small.dmp');
const commands = [['node -e 0', ['-e', '0']]];
const builds = [['mdmp', fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))]];
if (values.other !== undefined) builds.push(['other', values.other]);
for (const [name, main] of builds) {
  commands.push([`${name} dump`, [main, 'dump', `${sleeper.pid}`, '--force', '-o', small]]);
}
for (const dump of [small, ...positionals]) {
  for (const [name, main] of builds) commands.push([`${name} info ${basename(dump)}`, [main, 'info', dump]]);
}

const run = (args) => {
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (status === 0) return stderr;
  console.error(`bench: ${args.join(' ')}: ${stderr}`);
  process.exit(1);
};
const times = new Map(commands.map(([name]) => [name, []]));
for (let i = 0; i <= runs; i++) {
  for (const [name, args] of commands) {
    const start = performance.now();
    run(args);
    // The first round fills the caches of files.
    if (i > 0) times.get(name).push(performance.now() - start);
  }
}

// Apart from the times, as to ask for it takes some itself.
const probe = join(work, 'probe.cjs');
// Not getrusage: its maximum begins with what this process had when it forked.
writeFileSync(
  probe,
  'const status = () => require("node:fs").readFileSync("/proc/self/status", "utf8");\n' +
    'process.on("exit", () => process._rawDebug(/VmHWM:\\s*(\\d+)/.exec(status())[1]));',
);
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const nothing = median(times.get('node -e 0'));
console.log(`| command | ms | × \`node -e 0\` | MB at most |\n|---|---|---|---|`);
for (const [name, args] of commands) {
  const ms = median(times.get(name));
  const megabytes = (Number(run(['-r', probe, ...args])) * 1024) / 1e6;
  console.log(`| ${name} | ${ms.toFixed(0)} | ${(ms / nothing).toFixed(2)} | ${megabytes.toFixed(0)} |`);
}
