import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import * as dbghelp from '../../dist/dbghelp.js';
import {
  BytesSink,
  MINIDUMP_CALLBACK_TYPE,
  MINIDUMP_TYPE,
  Minidump,
  MinidumpError,
  StreamType,
  writeMinidump,
} from '../../dist/index.js';
import { expectNoneDisturbed } from '../support/again-and-again.js';
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

const needs = ['gcc', needsLinux, needsBuild] as const;
const NORMAL = MINIDUMP_TYPE.MiniDumpNormal;
const FULL = MINIDUMP_TYPE.MiniDumpWithFullMemory;
const SECRET = 'correct-horse-battery-staple-71';

afterEach(stopPrograms);

/** The error that a dump ends with. */
async function failure(dump: Promise<unknown>): Promise<MinidumpError> {
  const error = await dump.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MinidumpError);
  return error as MinidumpError;
}

/** Nobody traces the process, no thread of it is stopped, and it answers. */
async function expectUntouched(program: Program): Promise<void> {
  expect(program.exited).toBe(false);
  expect(statusField(program.pid, 'TracerPid')).toBe('0');
  for (const tid of threadIds(program.pid)) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${program.pid}/task/${tid}/stat`, 'latin1');
    } catch {
      continue; // It has ended meanwhile, as threads of churn.c do.
    }
    expect(stat.slice(stat.lastIndexOf(')') + 2)[0]).toMatch(/[RSDXZ]/);
  }
}

const secretProgram = async () =>
  Program.start(await compile('secret'), [], { env: { MDMP_TEST_SECRET: SECRET } });

/** How often a text is in a file, in any of the encodings that a dump may hold it in. */
function copies(file: string, text: string): number {
  const bytes = readFileSync(file);
  let count = 0;
  const base64 = [0, 1, 2].map((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).toString('base64');
    return Buffer.from(padded.slice(shift === 0 ? 0 : 4, -4));
  });
  for (const needle of [Buffer.from(text), Buffer.from(text, 'utf16le'), ...base64]) {
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) count++;
  }
  return count;
}

describeWith(needs, 'what a callback removes', () => {
  it('is in no copy: stacks, added memory, the environment; normal and full', async () => {
    const program = await secretProgram();
    const folder = temporaryFolder();
    const places = ['environment', 'heap', 'heap16', 'static', 'stack', 'thread-stack'].map((name) => {
      const { address, length } = program.range(name);
      return { address, size: length };
    });
    const { address: neighbour } = program.range('neighbour');
    const memory = () => [{ address: neighbour, size: 256 }, ...places];
    for (const type of [NORMAL, FULL]) {
      const plain = join(folder, `plain-${type}.dmp`);
      await writeMinidump(program.pid, plain, { type, callbacks: { memory } });
      expect(copies(plain, SECRET)).toBeGreaterThanOrEqual(5);
      const clean = join(folder, `clean-${type}.dmp`);
      const report = await writeMinidump(program.pid, clean, {
        type,
        callbacks: { memory, removeMemory: () => places },
      });
      expect(copies(clean, SECRET)).toBe(0);
      expect(report.removed.length).toBeGreaterThanOrEqual(5);
      // What lies beside it is there.
      expect(readFileSync(clean).includes(Buffer.alloc(64, 'n'))).toBe(true);
      expect(readFileSync(clean).includes(Buffer.alloc(64, 'N'))).toBe(true);
    }
    await expectUntouched(program);
  });

  it('is not in the registers that a signal handler was given either', async () => {
    const program = await Program.start(await compile('in-handler'));
    const { address, length } = program.range('ucontext');
    const exception = {
      threadId: program.pid,
      siginfo: BigInt(program.values.get('siginfo')!),
      ucontext: address,
    };
    const secret = Buffer.from([0xe7, 0xc7, 0x5e, 0xe7, 0xc7, 0x5e, 0, 0]);
    for (const removed of [false, true]) {
      const sink = new BytesSink();
      await writeMinidump(program.pid, sink, {
        exception,
        callbacks: { removeMemory: () => (removed ? [{ address, size: length }] : []) },
      });
      const dump = Minidump.openSync(sink.bytes());
      const [thread] = dump.getSync('threads')!;
      for (const place of [thread!.ThreadContext, dump.getSync('exception')!.ThreadContext]) {
        const context = Buffer.from(sink.bytes().buffer, place.Rva, place.DataSize);
        expect(context.length).toBe(1232);
        expect(context.includes(secret)).toBe(!removed);
      }
    }
  });

  it('a CallbackRoutine is not asked for it in a full-memory dump, and the report says so', async () => {
    const program = await secretProgram();
    const asked = new Set<number>();
    const report = await writeMinidump(program.pid, join(temporaryFolder(), 'f.dmp'), {
      type: FULL,
      callback: {
        CallbackRoutine: (_param: unknown, input) => {
          asked.add(input.CallbackType);
          return true;
        },
      },
    });
    expect(asked.has(MINIDUMP_CALLBACK_TYPE.RemoveMemoryCallback)).toBe(false);
    expect(asked.has(MINIDUMP_CALLBACK_TYPE.MemoryCallback)).toBe(false);
    expect(asked.has(MINIDUMP_CALLBACK_TYPE.IncludeVmRegionCallback)).toBe(true);
    expect(report.warnings.join()).toContain('RemoveMemoryCallback');
  });

  it('a region that IncludeVmRegion drops is not in the dump as a stack either', async () => {
    const program = await secretProgram();
    const { address } = program.range('stack');
    const file = join(temporaryFolder(), 'f.dmp');
    await writeMinidump(program.pid, file, {
      type: FULL,
      callbacks: { includeVmRegion: ({ base, size }) => !(address >= base && address < base + size) },
    });
    const without = copies(file, SECRET);
    const all = join(temporaryFolder(), 'all.dmp');
    await writeMinidump(program.pid, all, { type: FULL });
    // The copy on the main stack, and the environment above it with its stream.
    expect(copies(all, SECRET) - without).toBe(3);
  });
});

describeWith(needs, 'the callback', () => {
  it('leaves out threads and modules', async () => {
    const program = await secretProgram();
    const report = await writeMinidump(program.pid, join(temporaryFolder(), 'n.dmp'), {
      callbacks: {
        includeThread: ({ id }) => id === program.pid,
        module: ({ path }) => !path.includes('libc'),
      },
    });
    expect(report.threads).toEqual({ written: 1, excluded: 1 });
    expect(report.modules.excluded).toBe(1);
    const maps = readFileSync(`/proc/${program.pid}/maps`, 'utf8');
    expect(maps).toContain('libc');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
      'callback-failed',
    ],
    ['is asynchronous', async () => true, 'callback-async'],
    [
      'cancels',
      (_p: unknown, i: { CallbackType: number }, o: { Cancel: boolean }) => {
        if (i.CallbackType === MINIDUMP_CALLBACK_TYPE.CancelCallback) o.Cancel = true;
        return true;
      },
      'cancelled',
    ],
    [
      'adds memory that is not there',
      (_p: unknown, i: { CallbackType: number }, o: { MemoryBase: bigint; MemorySize: number }) => {
        o.MemoryBase = 0x1000n;
        o.MemorySize = 4096;
        return i.CallbackType !== MINIDUMP_CALLBACK_TYPE.RemoveMemoryCallback;
      },
      'callback-failed',
    ],
    [
      'adds a negative range',
      (_p: unknown, i: { CallbackType: number }, o: { MemoryBase: bigint; MemorySize: number }) => {
        o.MemoryBase = 0x1000n;
        o.MemorySize = -1;
        return i.CallbackType === MINIDUMP_CALLBACK_TYPE.MemoryCallback || true;
      },
      'callback-failed',
    ],
  ] as const)('that %s ends the dump and nothing else', async (_what, routine, code) => {
    const program = await secretProgram();
    const file = join(temporaryFolder(), 'n.dmp');
    const error = await failure(
      writeMinidump(program.pid, file, { callback: { CallbackRoutine: routine as never } }),
    );
    expect(error.code).toBe(code);
    if (error.cause !== undefined) expect((error.cause as Error).message).toBe('mine');
    expect(readdirSync(join(file, '..'))).toEqual([]);
    await expectUntouched(program);
  });

  it.each([
    { cancel: async () => false },
    { includeThread: async () => true },
    { module: async () => true },
    { memory: async () => [] },
    { async *removeMemory() {} },
  ])('whose function is asynchronous is refused: %o', async (callbacks) => {
    const program = await secretProgram();
    const file = join(temporaryFolder(), 'n.dmp');
    const error = await failure(writeMinidump(program.pid, file, { callbacks: callbacks as never }));
    expect(error.code).toBe('callback-async');
    await expectUntouched(program);
  });

  it('that names unmapped memory once fails the dump, unless inaccessible memory is ignored', async () => {
    const program = await secretProgram();
    const callbacks = { memory: () => [{ address: 0x1000n, size: 4096 }] };
    const file = join(temporaryFolder(), 'n.dmp');
    expect((await failure(writeMinidump(program.pid, file, { callbacks }))).code).toBe('memory-unreadable');
    const report = await writeMinidump(program.pid, file, {
      callbacks,
      type: MINIDUMP_TYPE.MiniDumpIgnoreInaccessibleMemory,
    });
    expect(report.unreadable).toEqual([{ address: 0x1000n, size: 4096n, why: 'nothing is mapped there' }]);
  });

  it('with an endless loop holds the target for --max-pause and no longer; a child of ours, too', async () => {
    const child = spawn('sleep', ['1000']);
    let exits = 0;
    child.on('exit', () => exits++);
    const { pid } = child as { pid: number };
    const file = join(temporaryFolder(), 'n.dmp');
    try {
      const error = await failure(
        writeMinidump(pid, file, {
          maxPause: 500,
          callbacks: {
            memory: () => {
              for (;;);
            },
          },
        }),
      );
      expect(error.code).toBe('max-pause');
      expect(statusField(pid, 'TracerPid')).toBe('0');
      expect(statusField(pid, 'State')).toMatch(/^S/);
      expect(existsSync(file)).toBe(false);
      // Both kinds of dump of a direct child: no 'exit' before it exits.
      for (const type of [NORMAL, FULL]) await writeMinidump(pid, file, { type, force: true });
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(exits).toBe(0);
    } finally {
      child.kill();
    }
    await waitFor('the end of the child', () => exits === 1);
  });

  it('that hangs outside JavaScript does not hold the target either', async () => {
    const program = await secretProgram();
    const file = join(temporaryFolder(), 'n.dmp');
    const began = performance.now();
    const error = await failure(
      writeMinidump(program.pid, file, {
        maxPause: 300,
        callbacks: {
          memory: () => {
            execFileSync('sleep', ['1.5']);
            const stat = readFileSync(`/proc/${program.pid}/status`, 'latin1');
            expect(stat).toContain('TracerPid:\t0');
            return [];
          },
        },
      }),
    );
    expect(error.code).toBe('max-pause');
    expect(performance.now() - began).toBeGreaterThan(1400);
    await expectUntouched(program);
  });
});

describeWith(needs, 'bad input and bad luck', () => {
  it('files of the target lead out of its root no more than they led the target', async () => {
    const folder = temporaryFolder();
    const jail = join(folder, 'jail');
    mkdirSync(join(jail, 'etc'), { recursive: true });
    mkdirSync(join(jail, 'usr'));
    writeFileSync(join(folder, 'host'), SECRET);
    const release = join(jail, 'etc', 'lsb-release');
    const program = await Program.start(await compile('jailed'), [jail]);
    const found = async () => {
      const sink = new BytesSink();
      await writeMinidump(program.pid, sink, {});
      const dump = await Minidump.open(sink.bytes());
      const entry = dump.entry(StreamType.LinuxLsbRelease);
      return entry === undefined ? '' : new TextDecoder().decode(await dump.bytes(entry));
    };
    expect(await found()).toBe('');
    symlinkSync(join(folder, 'host'), release);
    expect(await found()).toBe('');
    unlinkSync(release);
    symlinkSync('../../../../../../../../etc/os-release', release);
    expect(await found()).toBe('');
    // Links of the target's own are followed, as nearly every system has them.
    writeFileSync(join(jail, 'usr', 'release'), 'ID=jail');
    unlinkSync(release);
    symlinkSync('/etc/../../usr/release', release);
    expect(await found()).toBe('ID=jail');
    unlinkSync(release);
    symlinkSync(release, release);
    expect(await found()).toBe('');
    unlinkSync(release);
    execFileSync('mkfifo', [release]);
    expect(await found()).toBe('');
    unlinkSync(release);
    writeFileSync(release, 'x'.repeat(70_000));
    expect(await found()).toBe('');
  });

  it('each gives an error of its own', async () => {
    const folder = temporaryFolder();
    const program = await secretProgram();
    const to = (name: string) => join(folder, name);
    const code = async (pid: number, file: string, options = {}) =>
      (await failure(writeMinidump(pid, file, options))).code;

    expect(await code(2 ** 22 + 5, to('a'))).toBe('no-such-process');
    expect(await code(2, to('a'))).toBe('kernel-thread');
    expect(await code(program.pid, to('a'), { type: 0x0800_0000 })).toBe('invalid-argument');
    writeFileSync(to('there'), 'mine');
    expect(await code(program.pid, to('there'))).toBe('output-exists');
    expect(readFileSync(to('there'), 'utf8')).toBe('mine');
    symlinkSync(to('elsewhere'), to('link'));
    expect(await code(program.pid, to('link'))).toBe('output-exists');
    expect(await code(program.pid, to('missing/a'))).toBe('output-folder');
    expect(existsSync(to('elsewhere'))).toBe(false);
    expect(readdirSync(folder).sort()).toEqual(['link', 'there']);
    await expectUntouched(program);
  });

  it('a traced process is left to its tracer, and one that ended is called a zombie', async () => {
    const program = await secretProgram();
    const tracer = spawn('gdb', ['-nx', '-batch', '-p', String(program.pid), '-ex', 'shell sleep 1000'], {
      stdio: 'ignore',
    });
    try {
      await waitFor('gdb', () => statusField(program.pid, 'TracerPid') !== '0', 30_000);
      expect((await failure(writeMinidump(program.pid, join(temporaryFolder(), 'a')))).code).toBe(
        'already-traced',
      );
    } finally {
      tracer.kill('SIGKILL');
    }
    const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const zombie = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
      await waitFor('the zombie', () => statusField(zombie, 'State').startsWith('Z'));
      expect((await failure(writeMinidump(zombie, join(temporaryFolder(), 'a')))).code).toBe('zombie');
    } finally {
      parent.kill();
    }
  });

  it('a target that is killed while it is held ends the dump, not the dumper', async () => {
    const program = await secretProgram();
    const file = join(temporaryFolder(), 'n.dmp');
    const error = await failure(
      writeMinidump(program.pid, file, {
        type: FULL,
        callbacks: {
          includeVmRegion: () => {
            process.kill(program.pid, 'SIGKILL');
            execFileSync('sleep', ['0.1']);
            return true;
          },
        },
      }),
    );
    expect(error.code).toBe('target-exited');
    expect(existsSync(file)).toBe(false);
    expect(await program.end()).toBe('SIGKILL');
  });

  it('a full disk leaves no half file and a running target', async () => {
    const program = await secretProgram();
    const mount = join(temporaryFolder(), 'small');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', mount]);
    try {
      const error = await failure(writeMinidump(program.pid, join(mount, 'f.dmp'), { type: FULL }));
      expect(error.code).toBe('disk-full');
      expect(readdirSync(mount)).toEqual([]);
    } finally {
      execFileSync('umount', [mount]);
    }
    await expectUntouched(program);
  });

  it('a dumper that is killed at any moment leaves the target running and nothing in the folder', async () => {
    const program = await Program.start(await compile('busy'));
    const folder = temporaryFolder();
    const script = join(folder, '..', `dumper-${process.pid}.mjs`);
    writeFileSync(
      script,
      `import { writeMinidump } from ${JSON.stringify(join(root, 'dist/index.js'))};
       const folder = ${JSON.stringify(folder)};
       for (let i = 0; ; i++) await writeMinidump(${program.pid}, \`\${folder}/\${process.pid}-\${i}.dmp\`, { type: ${FULL} });`,
    );
    for (let round = 0; round < 12; round++) {
      const dumper = spawn(process.execPath, [script], { stdio: 'ignore' });
      const exited = new Promise((resolve) => dumper.once('exit', resolve));
      await waitFor('the first stop', () => statusField(program.pid, 'TracerPid') !== '0', 20_000);
      await new Promise((resolve) => setTimeout(resolve, round * 7));
      dumper.kill('SIGKILL');
      await exited;
      await waitFor('the kernel to let go', () => statusField(program.pid, 'TracerPid') === '0');
      await expectUntouched(program);
    }
    // What has a name is whole. (With `force` there is a moment between the hidden name and the rename: see FileSink.)
    const names = readdirSync(folder);
    expect(names.filter((name) => !name.endsWith('.dmp'))).toEqual([]);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const dump = Minidump.openSync(readFileSync(join(folder, name)));
      const { BaseRva, MemoryRanges } = dump.getSync('memory64List')!;
      const end = MemoryRanges.reduce((sum, { DataSize }) => sum + DataSize, BaseRva);
      expect(end).toBe(BigInt(statSync(join(folder, name)).size));
    }
  });
});

