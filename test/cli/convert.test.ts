import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { gcore, main } from '../support/cores.js';
import { compile, Program, stopPrograms } from '../support/programs.js';
import { describeWith, needsBuild, needsLinux, requireTool } from '../support/tools.js';
import { mdmp, mdmpJson, scratchFolder } from './command.js';

const folder = scratchFolder();

describeWith([needsBuild, needsLinux, 'gcc', 'gcore', 'zstd'], 'mdmp convert', () => {
  let core: string;
  let program: Program;
  beforeAll(async () => {
    program = await Program.start(await compile('target'));
    core = await gcore(program.pid, folder);
  });
  afterAll(stopPrograms);
  const file = (name: string) => join(folder, name);

  it('writes a dump and says what is in it', () => {
    const { exit, stdout, stderr } = mdmp(['convert', core, file('a.dmp'), '--comment', 'a comment']);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toMatch(
      /^dump {5}.*a\.dmp\nsize {5}\S+ KiB\ntype {5}MiniDumpNormal\nthreads {2}3\nmodules {2}4\n/,
    );
    expect(stdout).not.toContain('pause');
    expect(lstatSync(file('a.dmp')).mode & 0o777).toBe(0o600);
    expect(mdmp(['show', file('a.dmp'), 'comment-a']).stdout).toBe('a comment\n');
    expect(mdmpJson(['threads', file('a.dmp')])).toHaveLength(3);
  });

  it('gives the same for a compressed core, whatever its name', () => {
    const plain = mdmpJson(['convert', core, file('plain.dmp'), '-t', 'full']);
    const bytes = readFileSync(core);
    writeFileSync(file('core.wrong-ending'), gzipSync(bytes));
    spawnSync(requireTool('zstd'), ['-q', core, '-o', file('core.zst')]);
    const stable = (dump: Buffer) => {
      dump.fill(0, 20, 24); // TimeDateStamp
      return dump;
    };
    for (const name of ['core.wrong-ending', 'core.zst']) {
      const other = mdmpJson(['convert', file(name), file(`${name}.dmp`), '-t', 'full', '--spool', folder]);
      expect({ ...other, file: '' }).toEqual({ ...plain, file: '' });
      expect(stable(readFileSync(file(`${name}.dmp`))).equals(stable(readFileSync(file('plain.dmp'))))).toBe(
        true,
      );
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('.mdmp'))).toEqual([]);
  });

  it('asks the callback', () => {
    writeFileSync(
      file('one.mjs'),
      `export const callbacks = { includeThread: ({ id }) => id === ${program.pid}, module: ({ path }) => path.includes('libc') };`,
    );
    const report = mdmpJson(['convert', core, file('one.dmp'), '-c', file('one.mjs')]);
    expect(report).toMatchObject({
      threads: { written: 1, excluded: 2 },
      modules: { written: 1, excluded: 3 },
    });
  });

  it.each<[string, () => (string | number)[], number, RegExp]>([
    ['no core', () => [file('none'), file('x.dmp')], 10, /there is no file .*none/],
    ['a folder', () => [folder, file('x.dmp')], 10, /is a folder/],
    ['a program', () => [process.execPath, file('x.dmp')], 19, /not a core/],
    ['a minidump', () => [file('a.dmp'), file('x.dmp')], 19, /a\.dmp: this is a minidump, not an ELF core/],
    ['no output', () => [core], 2, /missing required argument 'output'/],
    ['an output that is there', () => [core, file('a.dmp')], 40, /exists/],
    ['an unknown type', () => [core, file('x.dmp'), '-t', 'all'], 2, /no dump type/],
    ['a spool that is none', () => [file('core.zst'), file('x.dmp'), '--spool', '/no/such'], 41, /--spool/],
  ])('refuses %s', (_what, words, exit, message) => {
    const answer = mdmp(['convert', ...words()]);
    expect(answer).toMatchObject({ exit, stdout: '' });
    expect(answer.stderr).toMatch(message);
    expect(answer.stderr).toMatch(/^mdmp: .*\n$/);
    expect(existsSync(file('x.dmp'))).toBe(false);
  });

  it('refuses a core of another processor, and names it', () => {
    const bytes = readFileSync(core);
    bytes.writeUInt16LE(183, 18);
    writeFileSync(file('arm'), bytes);
    const { exit, stderr } = mdmp(['convert', file('arm'), file('x.dmp')]);
    expect(exit).toBe(17);
    expect(stderr).toMatch(/arm: this core is of ARM64/);
  });

  it('of a real core cut at many places never fails with anything but a clear error', () => {
    const bytes = readFileSync(core);
    for (let i = 1; i < 12; i++) {
      writeFileSync(file('cut'), bytes.subarray(0, Math.floor((bytes.length * i) / 12)));
      const { exit, stdout, stderr } = mdmp(['convert', file('cut'), file('cut.dmp'), '--force']);
      // gcore writes its notes last.
      expect({ i, exit, stderr }).toEqual({ i, exit: 0, stderr: '' });
      expect(stdout).toMatch(/warning: the core is cut short/);
      expect(mdmp(['info', file('cut.dmp')]).exit).toBe(0);
    }
  });
});

