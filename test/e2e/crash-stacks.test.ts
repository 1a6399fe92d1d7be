import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { writeMinidump } from '../../dist/index.js';
import { MINIDUMP_TYPE } from '../../src/format/index.js';
import { convertedCore, needsCorePattern } from '../support/cores.js';
import { compileWith, Program, removeFolders, stopPrograms, temporaryFolder } from '../support/programs.js';
import { expectSameStacks, type Place, plain, stacksByGdb, stacksOf } from '../support/stacks.js';
import { describeWith, needsBuild, needsLinux } from '../support/tools.js';

afterEach(stopPrograms);
afterAll(removeFolders);

const source = 'crashes.cc';

/**
 * How each crash shows: the reason, and the calls that must be found, innermost first, whatever a compiler makes of the rest. Of `noexcept`
 * code clang catches what was thrown, and then terminates: the calls between are gone (`unwound`), for gdb too.
 */
const crashes = [
  { how: 'noexcept', reason: 'SIGABRT', unwound: ['throws'], calls: ['promises'] },
  { how: 'qsort', reason: 'SIGSEGV / SEGV_MAPERR', unwound: [], calls: ['compare', 'sorts'] },
  { how: 'uncaught', reason: 'SIGABRT', unwound: [], calls: ['throws'] },
  { how: 'destructor', reason: 'SIGABRT', unwound: ['throws', 'Bad::~Bad'], calls: ['destroys'] },
  { how: 'virtual', reason: 'SIGFPE / FPE_INTDIV', unwound: [], calls: ['Square::area', 'calls'] },
  { how: 'null-call', reason: 'SIGSEGV / SEGV_MAPERR', unwound: [], calls: ['calls_nobody'] },
  { how: 'assert', reason: 'SIGABRT', unwound: [], calls: ['asserts'] },
] as const;

/** Whether the names are there in this order, among others. */
function expectCalls(places: readonly Place[], calls: readonly string[]): void {
  const names = places.map(({ name }) => plain(name));
  let at = 0;
  for (const call of calls) {
    const found = names.indexOf(call, at);
    expect(found, `${call} in ${names.join(' < ')}`).toBeGreaterThanOrEqual(at);
    at = found + 1;
  }
}

const callsIn = ({ unwound, calls }: (typeof crashes)[number], compiler: string) =>
  compiler === 'clang++-19' ? calls : [...unwound, ...calls];

const variants = [
  'g++ -O2 -g',
  'g++ -O2 -g -fno-omit-frame-pointer -gdwarf-4',
  'clang++-19 -O2 -g',
  'clang++-19 -O2 -g -gdwarf-4 -fno-omit-frame-pointer',
] as const;

/** A core takes its time: those with and without frame pointers, one of each compiler. */
const fromCores: readonly string[] = [variants[0], variants[3]];

for (const variant of variants) {
  const [compiler, ...flags] = variant.split(' ') as ['g++' | 'clang++-19', ...string[]];
  const compiled = () => compileWith(compiler, source, ['-pthread', ...flags]);

  describeWith([needsBuild, needsLinux, 'gdb', 'g++', compiler], `stacks of crashes: ${variant}`, () => {
    it.each(crashes)('$how in a thread, dumped while it stands in its signal handler', async (crash) => {
      const program = await Program.start(await compiled(), [crash.how, 'thread', 'handler']);
      const [threadId, siginfo, ucontext] = (await program.command('go')).get('exception')!.split(',');
      const dump = join(temporaryFolder(), 'crash.dmp');
      await writeMinidump(program.pid, dump, {
        exception: { threadId: Number(threadId), siginfo: BigInt(siginfo!), ucontext: BigInt(ucontext!) },
      });
      const theirs = await stacksByGdb({ pid: program.pid }, { belowHandler: true });
      const ours = stacksOf(dump);
      expect(ours.crashed).toBe(Number(threadId));
      expect(ours.reason).toContain(crash.reason);
      expectSameStacks(ours.stacks, theirs, source);
      expectCalls(ours.stacks.get(ours.crashed!)!, callsIn(crash, compiler));
    });
  });

  if (!fromCores.includes(variant)) continue;
  const needs = [needsBuild, needsLinux, needsCorePattern, 'gdb', 'prlimit', 'g++', compiler] as const;
  describeWith(needs, `stacks of crashes from the kernel's core: ${variant}`, () => {
    it.each(crashes)('$how in the main thread', async (crash) => {
      const path = await compiled();
      const program = await Program.start(path, [crash.how, 'main', 'core']);
      const { core, dump } = await convertedCore(program, temporaryFolder(), () => program.send('go'));
      const theirs = await stacksByGdb({ program: path, core });
      const ours = stacksOf(dump);
      expect(ours.crashed).toBe(program.pid);
      expect(ours.reason).toContain(crash.reason);
      expectSameStacks(ours.stacks, theirs, source);
      expectCalls(ours.stacks.get(ours.crashed!)!, callsIn(crash, compiler));
    });
  });
}

describeWith(
  [needsBuild, needsLinux, 'gdb', 'g++'],
  'stacks of a handler that hangs on a stack of its own',
  () => {
    it.each(['noexcept', 'virtual', 'null-call'])(
      'lead to what it interrupted, in a dump of all memory: %s',
      async (how) => {
        const path = await compileWith('g++', source, ['-pthread', '-O2', '-g']);
        const program = await Program.start(path, [how, 'thread', 'handler']);
        await program.command('go');
        const dump = join(temporaryFolder(), 'crash.dmp');
        await writeMinidump(program.pid, dump, { type: MINIDUMP_TYPE.MiniDumpWithFullMemory });
        const theirs = await stacksByGdb({ pid: program.pid });
        const { stacks } = stacksOf(dump);
        expectSameStacks(stacks, theirs, source);
        const [, crashed] = [...stacks.values()];
        expectCalls(crashed!, ['handler', ...crashes.find((crash) => crash.how === how)!.calls, 'body']);
      },
    );
  },
);
