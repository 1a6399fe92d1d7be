import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { mappingsOf } from '../support/live.js';
import {
  compile,
  Program,
  readProcessMemory,
  removeFolders,
  stopPrograms,
  temporaryFolder,
  threadIds,
} from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';
import { type BehaviourPlan, expected } from './behaviour.js';

afterEach(async () => {
  await stopPrograms();
  removeFolders();
});

describeWith(
  ['gcc', needsLinux, needsBuild],
  'what a callback makes of a dump, by the engine of mdmp',
  () => {
    it('is as promised', { timeout: 120_000 }, async () => {
      const program = await Program.start(await compile('target'));
      const threads = threadIds(program.pid);
      const library = mappingsOf(program.pid).find(({ path }) => path.endsWith('/libc.so.6'))!;
      const { address: heap } = program.range('heap');
      const folder = temporaryFolder();
      const plan: BehaviourPlan = {
        pid: program.pid,
        threads,
        leftOut: threads.find((id) => id !== program.pid)!,
        module: 'libc.so.6',
        moduleBase: `0x${library.start.toString(16)}`,
        heap: `0x${heap.toString(16)}`,
        known: readProcessMemory(program.pid, heap, 64).toString('latin1'),
        folder,
        options: {},
      };
      writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan));
      const result = join(folder, 'result.json');
      const done = await run(process.execPath, [
        join(root, 'test', 'programs', 'behaviour.mjs'),
        join(folder, 'plan.json'),
        result,
      ]);
      expect(done.stderr.toString()).toBe('');
      expect(JSON.parse(readFileSync(result, 'utf8'))).toEqual(expected({}));
    });
  },
);
