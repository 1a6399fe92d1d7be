/** Processes that dump themselves, through their helper. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { type FileDumpReport, MINIDUMP_TYPE, Minidump, openSource } from '../../dist/index.js';
import { minidumpDump } from '../support/judges.js';
import { mappingsOf } from '../support/live.js';
import { Program, statusField, stopPrograms, temporaryFolder, threadIds } from '../support/programs.js';
import { run, waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, requireTool, root } from '../support/tools.js';

const FULL = MINIDUMP_TYPE.MiniDumpWithFullMemory;
const RICH =
  MINIDUMP_TYPE.MiniDumpWithDataSegs |
  MINIDUMP_TYPE.MiniDumpWithHandleData |
  MINIDUMP_TYPE.MiniDumpWithProcessThreadData |
  MINIDUMP_TYPE.MiniDumpWithFullMemoryInfo |
  MINIDUMP_TYPE.MiniDumpWithThreadInfo |
  MINIDUMP_TYPE.MiniDumpWithTokenInformation |
  MINIDUMP_TYPE.MiniDumpWithAvxXStateContext;

interface Own {
  descriptors: number;
  children: string[];
  listeners: number;
  threads: number;
}

interface State extends Own {
  ticks: number[];
  echo: { next: number; wrong: number };
  worker: { rounds: number; wrong: number; tid: number };
  /** Of the secret. */
  address: number;
  size: number;
}

interface Failure {
  code: string;
  message: string;
  advice?: string;
}

interface Dumped {
  asked: Record<string, number>;
  progress: [written: number, total: number][];
  report: FileDumpReport;
  error?: Failure;
}

afterEach(stopPrograms);

const target = (env: Record<string, string> = {}) =>
  Program.start(process.execPath, [join(root, 'test', 'programs', 'self-target.mjs')], { env });

async function tell<T>(program: Program, command: string, rest: object = {}): Promise<T> {
  const answer = await program.command(JSON.stringify({ command, ...rest }), 120_000);
  return JSON.parse(answer.get('result')!) as T;
}

const state = (program: Program) => tell<State>(program, 'state');

async function dumped(program: Program, job: object): Promise<Dumped> {
  const answer = await tell<Dumped>(program, 'dump', job);
  expect(answer.error).toBeUndefined();
  return answer;
}

async function failure(program: Program, job: object): Promise<Failure> {
  const { error } = await tell<Dumped>(program, 'dump', job);
  expect(error).toBeDefined();
  return error!;
}

async function open(file: string): Promise<Minidump> {
  return await Minidump.open(await openSource(file));
}

/** All runs on, nobody traces it, and it has nothing more than before. */
async function expectGoesOn(program: Program, before: State): Promise<void> {
  await setTimeout(200);
  const after = await state(program);
  after.ticks.forEach((ticks, i) => {
    expect(ticks).toBeGreaterThan(before.ticks[i]!);
  });
  expect(after.echo.next).toBeGreaterThan(before.echo.next);
  expect(after.worker.rounds).toBeGreaterThan(before.worker.rounds);
  expect([after.echo.wrong, after.worker.wrong]).toEqual([0, 0]);
  expect(after.children).toEqual([]);
  expect([after.descriptors, after.listeners, after.threads]).toEqual([
    before.descriptors,
    before.listeners,
    before.threads,
  ]);
  expect(statusField(program.pid, 'TracerPid')).toBe('0');
  expect(program.stderr).toBe('');
}

interface FunctionSymbol {
  start: bigint;
  end: bigint;
  name: string;
}

/** Functions of libuv and of Node itself, by `readelf -s`, ascending. */
async function nodeFunctions(): Promise<FunctionSymbol[]> {
  const printed = (await run(requireTool('readelf'), ['-sW', process.execPath])).stdout.toString('latin1');
  return [...printed.matchAll(/^ *\d+: ([0-9a-f]+) +(\d+) FUNC +\S+ +\S+ +\S+ (uv_\S+|_ZN4node\S+)$/gm)]
    .map(([, address, size, name]) => {
      const start = BigInt(`0x${address}`);
      return { start, end: start + BigInt(size!), name: name! };
    })
    .sort((a, b) => (a.start < b.start ? -1 : 1));
}