describeWith(needs, 'a program that takes many dumps', () => {
  it('keeps one tracer thread, and nothing of each dump', async () => {
    const plain = await Program.start(await compile('threads100'));
    const stuck = await Program.start(await compile('vfork-parent'));
    const script = join(root, 'test/programs/many-dumps.mjs');
    const { status, stdout, stderr } = await run(process.execPath, [
      script,
      `${plain.pid}`,
      `${stuck.pid}`,
      temporaryFolder(),
    ]);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
    const { measured, warnings } = JSON.parse(stdout.toString());
    expect(warnings.join()).toContain('did not stop');
    const [first, last] = measured;
    expect(first.threads).toBe(1);
    expect(last).toMatchObject({ threads: first.threads, descriptors: first.descriptors });
    // koffi left two and more a dump behind when each of these 79 dumps had a thread of its own: 200. V8's heap grows by up to 50.
    expect(last.mappings).toBeLessThan(first.mappings + 110);
    await expectUntouched(plain);
    await waitFor('the tracer to be gone', () => statusField(stuck.pid, 'TracerPid') === '0');
  });
});

describeWith(needs, 'the target', () => {
  it('sees no EINTR, loses no time limit and no data in 100 dumps', async () => {
    const program = await Program.start(await compile('busy'));
    const file = join(temporaryFolder(), 'd.dmp');
    await expectNoneDisturbed(program, 50, () =>
      writeMinidump(program.pid, file, { force: true, type: NORMAL }),
    );
    await expectUntouched(program);
  });

  it('loses, doubles and reorders no signal', async () => {
    const program = await Program.start(await compile('signals'));
    const folder = temporaryFolder();
    for (let round = 0; round < 40; round++) {
      program.kill('SIGUSR1');
      await writeMinidump(program.pid, join(folder, 'd.dmp'), { force: true });
    }
    const report = await program.command('report');
    const count = (name: string) => Number(report.get(name));
    expect(count('sent')).toBeGreaterThan(100);
    expect(count('received')).toBe(count('sent'));
    expect(count('out_of_order')).toBe(0);
    expect(count('usr1')).toBe(40);
    expect(count('eintr_without_handler')).toBe(0);
  });

  it('that was stopped stays stopped', async () => {
    const program = await secretProgram();
    program.kill('SIGSTOP');
    await waitFor('the stop', () => statusField(program.pid, 'State').startsWith('T'));
    for (let i = 0; i < 3; i++) {
      const report = await writeMinidump(program.pid, join(temporaryFolder(), 'n.dmp'));
      expect(report.threads.written).toBe(2);
      // Let go, a thread passes through the kernel, shown as R, into its stop: it runs no code of its own.
      await waitFor('the stop again', () => statusField(program.pid, 'State').startsWith('T'), 1_000);
    }
    program.kill('SIGCONT');
    await waitFor('the end of the stop', () => statusField(program.pid, 'State').startsWith('S'));
  });

  it('whose main thread has ended is dumped through another', async () => {
    const program = await Program.start(await compile('exited-leader'));
    await waitFor('the leader to end', () => statusField(program.pid, 'State').startsWith('Z'));
    const report = await writeMinidump(program.pid, join(temporaryFolder(), 'n.dmp'));
    expect(report.threads.written).toBeGreaterThan(0);
    expect(report.modules.written).toBeGreaterThan(1);
    expect(report.memory.bytes).toBeGreaterThan(0);
  });

  it('that sits in vfork is dumped without waiting for it, and goes on', async () => {
    const program = await Program.start(await compile('vfork-parent'));
    const file = join(temporaryFolder(), 'n.dmp');
    const report = await writeMinidump(program.pid, file);
    expect(report.warnings.join()).toContain('did not stop');
    expect(report.pauseMs).toBeLessThan(2_000);
    await waitFor('the tracer to be gone', () => statusField(program.pid, 'TracerPid') === '0');
  });

  it('that makes and ends threads all the time is dumped whole', async () => {
    const program = await Program.start(await compile('churn'));
    for (let i = 0; i < 20; i++) {
      const report = await writeMinidump(program.pid, join(temporaryFolder(), 'n.dmp'));
      expect(report.threads.written).toBeGreaterThan(0);
    }
    await expectUntouched(program);
  });

  it('that executes itself while its threads are being seized is never waited for, and goes on', async () => {
    const program = await Program.start(await compile('execs'), ['3000']);
    for (let i = 0; i < 60; i++) {
      const error = await writeMinidump(program.pid, new BytesSink(), { maxPause: 1000 }).then(
        () => undefined,
        (thrown: unknown) => thrown as MinidumpError,
      );
      // What it was is gone now and then, with its memory and its threads. But both waited for each other, until the dumper gave
      // up after 30 s, before it collected the threads that had ended.
      expect(error?.message ?? '').not.toContain('does not answer');
    }
    await expectUntouched(program);
  }, 120_000);

  it('gives each kind of memory as far as it can be had, and is not changed by it', async () => {
    const program = await Program.start(await compile('kinds'));
    // Counted page by page; VmRSS of status is an estimate.
    const rss = () => /^Rss:\s+(\d+)/m.exec(readFileSync(`/proc/${program.pid}/smaps_rollup`, 'latin1'))![1];
    const before = rss();
    const file = join(temporaryFolder(), 'f.dmp');
    await writeMinidump(program.pid, file, { type: FULL });
    expect(rss()).toBe(before);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await expectUntouched(program);
  });
});

