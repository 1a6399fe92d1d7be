import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Gap } from '../../src/analysis/index.js';
import { mdmp, mdmpJson } from '../cli/command.js';
import { compile, Program, removeFolders, stopPrograms, temporaryFolder } from '../support/programs.js';
import { describeWith, needsBuild, needsLinux, requireTool, root } from '../support/tools.js';

afterAll(async () => {
  await stopPrograms();
  removeFolders();
});

/** Runs test/programs/crash.c, whose signal handler calls `mdmp dump`. */
async function crash(program: string, how: string, where: string, ...options: string[]): Promise<string> {
  const file = join(temporaryFolder(), 'crash.dmp');
  const command = [process.execPath, join(root, 'dist/cli/main.js')];
  // The program adds its arguments behind these, and the command takes options in any order but before its name.
  const wrapper = join(temporaryFolder(), 'dump.sh');
  writeFileSync(wrapper, `#!/bin/sh\nexec "${command[0]}" "${command[1]}" "$@" ${options.join(' ')}\n`, {
    mode: 0o700,
  });
  const running = await Program.start(program, [how, where, file, wrapper]);
  running.send('go');
  await running.end();
  expect(await running.rest()).toContain('dumper=0');
  return file;
}

const gapsOf = (file: string, ...words: string[]): Gap[] => mdmpJson(['gaps', file, ...words]);
/** Of the program itself; what the C library has depends on the machine. */
const ofProgram = (gaps: Gap[], program: string) => gaps.filter(({ module }) => module?.name === program);

describeWith([needsBuild, needsLinux, 'gcc', 'readelf'], 'mdmp gaps of a program that crashed', () => {
  let program: string;
  beforeAll(async () => {
    // As the process has it, whose path is without links.
    program = realpathSync(await compile('crash'));
  });

  it('names the symbols that are missing by the build id that readelf prints, and where it says, they are found', async () => {
    const file = await crash(program, 'null', 'main');
    const [first] = gapsOf(file);
    const notes = execFileSync(requireTool('readelf'), ['-n', program], { encoding: 'utf8' });
    const buildId = /Build ID: ([0-9a-f]+)/.exec(notes)![1];
    expect(first).toMatchObject({
      kind: 'symbols',
      concerns: 'crash',
      module: { name: program, codeIdentifier: buildId },
    });

    const folder = temporaryFolder();
    const path = / or (\S+\.debug) /.exec(first!.remedy)![1]!;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(program, join(folder, path));
    expect(ofProgram(gapsOf(file, folder), program)).toEqual([]);
    expect(mdmp(['stack', file, folder, '--brief']).stdout).toMatch(/!crash_here \[crash\.c : \d+ /);
    expect(mdmp(['info', file, folder]).stdout).toMatch(/^stack {5}0 {2}\S+!crash_here \[crash\.c : \d+ /m);
    expect(ofProgram(gapsOf(file, '--use-local-debuginfo'), program)).toEqual([]);
  });

  it('says of a file with the right name and another build id that it was not used', async () => {
    const file = await crash(program, 'null', 'main');
    const folder = temporaryFolder();
    copyFileSync(await compile('crash', ['-O0']), join(folder, basename(program)));
    const [first] = gapsOf(file, folder);
    expect(first!.missing).toMatch(/; found and not used: \S+: it is of another build, [0-9a-f]{40}$/);
    // The stack does without, and says so.
    const { stdout, stderr } = mdmp(['stack', file, folder]);
    expect(stdout).not.toContain('crash_here');
    expect(stderr).toMatch(/^warning: no symbols of any module on the stacks in .*; `mdmp gaps` says/);
  });

  it('says that the stack was cut, and is silent where it was taken whole', async () => {
    const cut = await crash(program, 'overflow', 'thread', '--max-stack', '64K');
    const [first] = gapsOf(cut, '--use-local-debuginfo').filter(({ kind }) => kind.startsWith('stack'));
    expect(first).toMatchObject({ kind: 'stack-end', concerns: 'crash' });
    const whole = await crash(program, 'null', 'thread');
    expect(gapsOf(whole, '--use-local-debuginfo').filter(({ kind }) => kind.startsWith('stack'))).toEqual([]);
  });

  it('says which threads have no stack and no registers, where a callback kept them out', async () => {
    const folder = temporaryFolder();
    const callback = (flags: string) => {
      const file = join(folder, `without-${flags.length}.mjs`);
      // THREAD_WRITE_FLAGS: ThreadWriteStack is 2, ThreadWriteContext 4.
      writeFileSync(file, `export const callbacks = { thread: () => ${flags} };`);
      return file;
    };
    const stackless = await crash(program, 'null', 'thread', '--callback', callback('1|4|8'));
    const gaps = gapsOf(stackless, '--use-local-debuginfo');
    expect(gaps.filter(({ kind }) => kind === 'stack-memory').map(({ concerns }) => concerns)).toEqual([
      'crash',
      'stacks',
    ]);
    const blind = await crash(program, 'null', 'thread', '--callback', callback('1|2'));
    expect(gapsOf(blind).find(({ kind }) => kind === 'registers')).toMatchObject({ concerns: 'stacks' });
  });

  it('tells code that was made at run time from a jump to nowhere, which lacks nothing', async () => {
    const outside = (gaps: Gap[]) =>
      gaps.filter(({ kind, stream }) => /module|code/.test(kind) || stream === 'UnloadedModuleListStream');
    const jump = await crash(program, 'execute', 'main');
    expect(outside(gapsOf(jump, '--use-local-debuginfo'))).toEqual([]);

    const code =
      'const f = (n) => { let x = 0; for (let i = 0; i < n; i++) x = (x * 31 + i) | 0; return x; };';
    const script = `${code} f(1e8); console.log('READY'); for (;;) f(1e9);`;
    const busy = await Program.start(process.execPath, ['-e', script]);
    const file = join(temporaryFolder(), 'node.dmp');
    expect(mdmp(['dump', busy.pid, '-o', file]).exit).toBe(0);
    expect(outside(gapsOf(file))).toMatchObject([
      { kind: 'generated-code', concerns: 'stacks', threads: [busy.pid] },
    ]);
  });

  it('has nothing to say of a dump with all that it could have', async () => {
    // Without the C library, whose symbols this machine may not have.
    const alone = await compile('crash', ['-static']);
    const types = 'handle-data,thread-info,full-memory-info,unloaded-modules';
    const file = await crash(alone, 'null', 'main', '--type', types);
    const words = ['gaps', file, dirname(alone), '--use-local-debuginfo'];
    expect(mdmp(words).stdout).toBe('Nothing is missing: all stacks have their symbols and their memory.\n');
    expect(mdmpJson(words)).toEqual([]);
  });
});
