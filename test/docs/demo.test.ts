import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filterMinidump, Minidump } from '../../dist/index.js';
import { keepSecretOut } from '../../examples/keep-secret-out.js';
import type { Sample } from '../../examples/session.js';
import { SECRET_LENGTH } from '../../examples/session.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

describeWith([needsBuild, needsLinux], 'npm start', () => {
  it('finds the secret where it should be, and nowhere else; a filter takes it out later, too', async () => {
    const dumps = join(root, 'examples', 'dumps');
    rmSync(dumps, { recursive: true, force: true });
    const { status, stdout, stderr } = spawnSync('npm', ['start', '--silent'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).not.toMatch(/^ {2}NO /m);
    expect(stdout.match(/^ {2}yes /gm)).toHaveLength(11);
    expect(stdout).toMatch(/yes the secret is in it: on the stack, in the environment stream$/m);
    expect(stdout).toMatch(
      /yes the secret is in it: on the stack, on the heap, in the memory of the environment, in/,
    );
    expect(readdirSync(dumps).sort()).toEqual([
      'full-memory-callback.dmp',
      'full-memory.dmp',
      'normal-callback.dmp',
      'normal.dmp',
    ]);

    // The same callback, after the fact.
    const place = (name: string) =>
      new RegExp(`^  (?:its|a) ${name} +at (0x[0-9a-f]+)$`, 'm').exec(stdout)![1]!;
    const sample = {
      environment: place('environment'),
      heap: place('heap'),
      stack: place('stack'),
    } as Pick<Sample, 'environment' | 'heap' | 'stack'>;
    const callbacks = {
      removeMemory: keepSecretOut({ ...sample, session: { address: '0', size: 0 } } as Sample).removeMemory!,
    };
    const full = Minidump.openSync(readFileSync(join(dumps, 'full-memory.dmp')));
    const secret = Buffer.from(full.memorySync().readSync(BigInt(sample.heap), SECRET_LENGTH));
    expect(secret.toString()).toMatch(/^[0-9a-f]+$/);
    for (const [name, options] of [
      ['full-memory', { callbacks }],
      ['normal', { callbacks }],
      ['full-memory', { scrub: [secret.toString()] }],
      ['normal', { scrub: [secret.toString()] }],
    ] as const) {
      const [from, to] = [join(dumps, `${name}.dmp`), join(dumps, 'filtered.dmp')];
      expect(readFileSync(from).includes(secret)).toBe(true);
      await filterMinidump(from, to, { ...options, force: true });
      const bytes = readFileSync(to);
      expect(bytes.includes(secret), name).toBe(false);
      expect(bytes.includes(Buffer.from(secret.toString(), 'utf16le')), name).toBe(false);
    }
    rmSync(dumps, { recursive: true });
  });
});