describeWith(needs, 'what the caller gives', () => {
  it('is in the dump: user streams, a comment, an exception given as bytes', async () => {
    const program = await secretProgram();
    const file = join(temporaryFolder(), 'n.dmp');
    const siginfo = new Uint8Array(128);
    new DataView(siginfo.buffer).setInt32(0, 11, true);
    new DataView(siginfo.buffer).setInt32(8, 1, true);
    new DataView(siginfo.buffer).setBigUint64(16, 0xdeadn, true);
    const ucontext = new Uint8Array(968);
    const stack = program.range('stack').address;
    // rsp and rip stand at 15 and 16 in gregs, which begin at 40.
    new DataView(ucontext.buffer).setBigUint64(40 + 15 * 8, stack, true);
    new DataView(ucontext.buffer).setBigUint64(40 + 16 * 8, 0x1234n, true);
    await writeMinidump(program.pid, file, {
      userStreams: [{ type: 0x10001, bytes: new Uint8Array([1, 2, 3]) }],
      comment: 'grüße',
      exception: { threadId: program.pid, siginfo, ucontext },
    });
    const dump = await Minidump.open(readFileSync(file));
    const [own] = dump.userStreams;
    expect(own && (await dump.bytes(own))).toEqual(new Uint8Array([1, 2, 3]));
    expect(await dump.get('commentW')).toBe('grüße');
    const happened = (await dump.get('exception'))!;
    expect(happened.ThreadId).toBe(program.pid);
    expect(happened.ExceptionRecord).toMatchObject({
      ExceptionCode: 11,
      ExceptionFlags: 1,
      ExceptionAddress: 0xdeadn,
    });
    expect(happened.context?.instructionPointer).toBe(0x1234n);
    const thread = (await dump.get('threads'))!.find(({ ThreadId }) => ThreadId === program.pid)!;
    // The stack of that thread is the one of the exception, red zone included.
    expect(thread.Stack.StartOfMemoryRange).toBe(stack - 128n);
  });

  it('limits stacks outside [stack], and the main stack stops below the arguments', async () => {
    const program = await secretProgram();
    const file = join(temporaryFolder(), 'n.dmp');
    await writeMinidump(program.pid, file, { maxStack: 512 });
    const dump = await Minidump.open(readFileSync(file));
    const { address } = program.range('environment');
    for (const { ThreadId, Stack } of (await dump.get('threads'))!) {
      const end = Stack.StartOfMemoryRange + BigInt(Stack.Memory.DataSize);
      if (ThreadId === program.pid) {
        expect(Stack.StartOfMemoryRange < address && end <= address).toBe(true);
        expect(Stack.Memory.DataSize).toBeGreaterThan(512);
      } else {
        expect(Stack.Memory.DataSize).toBe(512);
      }
    }
  });
});

