import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeMinidump } from '../../dist/index.js';
import { compileWith, Program, removeFolders, stopPrograms, temporaryFolder } from '../support/programs.js';
import { expectSameStacks, stacksByGdb, stacksOf } from '../support/stacks.js';
import { describeWith, needsBuild, needsLinux } from '../support/tools.js';

afterAll(async () => {
  await stopPrograms();
  removeFolders();
});

function threadsOf(compiler: 'g++' | 'clang++-19', variants: readonly string[]): void {
  describeWith(
    [needsBuild, needsLinux, 'gdb', 'g++', compiler],
    `stacks of a C++ program, ${compiler}`,
    () => {
      it.each(variants)(
        'functions, inlined calls, files and lines are those of gdb in all threads: %s',
        async (flags) => {
          const program = await Program.start(
            await compileWith(compiler, 'deep.cc', ['-pthread', ...flags.split(' ')]),
          );
          const theirs = await stacksByGdb({ pid: program.pid });
          const dump = join(temporaryFolder(), 'deep.dmp');
          await writeMinidump(program.pid, dump);
          const { stacks: ours } = stacksOf(dump);
          expect(ours.size).toBe(49);
          expectSameStacks(ours, theirs, 'deep.cc');
        },
      );
    },
  );
}

threadsOf('g++', [
  '-O2 -g',
  '-O2 -g -gdwarf-4',
  '-O2 -g -gsplit-dwarf',
  '-O2 -g -fno-omit-frame-pointer',
  '-O2 -g -fomit-frame-pointer -fno-asynchronous-unwind-tables -gdwarf-5',
  '-O0 -g',
]);

threadsOf('clang++-19', [
  '-O2 -g',
  '-O2 -g -gdwarf-4',
  '-O2 -g -fno-omit-frame-pointer',
  '-O2 -g -fomit-frame-pointer -fno-asynchronous-unwind-tables -gdwarf-5',
  '-O0 -g',
]);
