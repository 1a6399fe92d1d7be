// Writing .sym files of a large program, beside Breakpad's dump_syms: time and memory.
//
//     node bench/sym-writer.js write FILE          68 MB: 60,000 functions of C with 18 lines and 36 variables each, -g: needs gcc (or CC) and some minutes
//     node bench/sym-writer.js compare FILE [N]    both tools on it, N times in turn (5): medians, and the ratio
//
// The second needs `npm run build`, `npm run setup:tools` and /usr/bin/time.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './statistics.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const UNITS = 40;
const FUNCTIONS = 1500;
const LINES = 18;
/** Variables without code: they make the debug information as large as that of real programs. */
const LOCALS = 36;

function unitText(unit) {
  const step = `step${unit}`;
  const lines = [
    'extern volatile int sink;',
    `static inline __attribute__((always_inline)) int ${step}(int a, int b) {`,
    '  int c = a ^ b;',
    '  return c * 3;',
    '}',
  ];
  const locals = Array.from({ length: LOCALS }, (_, i) => `v${i}`).join(', ');
  for (let i = 0; i < FUNCTIONS; i++) {
    lines.push(`int unit${unit}_function_${i}(int a, int b) {`, `  int s = a, ${locals};`);
    for (let line = 0; line < LINES; line++)
      lines.push(
        line % 12 === 5 ? `  s += ${step}(s, b + ${line});` : `  s ${'+-^'[line % 3]}= b + ${i * 7 + line};`,
      );
    lines.push('  sink = s;', '  return s;', '}');
  }
  return `${lines.join('\n')}\n`;
}

function run(command, args, cwd) {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`);
  return stderr;
}

function writeProgram(path) {
  const compiler = process.env.CC ?? 'gcc';
  const folder = mkdtempSync(join(dirname(resolve(path)), 'mdmp-sym-writer-'));
  try {
    writeFileSync(join(folder, 'main.c'), 'volatile int sink; int main(void) { return sink; }\n');
    const objects = [];
    for (let unit = 0; unit < UNITS; unit++) {
      writeFileSync(join(folder, 'unit.c'), unitText(unit));
      run(compiler, ['-g', '-O0', '-c', 'unit.c', '-o', `unit${unit}.o`], folder);
      objects.push(`unit${unit}.o`);
    }
    run(compiler, ['-g', 'main.c', ...objects, '-o', resolve(path)], folder);
    console.log(`${path}: ${(statSync(path).size / 1e6).toFixed(0)} MB`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds and MB of one run; what it writes goes into a file. */
function measure(command, args) {
  const shell = '"$@" > /dev/shm/mdmp-sym-writer.sym 2> /dev/null';
  const stderr = run('/usr/bin/time', ['-f', '%e %M', 'sh', '-c', shell, 'sh', command, ...args]);
  const [seconds, kilobytes] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { seconds, megabytes: kilobytes / 1024 };
}

function compare(path, times) {
  const tool = join(root, '.tools/minidump/bin/linux-x64/dump_syms');
  const tools = {
    mdmp: [process.execPath, [join(root, 'dist/cli/main.js'), 'symbols', path]],
    dump_syms: [tool, ['-d', path]],
  };
  const found = { mdmp: [], dump_syms: [] };
  for (let i = 0; i < times; i++)
    for (const [name, [command, args]] of Object.entries(tools)) found[name].push(measure(command, args));
  rmSync('/dev/shm/mdmp-sym-writer.sym', { force: true });
  const of = (name, what) => median(found[name].map((one) => one[what]));
  const round = (value) => Math.round(value * 100) / 100;
  for (const name of Object.keys(tools))
    console.log(`${name}: ${round(of(name, 'seconds'))} s, ${Math.round(of(name, 'megabytes'))} MB`);
  const ratio = (what) => round(of('mdmp', what) / of('dump_syms', what));
  console.log(`mdmp / dump_syms: time ${ratio('seconds')}, memory ${ratio('megabytes')}`);
}

const [what, path, number] = process.argv.slice(2);
if (what === 'write' && path) writeProgram(path);
else if (what === 'compare' && path) compare(path, Number(number ?? 5));
else {
  console.error('usage: node bench/sym-writer.js write FILE | compare FILE [N]');
  process.exitCode = 2;
}
