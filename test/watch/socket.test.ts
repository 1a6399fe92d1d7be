import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { FileSource } from '../../src/node/file-source.js';
import { Minidump } from '../../src/reader/index.js';
import { mdmp, mdmpJson, scratchFolder } from '../cli/command.js';
import { compile, Program, stopPrograms, threadIds, threadState } from '../support/programs.js';
import { run, waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, requireTool } from '../support/tools.js';
import {
  Command,
  childrenOf,
  main,
  socketOf,
  startWatch,
  status,
  stopCommands,
  tracerOf,
} from './watcher.js';

const needsRoot = { missing: process.getuid!() === 0 ? undefined : 'root' };
const folder = scratchFolder();
let files = 0;
const fresh = (ending = '.dmp') => join(folder, `${++files}${ending}`);
const module = (code: string) => {
  const file = fresh('.mjs');
  writeFileSync(file, code);
  return file;
};
const dumpsIn = (place: string) => readdirSync(place).filter((name) => name.endsWith('.dmp'));

function open(file: string): Minidump {
  const source = new FileSource(file);
  opened.push(source);
  return Minidump.openSync(source);
}
const opened: FileSource[] = [];

afterEach(async () => {
  for (const source of opened.splice(0)) source[Symbol.dispose]();
  await stopCommands();
  await stopPrograms();
});

/** Nobody stands still, and nothing was left behind. */
function expectUntouched(pid: number): void {
  for (const tid of threadIds(pid)) expect('RSD').toContain(threadState(pid, tid));
  expect(childrenOf(pid)).toEqual([]);
}

/** Ids of the watchers that there are. */
const listed = (): number[] => mdmpJson(['watch', '--list']).map(({ pid }: { pid: number }) => pid);