/** The functions that the words of a stack lead into: return addresses, and what is left of others. */
async function functionsOnStack(dump: Minidump, tid: number, functions: FunctionSymbol[]): Promise<string[]> {
  const header = (await run(requireTool('readelf'), ['-hW', process.execPath])).stdout;
  const [main] = (await dump.get('modules'))!;
  const base = header.includes('EXEC (') ? 0n : main!.BaseOfImage;
  const { Stack } = (await dump.get('threads'))!.find(({ ThreadId }) => ThreadId === tid)!;
  const memory = await dump.memory();
  const bytes = Buffer.from(await memory.read(Stack.StartOfMemoryRange, Stack.Memory.DataSize));
  const found = new Set<string>();
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const value = bytes.readBigUInt64LE(at) - base;
    let [low, high] = [0, functions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (functions[middle]!.start < value) low = middle + 1;
      else high = middle;
    }
    const symbol = functions[low - 1];
    if (symbol !== undefined && value < symbol.end) found.add(symbol.name);
  }
  return [...found];
}

describeWith([needsLinux, needsBuild, 'readelf', 'minidump_dump'], 'a process that dumps itself', () => {
  it('writes to whatever it likes', async () => {
    const [program, folder] = [await target(), temporaryFolder()];
    const before = await state(program);
    const jobs: Record<string, object> = {
      path: {},
      descriptor: { to: 'descriptor' },
      stream: { to: 'stream' },
      web: { to: 'web' },
      compressed: { options: { compress: 'zstd' } },
      full: { to: 'stream', options: { type: FULL } },
      asked: { options: { type: FULL, snapshot: 'never' }, callbacks: { module: 'no such' } },
    };
    for (const [name, job] of Object.entries(jobs)) {
      const file = join(folder, name);
      const { report, progress } = await dumped(program, { file, ...job });
      expect(report.pid).toBe(program.pid);
      expect(report.pauseMs).toBeGreaterThan(0);
      expect(report.threads).toEqual({ written: before.threads, excluded: 0 });
      expect(report.file).toBe(['path', 'compressed', 'asked'].includes(name) ? file : undefined);
      const [done, total] = progress.at(-1)!;
      expect(total).toBe(report.size);
      // What is copied under a callback are the parts that are not left blank.
      expect(done).toBeGreaterThan(name === 'asked' ? total * 0.9 : total - 1);
      const written = statSync(file);
      expect(written.mode & 0o777).toBe(0o600);
      expect(written.size).toBe(report.compressedSize ?? report.size);
      const dump = await open(file);
      expect((await dump.get('threads'))!.map(({ ThreadId }) => ThreadId).sort((a, b) => a - b)).toEqual(
        threadIds(program.pid),
      );
      if (name !== 'path') continue;
      const judged = await minidumpDump(file);
      expect(judged.threads.map(({ id }) => id).sort((a, b) => a - b)).toEqual(threadIds(program.pid));
      expect(judged.modules.length).toBe(report.modules.written);
    }
    expect(readdirSync(folder).sort()).toEqual(Object.keys(jobs).sort());
    await expectGoesOn(program, before);
  });

  it('has the calling thread in the dump as it was at the call', async () => {
    const [program, folder] = [await target(), temporaryFolder()];
    const [tid, known] = [(await state(program)).worker.tid, await nodeFunctions()];
    for (const [name, command, caller] of [
      ['main', 'dump', program.pid],
      ['worker', 'worker', tid],
    ] as const) {
      for (const callbacks of [undefined, { module: 'libm.' }]) {
        const file = join(folder, `${name}-${callbacks !== undefined}`);
        await tell(program, command, { file, callbacks });
        const functions = await functionsOnStack(await open(file), caller, known);
        expect(functions).toContain('uv_run');
        // JavaScript was called by a callback of the event loop of that thread, and waits there.
        expect(functions.some((one) => /^_ZN4node.*(MakeCallback|InternalCallbackScope)/.test(one))).toBe(
          true,
        );
        expect(functions.some((one) => /^_ZN4node.*SpinEventLoop/.test(one))).toBe(true);
      }
    }
  });

  it('takes an exception, as bytes', async () => {
    const [program, folder] = [await target(), temporaryFolder()];
    for (const callbacks of [undefined, { module: 'libm.' }]) {
      const file = join(folder, `exception-${callbacks !== undefined}`);
      await dumped(program, { file, exception: program.pid, callbacks });
      const exception = await (await open(file)).get('exception');
      expect(exception).toMatchObject({ ThreadId: program.pid, ExceptionRecord: { ExceptionCode: 11 } });
    }
  });

  it.each([
    ['MiniDumpNormal', 0],
    ['much besides', RICH],
    ['full memory', FULL],
  ])('under a callback it is what a dump from outside is: %s', async (_, type) => {
    const [program, other, folder] = [await target(), await target(), temporaryFolder()];
    const { address, size, worker } = await state(program);
    const callbacks = {
      module: 'libm.',
      notThread: worker.tid,
      remove: [[address, 4096]],
      add: [[address, size]],
    };
    const inside = join(folder, 'inside');
    const outside = join(folder, 'outside');
    const own = await dumped(program, { file: inside, options: { type }, callbacks });
    const others = await dumped(other, { pid: program.pid, file: outside, options: { type }, callbacks });
    expect(own.asked).toEqual(others.asked);
    expect(own.report.removed).toEqual([{ address, size: 4096 }]);
    for (const key of [
      'type',
      'threads',
      'modules',
      'removed',
      'unreadable',
      'withoutMeaning',
      'warnings',
    ] as const)
      expect(own.report[key], key).toEqual(others.report[key]);

    const [a, b] = [await open(inside), await open(outside)];
    expect(a.header.Flags).toBe(b.header.Flags);
    expect(a.directory.map(({ name }) => name)).toEqual(b.directory.map(({ name }) => name));
    for (const key of [
      'modules',
      'systemInfo',
      'threadNames',
      'linuxCommandLine',
      'linuxEnvironment',
      'linuxAuxv',
    ] as const) {
      // Names and build ids, not where they stand in the file.
      const [x, y] = [await a.get(key), await b.get(key)].map((value) =>
        JSON.stringify(value, withoutPlaces),
      );
      expect(x, key).toBe(y);
    }
    const threads = async (dump: Minidump) =>
      (await dump.get('threads'))!.map(({ ThreadId, Teb, Priority }) => ({ ThreadId, Teb, Priority }));
    expect(await threads(a)).toEqual(await threads(b));
    expect((await threads(a)).some(({ ThreadId }) => ThreadId === worker.tid)).toBe(false);

    // The secret: its first page is in neither, the rest is the same. (Of a dump without all memory the range was asked for.)
    const rest = BigInt(address + 4096);
    const views = [await a.memory(), await b.memory()];
    for (const memory of views) {
      expect((await memory.read(BigInt(address), 16)).length).toBe(0);
      expect((await memory.read(rest, size - 4096)).length).toBe(size - 4096);
    }
    const [kept1, kept2] = await Promise.all(views.map((memory) => memory.read(rest, size - 4096)));
    expect(Buffer.from(kept1!).equals(kept2!)).toBe(true);
    await tell(program, 'secret', { file: join(folder, 'secret') });
    const secret = readFileSync(join(folder, 'secret'));
    for (const file of [inside, outside]) {
      const bytes = readFileSync(file);
      for (let at = 0; at < 4096; at += 512) expect(bytes.includes(secret.subarray(at, at + 16))).toBe(false);
      expect(bytes.includes(secret.subarray(4096, size))).toBe(true);
    }
    // What does not change has the same bytes: code and constants of the modules, where both dumps have them.
    const writable = mappingsOf(program.pid).filter(({ protection }) => protection[1] === 'w');
    let compared = 0;
    for (const { BaseOfImage, SizeOfImage } of (await a.get('modules'))!) {
      for (let offset = 0; offset < Math.min(SizeOfImage, 1 << 20); offset += 4096) {
        const at = BaseOfImage + BigInt(offset);
        const [x, y] = views.map((memory) => memory.readSync(at, 4096)) as [Uint8Array, Uint8Array];
        if (type === FULL) expect(x.length).toBe(y.length);
        if (x.length < 4096 || y.length < 4096 || writable.some(({ start, end }) => start <= at && at < end))
          continue;
        compared++;
        expect(Buffer.from(x).equals(y)).toBe(true);
      }
    }
    if (type === FULL) expect(compared).toBeGreaterThan(200);
  });

  it('leaves no copy of what was recorded, and keeps what a callback writes to itself', async () => {
    const [program, folder, spool] = [await target(), temporaryFolder(), temporaryFolder()];
    const before = await state(program);
    const file = join(folder, 'io');
    const { report, asked } = await dumped(program, {
      to: 'nowhere',
      options: { spool },
      callbacks: { ioWriteAll: file, remove: [[before.address, before.size]] },
    });
    expect(report.writtenByCallback).toBe(true);
    expect(asked.ioWriteAll).toBeGreaterThan(1);
    expect((await (await open(file)).get('threads'))!.length).toBe(before.threads);
    expect(readdirSync(spool)).toEqual([]);
    await expectGoesOn(program, before);
  });

  it('is called as MiniDumpWriteDump, with a callback and without', async () => {
    const [program, folder] = [await target(), temporaryFolder()];
    const before = await state(program);
    const write = (file: string, module?: string) =>
      tell<{ done: boolean; seen: object; lastError: number }>(program, 'dbghelp', {
        file: join(folder, file),
        module,
      });
    expect(await write('plain')).toMatchObject({ done: true, lastError: 0 });
    expect(await write('asked', 'libm.')).toMatchObject({
      done: true,
      lastError: 0,
      seen: { pid: program.pid, handle: true },
    });
    const names = async (file: string) =>
      (await (await open(join(folder, file))).get('modules'))!.map(({ name }) => name);
    expect((await names('plain')).some((name) => name?.includes('libm.'))).toBe(true);
    expect((await names('asked')).some((name) => name?.includes('libm.'))).toBe(false);
    await expectGoesOn(program, before);
  });

  it('loses nothing over 50 dumps, and leaves nothing behind', async () => {
    const [program, folder] = [await target(), temporaryFolder()];
    const file = join(folder, 'again');
    const options = { force: true };
    // The first ones open what stays open.
    await tell(program, 'repeat', { times: 2, file, options });
    await tell(program, 'repeat', { times: 1, file, options, callbacks: { module: 'libm.' } });
    const before = await state(program);
    expect(await tell(program, 'repeat', { times: 35, file, options })).toEqual({ errors: [] });
    const callbacks = { module: 'libm.' };
    expect(await tell(program, 'repeat', { times: 10, file, options, callbacks })).toEqual({ errors: [] });
    // Without a turn of the event loop, in which Node would wait for its children.
    const { done, children, descriptors } = await tell<Own & { done: number }>(program, 'repeatInOneTurn', {
      times: 5,
      file,
    });
    expect([done, children, descriptors]).toEqual([5, [], before.descriptors]);
    await expectGoesOn(program, before);
  }, 180_000);

  it('does nothing that the environment of the program asks of Node', async () => {
    const folder = temporaryFolder();
    const log = join(folder, 'log');
    const preload = join(folder, 'preload.cjs');
    writeFileSync(log, '');
    writeFileSync(
      preload,
      `require('node:fs').appendFileSync(${JSON.stringify(log)}, process.pid + '\\n'); console.log('preloaded');`,
    );
    const program = await target({ NODE_OPTIONS: `--require ${preload}` });
    await dumped(program, { file: join(folder, 'dump') });
    await dumped(program, { file: join(folder, 'asked'), callbacks: { module: 'libm.' } });
    const pids = new Set(readFileSync(log, 'utf8').split('\n').filter(Boolean));
    expect([...pids]).toEqual([String(program.pid)]);
    expect(program.stderr).toBe('');
  });

  it('fails with the errors of other dumps, and runs on', async () => {
    const [program, folder] = [await target(), temporaryFolder()];
    const before = await state(program);
    const there = join(folder, 'there');
    writeFileSync(there, 'mine');
    expect((await failure(program, { file: there })).code).toBe('output-exists');
    expect((await failure(program, { file: join(folder, 'no', 'a') })).code).toBe('output-folder');
    expect((await failure(program, { to: 'nowhere' })).code).toBe('invalid-argument');
    const file = join(folder, 'a');
    expect((await failure(program, { file, aborted: true })).code).toBe('cancelled');
    expect((await failure(program, { file, options: { type: 0x0800_0000 } })).code).toBe('invalid-argument');
    expect((await failure(program, { file, options: { maxPause: 0 } })).code).toBe('invalid-argument');
    expect((await failure(program, { file, options: { snapshot: 'perhaps' } })).code).toBe(
      'invalid-argument',
    );
    expect(
      (await failure(program, { file, options: { maxPause: 500 }, callbacks: { loop: true } })).code,
    ).toBe('max-pause');
    const nobody = { file, callbacks: { add: [[4096, 4096]] } };
    expect((await failure(program, nobody)).code).toBe('memory-unreadable');
    const spool = join(folder, 'no');
    expect((await failure(program, { file, to: 'stream', options: { spool } })).code).toBe('output-folder');
    expect(readFileSync(there, 'utf8')).toBe('mine');
    await expectGoesOn(program, before);
  });

  it('takes its helper with it when it is killed', async () => {
    for (let i = 0; i < 6; i++) {
      const [program, folder] = [await target(), temporaryFolder()];
      const callbacks = i % 2 === 0 ? undefined : { module: 'libm.' };
      const dump = tell<Dumped>(program, 'dump', {
        file: join(folder, 'a'),
        options: { type: FULL },
        callbacks,
      });
      const cut = dump.catch(() => undefined);
      const helper = await helperOf(program.pid, cut);
      await setTimeout(i * 40);
      program.kill();
      await program.end();
      expect(helper).toBeDefined();
      await waitFor('the end of the helper', () => !isRunning(helper!), 30_000);
      expect(await cut).toBeUndefined();
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it.each([0, FULL])(
    'gives an error when its helper is killed, at whatever moment (type %i)',
    async (type) => {
      const [program, folder] = [await target(), temporaryFolder()];
      await dumped(program, { file: join(folder, 'first') });
      const before = await state(program);
      let killed = 0;
      for (let i = 0; i < 24; i++) {
        const file = join(folder, `dump-${i}`);
        const callbacks = i % 2 === 0 ? undefined : { module: 'libm.' };
        const answer = tell<Dumped>(program, 'dump', { file, options: { type }, callbacks });
        const helper = await helperOf(program.pid, answer);
        // The first ones while it starts, the later ones while it works.
        await setTimeout(i < 4 ? i * 20 : ((i * 53) % 300) + 60);
        if (helper !== undefined && helperIn(program.pid) === helper) process.kill(helper, 'SIGKILL');
        const { error } = await answer;
        expect(existsSync(file)).toBe(error === undefined);
        if (error === undefined) continue;
        killed++;
        expect(error.code).toBe('helper-failed');
        expect(error.message).toMatch(/was ended by SIGKILL; this process runs on, the dump is given up$/);
      }
      expect(killed).toBeGreaterThan(5);
      await expectGoesOn(program, before);
    },
  );
});

/** An ended one may wait for init to notice. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

function withoutPlaces(key: string, value: unknown): unknown {
  if (/rva/i.test(key)) return undefined;
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

/** The helper that a process has now: not a snapshot of it, which is its child as well. */
function helperIn(pid: number): number | undefined {
  return threadIds(pid)
    .flatMap((tid) => readFileSync(`/proc/${pid}/task/${tid}/children`, 'latin1').split(' ').filter(Boolean))
    .map(Number)
    .find((child) => {
      try {
        return readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('dump-helper');
      } catch {
        return false;
      }
    });
}

/** Waits for it; undefined if the dump is over before. */
async function helperOf(pid: number, dump: Promise<unknown>): Promise<number | undefined> {
  let over = false;
  void dump.finally(() => {
    over = true;
  });
  while (!over) {
    const helper = helperIn(pid);
    if (helper !== undefined) return helper;
    await setTimeout(1);
  }
  return undefined;
}
