// `mdmp stack` against the programs that others have for it, on the same dump and the same symbols; and how many dumps a second one process analyses.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeBigDump } from './big-dump.js';
import { bigModule, writeBigSym } from './big-sym.js';
import { BenchError } from './error.js';
import { root } from './folders.js';
import { measure } from './measuring.js';
import { mdmp } from './tools.js';
import { valuesOf } from './values.js';

/** Where this is set each start of Node takes 30 ms more, to read certificates that nobody here needs; native tools have no such thing. */
const WITHOUT_CERTIFICATES = { NODE_EXTRA_CA_CERTS: undefined };

/** A tool of .tools, or undefined. */
function tool(...path) {
  const file = join(root, '.tools', ...path);
  return existsSync(file) ? file : undefined;
}

/** Those that walk stacks. The first one is what the others are compared with. `command` gets the dump and where its symbols are. */
function walkers(cache) {
  const breakpad = tool('minidump', 'bin', `${process.platform}-${process.arch}`, 'minidump_stackwalk');
  const rust = tool('rust', 'bin', 'minidump-stackwalk');
  const own = (name, ...options) => ({
    name,
    own: true,
    command: (dump, symbols) => mdmp('stack', dump, ...symbols, '--symbols-cache', cache, ...options),
  });
  const all = [
    { name: 'Breakpad', path: breakpad, command: (dump, symbols) => [breakpad, [dump, ...symbols]] },
    {
      name: 'rust-minidump',
      path: rust,
      command: (dump, symbols) => [rust, [...symbols.flatMap((path) => ['--symbols-path', path]), dump]],
    },
    own('mdmp stack'),
    own('mdmp stack --json', '--json'),
  ];
  const missing = all.filter((one) => !one.own && one.path === undefined);
  return {
    tools: all.filter((one) => !missing.includes(one)),
    missing: missing.map(({ name }) => `${name}'s stack walker is not installed; npm run setup:tools`),
  };
}

/** The folder of real dumps, or undefined. */
function corpus() {
  const folder = process.env.MDMP_CORPUS ?? join(root, '..', 'shared', 'corpus');
  return existsSync(join(folder, 'rust-minidump')) ? folder : undefined;
}

/**
 * All of it: cases with the results of each tool by round, and rates. With `quick` the .sym file has 2.9 MB instead of 58.
 */