describeWith([needsBuild, needsLinux, 'gcc', 'gdb'], 'mdmp dump of a watched process', () => {
  const target = async () => await Program.start(await compile('target'));
  const large = async (mebibytes: number) =>
    await Program.start(await compile('large'), ['--touch', String(mebibytes)]);

  it('gives what it gives of one that nobody watches', async () => {
    await using program = await target();
    const { pid } = program;
    const words = ['dump', pid, '--type', 'full', '--comment', 'the same', '-o'];
    const alone = mdmpJson([...words, fresh()]);
    await startWatch(pid, ['-d', fresh('')]);
    const watched = mdmpJson([...words, fresh()]);
    const told = ({
      type,
      threads,
      modules,
      memory,
      streams,
      removed,
      unreadable,
      snapshot,
    }: typeof alone) => ({
      ...{ type, threads, modules, removed, unreadable, snapshot, ranges: memory.ranges },
      streams: streams.map(({ name }: { name: string }) => name),
    });
    expect(told(watched)).toEqual(told(alone));
    expect(Math.abs(watched.size - alone.size)).toBeLessThan(65536);
    expect(lstatSync(watched.file).mode & 0o777).toBe(0o600);
    expect(lstatSync(watched.file).size).toBe(watched.size);
    const [one, other] = [open(alone.file), open(watched.file)];
    const threads = (dump: Minidump) => dump.getSync('threads')!.map(({ ThreadId }) => ThreadId);
    expect(threads(other)).toEqual(threads(one));
    for (const name of ['data', 'rodata', 'bss', 'heap', 'stack']) {
      const { address, length } = program.range(name);
      const bytes = other.memorySync().readSync(address, length);
      expect(bytes).toEqual(one.memorySync().readSync(address, length));
      expect(bytes).toHaveLength(length);
    }
    expectUntouched(pid);
  });

  it('is decided by a callback, which is loaded anew and prints to the stderr of the watcher', async () => {
    await using program = await target();
    const { pid } = program;
    const heap = program.range('heap');
    const callback = module(`
      let asked = 0;
      console.log('loaded by', process.pid);
      export const callbacks = {
        module: ({ path }) => (console.log('asked', ++asked), !path.includes('libc')),
        removeMemory: () => [{ address: ${heap.address}n, size: ${heap.length}n }],
      };`);
    const watcher = await startWatch(pid, ['-d', fresh(''), '--json']);
    const words = ['dump', pid, '--type', 'full', '--callback', callback, '-o'];
    for (let time = 1; time <= 2; time++) {
      const report = mdmpJson([...words, fresh()]);
      expect(report.modules.excluded).toBe(1);
      expect(report.removed).toMatchObject([{ address: expect.stringMatching(/^0x/), size: '0x100' }]);
      const dump = open(report.file);
      const names = dump.getSync('modules')!.map(({ name }) => basename(name ?? ''));
      expect(names.some((name) => name.startsWith('libc'))).toBe(false);
      expect(names).toContain(basename(await compile('target')));
      expect(dump.memorySync().readSync(heap.address, heap.length)).toHaveLength(0);
    }
    await waitFor('its words', () => watcher.stderr.split(`loaded by ${watcher.pid}`).length === 3);
    // Each time with variables of its own.
    expect(watcher.stderr.split('asked 1\n')).toHaveLength(3);
    expect(watcher.stdout.toString()).toBe('');
  });

  it('of python3, without a module and a range that the callback keeps out', async () => {
    const python = await Program.start('python3', ['-uc', 'print("READY"); input()']);
    const { pid } = python;
    const place = fresh('');
    const watcher = await startWatch(pid, ['-d', place]);
    const callback = module(`
      export const callbacks = {
        module: ({ path }) => !/\\/libm[.-]/.test(path),
        removeMemory: () => [{ address: 0x1000n, size: 0x1000n }],
      };`);
    const types = 'with-data-segs,with-thread-info';
    const words = ['dump', pid, '--type', types, '--callback', callback, '-o'];
    const watched = mdmpJson([...words, fresh()]);
    expect(watched.modules.excluded).toBe(1);
    expect(mdmp(['watch', '--release', pid])).toMatchObject({ exit: 0 });
    const alone = mdmpJson([...words, fresh()]);
    for (const part of ['type', 'threads', 'modules', 'memory', 'removed'])
      expect(watched[part], part).toEqual(alone[part]);
    expect(mdmp(['watch', '--resume', pid])).toMatchObject({ exit: 0 });
    python.kill('SIGABRT');
    expect(await python.end()).toBe('SIGABRT');
    await watcher.ended;
    expect(dumpsIn(place)).toHaveLength(1);
  });

  it('loads a CommonJS module anew, too', async () => {
    await using program = await target();
    const file = fresh('.cjs');
    const watcher = await startWatch(program.pid, ['-d', fresh('')]);
    for (const text of ['first', 'second']) {
      writeFileSync(
        file,
        `console.log('${text}'); module.exports = { callbacks: { includeThread: () => true } };`,
      );
      expect(mdmp(['dump', program.pid, '-o', fresh(), '--callback', file])).toMatchObject({ exit: 0 });
    }
    await waitFor('both words', () => /first\n.*second\n/s.test(watcher.stderr));
  });

  it('comes to standard output, compressed, and to files under the rules of a dump', async () => {
    await using program = await target();
    const { pid } = program;
    await startWatch(pid, ['-d', fresh('')]);
    const piped = new Command(['dump', pid, '-o', '-']);
    expect(await piped.ended).toBe(0);
    expect(piped.stdout.toString('latin1', 0, 4)).toBe('MDMP');
    const packed = fresh('.dmp.zst');
    const report = mdmpJson(['dump', pid, '--type', 'full', '-o', packed, '--compress', 'zstd']);
    expect(report.compressedSize).toBe(lstatSync(packed).size);
    expect(mdmpJson(['info', packed]).pid ?? pid).toBe(pid);
    const taken = fresh();
    writeFileSync(taken, 'mine');
    expect(mdmp(['dump', pid, '-o', taken])).toMatchObject({ exit: 40 });
    expect(mdmp(['dump', pid, '-o', taken, '--force'])).toMatchObject({ exit: 0 });
    expect(lstatSync(taken).size).toBeGreaterThan(1000);
    expectUntouched(pid);
  });

  it('fails as a dump fails, and the watch goes on', async () => {
    await using program = await target();
    const { pid } = program;
    const place = fresh('');
    await startWatch(pid, ['-d', place]);
    const with_ = (code: string) => ['--callback', module(code)];
    const endless = 'export const callbacks = { includeModule: () => { for (;;); } };';
    const cases: [number, RegExp, (string | number)[]][] = [
      [33, /longer than 0\.3 s/, ['--max-pause', '0.3', ...with_(endless)]],
      [30, /does not load/, with_('throw new Error("broken")')],
      [30, /boom/, with_('export const callbacks = { includeModule: () => { throw new Error("boom") } };')],
      [30, /the watcher \(process \d+ of user \d+\) cannot read/, ['--callback', join(folder, 'absent.mjs')]],
      [32, /cancel/, with_('export const callbacks = { cancel: () => true };')],
    ];
    for (const [code, text, words] of cases) {
      const file = fresh();
      const { exit, stderr } = mdmp(['dump', pid, '-o', file, ...words]);
      expect({ exit, stderr }, words.join(' ')).toEqual({ exit: code, stderr: expect.stringMatching(text) });
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(existsSync(file)).toBe(false);
      expectUntouched(pid);
    }
    expect(mdmp(['dump', pid, '-o', fresh()])).toMatchObject({ exit: 0 });
    process.kill(pid, 'SIGSEGV');
    await waitFor('the crash', () => existsSync(place) && dumpsIn(place).length === 1);
  });

  it('released for gdb, watched again, and dumped when it crashes', async () => {
    await using program = await target();
    const { pid } = program;
    const place = fresh('');
    const watcher = await startWatch(pid, ['-d', place]);
    expect(mdmp(['watch', '--resume', pid])).toMatchObject({
      exit: 61,
      stderr: expect.stringContaining('was not released'),
    });
    expect(mdmp(['watch', '--release', pid])).toMatchObject({ exit: 0 });
    expect(tracerOf(pid)).toBe(0);
    expect(mdmp(['watch', '--release', pid])).toMatchObject({
      exit: 61,
      stderr: expect.stringContaining('released already'),
    });
    const listed = mdmpJson(['watch', '--list']);
    expect(listed).toContainEqual({
      pid: watcher.pid,
      uid: process.getuid!(),
      processes: [{ pid, name: expect.any(String), state: 'released' }],
    });
    // A dump is made in the ordinary way.
    expect(mdmp(['dump', pid, '-o', fresh()])).toMatchObject({ exit: 0 });
    const gdb = await run(requireTool('gdb'), ['-p', String(pid), '-batch', '-ex', 'thread apply all bt']);
    expect(gdb.stdout.toString()).toContain('wait_nested');
    expect(tracerOf(pid)).toBe(0);
    const holder = await Program.start(requireTool('gdb'), [
      ...['-q', '-p', String(pid), '-ex', 'echo \\nREADY\\n', '-ex', 'shell cat'],
    ]);
    expect(mdmp(['watch', '--resume', pid])).toMatchObject({
      exit: 25,
      stderr: expect.stringContaining('(gdb)'),
    });
    holder.kill('SIGKILL');
    await holder.end();
    await waitFor('gdb to go', () => tracerOf(pid) === 0);
    expect(mdmp(['watch', '--resume', pid])).toMatchObject({ exit: 0 });
    expect(tracerOf(pid)).toBe(watcher.pid);
    expect(mdmp(['dump', pid, '-o', fresh()])).toMatchObject({ exit: 0 });
    process.kill(pid, 'SIGSEGV');
    expect(await program.end()).toBe('SIGSEGV');
    expect(await watcher.ended).toBe(0);
    expect(dumpsIn(place)).toHaveLength(1);
    expect(socketOf(watcher.pid)).toBe(undefined);
  });

  it('a released process that ends ends its watch, with its status where mdmp run has started it', async () => {
    await using program = await target();
    const watcher = await startWatch(program.pid, ['-d', fresh('')]);
    expect(mdmp(['watch', '--release', program.pid])).toMatchObject({ exit: 0 });
    program.kill('SIGTERM');
    expect(await watcher.ended).toBe(0);
    const runs = new Command(['run', '-d', fresh(''), '--', 'sh', '-c', 'kill -STOP $$; exit 7']);
    const child = await waitFor('its child', () =>
      childrenOf(runs.pid).find(
        (pid) => threadState(pid, pid) === 't' && tracerOf(pid) === runs.pid && status(pid, 'SigQ') >= 0,
      ),
    );
    await waitFor('the socket', () => socketOf(runs.pid));
    await waitFor('the release', () => mdmp(['watch', '--release', child]).exit === 0);
    expect(tracerOf(child)).toBe(0);
    process.kill(child, 'SIGCONT');
    expect(await runs.ended).toBe(7);
  });

  it('says in one line what it cannot control', async () => {
    await using program = await target();
    const { pid } = program;
    expect(mdmp(['watch', '--release', pid])).toMatchObject({
      exit: 60,
      stderr: expect.stringMatching(/^mdmp: process \d+ is not watched\..*\n$/),
    });
    expect(mdmp(['watch', '--release', 'x'])).toMatchObject({ exit: 2 });
    expect(mdmp(['watch', '--release', pid, '--list'])).toMatchObject({ exit: 2 });
    const conditions = new Command(['watch', pid, '--no-crash', '--threads', '1000', '-d', fresh('')]);
    await waitFor('its socket', () => socketOf(conditions.pid));
    await waitFor('the watch', () =>
      mdmpJson(['watch', '--list']).some(
        (one: { pid: number; processes: unknown[] }) =>
          one.pid === conditions.pid && one.processes.length > 0,
      ),
    );
    expect(mdmp(['watch', '--release', pid])).toMatchObject({
      exit: 61,
      stderr: expect.stringContaining('nobody is attached'),
    });
    expect(mdmp(['watch', '--list']).stdout).toMatch(
      new RegExp(`watcher ${conditions.pid}\n {2}${pid}  \\S+  not attached`),
    );
    conditions.kill('SIGTERM');
    await conditions.ended;
    const shut = await startWatch(pid, ['--no-socket', '-d', fresh('')]);
    expect(socketOf(shut.pid)).toBe(undefined);
    expect(mdmp(['dump', pid, '-o', fresh()])).toMatchObject({
      exit: 25,
      stderr: expect.stringContaining(`process ${shut.pid}`),
    });
  });

  it('200 MB and a snapshot, while signals come and are counted', async () => {
    await using program = await Program.start(await compile('signals'));
    const { pid } = program;
    const place = fresh('');
    const watcher = await startWatch(pid, ['-d', place]);
    let sent = 0;
    const storm = setInterval(() => {
      process.kill(pid, 'SIGUSR1');
      sent++;
    }, 1);
    try {
      for (const mode of ['always', 'never', 'always']) {
        const dump = new Command([
          'dump',
          pid,
          '--type',
          'full',
          '--snapshot',
          mode,
          '--json',
          '-o',
          fresh(),
        ]);
        expect(await dump.ended, dump.stderr).toBe(0);
        expect(JSON.parse(dump.stdout.toString()).snapshot).toBe(mode === 'always');
        expect(childrenOf(pid)).toEqual([]);
      }
    } finally {
      clearInterval(storm);
    }
    const counts = await program.command('report');
    expect(Number(counts.get('received'))).toBe(Number(counts.get('sent')));
    expect(Number(counts.get('out_of_order'))).toBe(0);
    expect(Number(counts.get('eintr_without_handler'))).toBe(0);
    const usr1 = Number(counts.get('usr1'));
    expect(usr1).toBeGreaterThan(0);
    expect(usr1).toBeLessThanOrEqual(sent);
    expectUntouched(pid);
    process.kill(pid, 'SIGSEGV');
    await watcher.ended;
    expect(dumpsIn(place)).toHaveLength(1);

    await using big = await large(200);
    const bigPlace = fresh('');
    const bigWatcher = await startWatch(big.pid, ['-d', bigPlace]);
    const report = mdmpJson(['dump', big.pid, '--type', 'full', '-o', fresh()]);
    expect(report.snapshot).toBe(true);
    const { address, length } = big.range('touched');
    const tail = open(report.file)
      .memorySync()
      .readSync(address + BigInt(length) - 68n, 64);
    expect(Buffer.from(tail!).toString()).toMatch(/^the last bytes of a large block/);
    expectUntouched(big.pid);
    process.kill(big.pid, 'SIGABRT');
    expect(await big.end()).toBe('SIGABRT');
    await bigWatcher.ended;
    expect(dumpsIn(bigPlace)).toHaveLength(1);
  });

  it('a client that is killed, or that reads nothing, holds nobody', async () => {
    await using program = await large(64);
    const { pid } = program;
    const place = fresh('');
    const watcher = await startWatch(pid, ['-d', place]);
    const slow = new Command(['dump', pid, '--type', 'full', '-o', '-'], { reads: false });
    await once(slow.child.stdout!, 'readable');
    // The process runs, and others are served.
    await waitFor('the process to run', () => childrenOf(pid).length === 0);
    expect(mdmp(['dump', pid, '-o', fresh()])).toMatchObject({ exit: 0 });
    slow.kill('SIGKILL');
    await slow.ended;
    for (const delay of [60, 90, 120, 150]) {
      const file = fresh();
      const client = new Command(['dump', pid, '--type', 'full', '-o', file]);
      await new Promise((resolve) => setTimeout(resolve, delay));
      client.kill('SIGKILL');
      await client.ended;
    }
    expect(mdmp(['dump', pid, '--type', 'full', '-o', fresh()])).toMatchObject({ exit: 0 });
    expectUntouched(pid);
    expect(watcher.child.exitCode).toBe(null);
    process.kill(pid, 'SIGSEGV');
    await watcher.ended;
    expect(dumpsIn(place)).toHaveLength(1);
  });

  it('20 dumps at a time by 4 clients, of a program that crashes at last', async () => {
    await using program = await target();
    const { pid } = program;
    const place = fresh('');
    const watcher = await startWatch(pid, ['-d', place]);
    await Promise.all(
      [1, 2, 3, 4].map(async (client) => {
        for (let n = 0; n < 5; n++) {
          const file = fresh();
          const type = (client + n) % 2 === 0 ? 'full' : 'normal';
          const words = ['dump', pid, '--type', type, '--snapshot', n === 3 ? 'always' : 'auto', '-o', file];
          const dump = new Command(words);
          expect(await dump.ended, dump.stderr).toBe(0);
          expect(open(file).getSync('threads')).toHaveLength(3);
        }
      }),
    );
    expectUntouched(pid);
    const late = [1, 2, 3].map(() => new Command(['dump', pid, '-o', fresh()]));
    process.kill(pid, 'SIGSEGV');
    for (const dump of late) {
      // Made before, or there was nothing left to dump.
      const code = await dump.ended;
      expect([0, 20, 21, 26], dump.stderr).toContain(code);
    }
    expect(await program.end()).toBe('SIGSEGV');
    await watcher.ended;
    expect(dumpsIn(place)).toHaveLength(1);
  });

  it('a dump that is asked for while a crash is dumped waits, and disturbs neither it nor the end', async () => {
    await using program = await target();
    const { pid } = program;
    const place = fresh('');
    const begun = fresh('.begun');
    const slow = module(`
      import { writeFileSync } from 'node:fs';
      export const callbacks = {
        includeModule() {
          writeFileSync(${JSON.stringify(begun)}, '');
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
          return true;
        },
      };`);
    const watcher = await startWatch(pid, ['-d', place, '--callback', slow]);
    process.kill(pid, 'SIGSEGV');
    await waitFor('the dump', () => existsSync(begun));
    const file = fresh();
    const { exit, stderr } = mdmp(['dump', pid, '-o', file]);
    // Its turn comes when the program is let go to its end. Where that takes a moment, as on a machine under load, it is still there.
    expect([0, 20, 21, 26], stderr).toContain(exit);
    if (exit === 0) expect(open(file).getSync('miscInfo')?.ProcessId).toBe(pid);
    else {
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(existsSync(file)).toBe(false);
    }
    expect(await program.end()).toBe('SIGSEGV');
    await watcher.ended;
    expect(dumpsIn(place)).toHaveLength(1);
  });

  it('a watcher that is told to end gives up no process, and waits for nobody for ever', async () => {
    await using program = await large(64);
    const { pid } = program;
    const watcher = await startWatch(pid, ['-d', fresh('')]);
    const slow = new Command(['dump', pid, '--type', 'full', '-o', '-'], { reads: false });
    await once(slow.child.stdout!, 'readable');
    const quick = new Command(['dump', pid, '--type', 'full', '--snapshot', 'always', '-o', fresh()]);
    watcher.kill('SIGTERM');
    expect(await watcher.ended).toBe(0);
    expect(await quick.ended, quick.stderr).toBe(0);
    slow.child.stdout!.resume();
    expect([0, 63], slow.stderr).toContain(await slow.ended);
    expectUntouched(pid);
    expect(tracerOf(pid)).toBe(0);
  });

  it('a watcher that was killed leaves a socket that the next one removes', async () => {
    await using program = await target();
    await using other = await target();
    const { pid } = program;
    const first = await startWatch(pid, ['-d', fresh('')]);
    const socket = socketOf(first.pid)!;
    first.kill('SIGKILL');
    await first.ended;
    expect(existsSync(socket)).toBe(true);
    await waitFor('its end', () => tracerOf(pid) === 0);
    expect(mdmp(['dump', pid, '-o', fresh()])).toMatchObject({ exit: 0 });
    expect(listed()).not.toContain(first.pid);
    await startWatch(other.pid, ['-d', fresh('')]);
    expect(existsSync(socket)).toBe(false);
    const second = await startWatch(pid, ['-d', fresh('')]);
    expect(mdmp(['dump', pid, '-o', fresh()])).toMatchObject({ exit: 0 });
    expect(listed()).toContain(second.pid);
    second.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    expect(socketOf(second.pid)).toBe(undefined);
    expectUntouched(pid);
  });

  it('a watcher that is stopped is told of', async () => {
    await using program = await target();
    const watcher = await startWatch(program.pid, ['-d', fresh('')]);
    watcher.kill('SIGSTOP');
    await waitFor('its stop', () => threadState(watcher.pid, watcher.pid) === 'T');
    expect(mdmp(['dump', program.pid, '-o', fresh()])).toMatchObject({
      exit: 63,
      stderr: expect.stringContaining('is stopped'),
    });
    watcher.kill('SIGCONT');
    expect(mdmp(['dump', program.pid, '-o', fresh()])).toMatchObject({ exit: 0 });
  });
});

