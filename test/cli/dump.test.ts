import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';
import { mdmp, mdmpJson, scratchFolder } from './command.js';

const folder = scratchFolder();

describeWith([needsBuild, needsLinux], 'mdmp dump', () => {
  let target: ChildProcess;
  let pid: number;
  beforeAll(() => {
    target = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    pid = target.pid!;
  });
  afterAll(() => {
    expect(target.exitCode).toBe(null);
    target.kill('SIGKILL');
  });

  const module = (name: string, code: string) => {
    writeFileSync(join(folder, name), code);
    return join(folder, name);
  };
  const file = (name: string) => join(folder, name);

  it('writes a dump and says what is in it', () => {
    const { exit, stdout, stderr } = mdmp(['dump', pid, '-o', file('a.dmp'), '--comment', 'a comment']);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toMatch(
      /^dump {5}.*a\.dmp\nsize {5}\S+ KiB\ntype {5}MiniDumpNormal\nthreads {2}\d+\nmodules {2}\d+\n/,
    );
    expect(stdout).toMatch(/\npause {4}\d+\.\d ms\n$/);
    expect(stdout).not.toContain('\x1b');
    expect(lstatSync(file('a.dmp')).mode & 0o777).toBe(0o600);
    expect(mdmp(['show', file('a.dmp'), 'comment-a']).stdout).toBe('a comment\n');
  });

  it('names the file after the process, in the current folder', () => {
    const empty = join(folder, 'empty');
    const { stdout } = mdmp(['dump', pid], { cwd: mkdir(empty) });
    const [name] = readdirSync(empty);
    expect(name).toMatch(new RegExp(`^[\\w-]+\\.${pid}\\.\\d{8}T\\d{6}\\.dmp$`));
    expect(stdout).toContain(name);
  });

  it('takes the name of a program, if one process has it', () => {
    const name = `mdmp-t-${process.pid}`;
    const link = join(folder, name);
    symlinkSync(process.execPath, link);
    const start = () => spawn(link, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const programs = [start()];
    try {
      const { exit, stderr } = mdmp(['dump', name, '-o', file('named.dmp')]);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
      expect(mdmpJson(['info', file('named.dmp')])).toMatchObject({ process: { id: programs[0]!.pid } });
      programs.push(start());
      const several = mdmp(['dump', name, '-o', file('named-2.dmp')]);
      expect(several).toMatchObject({ exit: 2, stderr: expect.stringContaining('there are 2 processes') });
    } finally {
      for (const program of programs) program.kill('SIGKILL');
    }
  });

  it('gives the report as JSON', () => {
    const report = mdmpJson([
      'dump',
      pid,
      '-o',
      file('json.dmp'),
      '--type',
      'full,ignore-inaccessible-memory',
    ]);
    expect(report).toMatchObject({ pid, type: 0x20002, file: file('json.dmp'), modules: { excluded: 0 } });
    expect(report.size).toBe(lstatSync(file('json.dmp')).size);
    expect(report.streams.map(({ name }: { name: string }) => name)).toContain('Memory64ListStream');
  });

  describe('with a callback module', () => {
    const shared = 'const kept = { modules: 0 };';
    it.each([
      [
        'a callbacks object',
        'named.mjs',
        'export const callbacks = { includeThread: ({ id }) => id === PID };',
      ],
      ['a default object', 'default.mjs', 'export default { includeThread: ({ id }) => id === PID };'],
      ['a CommonJS object', 'object.cjs', 'module.exports = { includeThread: ({ id }) => id === PID };'],
      ['a CommonJS name', 'named.cjs', 'exports.callbacks = { includeThread: ({ id }) => id === PID };'],
      [
        'a default routine',
        'routine.mjs',
        `${shared} export default (param, input) => input.CallbackType === 3 ? input.IncludeThread.ThreadId === PID : [5, 9].includes(input.CallbackType) === false;`,
      ],
      [
        'a routine and its parameter',
        'param.mjs',
        'export const CallbackParam = { keep: PID }; export function CallbackRoutine(param, input) { return input.CallbackType === 3 ? input.IncludeThread.ThreadId === param.keep : ![5, 9].includes(input.CallbackType); }',
      ],
      [
        'a routine under the name that ProcDump looks for',
        'procdump.cjs',
        'exports.MiniDumpCallbackRoutine = (param, input) => input.CallbackType === 3 ? input.IncludeThread.ThreadId === PID : ![5, 9].includes(input.CallbackType);',
      ],
    ])('%s', (_what, name, code) => {
      const callback = module(name, code.replaceAll('PID', String(pid)));
      const report = mdmpJson(['dump', pid, '-o', file(`${name}.dmp`), '--callback', callback]);
      expect(report.threads.written).toBe(1);
      expect(report.threads.excluded).toBeGreaterThan(0);
    });

    it('says what was kept out', () => {
      const [range] = mdmpJson(['show', file('a.dmp'), 'memory']);
      const code = `export const callbacks = {
        module: ({ path }) => !path.includes('libstdc++'),
        removeMemory: () => [{ address: ${range.start}n, size: 16 }],
      };`;
      const { stdout } = mdmp(['dump', pid, '-o', file('kept.dmp'), '-c', module('kept.mjs', code)]);
      expect(stdout).toMatch(/^threads {2}\d+, and 0 kept out by the callback$/m);
      expect(stdout).toMatch(/^modules {2}\d+, and 1 kept out by the callback$/m);
      expect(stdout).toMatch(/^removed {2}16 bytes in 1 range$/m);
      expect(stdout).toMatch(new RegExp(`^ +${range.start} … 0x[0-9a-f]+ {2}16 bytes$`, 'm'));
      expect(stdout).toMatch(/other copies of the same value are not searched for/);
    });

    it.each([
      ['nothing', 'nothing.mjs', 'export const other = 1;', 2, /exports no callback. It must export/],
      [
        'a misspelt name',
        'misspelt.mjs',
        'export default { removememory() {} };',
        2,
        /'removememory' is no callback/,
      ],
      [
        'two callbacks',
        'two.mjs',
        'export default () => true; export const callbacks = { cancel() {} };',
        2,
        /more than one/,
      ],
      [
        'no functions',
        'values.mjs',
        'export const callbacks = { cancel: true };',
        2,
        /'cancel' is not a function/,
      ],
      ['an error', 'throws.mjs', 'throw new Error("broken\\nmodule");', 30, /does not load: broken/],
      [
        'a throw',
        'throw.mjs',
        'export default { cancel() { throw new Error("oh\\x1b[31m"); } };',
        30,
        /oh\\u001b\[31m/,
      ],
      ['a promise', 'async.mjs', 'export default { async includeThread() {} };', 31, /asynchronous/],
      ['a refusal', 'cancel.mjs', 'export default { cancel: () => true };', 32, /cancelled/],
      [
        // Of the library, not of the command's bundle.
        'an error with a code',
        'code.mjs',
        `import { MinidumpError } from ${JSON.stringify(join(root, 'dist/index.js'))};
         export default { cancel() { throw new MinidumpError('disk-full', 'no space for this'); } };`,
        43,
        /^mdmp: no space for this\.$/m,
      ],
    ])('refuses %s', (_what, name, code, exit, message) => {
      const answer = mdmp(['dump', pid, '-o', file(`${name}.dmp`), '-c', module(name, code)]);
      expect(answer).toMatchObject({ exit, stdout: '' });
      expect(answer.stderr).toMatch(message);
      expect(answer.stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(existsSync(file(`${name}.dmp`))).toBe(false);
    });
  });

  it.each<[string, (string | number)[], number, RegExp]>([
    ['no process', [], 2, /missing required argument 'process'/],
    ['a name that nobody has', ['no-such-program'], 20, /no process 'no-such-program'/],
    ['a process that does not exist', [999_999_999], 20, /no process 999999999/],
    ['a kernel thread', [2], 22, /kernel/],
    ['an unknown type', ['PID', '--type', 'everything'], 2, /no dump type 'everything'/],
    ['a type with bits that mean nothing', ['PID', '--type', '0x8000000'], 2, /not a MINIDUMP_TYPE/],
    [
      'an unknown option',
      ['PID', '--outptu', 'x'],
      2,
      /unknown option '--outptu' \(Did you mean --output\?\)/,
    ],
    ['a callback that is missing', ['PID', '-c', 'missing.js'], 30, /missing\.js does not load/],
    ['half an exception', ['PID', '--exception', '1,2'], 2, /TID,SIGINFO,UCONTEXT/],
    ['no pause', ['PID', '--max-pause', '0'], 2, /--max-pause/],
    ['no size', ['PID', '--max-stack', 'much'], 2, /--max-stack/],
    ['a folder that is missing', ['PID', '-o', '/no/such/folder/a.dmp'], 41, /no folder \/no\/such\/folder/],
    ['a file that is there', ['PID', '-o', '/dev/null'], 40, /not a regular file/],
  ])('refuses %s', (_what, words, exit, message) => {
    const given = words.map((word) => (word === 'PID' ? pid : word));
    const answer = mdmp(['dump', ...given], { cwd: folder });
    expect(answer).toMatchObject({ exit, stdout: '' });
    expect(answer.stderr).toMatch(message);
    expect(answer.stderr).toMatch(/^mdmp: .*\n$/);
  });

  it('shows where an error comes from with --debug only', () => {
    const { stderr } = mdmp(['dump', '999999999', '--debug']);
    expect(stderr).toMatch(/\n {4}at /);
    // The command is a bundle: its maps lead back to the sources.
    expect(stderr).toMatch(/src\/cli\/commands\/dump\.ts:\d+/);
    expect(mdmp(['dump', '999999999']).stderr).not.toMatch(/ at /);
  });
});

function mkdir(path: string): string {
  mkdirSync(path);
  return path;
}