describeWith([needsBuild, needsLinux], 'mdmp core-handler', () => {
  it('prints a pattern of absolute paths', () => {
    const { exit, stdout, stderr } = mdmp([
      'core-handler',
      '--print-pattern',
      '--dir',
      '/d',
      '-t',
      'full',
      '-c',
      '/c.js',
    ]);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toBe(`|${process.execPath} ${main} core-handler %P %I --dir /d -t full -c /c.js\n`);
  });

  it.each([
    [
      'one that is too long',
      ['--dir', `/${'x'.repeat(127)}`],
      /127 bytes at most.*\/usr\/local\/sbin\/mdmp-core %P %I/,
    ],
    ['a space in it', ['--dir', '/var/my dumps'], /cannot hold '\/var\/my dumps'/],
    ['a relative path', ['--dir', 'dumps'], /--dir must be an absolute path/],
    ['an unknown type', ['-t', 'everything'], /no dump type/],
  ])('prints no pattern with %s', (_what, words, message) => {
    const { exit, stdout, stderr } = mdmp(['core-handler', '--print-pattern', ...words]);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('without a process says that the kernel starts it', () => {
    expect(mdmp(['core-handler'])).toMatchObject({ exit: 2, stderr: expect.stringMatching(/by the kernel/) });
  });

  it('writes a line beside the dumps when it fails, and follows no link', () => {
    const dir = join(folder, 'dumps');
    const handle = () =>
      spawnSync(process.execPath, [main, 'core-handler', '99999999', '1', '--dir', dir], {
        input: 'no core at all '.repeat(10),
        encoding: 'utf8',
        env: {},
        cwd: '/',
      });
    expect(handle().status).toBe(19);
    expect(readdirSync(dir)).toEqual(['core-handler.log']);
    expect(readFileSync(join(dir, 'core-handler.log'), 'utf8')).toMatch(
      /^\S+Z process 99999999: not-a-core: this is not an ELF core\n$/,
    );
    expect(lstatSync(dir).mode & 0o777).toBe(0o700);
    expect(lstatSync(join(dir, 'core-handler.log')).mode & 0o777).toBe(0o600);
    const linked = join(folder, 'linked');
    mkdirSync(linked);
    writeFileSync(join(folder, 'victim'), 'untouched');
    symlinkSync('../victim', join(linked, 'core-handler.log'));
    spawnSync(process.execPath, [main, 'core-handler', '99999999', '1', '--dir', linked], { input: 'x' });
    expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('untouched');
    // Nor does it wait for somebody to read a pipe, or write into a file that has another name.
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    const log = join(shared, 'core-handler.log');
    execFileSync('mkfifo', [log]);
    const handleShared = () =>
      spawnSync(process.execPath, [main, 'core-handler', '99999999', '1', '--dir', shared], {
        input: 'x',
        timeout: 60_000,
      });
    expect(handleShared().status).toBe(12);
    unlinkSync(log);
    linkSync(join(folder, 'victim'), log);
    expect(handleShared().status).toBe(12);
    expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('untouched');
  });
});

describeWith([needsBuild, needsLinux, 'gcc', 'gcore'], 'mdmp core-handler for a process that is gone', () => {
  afterAll(stopPrograms);

  it('takes all from the pipe', async () => {
    const program = await Program.start(await compile('target'));
    const core = await gcore(program.pid, folder);
    await program.stop();
    const dir = join(folder, 'gone');
    const { status, stderr } = spawnSync(
      process.execPath,
      [main, 'core-handler', String(program.pid), String(program.pid), '--dir', dir, '--spool', folder],
      { input: readFileSync(core), encoding: 'utf8', env: {}, cwd: '/' },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [name] = readdirSync(dir);
    expect(name).toMatch(new RegExp(`^process\\.${program.pid}\\.\\d{8}T\\d{6}\\.dmp$`));
    expect(mdmpJson(['threads', join(dir, name!)])).toHaveLength(3);
  });
});