describeWith([needsBuild, needsLinux, needsRoot, 'gcc'], 'who may ask a watcher', () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const place = mkdtempSync(join(tmpdir(), 'mdmp-nobody-'));
  chmodSync(place, 0o777);
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it('another user does not see the socket, and is refused where he does', async () => {
    await using program = await Program.start(await compile('target'));
    const { pid } = program;
    const watcher = await startWatch(pid, ['-d', fresh('')]);
    const socket = socketOf(watcher.pid)!;
    const parent = join(socket, '..');
    expect(lstatSync(parent).mode & 0o777).toBe(0o700);
    expect(lstatSync(socket).mode & 0o777).toBe(0o600);
    const words = ['dump', pid, '-o', join(place, 'a.dmp')];
    const blind = new Command(words, { wrapper: nobody });
    expect(await blind.ended).toBe(25);
    try {
      chmodSync(parent, 0o755);
      chmodSync(socket, 0o666);
      // mdmp itself does not trust such a folder; so by hand.
      const client = `
        const socket = require('net').connect(${JSON.stringify(socket)});
        let answer = '';
        socket.on('data', (piece) => (answer += piece.toString('latin1')));
        socket.on('close', () => console.log(answer));
        socket.write(JSON.stringify({ protocol: 1, want: 'dump', pid: ${pid}, options: {} }) + '\\n');`;
      const refused = await run(nobody[0]!, [...nobody.slice(1), process.execPath, '-e', client]);
      expect(refused.stdout.toString()).toMatch(/^E.*"code":"watcher-denied".*does nothing for user 65534/s);
      expect(refused.stdout.toString()).not.toContain('MDMP');
      const still = new Command(words, { wrapper: nobody });
      expect(await still.ended).toBe(25);
    } finally {
      chmodSync(socket, 0o600);
      chmodSync(parent, 0o700);
    }
    expect(mdmp(['dump', pid, '-o', fresh()])).toMatchObject({ exit: 0 });
  });

  it('root asks the watcher of a user, and writes the dump as root', async () => {
    const sleeper = await Program.start('sh', ['-c', `echo READY; exec ${nobody.join(' ')} sleep 1000`]);
    try {
      const { pid } = sleeper;
      await waitFor('its user', () => status(pid, 'Uid') === 65534);
      const watcher = await startWatch(pid, ['-d', join(place, 'dumps')], { wrapper: nobody });
      expect(socketOf(watcher.pid, 65534)).toBeDefined();
      const report = mdmpJson(['dump', pid, '-o', fresh()]);
      expect(lstatSync(report.file).uid).toBe(0);
      const secret = module('export const callbacks = { includeThread: () => true };');
      chmodSync(secret, 0o600);
      expect(mdmp(['dump', pid, '-o', fresh(), '--callback', secret])).toMatchObject({
        exit: 30,
        stderr: expect.stringContaining('of user 65534) cannot read'),
      });
      chmodSync(secret, 0o644);
      chmodSync(folder, 0o755);
      expect(mdmp(['dump', pid, '-o', fresh(), '--callback', secret])).toMatchObject({ exit: 0 });
      expect(mdmpJson(['watch', '--list']).map((one: { pid: number }) => one.pid)).toContain(watcher.pid);
      expect(mdmp(['watch', '--release', pid])).toMatchObject({ exit: 0 });
      watcher.kill('SIGTERM');
      await watcher.ended;
    } finally {
      sleeper.kill('SIGKILL');
      rmSync('/tmp/mdmp-65534', { recursive: true, force: true });
    }
  });

  it('only root asks a watcher with capabilities', async () => {
    const sleeper = await Program.start('sh', ['-c', `echo READY; exec ${nobody.join(' ')} sleep 1000`]);
    try {
      const { pid } = sleeper;
      await waitFor('its user', () => status(pid, 'Uid') === 65534);
      const able = [...nobody, '--inh-caps=+sys_ptrace', '--ambient-caps=+sys_ptrace'];
      const watcher = await startWatch(pid, ['-d', join(place, 'able')], { wrapper: able });
      const refused = new Command(['dump', pid, '-o', join(place, 'b.dmp')], { wrapper: nobody });
      expect(await refused.ended, refused.stderr).toBe(62);
      expect(refused.stderr).toContain('does nothing for user 65534');
      expect(mdmp(['dump', pid, '-o', fresh()])).toMatchObject({ exit: 0 });
      watcher.kill('SIGTERM');
      await watcher.ended;
    } finally {
      sleeper.kill('SIGKILL');
      rmSync('/tmp/mdmp-65534', { recursive: true, force: true });
    }
  });

  it('a watcher in a container is found by its process', async () => {
    const script = `mount -t tmpfs none /tmp; sleep 1000 & exec ${process.execPath} ${main} watch $! -d /tmp/w`;
    const shell = ['unshare', '--mount', '--pid', '--fork', '--mount-proc', 'sh', '-c', script];
    const container = await Program.start('sh', ['-c', 'echo READY; exec "$0" "$@"', ...shell]);
    try {
      const watcher = await waitFor('its process', () => childrenOf(container.pid)[0]);
      const pid = await waitFor('its target', () =>
        childrenOf(watcher).find((one) => tracerOf(one) === watcher),
      );
      const report = mdmpJson(['dump', pid, '-o', fresh()]);
      expect(report.pid).toBe(pid);
      expect(open(report.file).getSync('threads')).toHaveLength(1);
      expect(mdmp(['watch', '--release', pid])).toMatchObject({ exit: 0 });
      expect(tracerOf(pid)).toBe(0);
      process.kill(pid, 'SIGKILL');
      process.kill(watcher, 'SIGTERM');
    } finally {
      container.kill('SIGTERM');
    }
  });

  it('a folder of somebody else, a link or an open one is not used', async () => {
    await using program = await Program.start(await compile('target'));
    const uid = 65534;
    const folderOf = `/tmp/mdmp-${uid}`;
    rmSync(folderOf, { recursive: true, force: true });
    const sleeper = await Program.start('sh', ['-c', `echo READY; exec ${nobody.join(' ')} sleep 1000`]);
    try {
      await waitFor('its user', () => status(sleeper.pid, 'Uid') === uid);
      // Root's, where the user's should be.
      await run('mkdir', ['-m', '777', folderOf]);
      const watcher = await startWatch(sleeper.pid, ['-d', join(place, 'more')], { wrapper: nobody });
      await waitFor('its word', () => watcher.stderr.includes('no socket for other commands'));
      expect(watcher.stderr.trim().split('\n')).toHaveLength(1);
      expect(readdirSync(folderOf)).toEqual([]);
      watcher.kill('SIGTERM');
      await watcher.ended;
      expect(program.exited).toBe(false);
    } finally {
      sleeper.kill('SIGKILL');
      rmSync(folderOf, { recursive: true, force: true });
    }
  });
});
