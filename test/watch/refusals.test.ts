import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { compile, Program, statusField, stopPrograms, temporaryFolder } from '../support/programs.js';
import { waitFor } from '../support/run.js';
import { describeWith, type Need, needsBuild, needsLinux, requireTool } from '../support/tools.js';
import { endStarted, main, runAlone } from '../support/watching.js';

afterEach(() => {
  endStarted();
  return stopPrograms();
});

const mdmp = (...words: string[]) => [process.execPath, main, ...words];

async function expectRefused(
  words: readonly string[],
  code: number,
  line: RegExp,
  cwd?: string,
): Promise<void> {
  const ending = await runAlone(words, cwd === undefined ? {} : { cwd });
  expect(ending.told, words.join(' ')).toEqual([expect.stringMatching(line)]);
  expect(ending).toMatchObject({ code, stdout: '', stderr: '' });
}

describeWith([needsBuild, needsLinux], 'a program that cannot be started', () => {
  let folder: string;
  const write = (name: string, text: string, mode: number) => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
  };

  it.each([
    ['of no name', [], 2, /missing required argument 'command'/],
    [
      'at no path',
      ['/no/such/program'],
      2,
      /: \/no\/such\/program: there is no such program\. Give the path/,
    ],
    ['not in PATH', ['no-such-program'], 2, /: no-such-program: there is no such program\. Give the path/],
    ['not executable', ['./text'], 2, /: \.\/text: the program may not be executed\./],
    ['a folder', ['./folder'], 2, /: \.\/folder: it is no file that can be executed\./],
    [
      'a script of no interpreter',
      ['./script'],
      2,
      /script cannot be executed: the interpreter that it names is not there\. See its first line\.$/,
    ],
    [
      'a script without a first line',
      ['./plain'],
      2,
      /plain cannot be executed: it is no program of this kind of machine\. A script needs/,
    ],
    [
      'a broken file',
      ['./broken'],
      2,
      /broken cannot be executed: it is no program of this kind of machine\./,
    ],
  ] as [string, string[], number, RegExp][])('%s', async (_, words, code, line) => {
    folder = temporaryFolder();
    write('text', 'text\n', 0o644);
    write('script', '#!/no/such/interpreter\n', 0o755);
    write('plain', 'true\n', 0o755);
    write('broken', '\x7fELF and no more', 0o755);
    mkdirSync(join(folder, 'folder'));
    await expectRefused(mdmp('run', '--', ...words), code, line, folder);
  });
});

describeWith([needsBuild, needsLinux], 'an option that makes no sense', () => {
  /** One of each kind; each is refused before the program starts. */
  const options: [string[], RegExp][] = [
    [['--bogus'], /unknown option '--bogus'/],
    [['--count', 'x'], /--count must be a positive number, not 'x'/],
    [['--cpu', '0'], /--cpu must be more than 0 %/],
    [['--memory-below', '-5'], /--memory-below must be a size/],
    [['--threads', '0'], /--threads must be more than 0/],
    [['--signal', 'SIGFOO'], /--signal: there is no signal 'SIGFOO'/],
    [['--signal', 'SIGKILL'], /--signal: SIGKILL acts before anybody can look/],
    [['--exit-code', '256'], /--exit-code must be 'other' or numbers from 0 to 255, not '256'/],
    [['--exit-code', ''], /--exit-code must be 'other' or numbers/],
    [['--max-pause', '0'], /--max-pause must be a number of seconds greater than 0/],
    [['--hang', 'x'], /--hang must be a time/],
    [['--poll', '0'], /--poll must be a positive number/],
    [['--type', 'bogus'], /there is no dump type 'bogus'/],
    [['--snapshot', 'maybe'], /--snapshot must be auto, always, never/],
    [['--name', '{bogus}'], /the template '{bogus}' has {bogus} in it/],
    [['--on-dump', '/no/such/hook'], /\/no\/such\/hook: there is no such program/],
    [['--dir', '/dev/null'], /\/dev\/null is no folder/],
  ];

  it.each(options)('%j', async (words, line) => {
    const folder = temporaryFolder();
    const code = words[0] === '--dir' ? 41 : 2;
    await expectRefused(mdmp('run', ...words, '--', 'touch', 'started'), code, line, folder);
    expect(existsSync(join(folder, 'started'))).toBe(false);
  });
});

const setpriv = spawnSync('setpriv', ['--version']).status === 0 ? undefined : 'setpriv';
const needsNobody: Need = { missing: process.getuid?.() === 0 ? setpriv : 'root' };
const AS_NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

describeWith([needsBuild, needsLinux, 'gcc', 'strace'], 'a process that cannot be watched', () => {
  let program: Program;
  const start = async () => {
    program = await Program.start(await compile('signals'));
    return String(program.pid);
  };

  it('of an id or a name that is none', async () => {
    await expectRefused(mdmp('watch'), 2, /mdmp watch needs a process id or the name of a program\.$/);
    await expectRefused(mdmp('watch', '0'), 2, /the process id must be a positive number/);
    await expectRefused(mdmp('watch', '999999999'), 20, /there is no process 999999999\.$/);
    await expectRefused(
      mdmp('watch', 'no-such-name'),
      20,
      /there is no process 'no-such-name'\. Wait for one with --wait/,
    );
    await expectRefused(mdmp('watch', '2'), 22, /is a kernel thread/);
  });

  it('that is traced by somebody else', async () => {
    program = await Program.start(await compile('target'));
    const pid = String(program.pid);
    const strace = spawn(requireTool('strace'), ['-f', '-o', '/dev/null', '-p', pid], { stdio: 'ignore' });
    await waitFor('strace', () => statusField(program.pid, 'TracerPid') !== '0');
    try {
      await expectRefused(
        mdmp('watch', pid),
        25,
        new RegExp(`process ${pid} is already traced by process ${strace.pid} \\(strace\\)`),
      );
    } finally {
      await stop(strace);
    }
    expect(program.exited).toBe(false);
  });

  it('that mdmp watches already', async () => {
    const pid = await start();
    const first = spawn(process.execPath, [main, 'watch', pid, '-d', temporaryFolder()], { stdio: 'ignore' });
    await waitFor('the first watcher', () => statusField(program.pid, 'TracerPid') !== '0');
    try {
      await expectRefused(mdmp('watch', pid), 25, new RegExp(`process ${pid} is already traced by`));
    } finally {
      await stop(first);
    }
    const report = await program.command('report');
    expect(report.get('received')).toBe(report.get('sent'));
  });
});

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

describeWith([needsBuild, needsLinux, needsNobody, 'gcc'], 'a process of another user', () => {
  it('is refused, with the rule that stands in the way', async () => {
    const program = await Program.start(await compile('signals'));
    const words = [...AS_NOBODY, ...mdmp('watch', String(program.pid), '-d', '/tmp')];
    await expectRefused(
      words,
      24,
      /the kernel does not allow this process to trace it\. It belongs to user 0: run mdmp as/,
    );
    const report = await program.command('report');
    expect(report.get('received')).toBe(report.get('sent'));
  });
});
