import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { compile, removeFolders, stopPrograms } from '../support/programs.js';
import { describeWith, needsBuild, needsLinux } from '../support/tools.js';
import {
  breakpadVerdict,
  compileFatal,
  type Ending,
  endStarted,
  librariesOf,
  ownVerdict,
  runAlone,
  runUnder,
  Started,
  said,
  symbolFiles,
  type WatchedEnding,
  Watcher,
  withoutNumbers,
} from '../support/watching.js';

afterEach(() => {
  endStarted();
  return stopPrograms();
});

interface Kind {
  readonly kind: string;
  readonly signal: NodeJS.Signals;
  /** As Breakpad says it. */
  readonly reason: string;
  /** What of the stack must be there in this order, innermost first. The first one is on top. */
  readonly stack: readonly string[];
  /** Of the crash: what the program said; of signals that were sent, that of the instruction; that of the top of the stack. */
  readonly address: 'said' | 'instruction' | 'stack' | 'zero';
}

const kinds: readonly Kind[] = [
  ['null', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 'said', ['writes']],
  ['overflow', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 'stack', ['overflows', 'overflows']],
  ['overflow-reraised', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 'stack', ['overflows', 'overflows']],
  ['overflow-handled', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 'stack', ['overflows', 'overflows']],
  ['abort', 'SIGABRT', 'SIGABRT', 'instruction', ['libc', 'aborts']],
  ['double-free', 'SIGABRT', 'SIGABRT', 'instruction', ['libc', 'frees_twice']],
  ['divide', 'SIGFPE', 'SIGFPE/FPE_INTDIV', 'instruction', ['divides']],
  ['illegal', 'SIGILL', 'SIGILL/ILL_ILLOPN', 'instruction', ['runs_nonsense']],
  ['bus', 'SIGBUS', 'SIGBUS/BUS_ADRERR', 'said', ['reads_behind_the_file']],
  // Breakpad has no word for SI_KERNEL.
  ['non-canonical', 'SIGSEGV', 'SIGSEGV/0x00000080', 'zero', ['writes_nowhere']],
  ['int3', 'SIGTRAP', 'SIGTRAP', 'zero', ['breaks']],
  ['thread', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 'said', ['writes', 'thread_body']],
  ['in-handler', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 'said', ['writes', 'in_handler']],
  ['reraised', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 'said', ['writes']],
  ['returned', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 'said', ['writes']],
  ['handler-aborts', 'SIGABRT', 'SIGSEGV/SEGV_MAPERR', 'said', ['writes']],
  ['jumped-then-abort', 'SIGABRT', 'SIGABRT', 'instruction', ['libc', 'aborts']],
  ['uncaught', 'SIGABRT', 'SIGABRT', 'instruction', ['libc', 'throws']],
  ['seccomp', 'SIGSYS', 'SIGSYS', 'instruction', ['libc', 'calls_what_is_forbidden']],
].map(([kind, signal, reason, address, stack]) => ({ kind, signal, reason, address, stack })) as Kind[];

describeWith(
  [needsBuild, needsLinux, 'g++', 'minidump_stackwalk'],
  'what crashes a program is dumped once, and the program ends as it would',
  () => {
    let program: string;
    let symbols: string;
    beforeAll(async () => {
      program = await compileFatal();
      symbols = await symbolFiles([program, ...(await librariesOf(program))]);
    });
    afterAll(() => {
      removeFolders();
      rmSync(symbols, { recursive: true });
    });

    it.each(kinds)('$kind, started by mdmp', async (kind) => {
      const alone = await runAlone([program, kind.kind], { cores: true });
      expect(alone).toMatchObject({ code: null, signal: kind.signal });
      const watched = await runUnder([program, kind.kind], [], { cores: true });
      expectSameEnding(watched, alone);
      await expectVerdict(watched, kind, symbols);
    });

    it.each(kinds)('$kind, attached to', async (kind) => {
      const alone = await runAlone([program, 'ask', kind.kind], { cores: true, input: 'go\n' });
      const started = new Started([program, 'ask', kind.kind], { cores: true });
      await started.line(/^READY$/m);
      const watcher = await Watcher.attach(started.pid);
      started.child.stdin!.write('go\n');
      const ending = await started.end();
      const watch = await watcher.started.end();
      expect(watch).toMatchObject({ code: 0, stdout: '', stderr: '', cores: [] });
      const watched = { ...ending, told: watch.told, dumps: watcher.dumps };
      expectSameEnding(watched, alone);
      await expectVerdict(watched, kind, symbols);
    });
  },
);

