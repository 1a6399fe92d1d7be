import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { Minidump } from '../../src/reader/index.js';
import { minidumpStackwalk } from '../support/judges.js';
import { type RunResult, run, waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

const register = join(root, 'dist', 'register', 'index.js');
const service = join(root, 'test', 'programs', 'service.mjs');
const parent = mkdtempSync(join(tmpdir(), 'mdmp-register-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

let folder: string;
/** Where the folder with the socket is. */
let temporary: string;
let number = 0;
beforeEach(() => {
  folder = join(parent, `dumps-${++number}`);
  temporary = join(parent, `t${number}`);
  mkdirSync(temporary);
});

const environment = (env: Record<string, string> = {}) => ({
  TMPDIR: temporary,
  MDMP_DIR: folder,
  MDMP_WAIT: '1',
  MDMP_WATCHER: '',
  ...env,
});

const dumps = () => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.dmp')) : []);

/** The watchers that were started in this test. */
function watchers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
        return words.some((one) => one.startsWith(`${temporary}/mdmp-`));
      } catch {
        return false;
      }
    });
}

/** No process, socket or folder is left. */
async function expectNothingLeft(): Promise<void> {
  await waitFor('the end of the watcher', () => watchers().length === 0, 10_000);
  expect(readdirSync(temporary)).toEqual([]);
}

/** The service under mdmp/register, to its end and that of its watcher. */
async function serve(words: string[], env?: Record<string, string>, node: string[] = []): Promise<RunResult> {
  const result = await run(process.execPath, [...node, '--import', register, service, ...words], {
    env: environment(env),
  });
  await expectNothingLeft();
  return result;
}

const lines = (output: Buffer) => output.toString('utf8').split('\n').filter(Boolean);
/** What mdmp has written among it. */
const told = ({ stderr }: RunResult) => lines(stderr).filter((line) => line.startsWith('mdmp: '));

function commentOf(file: string): string {
  const bytes = readFileSync(file);
  const { directory } = Minidump.openSync(bytes);
  const { streamType, rva, dataSize } = directory.find(({ name }) => name?.startsWith('CommentStream'))!;
  return bytes.toString(streamType === 10 ? 'latin1' : 'utf16le', rva, rva + dataSize);
}

const started = new Set<ChildProcess>();
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
});

/** A service that waits, with its watcher. */
async function idle(env: Record<string, string> = {}, as: { uid?: number; gid?: number } = {}) {
  const child = spawn(process.execPath, ['--import', register, service, 'idle'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment(env) },
    ...as,
  });
  started.add(child);
  const output = { stdout: '', stderr: '', ended: false };
  child.stdout.on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.on('data', (text) => {
    output.stderr += text;
  });
  const closed = new Promise<string | number>((done) =>
    child.on('close', (code, signal) => done(signal ?? code!)),
  );
  await waitFor('the service', () => output.stdout.includes('\n'), 30_000);
  const path = /^READY (.*)$/m.exec(output.stdout)![1]!;
  return { child, output, closed, path };
}

