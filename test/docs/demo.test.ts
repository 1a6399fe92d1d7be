import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

describeWith([needsBuild, needsLinux], 'npm start', () => {
  it('finds the secret where it should be, and nowhere else', () => {
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
    rmSync(dumps, { recursive: true });
  });
});