describeWith(needs, 'MiniDumpWriteDump', () => {
  it('answers TRUE or FALSE, and GetLastError is an HRESULT', async () => {
    const { openSync, closeSync, readSync } = await import('node:fs');
    const program = await secretProgram();
    const file = join(temporaryFolder(), 'n.dmp');
    const fd = openSync(file, 'w+', 0o600);
    const handle = dbghelp.OpenProcess(program.pid);
    const CallbackParam = { CallbackRoutine: () => true, CallbackParam: 7 };
    expect(dbghelp.MiniDumpWriteDump(handle, program.pid, fd, 0, null, null, CallbackParam)).toBe(true);
    const signature = Buffer.alloc(4);
    readSync(fd, signature, 0, 4, 0);
    expect(signature.toString()).toBe('MDMP');
    const cancel: dbghelp.MINIDUMP_CALLBACK_ROUTINE = (_param, input, output) => {
      if (input.CallbackType === MINIDUMP_CALLBACK_TYPE.CancelCallback) output.Cancel = true;
      return true;
    };
    expect(
      dbghelp.MiniDumpWriteDump(handle, program.pid, fd, 0, null, null, { CallbackRoutine: cancel }),
    ).toBe(false);
    expect(dbghelp.GetLastError()).toBe(0x800704c7);
    expect(dbghelp.MiniDumpWriteDump(handle, program.pid, fd, 0x800_0000)).toBe(false);
    expect(dbghelp.GetLastError()).toBe(0x80070057);
    closeSync(fd);
    await expectUntouched(program);
  });
});
