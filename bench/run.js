// How long a dump takes, how long the target stands still meanwhile (by its own clock), how much memory it takes and how large the file is, and how long it
// takes to walk the stacks of one, against other tools: npm run bench. docs/benchmark.md tells how to read it; --help shows the options. It fails on nothing but errors.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chart } from './chart.js';
import { BenchError } from './error.js';
import { dumpFolder, root } from './folders.js';
import { describeMachine, load, speeds } from './machine.js';
import { measure, rounds } from './measuring.js';
import { failures, memoryLimit } from './memory-limit.js';
import { readOptions, usage } from './options.js';
import { registering } from './register.js';
import { rewriting } from './rewriting.js';
import { stackWalks } from './stacks.js';
import { markdown } from './table.js';
import { checkNames, targets } from './targets.js';
import { chooseTools, hasSnapshot, main, mdmp, toolsFor } from './tools.js';

const PARTS = ['stacks', 'register', 'machine', 'rewriter', 'memory-limit'];

/** `mdmp info` of the dumps of mdmp, while they are there. */
function lookWithInfo(folder) {
  return (tool) =>
    tool.name === 'mdmp full'
      ? async (file) => {
          const info = await measure(mdmp('info', file), folder);
          if (info.status !== 0) throw new BenchError(`mdmp info:\n${info.printed}`);
          return { info: { wallMs: info.wallMs, peakMb: info.peakMb } };
        }
      : undefined;
}

async function runAll(options) {
  checkNames(options.only, PARTS);
  if (!existsSync(main)) throw new BenchError('dist/cli/main.js is missing; run: npm run build');
  const wanted = (name, otherwise) => options.only?.has(name) ?? otherwise;
  const say = (text) => console.error(`bench: ${text}`);

  const folder = dumpFolder(options.folder);
  say(`dumps go to ${folder.parent}, at most ${(folder.room / 1e9).toFixed(1)} GB each`);
  const { tools, missing } = chooseTools(options);
  const snapshot = hasSnapshot();
  if (!snapshot) missing.push('snapshots: this mdmp has no --snapshot');
  const snapshotModes = (...modes) =>
    snapshot
      ? modes.map((mode) => ({ name: `snapshot ${mode}`, options: ['--snapshot', mode] }))
      : [{ name: 'mdmp full', options: [] }];
  const loads = [load()];
  const result = { machine: describeMachine(), folder, missing, targets: [] };
  const runsOf = (target) => options.runs ?? (options.quick ? 2 : target?.large ? 5 : 9);
  result.runs = options.runs ?? (options.quick ? 2 : '9, of large targets 5,');

  if (wanted('machine', !options.quick)) {
    say('machine');
    result.speeds = await speeds(folder);
  }
  for (const target of targets) {
    if (!wanted(target.name, options.quick ? target.quick : target.quick !== 'only')) continue;
    const { usable, leftOut } = toolsFor(target, tools, { room: folder.room, slow: options.slow });
    say(`${target.name}: ${usable.map(({ name }) => name).join('; ')}`);
    const measured = await rounds(target, usable, {
      runs: runsOf(target),
      probe: options.probe,
      folder,
      look: target.large ? lookWithInfo(folder) : undefined,
    });
    result.targets.push({ ...measured, leftOut });
  }
  if (wanted('stacks', true)) {
    say('stacks');
    result.stacks = await stackWalks({ runs: runsOf(), quick: options.quick, folder });
  }
  if (wanted('register', true)) {
    say('register');
    result.register = await registering({ runs: runsOf(), quick: options.quick, folder });
  }
  if (wanted('rewriter', !options.quick)) {
    result.rewriting = [];
    for (const pages of ['4k', '2m']) {
      say(`rewriter, pages of ${pages}`);
      const modes = snapshotModes('always', 'never');
      result.rewriting.push(await rewriting(modes, { runs: options.runs ?? 5, mib: 1024, pages, folder }));
    }
  }
  if (wanted('memory-limit', !options.quick)) {
    say('memory-limit');
    result.memoryLimit = await memoryLimit(snapshotModes('auto', 'always', 'never'), { mib: 512, folder });
  }
  result.loads = [...loads, load()];
  return result;
}

function write(name, text, svg) {
  const folder = join(root, 'docs', 'evidence');
  mkdirSync(folder, { recursive: true });
  const picture = svg === undefined ? '' : `![Wall time and pause of each tool](bench-${name}.svg)\n\n`;
  const head = `# Benchmark: ${name}\n\nWritten by \`npm run bench -- --write ${name}\`; [docs/benchmark.md](../benchmark.md) tells how to read it.\n\n`;
  writeFileSync(join(folder, `bench-${name}.md`), `${head}${picture}${text}`);
  if (svg !== undefined) writeFileSync(join(folder, `bench-${name}.svg`), svg);
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) console.log(usage);
  else {
    const result = await runAll(options);
    const text = markdown(result);
    console.log(text);
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, undefined, 1)}\n`);
    if (options.write !== undefined) write(options.write, text, chart(result.targets, result.stacks?.cases));
    for (const failure of failures(result.memoryLimit ?? {})) {
      console.error(`bench: ${failure}`);
      process.exitCode = 1;
    }
  }
} catch (error) {
  console.error(`bench: ${error instanceof BenchError ? error.message : error.stack}`);
  process.exitCode = 1;
}
