import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeMinidump } from '../../dist/index.js';
import { convertedCore, needsCorePattern } from '../support/cores.js';
import { compileWith, Program, removeFolders, stopPrograms, temporaryFolder } from '../support/programs.js';
import { expectSameStacks, type SameName, stacksByGdb, stacksOf } from '../support/stacks.js';
import { describeWith, needsBuild, needsLinux } from '../support/tools.js';

afterAll(async () => {
  await stopPrograms();
  removeFolders();
});

const source = 'deep.rs';

const why =
  'the compiler gives it a symbol of another name than its source has; gdb goes by the source, we by the symbol';
const sameNames: readonly SameName[] = [
  {
    names: [
      'std::panicking::panic_handler',
      'std::panicking::begin_panic_handler',
      '__rustc::rust_begin_unwind',
      'rust_begin_unwind',
    ],
    why,
  },
  { names: ['std::rt::__rust_abort', '__rustc::__rust_abort'], why },
  { names: ['panic_abort::__rust_start_panic', '__rustc::__rust_start_panic', '__rust_start_panic'], why },
  { names: ['std::panicking::rust_panic', '__rustc::rust_panic', 'rust_panic'], why },
];

const variants = [
  '-O -g',
  '-O -g -C symbol-mangling-version=v0',
  '-O -g -C force-frame-pointers=yes',
  '-g',
  '-O -g -C lto=fat -C panic=abort',
];

describeWith([needsBuild, needsLinux, 'gdb', 'rustc'], 'stacks of a Rust program', () => {
  it.each(variants)(
    'functions, inlined calls, files and lines are those of gdb in all threads: %s',
    async (flags) => {
      const program = await Program.start(await compileWith('rustc', 'deep.rs', flags.split(' ')));
      const theirs = await stacksByGdb({ pid: program.pid });
      const dump = join(temporaryFolder(), 'deep.dmp');
      await writeMinidump(program.pid, dump);
      const { stacks: ours } = stacksOf(dump);
      expect(ours.size).toBe(16);
      expectSameStacks(ours, theirs, source, sameNames);
    },
  );
});

describeWith(
  [needsBuild, needsLinux, needsCorePattern, 'gdb', 'prlimit', 'rustc'],
  'stacks of a Rust program that panics, from the kernel core',
  () => {
    it.each(['panic', 'index'])('%s', async (how) => {
      const path = await compileWith('rustc', 'deep.rs', ['-O', '-g', '-C', 'panic=abort']);
      const program = await Program.start(path, [how]);
      const { core, dump } = await convertedCore(program, temporaryFolder(), () => program.send('go'));
      const theirs = await stacksByGdb({ program: path, core });
      const ours = stacksOf(dump);
      expect(ours.reason).toContain('SIGABRT');
      expectSameStacks(ours.stacks, theirs, source, sameNames);
      const names = ours.stacks.get(ours.crashed!)!.map(({ name }) => name);
      expect(names.indexOf(how === 'panic' ? 'deep::fails' : 'deep::index')).toBeGreaterThan(0);
    });
  },
);
