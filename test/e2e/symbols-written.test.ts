import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { writeMinidump } from '../../dist/index.js';
import { mdmp } from '../cli/command.js';
import {
  compileWith,
  Program,
  removeFolders,
  stopPrograms,
  temporaryFolder,
  waitUntilStill,
} from '../support/programs.js';
import { run } from '../support/run.js';
import { plain } from '../support/stacks.js';
import { describeWith, needsBuild, needsLinux, requireTool, root } from '../support/tools.js';
import { librariesOf } from '../support/watching.js';

afterEach(stopPrograms);
afterAll(removeFolders);

const breakpad = (name: 'dump_syms' | 'minidump_stackwalk') =>
  join(dirname(requireTool('minidump_stackwalk')), name);

/** A store with what Breakpad's own dump_syms makes of these files, and of the debug files that their links name. */
function theirStore(files: readonly string[]): string {
  const store = temporaryFolder();
  for (const file of files) {
    const { stdout } = spawnSync('readelf', ['-nW', file], { encoding: 'latin1' });
    const id = /Build ID: (\w\w)/.exec(stdout)?.[1];
    const folder = `/usr/lib/debug/.build-id/${id}`;
    const options = { encoding: 'latin1', maxBuffer: 1 << 29 } as const;
    let made = spawnSync(breakpad('dump_syms'), [file, folder], options);
    if (made.status !== 0) made = spawnSync(breakpad('dump_syms'), [file], options);
    const [, debugId, name] = /^MODULE Linux \S+ (\S+) (.+)\n/.exec(made.stdout)!;
    const place = join(store, name!, debugId!);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, `${name}.sym`), made.stdout, 'latin1');
  }
  return store;
}

/** Inlined calls are left out of both: the dump_syms that npm has knows none of those in a block of a function. */
function ourStore(files: readonly string[]): string {
  const store = temporaryFolder();
  const { exit, stderr } = mdmp(['symbols', ...files, '--no-inlines', '--store', store]);
  expect(stderr).toBe('');
  expect(exit).toBe(0);
  return store;
}

const walk = async (dump: string, store: string) =>
  (await run(breakpad('minidump_stackwalk'), [dump, store], { timeoutMs: 120_000 })).stdout.toString(
    'latin1',
  );

/** All that is not compared as it is, each for its reason. */
function comparable(text: string): string {
  return (
    text
      // Our demangler writes templates as LLVM does, without a space.
      .replaceAll(/>(?: >)+/g, (brackets) => brackets.replaceAll(' ', ''))
      // DWARF of GCC has no linkage name of a function that no other unit can call: we take that of its symbol, with parameters, scopes
      // and `[clone …]`; dump_syms has the plain name, and writes lambdas in another way.
      .replaceAll(
        /^( *\d+ {2}crashes-\w+!)(.+?)((?: \[\S+ : \d+ \+ 0x\w+\])|(?: \+ 0x\w+))$/gm,
        (_, module: string, name: string, place: string) => module + plain(name)!.replace(/^.* /, '') + place,
      )
      // Code of an assembler: dump_syms leaves its lines out.
      .replaceAll(/(!__clone3) (?:\[clone3\.S : \d+ )?\+ 0x\w+\]?/g, '$1')
      // Nothing calls _start: its return address is undefined. dump_syms does not say so, and a frame without code follows.
      .replaceAll(/\n *\d+ {2}0x7ff\w+\n(?: {4} ?\w.*\n)*? {4}Found by: call frame info(?=\n\n)/g, '')
  );
}

async function expectSameStacks(dump: string, files: readonly string[]): Promise<string> {
  const theirs = comparable(await walk(dump, theirStore(files)));
  const ours = comparable(await walk(dump, ourStore(files)));
  expect(theirs).toMatch(/^ 3 {2}/m);
  expect(ours).toBe(theirs);
  return ours;
}

/** Without cold parts: of functions in several parts the dump_syms that npm has writes PUBLIC records only, without lines. */
const flags = ['-pthread', '-O2', '-g', '-fno-reorder-blocks-and-partition'];

const needs = [needsBuild, needsLinux, 'minidump_stackwalk', 'g++', 'readelf'] as const;

describeWith(needs, "stacks by Breakpad's minidump_stackwalk with our symbols and with dump_syms'", () => {
  it.each(['noexcept', 'qsort', 'virtual'])('are the same of a C++ program and libc: %s', async (how) => {
    const path = await compileWith('g++', 'crashes.cc', flags);
    const program = await Program.start(path, [how, 'thread', 'handler']);
    const [threadId, siginfo, ucontext] = (await program.command('go')).get('exception')!.split(',');
    const dump = join(temporaryFolder(), 'crash.dmp');
    await writeMinidump(program.pid, dump, {
      exception: { threadId: Number(threadId), siginfo: BigInt(siginfo!), ucontext: BigInt(ucontext!) },
    });
    const text = await expectSameStacks(dump, [path, ...(await librariesOf(path))]);
    expect(text).toMatch(/crashes\S*!.*\[crashes\.cc : \d+ \+ 0x\w+\]/);
  });

  it('are the same of Node', async () => {
    const program = await Program.start(process.execPath, [join(root, 'test/programs/node-waits.js')]);
    await waitUntilStill(program.pid);
    const dump = join(temporaryFolder(), 'node.dmp');
    await writeMinidump(program.pid, dump);
    const text = await expectSameStacks(dump, [process.execPath, ...(await librariesOf(process.execPath))]);
    expect(text).toMatch(/node!v8::internal::/);
    expect(text).toMatch(/node!_start \+ /);
  });
});
