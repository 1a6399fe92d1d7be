// Damaged dumps and symbols by the hundred thousand: npm run fuzz -- [--count N] [--seed N] [--only NAME] [--write]
//
// Runs the mutation tests of the reader, of the filter, and of the analysis with its symbols (which run in a short form in every test run)
// with N mutations for the fixed seed and N for a fresh one, which is printed; --only runs one of them, or several (`--only PE,Mach-O`). The full count of all,
// and --write, write docs/evidence/fuzz.md, or fuzz-NAMES.md. Needs `npm run build`.
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
    only: { type: 'string' },
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

const only = options.only?.split(',');
// The kinds of test/hostile have their shares of the count, in twentieths: test/hostile/kinds.ts.
const hostile = (what, kind, share) => ({
  what,
  file: 'test/hostile/hostile.test.ts',
  names: `of the kind '${kind}'`,
  each: 20 / share,
});
const suites = [
  { what: 'the reader', file: 'test/reader/robustness.test.ts', names: 'damaged dumps', each: 1 },
  { what: 'the filter', file: 'test/targets/minidump.test.ts', names: 'mutations', each: 100 },
  hostile('analysis and reports', 'analysis', 3),
  hostile('.sym files', 'sym', 4),
  hostile('indexes of .sym files', 'sym index', 3),
  hostile('ELF and DWARF', 'elf', 7),
  hostile('Mach-O', 'Mach-O', 5),
  hostile('PE', 'PE', 6),
  hostile('PDB and cabinets', 'pdb', 6),
  hostile('mangled names', 'name', 3),
].filter(({ what }) => only === undefined || only.includes(what));
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
  // Each test is one dump of the corpus, or one kind of input, with one of the seeds.
  const seeded = run.filter(({ title }) => / seed \d+: (\d+) mutations/.test(title));
  const mutations = seeded.reduce((sum, { title }) => sum + Number(/: (\d+) mutations/.exec(title)[1]), 0);
  if (mutations < (2 * count) / each) failures.push(`${file}: only ${mutations} mutations were tried`);
  rows.push(`| ${what} | ${mutations} | ${seconds} s | ${failed.length} |`);
  console.log(rows.at(-1));
}
for (const failure of failures) console.log(`FAILED ${failure}`);
if (options.write || (only === undefined && count >= FULL)) {
  const name = ['fuzz', ...(only ?? [])].join('-').toLowerCase().replaceAll(' ', '-');
  const lines = [
    '# Fuzzing: damaged dumps and symbols',
    '',
    `Written by \`npm run fuzz${only ? ` -- --only '${only}'` : ''}\`, seeds 1 and ${seed}, at commit ${version}, on ${new Date().toISOString().slice(0, 10)}.`,
    '',
    `${machine()}. What counts as a failure, for the reader and the filter: anything but a MinidumpError, more than 5 s (the filter: 10 s) for one dump, more read than the dump's size allows.`,
    'For the others, which run in processes of their own: anything but a MinidumpError (of a dump that was opened, anything but a report), more than 1 s of processor time for one,',
    'more than 64 MiB and 32 times the input of memory for one, more than 256 MiB of heap, an end of the process, or nothing for 30 s. What they do is in test/hostile.',
    '',
    '| what | mutations, both seeds | duration | failures |',
    '|---|---:|---:|---:|',
    ...rows,
    ...(failures.length > 0 ? ['', ...failures.map((failure) => `- ${failure.replace(/\s+/g, ' ')}`)] : []),
  ];
  writeFileSync(join(root, 'docs', 'evidence', `${name}.md`), `${lines.join('\n')}\n`);
  console.log(`written: docs/evidence/${name}.md`);
}
process.exit(failures.length > 0 ? 1 : 0);
