// The soak: what dumps do to a busy program, over and over, with dumpers that are killed and system calls that fail:
// npm run soak -- [--mode normal|snapshot|both] [--seed N] [--quick] [--dumps N] [--kills N] [--faults N] [--write]
//
// --quick takes a twentieth of each count; a count of 0 leaves a part out. Needs `npm run build`, gcc and strace. The choices of a run are those of its
// seed, which is printed; one line a failure; the exit code is 1 if there was any. Parts that are run in full, and with --write all, are written to docs/evidence/soak-MODE.md.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const COUNTS = { dumps: 2000, kills: 500, faults: 400 };
const QUICK = 20;

const { values: options } = parseArgs({
  options: {
    mode: { type: 'string', default: 'normal' },
    seed: { type: 'string' },
    quick: { type: 'boolean', default: false },
    dumps: { type: 'string' },
    kills: { type: 'string' },
    faults: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
if (!existsSync(join(root, 'dist', 'cli', 'main.js'))) usage('dist is missing; run: npm run build');
const modes = { normal: ['normal'], snapshot: ['snapshot'], both: ['normal', 'snapshot'] }[options.mode];
if (!modes) usage(`--mode is normal, snapshot or both, not ${options.mode}`);

// What is imported below needs the build.
const { killCommands } = await import('./command.js');
const { soakDumps } = await import('./dumps.js');
const { commit, machine, writeEvidence } = await import('./evidence.js');
const { soakFaults } = await import('./faults.js');
const { soakKills } = await import('./kills.js');
const { freshSeed, Random } = await import('./random.js');
const { compileBusy } = await import('./target.js');

const counts = Object.fromEntries(
  Object.entries(COUNTS).map(([part, full]) => [
    part,
    natural(part, options[part] ?? (options.quick ? full / QUICK : full)),
  ]),
);
const seed = natural('seed', options.seed ?? freshSeed());
// Now: it may be another one when the run is over.
const version = commit(root);

const work = mkdtempSync(join(tmpdir(), 'mdmp-soak-'));
const targets = new Set();
const children = new Set();
process.on('exit', () => {
  killCommands();
  for (const child of children) child.kill('SIGKILL');
  rmSync(work, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

const program = compileBusy(root, work);

const parts = { dumps: soakDumps, kills: soakKills, faults: soakFaults };
let failures = 0;
console.log(`soak: seed ${seed}, ${machine()}`);
for (const mode of modes) {
  const results = [];
  for (const [name, run] of Object.entries(parts)) {
    if (counts[name] > 0) results.push(await soak(mode, name, run));
  }
  const shown = results.filter(({ name }) => options.write || counts[name] >= COUNTS[name]);
  if (shown.length > 0)
    console.log(`written: ${writeEvidence(root, { mode, seed, version, results: shown })}`);
}
console.log(failures === 0 ? 'soak: no failure' : `soak: ${failures} failures; repeat with --seed ${seed}`);
process.exit(failures === 0 ? 0 : 1);

async function soak(mode, name, run) {
  const began = performance.now();
  const lines = [];
  let spoken = began;
  const fail = (text) => {
    const line = text.trim().replace(/\s*\n\s*/g, ' / ');
    failures++;
    lines.push(line);
    console.log(`FAILED ${mode}: ${line}`);
  };
  const folder = (name) => {
    const path = join(work, `${mode}-${name}`);
    mkdirSync(path);
    return path;
  };
  const progress = (done, total) => {
    if (performance.now() - spoken < 30_000) return;
    spoken = performance.now();
    console.log(`${mode}, ${name}: ${done} of ${total}, ${lines.length} failures`);
  };
  // Each part draws from its own numbers, so that one can be repeated without the others.
  const random = new Random(seed + name.length * 7919);
  const context = { mode, root, work, program, random, targets, children, fail, folder, progress, ...counts };
  let found;
  try {
    found = await run(context);
  } catch (error) {
    fail(`${name}: ${error.stack}`);
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `${mode}, ${name}: ${counts[name]} in ${seconds.toFixed(0)} s, ${lines.length} failures ${JSON.stringify(found)}`,
  );
  return { name, count: counts[name], seconds, found, failures: lines };
}

function natural(name, value) {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) usage(`--${name} wants a number, not ${value}`);
  return number;
}

function usage(message) {
  console.error(`soak: ${message}`);
  process.exit(2);
}