function expectSameEnding(watched: Ending, alone: Ending): void {
  const { code, signal, cores } = alone;
  expect({ code: watched.code, signal: watched.signal, cores: watched.cores, told: watched.told }).toEqual({
    ...{ code, signal, cores },
    told: [expect.stringMatching(/^mdmp: .*\.dmp \(/)],
  });
  expect(withoutNumbers(watched.stdout)).toBe(withoutNumbers(alone.stdout));
  expect(withoutNumbers(watched.stderr)).toBe(withoutNumbers(alone.stderr));
}

async function expectVerdict(watched: WatchedEnding, kind: Kind, symbols: string): Promise<void> {
  expect(watched.dumps).toHaveLength(1);
  const [dump] = watched.dumps as [string];
  const theirs = await breakpadVerdict(dump, symbols);
  const ours = ownVerdict(dump);
  expect(theirs.reason.replaceAll(' ', '')).toBe(kind.reason);
  expect(ours.reason.replaceAll(' ', '')).toContain(kind.reason.replace('0x00000080', 'SI_KERNEL'));
  const thread = Number(said(watched.stdout, 'thread'));
  expect([theirs.thread, ours.thread]).toEqual([thread, thread]);
  expect(ours.address).toBe(theirs.address);
  const at = { said: BigInt(said(watched.stdout, 'fault') ?? 0), instruction: ours.instruction, zero: 0n };
  if (kind.address !== 'stack') expect(theirs.address).toBe(at[kind.address]);
  else {
    // The page below the last one that it could have: the guard of the stack.
    expect(Number(ours.stackPointer - theirs.address)).toBeGreaterThan(-4096);
    expect(Number(ours.stackPointer - theirs.address)).toBeLessThan(8192);
  }
  for (const { stack, module } of [theirs, ours]) {
    const shown = stack.slice(0, 20).join(' < ');
    const [first, ...others] = kind.stack;
    // Of its static functions the C library has no names.
    if (first === 'libc') expect(module).toBe('libc.so.6');
    else expect(stack[0], shown).toBe(first);
    for (let at = 0; others.length > 0; ) {
      const name = others.shift()!;
      at = stack.indexOf(name, at + 1);
      expect(at, `${name} in ${shown}`).toBeGreaterThan(0);
    }
  }
}

describeWith(
  [needsBuild, needsLinux, 'gcc -m32', 'minidump_stackwalk'],
  'crashes of a program of 32 bits',
  () => {
    it.each([
      ['null', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 8n],
      ['divide', 'SIGFPE', 'SIGFPE/FPE_INTDIV', undefined],
      ['execute', 'SIGSEGV', 'SIGSEGV/SEGV_MAPERR', 16n],
      ['abort', 'SIGABRT', 'SIGABRT', undefined],
    ] as const)('%s', async (how, signal, reason, address) => {
      const program = await compile('crash', ['-m32']);
      const ending = await runUnder([program, how, 'thread'], [], { input: 'go\n' });
      expect(ending).toMatchObject({ code: null, signal });
      expect(ending.dumps).toHaveLength(1);
      const [dump] = ending.dumps as [string];
      const [theirs, ours] = [await breakpadVerdict(dump), ownVerdict(dump)];
      expect(theirs.reason.replaceAll(' ', '')).toBe(reason);
      expect(ours.reason.replaceAll(' ', '')).toContain(reason);
      for (const verdict of [theirs, ours]) expect(verdict.address).toBe(address ?? ours.instruction);
      expect(theirs.thread).toBe(ours.thread);
      expect(ours.stack).toContain('before_crash');
    });
  },
);