export async function stackWalks({ runs, quick, folder }) {
  const work = join(folder.path, 'stacks');
  mkdirSync(work);
  try {
    const cache = join(work, 'cache');
    const { tools, missing } = walkers(cache);
    const leftOut = [...missing];
    const cases = [];
    const real = corpus();
    if (real === undefined) leftOut.push('dumps of the corpus: there is none; MDMP_CORPUS names its folder');
    else {
      const small = { dump: join(real, 'rust-minidump', 'linux-mini.dmp'), symbols: [] };
      cases.push({ name: 'small', what: 'a dump of 27 KB, no symbols', ...small });
    }
    cases.push(...(await bigCases(work, cache, quick)));
    const results = [];
    for (const one of cases) results.push(await walked(one, tools, { runs, folder }));
    const rates = real === undefined ? [] : await measureRates(real, { quick, folder, work });
    return { cases: results, rates, leftOut };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The large .sym file, its dump, and the cases that are made of them. */
async function bigCases(work, cache, quick) {
  const symbols = join(work, 'symbols');
  const folder = join(symbols, bigModule.name, bigModule.id);
  mkdirSync(folder, { recursive: true });
  const size = quick ? { functions: 3000, lines: 130_000, cfi: 12_000 } : {};
  const functions = writeBigSym(join(folder, `${bigModule.name}.sym`), size);
  const dump = join(work, 'big.dmp');
  await writeBigDump(dump, functions);
  // Limits are those of the big one.
  const name = quick ? 'little' : 'big';
  const sym = `a .sym file of ${quick ? 2.9 : 58} MB`;
  const both = { dump, symbols: [symbols], functions: true };
  const forget = () => rmSync(cache, { recursive: true, force: true });
  return [
    { name: `${name}-cold`, what: `${sym}, no index yet`, prepare: forget, ...both },
    { name: `${name}-warm`, what: `${sym}, the index in the cache`, ...both },
  ];
}

/** Runs each tool `runs` times on a case, after a run that is not counted. In each round another one comes first. */
async function walked({ name, what, dump, symbols, functions, prepare }, tools, { runs, folder }) {
  if (functions) compare(dump, symbols, tools);
  const results = new Map(tools.map((one) => [one.name, []]));
  for (let round = -1; round < runs; round++) {
    for (let i = 0; i < tools.length; i++) {
      const one = tools[(i + round + tools.length) % tools.length];
      if (one.own) prepare?.();
      const { status, printed, ...took } = await measure(
        one.command(dump, symbols),
        folder,
        WITHOUT_CERTIFICATES,
      );
      if (status !== 0) {
        const last = printed.trim().split('\n').slice(-3).join(' / ');
        if (one.own) throw new BenchError(`${one.name}: exit ${status}: ${last}`);
        results.get(one.name)[Math.max(round, 0)] = { failed: `exit ${status}: ${last}` };
      } else if (round >= 0) results.get(one.name)[round] = took;
    }
  }
  return { name, what, tools: tools.map((one) => ({ name: one.name, results: results.get(one.name) })) };
}

/** A time says nothing if the answer is another one: functions and lines of all frames must be those of Breakpad. */
function compare(dump, symbols, tools) {
  const output = ([command, args]) => {
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
    if (status !== 0) throw new BenchError(`${command}: ${stderr}`);
    return stdout;
  };
  const breakpad = tools.find(({ name }) => name === 'Breakpad');
  const json = tools.find(({ name }) => name === 'mdmp stack --json');
  const ours = JSON.parse(output(json.command(dump, symbols))).threads.flatMap((thread, i) =>
    thread.frames.map((frame) => [i, frame.frame, frame.function, frame.file, frame.line].join('|')),
  );
  if (!ours.length || ours.some((frame) => frame.includes('||')))
    throw new BenchError(
      `mdmp stack: a frame has no function or line: ${ours.find((f) => f.includes('||'))}`,
    );
  if (breakpad === undefined) return;
  const [command, args] = breakpad.command(dump, symbols);
  const theirs = output([command, ['-m', ...args]])
    .split('\n')
    .filter((line) => /^\d+\|\d+\|/.test(line))
    .map((line) => {
      const [thread, frame, , name, file, number] = line.split('|');
      return [thread, frame, name, file, number].join('|');
    })
    .sort();
  const wrong = ours.toSorted().findIndex((frame, i) => frame !== theirs[i]);
  if (wrong >= 0 || ours.length !== theirs.length)
    throw new BenchError(
      `mdmp stack and Breakpad differ: ${ours.length} and ${theirs.length} frames; ${ours.toSorted()[wrong]} and ${theirs[wrong]}`,
    );
}

/** Dumps a second of one process, for each kind of symbols. */
async function measureRates(corpus, { quick, folder, work }) {
  const linux = join(corpus, 'symbolic', 'linux');
  const cases = [
    {
      name: 'linux-mini.dmp, .sym file',
      dump: 'rust-minidump/linux-mini.dmp',
      symbols: [join(linux, 'crash.sym')],
    },
    {
      name: 'linux-mini.dmp, ELF and DWARF',
      dump: 'rust-minidump/linux-mini.dmp',
      symbols: [join(linux, 'crash'), join(linux, 'crash.debug')],
    },
    {
      name: 'test.dmp of Windows, .sym file',
      dump: 'rust-minidump/test.dmp',
      symbols: [join(corpus, 'rust-minidump', 'symbols')],
    },
  ];
  const rates = [];
  for (const { name, dump, symbols } of cases) {
    const command = [
      process.execPath,
      [
        ...[join(root, 'bench', 'stack-rate.js'), '--cache', join(work, 'rate-cache')],
        ...['--seconds', quick ? '0.5' : '10', join(corpus, dump), ...symbols],
      ],
    ];
    const { status, printed, peakMb } = await measure(command, folder, WITHOUT_CERTIFICATES);
    if (status !== 0) throw new BenchError(`${name}: ${printed}`);
    const { per_second, processor_ms, frames, named } = valuesOf(printed);
    if (!(Number(named) > 0)) throw new BenchError(`${name}: no frame has a function`);
    rates.push({
      name,
      perSecond: Number(per_second),
      processorMs: Number(processor_ms),
      frames: Number(frames),
      named: Number(named),
      peakMb,
    });
  }
  return rates;
}
