import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { minidumpDump } from '../support/judges.js';
import {
  compile,
  Program,
  stopPrograms,
  temporaryFolder,
  threadIds,
  waitUntilStill,
} from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

afterEach(stopPrograms);

describeWith(
  [needsLinux, needsBuild, 'gcc', 'minidump_dump'],
  'dumps of a machine with more work than processors',
  () => {
    it('hold every thread, with its registers', async () => {
      const program = await Program.start(await compile('threads100'));
      await waitUntilStill(program.pid);
      const tids = threadIds(program.pid);
      const file = join(temporaryFolder(), 'loaded.dmp');
      // Each ends by itself if this test is killed.
      const spinner = 'const end = Date.now() + 120_000; while (Date.now() < end);';
      const spinners = Array.from({ length: 2 * availableParallelism() }, () =>
        spawn(process.execPath, ['-e', spinner], { stdio: 'ignore' }),
      );
      try {
        for (let i = 0; i < 8; i++) {
          const result = await run(process.execPath, [
            ...[join(root, 'dist/cli/main.js'), 'dump', String(program.pid), '-o', file, '--force'],
          ]);
          expect(result.stderr.toString()).toBe('');
          const { threads, complaints } = await minidumpDump(file);
          expect(complaints).toEqual([]);
          expect(threads.map(({ id }) => id).sort((a, b) => a - b)).toEqual(tids);
          // cs of a 64-bit program: a context that was made up has none.
          const made = threads.filter(({ registers }) => registers.cs !== 0x33n).map(({ id }) => id);
          expect(made, 'threads without registers').toEqual([]);
        }
      } finally {
        for (const child of spinners) child.kill('SIGKILL');
      }
    }, 150_000);
  },
);
