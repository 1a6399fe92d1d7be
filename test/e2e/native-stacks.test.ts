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

/** Names by the symbol table of the program itself, of the frames that gdb has such a name for. */
const namesInProgram = (places: readonly Place[], like: readonly Place[]) =>
  places.flatMap(({ name }, i) =>
    /^(_?Py|node::|v8::|uv_|Builtins_|_start$)/.test(like[i]?.name ?? '')
      ? [name?.replaceAll('> >', '>>')]
      : [],
  );

/** The system's own, which Debian strips: call frame information and exported names are all that is left. */
const python = '/usr/bin/python3';
const needsPython: Need = { missing: existsSync(python) ? undefined : python };

describeWith([needsBuild, needsLinux, needsPython, 'gdb'], "stacks of the system's Python", () => {
  it('each frame of each thread is where gdb has it, with the name that is exported', async () => {
    const program = await Program.start(python, [join(root, 'test/programs/deep.py')]);
    const { ours, theirs } = await bothWays(program.pid);
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    expect(ours.size).toBe(11);
    for (const [id, places] of theirs) {
      expect(instructionsOf(ours.get(id)!), `thread ${id}`).toEqual(instructionsOf(places));
      const names = namesInProgram(places, places);
      expect(names.length, `thread ${id}`).toBeGreaterThan(1);
      expect(namesInProgram(ours.get(id)!, places), `thread ${id}`).toEqual(names);
    }
  });
});

describeWith([needsBuild, needsLinux, 'gdb'], 'stacks of a Node process', () => {
  it('that waits for events: each frame of each thread is where gdb has it, with its name', async () => {
    const program = await Program.start(process.execPath, [
      '--no-memory-reducer',
      join(root, 'test/programs/node-target.js'),
      '--quiet',
    ]);
    const { ours, theirs } = await bothWays(program.pid);
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    for (const [id, places] of theirs) {
      expect(instructionsOf(ours.get(id)!), `thread ${id}`).toEqual(instructionsOf(places));
      const names = namesInProgram(places, places);
      expect(names.length, `thread ${id}`).toBeGreaterThan(0);
      expect(namesInProgram(ours.get(id)!, places), `thread ${id}`).toEqual(names);
    }
    expect(ours.get(program.pid)!.map(({ name }) => name)).toContain('uv_run');
  });

  it('that waits in JavaScript: as gdb has it down to the frame that JavaScript enters native code by; and on through JavaScript', async () => {
    const program = await Program.start(process.execPath, [join(root, 'test/programs/node-waits.js')]);
    const { ours, theirs } = await bothWays(program.pid);
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    for (const [id, places] of theirs) {
      // Code of V8's own making has no call frame information, built in or not: gdb goes astray there. It keeps frame pointers, and we go by them.
      const end = places.findIndex(({ name }) => name?.startsWith('Builtins_'));
      expect(end < 0).toBe(id !== program.pid);
      const native = end < 0 ? places : places.slice(0, end + 1);
      const mine = ours.get(id)!.slice(0, end < 0 ? undefined : end + 1);
      expect(instructionsOf(mine), `thread ${id}`).toEqual(instructionsOf(native));
      expect(namesInProgram(mine, native), `thread ${id}`).toEqual(namesInProgram(native, native));
    }
    const names = ours.get(program.pid)!.map(({ name }) => name?.replace(/\(.*/, ''));
    const below = [
      'v8::internal::Builtin_AtomicsWait',
      'Builtins_ArrayPrototypeSort',
      'Builtins_JSEntry',
      'node::Start',
      '_start',
    ];
    expect(names.filter((name) => below.includes(name ?? ''))).toEqual(below);
  });
});
