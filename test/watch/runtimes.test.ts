import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { stopPrograms, temporaryFolder } from '../support/programs.js';
import { describeWith, type Need, needsBuild, needsLinux, root } from '../support/tools.js';
import {
  breakpadVerdict,
  endStarted,
  ownVerdict,
  runAlone,
  runUnder,
  withoutNumbers,
} from '../support/watching.js';

afterEach(() => {
  endStarted();
  return stopPrograms();
});

/** The interpreter itself: what is in PATH may be a script that finds it. */
const python = spawnSync('python3', ['-c', 'import sys, ctypes; print(sys.executable)'], {
  encoding: 'utf8',
});
const needsPython: Need = { missing: python.status === 0 ? undefined : 'python3 with ctypes' };

const node = process.execPath;

/** A call of strlen(3) with an address that is not mapped, on a thread of its own; koffi is what calls it. */
const worker = `
import { createRequire } from 'node:module';
import { isMainThread, Worker } from 'node:worker_threads';
if (isMainThread) new Worker(new URL(import.meta.url));
else {
  const koffi = createRequire(${JSON.stringify(join(root, 'src/'))})('koffi');
  koffi.load('libc.so.6').func('size_t strlen(void *text)')(0x30n);
}`;

interface Crash {
  readonly name: string;
  readonly words: () => string[];
  readonly signal: NodeJS.Signals;
  readonly reason: string;
  /** Undefined: that of the instruction. */
  readonly address: bigint | undefined;
  /** It is the main thread that crashes. */
  readonly main: boolean;
  /** What must be on the stack; the C library is on top. */
  readonly stack: RegExp;
}

const crashes: readonly Crash[] = [
  {
    name: 'process.abort() in Node',
    words: () => [node, '-e', 'process.abort()'],
    signal: 'SIGABRT',
    reason: 'SIGABRT',
    address: undefined,
    main: true,
    stack: /^node::Abort$/,
  },
  {
    name: 'V8 out of memory',
    words: () => [node, '--max-old-space-size=20', '-e', 'const all = []; for (;;) all.push({ a: [1, 2] })'],
    signal: 'SIGABRT',
    reason: 'SIGABRT',
    address: undefined,
    main: true,
    stack: /^v8::internal::V8::FatalProcessOutOfMemory$/,
  },
  {
    name: 'a native crash in a worker thread of Node',
    words: () => {
      const file = join(temporaryFolder(), 'worker.mjs');
      writeFileSync(file, worker);
      return [node, file];
    },
    signal: 'SIGSEGV',
    reason: 'SIGSEGV/SEGV_MAPERR',
    address: 0x30n,
    main: false,
    stack: /koffi/,
  },
];

const pythons: readonly Crash[] = [[], ['-X', 'faulthandler']].map((flags) => ({
  name: `a null pointer in Python ${flags.join(' ')}`,
  words: () => [python.stdout.trim(), ...flags, '-c', 'import ctypes; ctypes.string_at(0)'],
  signal: 'SIGSEGV',
  reason: 'SIGSEGV/SEGV_MAPERR',
  address: 0n,
  main: true,
  stack: /_ctypes|ffi/,
}));

async function expectDumped({ words, signal, reason, address, main, stack }: Crash): Promise<void> {
  const command = words();
  const alone = await runAlone(command);
  expect(alone).toMatchObject({ code: null, signal });
  const watched = await runUnder(command);
  expect(watched).toMatchObject({ code: null, signal });
  expect(withoutNumbers(watched.stdout)).toBe(withoutNumbers(alone.stdout));
  // What V8 says of its memory differs from run to run.
  if (!alone.stderr.includes('JavaScript heap out of memory'))
    expect(withoutNumbers(watched.stderr)).toBe(withoutNumbers(alone.stderr));
  else expect(watched.stderr).toContain('JavaScript heap out of memory');
  expect(watched.told).toEqual([expect.stringMatching(/^mdmp: .*\.dmp \(/)]);
  expect(watched.dumps).toHaveLength(1);
  const [dump] = watched.dumps as [string];
  const [theirs, ours] = [await breakpadVerdict(dump), ownVerdict(dump)];
  const pid = Number(/\.(\d+)\.\d+T\d+\.dmp/.exec(dump)![1]);
  for (const verdict of [theirs, ours]) {
    expect(verdict.reason.replaceAll(' ', '')).toContain(reason);
    expect(verdict.address).toBe(address ?? ours.instruction);
    if (main) expect(verdict.thread).toBe(pid);
    else expect(verdict.thread).not.toBe(pid);
    expect(verdict.module).toBe('libc.so.6');
  }
  expect(theirs.thread).toBe(ours.thread);
  expect(ours.stack.slice(0, 40)).toContainEqual(expect.stringMatching(stack));
}

describeWith([needsBuild, needsLinux, 'minidump_stackwalk'], 'crashes of Node', () => {
  it.each(crashes)('$name', expectDumped);
});

describeWith([needsBuild, needsLinux, needsPython, 'minidump_stackwalk'], 'crashes of Python', () => {
  it.each(pythons)('$name', expectDumped);
});

/** (module (memory 1) (func (export "l") (param i32) (result i32) local.get 0 i32.load)) */
const wasm = '0061736d0100000001060160017f017f030201000503010001070501016c00000a0901070020002802000b';

describeWith([needsBuild, needsLinux], 'a bounds trap of WebAssembly', () => {
  let script: string;
  beforeAll(() => {
    script = `const { l } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from('${wasm}', 'hex'))).exports;
let caught = 0;
for (let i = 0; i < 1000; i++) try { l(1 << 20); } catch { caught++; }
console.log(caught);`;
  });

  it('is no crash', async () => {
    const ending = await runUnder([node, '-e', script]);
    expect(ending).toMatchObject({ code: 0, stdout: '1000\n', stderr: '', told: [], dumps: [] });
  });

  it('is a signal all the same, which can be asked for', async () => {
    const ending = await runUnder([node, '-e', script], ['--signal', 'SIGSEGV', '--count', '1']);
    expect(ending).toMatchObject({ code: 0, stdout: '1000\n', stderr: '' });
    expect(ending.dumps).toHaveLength(1);
    expect(ending.told).toEqual([expect.stringContaining('the process gets SIGSEGV')]);
  });

  it('is not taken for the reason of a crash that comes later', async () => {
    const ending = await runUnder([node, '-e', `${script}; process.abort()`]);
    expect(ending).toMatchObject({ signal: 'SIGABRT', stdout: '1000\n' });
    expect(ending.dumps).toHaveLength(1);
    expect(ownVerdict(ending.dumps[0]!).reason).toContain('SIGABRT');
  });
});