describeWith([needsBuild, needsLinux, 'minidump_stackwalk'], 'mdmp/register', () => {
  it.each([
    { words: ['abort'], signal: 'SIGABRT', reason: 'SIGABRT', address: undefined, node: [] },
    {
      words: ['memory'],
      signal: 'SIGABRT',
      reason: 'SIGABRT',
      address: undefined,
      node: ['--max-old-space-size=40'],
    },
    { words: ['worker', 'null'], signal: 'SIGSEGV', reason: 'SIGSEGV', address: 0x18n, node: [] },
  ])('dumps $words', async ({ words, signal, reason, address, node }) => {
    const result = await serve(words, {}, node);
    expect([result.status, result.signal]).toEqual([null, signal]);
    const [name, ...others] = dumps();
    expect(others).toEqual([]);
    const file = join(folder, name!);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(told(result)).toEqual([expect.stringMatching(`^mdmp: ${signal}.* in thread \\d+: ${file}$`)]);
    const walk = await minidumpStackwalk(file);
    expect(walk.crash.reason).toContain(reason);
    if (address !== undefined) expect(walk.crash.address).toBe(address);
    expect(walk.frames[walk.crash.thread!]!.length).toBeGreaterThan(1);
  });

  it('takes the trap of WebAssembly for what it is', async () => {
    const result = await serve(['trap']);
    expect(lines(result.stdout)).toEqual(['memory access out of bounds']);
    expect(told(result)).toEqual([]);
    expect(dumps()).toEqual([]);
  });

  it('dumps an exception that nobody catches, with its stack', async () => {
    const result = await serve(['throw']);
    expect(result.status).toBe(1);
    expect(lines(result.stderr).join('\n')).toContain('[cause]: Error: why');
    const [name, ...others] = dumps();
    expect(others).toEqual([]);
    const file = join(folder, name!);
    expect(told(result)).toEqual([
      `mdmp: uncaught TypeError [ERR_TEST]: the message is a secret\\u000a    at secret place: ${file}`,
    ]);
    const comment = commentOf(file);
    expect(comment).toMatch(/^uncaughtException\nTypeError \[ERR_TEST\]: the message is a secret\n/);
    expect(comment).toMatch(/\n {4}at .*service\.mjs:\d+:\d+\)?\n[\s\S]*\ncaused by Error: why\n {4}at /);
  });

  it('leaves the message out if it shall', async () => {
    const result = await serve(['throw'], { MDMP_MESSAGE: '0' });
    const [name] = dumps();
    const file = join(folder, name!);
    expect(told(result)).toEqual([`mdmp: uncaught TypeError [ERR_TEST]: ${file}`]);
    expect(commentOf(file)).toMatch(/^uncaughtException\nTypeError \[ERR_TEST\]\n {4}at .*service\.mjs/);
    expect(commentOf(file)).toMatch(/\ncaused by Error\n {4}at /);
    for (const encoding of ['utf8', 'utf16le'] as const)
      expect(readFileSync(file).includes(Buffer.from('secret place', encoding))).toBe(false);
  });

  it.each([
    { words: ['reject'], env: {}, status: 1, count: 1 },
    { words: ['reject'], env: { MDMP_UNCAUGHT: '0' }, status: 1, count: 0 },
    { words: ['reject'], env: { MDMP_UNCAUGHT: 'TypeError,RangeError' }, status: 1, count: 1 },
    { words: ['reject'], env: { MDMP_UNCAUGHT: 'unhandledRejection' }, status: 1, count: 1 },
    { words: ['reject'], env: { MDMP_UNCAUGHT: 'uncaughtException' }, status: 1, count: 0 },
    { words: ['throw'], env: { MDMP_UNCAUGHT: 'ERR_TEST' }, status: 1, count: 1 },
    { words: ['throw'], env: { MDMP_UNCAUGHT: 'RangeError' }, status: 1, count: 0 },
    { words: ['caught'], env: {}, status: 3, count: 0 },
    { words: ['caught'], env: { MDMP_UNCAUGHT: 'all' }, status: 3, count: 1 },
  ])('dumps exceptions of choice: $words, $env', async ({ words, env, status, count }) => {
    const result = await serve(words, env);
    expect(result.status).toBe(status);
    if (words[0] === 'caught') expect(lines(result.stdout)).toEqual(['caught TypeError']);
    expect(dumps()).toHaveLength(count);
  });

  it('dumps an event loop that hangs, once, and it goes on', async () => {
    const result = await serve(['hang'], { MDMP_HANG: '500' });
    expect(result.status).toBe(4);
    expect(lines(result.stdout)).toEqual(['goes on']);
    const [name, ...others] = dumps();
    expect(others).toEqual([]);
    expect(told(result)).toEqual([
      `mdmp: the event loop has made no turn for 500 ms: ${join(folder, name!)}`,
    ]);
  });

  it('dumps no event loop that turns', async () => {
    const { child, closed } = await idle({ MDMP_HANG: '200' });
    await new Promise((done) => setTimeout(done, 1500));
    // Stopped by somebody, it does not hang.
    child.kill('SIGSTOP');
    await new Promise((done) => setTimeout(done, 700));
    child.kill('SIGCONT');
    child.stdin!.write('x');
    expect(await closed).toBe(6);
    await expectNothingLeft();
    expect(dumps()).toEqual([]);
  });

  it.each([{ node: [] }, { node: ['--import', register] }])(
    'dumps when it is asked to, by any thread: $node',
    async ({ node }) => {
      const result = await run(process.execPath, [...node, service, 'dump'], { env: environment() });
      await expectNothingLeft();
      expect(result.status).toBe(0);
      const files = lines(result.stdout);
      expect(files.map(dirname)).toEqual([folder, folder]);
      expect(files.map((file) => basename(file).replace(/\d+/, 'PID'))).toEqual([
        'main.PID.dmp',
        'main.PID-2.dmp',
      ]);
      expect(dumps().sort()).toEqual(files.map((file) => basename(file)).sort());
      const all = await Promise.all(files.map((file) => minidumpStackwalk(file)));
      // The worker was there for the second one.
      expect(all[1]!.frames.length).toBeGreaterThan(all[0]!.frames.length);
    },
  );

  it('dumps while the main thread hangs, when another one asks for it', async () => {
    const result = await serve(['dump-of-a-hang']);
    expect(result.status).toBe(0);
    expect(lines(result.stdout)).toEqual(['dumped meanwhile']);
    expect(dumps()).toHaveLength(1);
  });

  it('says why there is no dump', async () => {
    const { stdout, status } = await serve(['limit']);
    expect(status).toBe(0);
    expect(lines(stdout)).toEqual([
      expect.stringMatching(/\.dmp$/),
      expect.stringMatching(/^MinidumpError cancelled: .+/),
    ]);
  });

  it('has one watcher for a cluster', async () => {
    const result = await serve(['cluster'], { MDMP_NAME: '{trigger}.{pid}.dmp' });
    expect(result.status).toBe(0);
    const [path, ...ends] = lines(result.stdout);
    expect(path!.startsWith(`${temporary}/mdmp-`)).toBe(true);
    expect(ends.sort()).toEqual(['worker: 5', 'worker: 5', 'worker: SIGABRT']);
    const names = dumps().map((name) => name.split('.')[0]);
    expect(names.sort()).toEqual(['crash', 'request', 'request', 'request']);
  });

  it('dumps several processes that crash at once', async () => {
    const result = await serve(['cluster', 'all'], { MDMP_NAME: '{trigger}.{pid}.dmp' });
    const [, ...ends] = lines(result.stdout);
    expect(ends).toEqual(Array(3).fill('worker: SIGABRT'));
    const crashes = dumps().filter((name) => name.startsWith('crash'));
    expect(crashes).toHaveLength(3);
    for (const name of crashes)
      expect((await minidumpStackwalk(join(folder, name))).crash.reason).toContain('SIGABRT');
  });

  it.each([
    { words: ['exit', '0'], end: 0 },
    { words: ['exit', '42'], end: 42 },
    { words: ['signal', 'SIGTERM'], end: 'SIGTERM' },
    { words: ['signal', 'SIGKILL'], end: 'SIGKILL' },
    { words: ['signal', 'SIGINT'], end: 'SIGINT' },
  ])('leaves the end of a program as it is: $words', async ({ words, end }) => {
    for (const MDMP_WAIT of ['0', '1']) {
      const result = await serve(words, { MDMP_WAIT });
      expect(result.signal ?? result.status).toBe(end);
      expect(result.stderr.toString()).toBe('');
      expect(dumps()).toEqual([]);
    }
  });

  it('lets whoever reads the output of a program see its end', async () => {
    // A descriptor that nobody has marked to be closed, and far from the first ones, which Node marks.
    const shell = `exec 97>&1; exec "$0" "$@"`;
    const words = ['-c', shell, process.execPath, '--import', register, service, 'idle'];
    const child = spawn('bash', words, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environment() },
    });
    started.add(child);
    const closed = new Promise((done) => child.on('close', done));
    await new Promise((done) => child.stdout.once('data', done));
    const [watcher] = watchers();
    // It has something to do still when the program has ended.
    process.kill(watcher!, 'SIGSTOP');
    child.kill('SIGKILL');
    try {
      // The tracer is told of the end before all others, so it has to run for that; but it has none of the descriptors.
      const kept = readdirSync(`/proc/${watcher}/fd`);
      expect(kept).not.toContain('97');
    } finally {
      process.kill(watcher!, 'SIGCONT');
    }
    await closed;
    await expectNothingLeft();
  });

  it('is not missed by the program when it is killed', async () => {
    const { child, output, closed, path } = await idle();
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const [watcher, ...others] = watchers();
    expect(others).toEqual([]);
    process.kill(watcher!, 'SIGKILL');
    await waitFor('its line', () => output.stderr.includes('\n'), 10_000);
    expect(output.stderr).toBe('mdmp: the watcher has ended: crashes bring no dumps any more\n');
    child.stdin!.write('x');
    expect(await closed).toBe(6);
    await expectNothingLeft();
  });

  it('does not hear the signals that a service gets', async () => {
    const { child, closed } = await idle();
    const [watcher] = watchers();
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(watcher!, signal);
    child.kill('SIGABRT');
    expect(await closed).toBe('SIGABRT');
    await expectNothingLeft();
    expect(dumps()).toHaveLength(1);
  });

  it('tells wrong values in a line each, and the program starts all the same', async () => {
    const result = await serve(['abort'], {
      MDMP_HANG: '-5',
      MDMP_MAX_COUNT: 'many',
      MDMP_COMPRESS: 'zip',
      MDMP_SNAPSHOT: 'perhaps',
    });
    expect(result.signal).toBe('SIGABRT');
    expect(told(result).slice(0, 4)).toEqual([
      "mdmp: MDMP_MAX_COUNT must be a number of dumps, not 'many': it is ignored",
      "mdmp: MDMP_COMPRESS must be zstd, not 'zip': it is ignored",
      "mdmp: MDMP_HANG must be milliseconds from 50 on, a time such as 5s, or 0, not '-5': it is ignored",
      "mdmp: MDMP_SNAPSHOT must be auto, always or never, not 'perhaps': it is ignored",
    ]);
    expect(dumps()).toHaveLength(1);
  });

  it.each([
    {
      env: { MDMP_TYPE: 'everything' },
      line: /^mdmp: no dumps will be made: there is no dump type 'everything'/,
    },
    {
      env: { MDMP_CALLBACK: '/nowhere.mjs' },
      line: /^mdmp: no dumps will be made: the callback module \/nowhere.mjs/,
    },
    { env: { MDMP_DIR: '/dev/null/x' }, line: /^mdmp: no dumps will be made: / },
  ])('makes no other dumps than were asked for: $env', async ({ env, line }) => {
    const result = await serve(['exit', '9'], env);
    expect(result.status).toBe(9);
    expect(lines(result.stderr)).toEqual([expect.stringMatching(line)]);
  });

  it('is quiet, or off, if so wished', async () => {
    expect(lines((await serve(['throw'], { MDMP_QUIET: '1' })).stderr).join()).not.toContain('mdmp:');
    expect(dumps()).toHaveLength(1);
    expect(lines((await serve(['throw'], { MDMP_REGISTER: '0' })).stderr).join()).not.toContain('mdmp:');
    expect(dumps()).toHaveLength(1);
  });

  it('runs the program where koffi is missing, and says so in one line', async () => {
    // The package as npm installs it without its optional dependencies.
    const home = join(parent, 'without');
    cpSync(join(root, 'dist'), join(home, 'mdmp', 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(home, 'mdmp', 'package.json'));
    cpSync(join(root, 'node_modules', 'fzstd'), join(home, 'node_modules', 'fzstd'), { recursive: true });
    const copy = join(home, 'mdmp', 'dist', 'register', 'index.js');
    const result = await run(process.execPath, ['--import', copy, service, 'exit', '8'], {
      env: environment(),
    });
    await expectNothingLeft();
    expect(result.status).toBe(8);
    expect(lines(result.stderr)).toEqual([
      expect.stringMatching(/^mdmp: no dumps will be made: .*koffi.* npm install koffi@3$/),
    ]);
  });

  it.runIf(process.getuid!() === 0)('serves its own user only', async () => {
    chmodSync(parent, 0o755);
    chmodSync(temporary, 0o777);
    mkdirSync(folder, { mode: 0o777 });
    chmodSync(folder, 0o777);
    const { child, closed, path } = await idle({}, { uid: 65534, gid: 65534 });
    const socket = connect(path);
    let heard = '';
    socket.on('data', (text) => {
      heard += text;
    });
    socket.on('error', () => {});
    socket.write(`${JSON.stringify({ kind: 'hello', options: {}, allowed: true })}\n`);
    await new Promise((done) => socket.on('close', done));
    expect(heard).toBe('');
    child.stdin!.write('x');
    expect(await closed).toBe(6);
    await expectNothingLeft();
  });

  it('gives up nothing for nonsense', async () => {
    const { child, closed, path } = await idle();
    for (const nonsense of ['{', 'null\n', '{"kind":"dump"}\n', `${'x'.repeat(3 << 20)}\n`, '\n\n\n']) {
      const socket = connect(path);
      socket.on('error', () => {});
      socket.end(nonsense);
      await new Promise((done) => socket.resume().on('close', done));
    }
    child.kill('SIGABRT');
    expect(await closed).toBe('SIGABRT');
    await expectNothingLeft();
    expect(dumps()).toHaveLength(1);
  });

  it('calls a program for each dump', async () => {
    const hook = join(temporary, 'hook');
    const out = join(parent, `hooked-${number}`);
    writeFileSync(hook, `#!/bin/sh\ncat > ${out}\necho "$1" >> ${out}\n`);
    chmodSync(hook, 0o755);
    const result = await run(process.execPath, ['--import', register, service, 'abort'], {
      env: environment({ MDMP_ON_DUMP: hook }),
    });
    expect(result.signal).toBe('SIGABRT');
    await waitFor('the end of the watcher', () => watchers().length === 0);
    const [json, file] = readFileSync(out, 'utf8').split('\n');
    expect(JSON.parse(json!)).toMatchObject({ trigger: 'crash', file: join(folder, dumps()[0]!) });
    expect(file).toBe(join(folder, dumps()[0]!));
  });
});
