import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import {
  type Callbacks,
  type FileDumpReport,
  MINIDUMP_TYPE,
  MinidumpError,
  writeMinidump,
} from '../../dist/index.js';
import { RawMemory64 } from '../support/live.js';
import {
  compile,
  Program,
  statusField,
  stopPrograms,
  temporaryFolder,
  threadIds,
} from '../support/programs.js';
import { run, waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

/** Snapshots are taken of 64-bit x86 processes. */
const needsX64 = { missing: process.arch === 'x64' ? undefined : 'x86-64' };
const needsRoot = { missing: process.getuid?.() === 0 ? undefined : 'root' };
const needs = ['gcc', needsLinux, needsBuild, needsX64] as const;
const FULL = MINIDUMP_TYPE.MiniDumpWithFullMemory;
const PAGE = 4096n;

afterEach(stopPrograms);

const stateOf = (stat: string) => stat.slice(stat.lastIndexOf(')') + 2)[0]!;

/** The children of all threads of a process, with their states. */
function childrenOf(pid: number): string[] {
  return threadIds(pid).flatMap((tid) =>
    readFileSync(`/proc/${pid}/task/${tid}/children`, 'latin1')
      .split(' ')
      .filter((child) => child !== '' && existsSync(`/proc/${child}/stat`))
      .map((child) => `${child} ${stateOf(readFileSync(`/proc/${child}/stat`, 'latin1'))}`),
  );
}

/** Nobody traces the process, no thread of it is stopped, it answers, and it has no child that it did not make. */
async function expectUntouched(program: Program): Promise<void> {
  expect(program.exited).toBe(false);
  expect(statusField(program.pid, 'TracerPid')).toBe('0');
  for (const tid of threadIds(program.pid)) {
    expect(stateOf(readFileSync(`/proc/${program.pid}/task/${tid}/stat`, 'latin1'))).toMatch(/[RSD]/);
  }
  expect(childrenOf(program.pid)).toEqual([]);
}

const trap = async (mode: string) => Program.start(await compile('fork-traps'), [mode]);

async function dump(
  program: Program,
  options: Parameters<typeof writeMinidump>[2] = {},
): Promise<FileDumpReport> {
  return await writeMinidump(program.pid, join(temporaryFolder(), 'x.dmp'), {
    snapshot: 'always',
    ...options,
  });
}

const whyNot = (report: FileDumpReport) => report.warnings.find((line) => line.startsWith('no snapshot'));

describeWith(needs, 'a snapshot', () => {
  it('shows the memory of one moment, though the process goes on writing', async () => {
    const program = await trap('generations');
    const { address, length } = program.range('pages');
    const report = await dump(program, { type: FULL });
    expect(report.snapshot).toBe(true);
    const memory = new RawMemory64(report.file);
    const numbers = new Set<bigint>();
    let changes = 0;
    let before: bigint | undefined;
    for (let at = address; at < address + BigInt(length); at += PAGE) {
      const number = memory.read(at, 8)!.readBigUInt64LE();
      if (before !== undefined && number !== before) changes++;
      before = number;
      numbers.add(number);
    }
    memory.close();
    expect(numbers.size).toBeLessThanOrEqual(2);
    expect(changes).toBeLessThanOrEqual(1);
    expect([...numbers][0]).toBeGreaterThan(0n);
    await expectUntouched(program);
  });

  it('has of each kind of memory what a dump of the stopped process has', async () => {
    const program = await Program.start(await compile('kinds'));
    const [still, copied] = [
      await dump(program, { type: FULL, snapshot: 'never' }),
      await dump(program, { type: FULL }),
    ];
    expect([still.snapshot, copied.snapshot]).toEqual([false, true]);
    const [a, b] = [new RawMemory64(still.file), new RawMemory64(copied.file)];
    for (const name of program.values.keys()) {
      const { address, length } = program.range(name);
      for (let at = address; at < address + BigInt(length); at += PAGE) {
        expect(b.read(at, Number(PAGE))?.toString('latin1'), `${name} at ${at - address}`).toBe(
          a.read(at, Number(PAGE))?.toString('latin1'),
        );
      }
    }
    a.close();
    b.close();
    expect(copied.unreadable.map(({ address, size }) => [address, size])).toEqual(
      still.unreadable.map(({ address, size }) => [address, size]),
    );
    await expectUntouched(program);
  });

  it('is taken of small dumps as well where it is asked for, and of none where it is not wanted', async () => {
    const program = await trap('filter-allow');
    expect((await dump(program)).snapshot).toBe(true);
    expect((await dump(program, { snapshot: 'auto' })).snapshot).toBe(false);
    expect((await dump(program, { snapshot: 'never', type: FULL })).snapshot).toBe(false);
    await expectUntouched(program);
  });

  it('is taken without being asked for where a dump is large', async () => {
    const program = await trap('many');
    const report = await dump(program, { snapshot: 'auto', type: FULL });
    expect(report.snapshot).toBe(true);
    expect(report.memory.bytes).toBeGreaterThan(400 << 20);
    await expectUntouched(program);
  });

  it('has the process run while a callback is asked, and holds what that removes back', async () => {
    const program = await Program.start(await compile('secret'), [], {
      env: { MDMP_TEST_SECRET: 'geheim-1234567' },
    });
    const { address, length } = program.range('heap');
    const tracers = new Set<string>();
    const callbacks: Callbacks = {
      module: () => {
        tracers.add(statusField(program.pid, 'TracerPid')!);
      },
      removeMemory: () => [{ address, size: length }],
    };
    const report = await dump(program, { type: FULL, callbacks });
    expect(tracers).toEqual(new Set(['0']));
    const memory = new RawMemory64(report.file);
    expect(memory.read(address, length)?.every((byte) => byte === 0) ?? true).toBe(true);
    memory.close();
    await expectUntouched(program);
  });

  it('of a process stopped by SIGSTOP leaves it stopped', async () => {
    const program = await trap('filter-allow');
    process.kill(program.pid, 'SIGSTOP');
    await waitFor('the stop', () => statusField(program.pid, 'State')!.startsWith('T'));
    expect((await dump(program)).snapshot).toBe(true);
    expect(statusField(program.pid, 'State')).toMatch(/^T/);
    process.kill(program.pid, 'SIGCONT');
    await waitFor('it to go on', () => !statusField(program.pid, 'State')!.startsWith('T'));
    await expectUntouched(program);
  });

  it('that somebody kills ends the dump with an error; the process runs on', async () => {
    const program = await trap('many');
    const callbacks: Callbacks = {
      module: () => {
        for (const child of childrenOf(program.pid)) process.kill(Number.parseInt(child, 10), 'SIGKILL');
      },
    };
    const file = join(temporaryFolder(), 'lost.dmp');
    const error = await writeMinidump(program.pid, file, { type: FULL, snapshot: 'always', callbacks }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(MinidumpError);
    expect((error as MinidumpError).code).toBe('snapshot-lost');
    expect(existsSync(file)).toBe(false);
    await expectUntouched(program);
  });

  it('goes on without the process, should that end', async () => {
    const program = await trap('many');
    let ended: Promise<unknown> | undefined;
    const callbacks: Callbacks = {
      module: () => {
        if (ended !== undefined) return;
        ended = program.end();
        program.kill('SIGKILL');
      },
    };
    const report = await dump(program, { type: FULL, callbacks });
    expect(report.memory.bytes).toBeGreaterThan(400 << 20);
    await ended;
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('is given back when the command is ended by %s', async (signal) => {
    const program = await trap('many');
    const folder = temporaryFolder();
    const callback = join(folder, 'slow.mjs');
    const marker = join(folder, 'marker');
    writeFileSync(
      callback,
      `import { writeFileSync } from 'node:fs';
       let waited = false;
       export const callbacks = {
         module: () => {
           if (waited) return;
           waited = true;
           writeFileSync(${JSON.stringify(marker)}, '');
           const end = Date.now() + 1000;
           while (Date.now() < end);
         },
       };`,
    );
    const command = [
      join(root, 'dist/cli/main.js'),
      'dump',
      `${program.pid}`,
      '-t',
      'full',
      '--snapshot',
      'always',
    ];
    const child = spawn(process.execPath, [...command, '--callback', callback, '-o', join(folder, 'x.dmp')]);
    const exited = new Promise<unknown[]>((resolve) => child.once('exit', (...how) => resolve(how)));
    await waitFor('the callback', () => existsSync(marker), 20_000);
    child.kill(signal);
    expect(await exited).toEqual([null, signal]);
    expect(readdirSync(folder).filter((name) => name.includes('dmp'))).toEqual([]);
    await expectUntouched(program);
  });
});

describeWith(needs, 'a process that cannot be forked without harm', () => {
  it.each([
    ['userfaultfd', /userfaultfd/],
    ['strict', /seccomp/],
  ])('(%s) is dumped while it stands still, and the report says why', async (mode, why) => {
    const program = await trap(mode);
    // It says that it is ready before it can say nothing any more.
    if (mode === 'strict')
      await waitFor('the strict mode', () => statusField(program.pid, 'Seccomp') === '1');
    const report = await dump(program, { type: FULL });
    expect(report.snapshot).toBe(false);
    expect(whyNot(report)).toMatch(why);
    expect(program.exited).toBe(false);
    expect(statusField(program.pid, 'TracerPid')).toBe('0');
    if (mode === 'strict') program.kill();
  });
});

describeWith([...needs, needsRoot], 'seen by root,', () => {
  it('a seccomp filter that lets it pass lets a snapshot be taken', async () => {
    const program = await trap('filter-allow');
    expect((await dump(program)).snapshot).toBe(true);
    await expectUntouched(program);
  });

  it.each(['filter-forbid', 'filter-kill'])('one that does not (%s) is never tried', async (mode) => {
    const program = await trap(mode);
    const report = await dump(program);
    expect(report.snapshot).toBe(false);
    expect(whyNot(report)).toMatch(/seccomp filter forbids/);
    await expectUntouched(program);
  });

  it('a filter that comes between the preparation and the stop is seen', async () => {
    const program = await trap('filter-later');
    let told = false;
    const callbacks: Callbacks = {
      includeThread: () => {
        if (told) return;
        told = true;
        process.kill(program.pid, 'SIGUSR1');
        const end = Date.now() + 10_000;
        while (statusField(program.pid, 'Seccomp') !== '2' && Date.now() < end);
      },
    };
    const report = await dump(program, { callbacks });
    expect(statusField(program.pid, 'Seccomp')).toBe('2');
    expect(report.snapshot).toBe(false);
    expect(whyNot(report)).toMatch(/seccomp filter forbids/);
    await expectUntouched(program);
  });

  it('a process that may have no child is dumped without a snapshot', async () => {
    const program = await trap('no-processes');
    const report = await dump(program, { type: FULL });
    expect(report.snapshot).toBe(false);
    expect(whyNot(report)).toMatch(/EAGAIN/);
    await expectUntouched(program);
  });

  it('process 1 of a PID namespace, as in a container, keeps no zombie', async () => {
    const path = await compile('fork-traps');
    const program = await Program.start('unshare', ['--pid', '--fork', '--mount-proc', path, 'many']);
    const inner = Number(readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'latin1').trim());
    for (let round = 0; round < 3; round++) {
      const file = join(temporaryFolder(), 'x.dmp');
      const report = await writeMinidump(inner, file, { type: FULL, snapshot: 'always' });
      expect(report.snapshot).toBe(true);
      expect(childrenOf(inner)).toEqual([]);
    }
    expect(statusField(inner, 'TracerPid')).toBe('0');
    expect((await run('kill', ['-9', `${inner}`])).status).toBe(0);
  });
});
