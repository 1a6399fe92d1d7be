import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeMinidump } from '../../dist/index.js';
import {
  Program,
  removeFolders,
  stopPrograms,
  temporaryFolder,
  waitUntilStill,
} from '../support/programs.js';
import { instructionsOf, type Place, stacksByGdb, stacksOf } from '../support/stacks.js';
import { describeWith, type Need, needsBuild, needsLinux, root } from '../support/tools.js';

afterAll(async () => {
  await stopPrograms();
  removeFolders();
});

async function bothWays(pid: number): Promise<{ ours: Map<number, Place[]>; theirs: Map<number, Place[]> }> {
  await waitUntilStill(pid);
  const theirs = await stacksByGdb({ pid });
  await waitUntilStill(pid);
  const dump = join(temporaryFolder(), 'native.dmp');
  await writeMinidump(pid, dump);
  return { ours: stacksOf(dump).stacks, theirs };
}

/** The system's own, which Debian strips: call frame information and exported names are all that is left. */
const python = '/usr/bin/python3';
const needsPython: Need = { missing: existsSync(python) ? undefined : python };

describeWith([needsBuild, needsLinux, needsPython, 'gdb'], "stacks of the system's Python", () => {
  it('each frame of each thread is where gdb has it', async () => {
    const program = await Program.start(python, [join(root, 'test/programs/deep.py')]);
    const { ours, theirs } = await bothWays(program.pid);
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    expect(ours.size).toBe(11);
    for (const [id, places] of theirs) {
      expect(instructionsOf(ours.get(id)!), `thread ${id}`).toEqual(instructionsOf(places));
    }
  });
});

describeWith([needsBuild, needsLinux, 'gdb'], 'stacks of a Node process', () => {
  it('the native frames of each thread are those of gdb', async () => {
    const program = await Program.start(process.execPath, [
      '--no-memory-reducer',
      join(root, 'test/programs/node-target.js'),
      '--quiet',
    ]);
    const { ours, theirs } = await bothWays(program.pid);
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    for (const [id, places] of theirs) {
      expect(instructionsOf(ours.get(id)!), `thread ${id}`).toEqual(instructionsOf(places));
    }
  });
});
