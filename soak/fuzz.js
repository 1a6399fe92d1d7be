// Damaged dumps by the hundred thousand: npm run fuzz -- [--count N] [--seed N] [--write]
//
// Runs the mutation tests of the reader and of the filter (which run in a short form in every test run) with N mutations for the fixed seed and N
// for a fresh one, which is printed. The full count, and --write, write docs/evidence/fuzz.md. Needs `npm run build`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { commit, machine } from './evidence.js';
import { freshSeed } from './random.js';

const FULL = 120_000;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values: options } = parseArgs({
  options: {
    count: { type: 'string' },
    seed: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const count = Number(options.count ?? FULL);
const seed = Number(options.seed ?? freshSeed());
for (const number of [count, seed]) {
  if (Number.isSafeInteger(number) && number >= 0) continue;
  console.error('fuzz: --count and --seed want numbers');
  process.exit(2);
}

const suites = [
  { what: 'the reader', file: 'test/reader/robustness.test.ts', names: 'damaged dumps', each: 1 },
  { what: 'the filter', file: 'test/targets/minidump.test.ts', names: 'mutations', each: 100 },
];
const work = mkdtempSync(join(tmpdir(), 'mdmp-fuzz-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
console.log(`fuzz: seeds 1 and ${seed}, ${count} mutations each, ${machine()}`);

// Now: it may be another one when the run is over.
const version = commit(root);
const rows = [];
const failures = [];
for (const { what, file, names, each } of suites) {
  const output = join(work, 'tests.json');
  const began = performance.now();
  const vitest = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      ...['run', file, '-t', names, '--reporter=json', `--outputFile=${output}`],
    ],
    {
      cwd: root,
      env: { ...process.env, MDMP_STRICT: '1', MDMP_FUZZ: String(count), MDMP_FUZZ_SEED: String(seed) },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const seconds = Math.round((performance.now() - began) / 1000);
  let tests = [];
  if (vitest.status === 0 || vitest.status === 1) {
    const report = JSON.parse(readFileSync(output, 'utf8'));
    tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  }
  const run = tests.filter(({ status }) => status === 'passed' || status === 'failed');
  const failed = run.filter(({ status }) => status === 'failed');
  if (run.length === 0 || (vitest.status !== 0 && failed.length === 0))
    failures.push(`${file}: vitest ended with ${vitest.status ?? vitest.signal}, ${run.length} tests`);
  for (const { fullName, failureMessages } of failed)
    failures.push(`${fullName}: ${failureMessages.join(' ').split('\n')[0]}`);
  // Each test is one dump of the corpus with one of the seeds.
  const seeded = run.filter(({ title }) => / seed \d+: (\d+) mutations/.test(title));
  const mutations = seeded.reduce((sum, { title }) => sum + Number(/: (\d+) mutations/.exec(title)[1]), 0);
  if (mutations < (2 * count) / each) failures.push(`${file}: only ${mutations} mutations were tried`);
  rows.push(`| ${what} | ${mutations} | ${seeded.length / 2} | ${seconds} s | ${failed.length} |`);
  console.log(rows.at(-1));
}
for (const failure of failures) console.log(`FAILED ${failure}`);
if (options.write || count >= FULL) {
  const lines = [
    '# Fuzzing: damaged dumps',
    '',
    `Written by \`npm run fuzz\`, seeds 1 and ${seed}, at commit ${version}, on ${new Date().toISOString().slice(0, 10)}.`,
    '',
    `${machine()}. What counts as a failure: anything but a MinidumpError, more than 5 s (the filter: 10 s) for one dump, more read than the dump's size allows.`,
    '',
    '| what | mutations, both seeds | dumps of the corpus | duration | failures |',
    '|---|---:|---:|---:|---:|',
    ...rows,
    ...(failures.length > 0 ? ['', ...failures.map((failure) => `- ${failure.replace(/\s+/g, ' ')}`)] : []),
  ];
  writeFileSync(join(root, 'docs', 'evidence', 'fuzz.md'), `${lines.join('\n')}\n`);
  console.log('written: docs/evidence/fuzz.md');
}
process.exit(failures.length > 0 ? 1 : 0);
