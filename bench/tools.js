// What dumps.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BenchError } from './error.js';
import { root } from './folders.js';
import { which } from './processes.js';
import { program } from './programs.js';

export const main = join(root, 'dist', 'cli', 'main.js');

/** The command of `mdmp` with these arguments. */
export const mdmp = (...args) => [process.execPath, [main, ...args]];

/** Whether this `mdmp` has the option --snapshot. */
export function hasSnapshot() {
  const [command, args] = mdmp('dump', '--help');
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new BenchError('mdmp dump --help does not work; run: npm run build');
  return stdout.includes('--snapshot');
}

function dumper(name, group, ...options) {
  return {
    name,
    group,
    own: true,
    command: (pid, file) =>
      mdmp('dump', String(pid), '-o', file, '--force', '--max-pause', '120', ...options),
  };
}

function lldb(name, group, style) {
  return {
    name,
    group,
    needs: 'lldb-19',
    command: (pid, file) => [
      'lldb-19',
      [
        ...['--no-lldbinit', '--batch', '-p', String(pid)],
        ...['-o', `process save-core --plugin-name=minidump --style=${style} ${file}`, '-o', 'detach'],
      ],
    ],
  };
}

/** About how many bytes a tool writes of a target. */
function fileSize(tool, { present, reserved = 0 }) {
  if (tool.group === 'stacks') return 0;
  return present + (tool.writesReserved ? reserved : 0);
}

/** Why a tool is left out of a target, or undefined. */
function whyNot(tool, target, { room, slow }) {
  const bytes = fileSize(tool, target);
  const gigabytes = (number) => `${(number / 1e9).toFixed(1)} GB`;
  if (tool.keepsChanges && target.large) {
    if (target.reserved) return 'it was killed at 21.9 GB of memory';
    if (!slow) return 'half a minute and 6 GB of memory; --slow has it';
  }
  if (bytes > 6e9 && !slow) return `it would write ${gigabytes(bytes)}; --slow has it`;
  if (bytes > room)
    return `it would write ${gigabytes(bytes)}, and there is room for ${gigabytes(room)}; --folder names another place`;
  return undefined;
}

/**
 * The tools that there are, and those that are left out altogether. A tool has a `name`; a `group`, stacks or memory: the first one of a group is what the
 * others are compared with; `command`, what is run for a process and a file; `output`, the file if the tool names it itself; `own`, whether a failure is ours.
 */
export function chooseTools({ breakpad, crashpad }) {
  const all = [
    dumper('mdmp', 'stacks'),
    lldb('lldb-19, stacks', 'stacks', 'stack'),
    ...given('Breakpad', breakpad, (path) => (pid, file) => [path, [String(pid), file]]),
    ...given('Crashpad', crashpad, (path) => (pid, file) => [path, ['-o', file, String(pid)]]),
    ...(hasSnapshot()
      ? [
          dumper('mdmp full', 'memory', '--type', 'full', '--snapshot', 'auto'),
          dumper('mdmp full, always a snapshot', 'memory', '--type', 'full', '--snapshot', 'always'),
          dumper('mdmp full, never a snapshot', 'memory', '--type', 'full', '--snapshot', 'never'),
        ]
      : [dumper('mdmp full', 'memory', '--type', 'full')]),
    {
      name: 'gcore',
      group: 'memory',
      needs: 'gcore',
      writesReserved: true,
      command: (pid, file) => ['gcore', ['-o', file, String(pid)]],
      output: (pid, file) => `${file}.${pid}`,
    },
    { ...lldb('lldb-19, modified memory', 'memory', 'modified-memory'), keepsChanges: true },
    {
      name: 'C loop',
      group: 'memory',
      own: true,
      command: (pid, file) => [program('bench/copy-loop.c'), [String(pid), file]],
    },
  ];
  const missing = all.filter(({ needs }) => needs && !which(needs));
  return {
    tools: all.filter((tool) => !missing.includes(tool)),
    missing: missing.map(({ name, needs }) => `${name}: ${needs} is not installed; npm run setup:tools`),
  };
}

/** Those of the tools that can dump a target, and why the others cannot. */
export function toolsFor(target, tools, limits) {
  const reasons = tools.map((tool) => whyNot(tool, target, limits));
  return {
    usable: tools.filter((_, i) => reasons[i] === undefined),
    leftOut: tools.flatMap(({ name }, i) => (reasons[i] === undefined ? [] : [`${name}: ${reasons[i]}`])),
  };
}

/** A tool whose program the user names. */
function given(name, program, command) {
  if (program === undefined) return [];
  const path = resolve(program);
  if (!existsSync(path)) throw new BenchError(`${name}: there is no ${program}`);
  return [{ name, group: 'stacks', command: command(path) }];
}
