/** Cores of real processes, from the kernel and from gdb. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Program } from './programs.js';
import { run, waitFor } from './run.js';
import { type Need, requireTool, root } from './tools.js';

const PATTERN = '/proc/sys/kernel/core_pattern';

/** Whose core goes where is a setting of the whole machine: only root has it, and a container seldom. */
export const needsCorePattern: Need = {
  missing: process.getuid?.() === 0 && writable(PATTERN) ? undefined : `the right to write ${PATTERN} (root)`,
};

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export const main = join(root, 'dist/cli/main.js');

/**
 * Lets a program crash under a pattern. The pattern stands for as short as can be, until `taken` says that the kernel has read it; a
 * process of its own puts the old one back, also if this one is killed meanwhile.
 */
export async function crashUnder(
  pattern: string,
  program: Program,
  crash: () => void,
  taken: () => boolean,
): Promise<void> {
  // Of a pipe the limit is not asked.
  if (!pattern.startsWith('|')) {
    await run(requireTool('prlimit'), ['--pid', String(program.pid), '--core=unlimited']);
  }
  const old = readFileSync(PATTERN, 'latin1').replace(/\n$/, '');
  const keeper = spawn('/bin/sh', ['-c', `cat > /dev/null; printf '%s' "$OLD" > ${PATTERN}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { PATH: '/usr/bin:/bin', OLD: old },
  });
  const restored = once(keeper, 'exit');
  try {
    writeFileSync(PATTERN, pattern);
    crash();
    await waitFor('the kernel to take the pattern', () => taken() || program.exited);
  } finally {
    keeper.stdin!.end();
    await restored;
  }
  if (readFileSync(PATTERN, 'latin1').replace(/\n$/, '') !== old)
    throw new Error(`${PATTERN} was not put back`);
  await program.end();
}

/** A core as the kernel writes it. */
export async function kernelCore(
  program: Program,
  folder: string,
  crash = () => program.kill('SIGSEGV'),
): Promise<string> {
  const core = join(folder, `core.${program.pid}`);
  await crashUnder(join(folder, 'core.%P'), program, crash, () => existsSync(core));
  return core;
}

/** The same, and the minidump that `mdmp convert` makes of it without a complaint. */
export async function convertedCore(
  program: Program,
  folder: string,
  crash?: () => void,
): Promise<{ core: string; dump: string }> {
  const core = await kernelCore(program, folder, crash);
  const dump = `${core}.dmp`;
  const { status, stderr } = await run(process.execPath, [main, 'convert', core, dump]);
  if (status !== 0 || stderr.length > 0) throw new Error(`mdmp convert: exit ${status}: ${stderr}`);
  return { core, dump };
}

/** The pattern that mdmp prints. */
export async function printedPattern(...options: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(process.execPath, [
    main,
    'core-handler',
    '--print-pattern',
    ...options,
  ]);
  if (status !== 0) throw new Error(stderr.toString());
  return stdout.toString().trimEnd();
}

/** The dump that `mdmp core-handler` writes of a program, by way of the kernel; `pid` if it is a child that crashes. */
export async function handledCrash(
  program: Program,
  folder: string,
  crash = () => program.kill('SIGSEGV'),
  pid = program.pid,
): Promise<string> {
  const pattern = await printedPattern('--dir', folder);
  const taken = () => handlerRuns(pid) || dumpIn(folder, pid) !== undefined;
  await crashUnder(pattern, program, crash, taken);
  return waitFor('the dump of the core handler', () => dumpIn(folder, pid), 30_000);
}

/**
 * Both from one crash: the kernel's core, passed on by `tee` to the handler. It waits for the handler when it has taken what it wants,
 * as the kernel would; what the handler leaves goes into the file.
 */
export async function coreAndHandledCrash(
  program: Program,
  folder: string,
): Promise<{ core: string; dump: string }> {
  const { pid } = program;
  const core = join(folder, `core.${pid}`);
  const script = join(folder, 'both');
  writeFileSync(
    script,
    `#!/bin/sh\n/usr/bin/tee --output-error=warn-nopipe ${folder}/core.$1 | ${process.execPath} ${main} core-handler $1 $2 --dir ${folder}\ntouch ${folder}/done.$1\n`,
  );
  chmodSync(script, 0o755);
  await crashUnder(
    `|${script} %P %I`,
    program,
    () => program.kill('SIGSEGV'),
    () => existsSync(core),
  );
  await waitFor('the end of the core handler', () => existsSync(join(folder, `done.${pid}`)), 30_000);
  return { core, dump: dumpIn(folder, pid)! };
}

export function dumpIn(folder: string, pid: number): string | undefined {
  const name = readdirSync(folder).find((file) => file.includes(`.${pid}.`) && file.endsWith('.dmp'));
  return name && join(folder, name);
}

function handlerRuns(pid: number): boolean {
  return readdirSync('/proc').some((name) => {
    try {
      return (
        /^\d+$/.test(name) &&
        readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(`core-handler\0${pid}\0`)
      );
    } catch {
      return false;
    }
  });
}

/** A core as gcore writes it, of a process that goes on. */
export async function gcore(pid: number, folder: string): Promise<string> {
  const result = await run(requireTool('gcore'), ['-o', join(folder, 'gcore'), String(pid)]);
  const file = join(folder, `gcore.${pid}`);
  if (!existsSync(file)) throw new Error(`gcore: ${result.stderr.toString()}`);
  return file;
}
