/**
 * The soak in its short form: a twentieth of the counts, half of it with choices that are the same in every run and half with fresh
 * ones. `npm run soak` runs it in full.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

const fresh = Math.floor(Math.random() * 0x1_0000_0000);
const counts = ['--dumps', '50', '--kills', '13', '--faults', '10'];
const runs = ['normal', 'snapshot'].flatMap((mode) => [1, fresh].map((seed) => ({ mode, seed })));

describeWith(['gcc', 'strace', needsLinux, needsBuild], 'a busy program', () => {
  it.each(runs)(
    'is dumped, its dumpers are killed and their system calls fail, and it goes on: $mode, seed $seed',
    async ({ mode, seed }) => {
      const soak = await run(
        process.execPath,
        [join(root, 'soak', 'run.js'), '--mode', mode, '--seed', String(seed), ...counts],
        { timeoutMs: 550_000 },
      );
      const output = `${soak.stdout}${soak.stderr}`;
      expect(soak.status, output).toBe(0);
      expect(output).toContain('soak: no failure');
      for (const part of ['dumps: 50', 'kills: 13', 'faults: 10'])
        expect(output).toContain(`${mode}, ${part}`);
    },
    600_000,
  );
});
