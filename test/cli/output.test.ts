import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Minidump } from '../../src/reader/index.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';
import { mdmp, mdmpJson, scratchFolder } from './command.js';

const folder = scratchFolder();
const file = (name: string) => join(folder, name);
const main = join(root, 'dist/cli/main.js');

describeWith([needsBuild, needsLinux], 'mdmp dump -o', () => {
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

  /** A shell command in which `$mdmp` is `mdmp dump PID`. */
  function shell(command: string): { status: number | null; stdout: Buffer; stderr: string } {
    const mdmp = `'${process.execPath}' '${main}' dump ${pid}`;
    const { status, stdout, stderr } = spawnSync(
      'bash',
      ['-c', `set -o pipefail; ${command.replaceAll('$mdmp', mdmp)}`],
      { cwd: folder, maxBuffer: 1 << 28 },
    );
    return { status, stdout, stderr: stderr.toString('utf8') };
  }

  const threads = async (bytes: Uint8Array) =>
    (await (await Minidump.open(bytes)).get('threads'))?.map(({ ThreadId }) => ThreadId);

  it.each(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'])(
    '%s: the dump to stdout, the rest to stderr',
    async (name) => {
      const { status, stdout, stderr } = shell(`$mdmp -o ${name} | cat`);
      expect(status).toBe(0);
      expect(await threads(stdout)).toContain(pid);
      expect(stderr).toMatch(/^dump {5}standard output\nsize [\s\S]*\npause {4}\d+\.\d ms\n$/);
    },
  );

  it('- to a file that stdout was redirected to', async () => {
    const { status, stdout } = shell('$mdmp -o - > redirected.dmp');
    expect({ status, stdout: stdout.length }).toEqual({ status: 0, stdout: 0 });
    expect(await threads(readFileSync(file('redirected.dmp')))).toContain(pid);
  });

  it('- with --json: the report on stderr, without a file', async () => {
    const { stdout, stderr } = shell('$mdmp -o - --json | cat');
    const report = JSON.parse(stderr);
    expect(report).toMatchObject({ pid, size: stdout.length });
    expect(report).not.toHaveProperty('file');
  });

  it('- is not disturbed by what a callback module prints', async () => {
    writeFileSync(
      file('talks.mjs'),
      `console.log('loading'); process.stdout.write('loaded');
       export const callbacks = { module({ path }) { console.log('module', path); } };`,
    );
    const { stdout, stderr } = shell('$mdmp -o - -c talks.mjs | cat');
    expect(stdout.subarray(0, 4).toString('latin1')).toBe('MDMP');
    expect(await threads(stdout)).toContain(pid);
    expect(stderr).toMatch(/^loading\nloadedmodule \//);
    expect(stdout.includes('loading')).toBe(false);
  });

  it('/dev/fd/N, as a shell makes it of >(…): the summary stays on stdout', async () => {
    const { status, stdout, stderr } = shell('$mdmp -o /dev/fd/7 7> seven.dmp');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.toString('utf8')).toMatch(/^dump {5}file descriptor 7\n/);
    expect(await threads(readFileSync(file('seven.dmp')))).toContain(pid);
    const compressed = shell('$mdmp -o >(gzip > inside.gz); wait $!; gzip -dc inside.gz > inside.dmp');
    expect(compressed.status).toBe(0);
    expect(await threads(readFileSync(file('inside.dmp')))).toContain(pid);
  });

  it('/dev/fd/N that is the same as stdout: the summary does not follow the dump', async () => {
    const { stdout, stderr } = shell('$mdmp -o /dev/fd/5 5>&1 | cat');
    expect(stderr).toMatch(/^dump {5}file descriptor 5\n/);
    expect(stdout.length).toBe(mdmpJson(['dump', pid, '-o', file('size.dmp')]).size);
  });

  it.each<[string, string, number, RegExp]>([
    ['a descriptor that is not open', '$mdmp -o /dev/fd/99', 2, /no open file descriptor 99/],
    ['a descriptor for reading', '$mdmp -o /dev/fd/9 9< /etc/passwd', 2, /9 is not open for writing/],
    ['a reader that has gone', '$mdmp -o - --type full | true', 45, /reader of the output has gone/],
    ['a disk that is full', '$mdmp -o - > /dev/full', 43, /no space left/],
    ['a spool that is not there', '$mdmp -o - --spool /no/such | cat', 41, /no folder \/no\/such.*--spool/],
  ])('refuses %s in one line', (_what, command, exit, message) => {
    const { status, stdout, stderr } = shell(command);
    expect({ status, stdout: stdout.length }).toEqual({ status: exit, stdout: 0 });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^mdmp: [^\n]*\n$/);
  });

  it('refuses descriptors that nobody gave it: Node has its own under such numbers', () => {
    for (let fd = 3; fd < 16; fd++) {
      const answer = mdmp(['dump', pid, '-o', `/dev/fd/${fd}`]);
      expect(answer, `descriptor ${fd}`).toMatchObject({ exit: 2, stdout: '' });
    }
  });

  it('- refuses a terminal', () => {
    const command = `'${process.execPath}' '${main}' dump ${pid} -o -; echo exit $?`;
    const printed = execFileSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    expect(printed).toMatch(/a dump is not written to a terminal.*> app\.dmp/);
    expect(printed).toMatch(/exit 2\r?\n$/);
    expect(printed).not.toContain('MDMP');
  });

  it('--spool is of no use for a file, and does no harm', () => {
    const report = mdmpJson(['dump', pid, '-o', file('plain.dmp'), '--spool', '/no/such']);
    expect(report.file).toBe(file('plain.dmp'));
    expect(lstatSync(report.file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.startsWith('.mdmp'))).toEqual([]);
  });

  it('a file descriptor is not closed or moved by the dump', () => {
    const fd = openSync(file('appended.dmp'), 'w', 0o600);
    closeSync(fd);
    const { status } = shell('{ $mdmp -o - 2> /dev/null; printf end; } > appended.dmp');
    expect(status).toBe(0);
    const bytes = readFileSync(file('appended.dmp'));
    expect(bytes.subarray(0, 4).toString()).toBe('MDMP');
    expect(bytes.subarray(-3).toString()).toBe('end');
  });

  it('is explained by the help', () => {
    const { stdout } = mdmp(['dump', '--help']);
    expect(stdout).toMatch(/--spool <folder>/);
    expect(stdout).toMatch(/-o - --type full \| slow-upload/);
    expect(stdout).toMatch(/--compress <how>/);
  });
});
