import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeMinidump } from '../../dist/index.js';
import { type Analysis, analyzeTask } from '../../src/analysis/index.js';
import { openSymbols } from '../../src/cli/symbol-places.js';
import { MINIDUMP_TYPE } from '../../src/format/index.js';
import { runSync } from '../../src/io/index.js';
import { FileSource } from '../../src/node/file-source.js';
import { Minidump } from '../../src/reader/index.js';
import { compile, Program, removeFolders, stopPrograms, temporaryFolder } from '../support/programs.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

afterAll(async () => {
  await stopPrograms();
  removeFolders();
});

async function fullDump(pid: number): Promise<string> {
  const file = join(temporaryFolder(), 'full.dmp');
  await writeMinidump(pid, file, { type: MINIDUMP_TYPE.MiniDumpWithFullMemory });
  return file;
}

/** @param local with the files that the modules were loaded from */
function analyzed<T>(file: string, local: boolean, ask: (analysis: Analysis) => T): T {
  using source = new FileSource(file);
  using symbols = openSymbols({ paths: [], cache: temporaryFolder(), local });
  return ask(runSync(analyzeTask(Minidump.openSync(source), { symbols })));
}

describeWith([needsBuild, needsLinux, 'gcc', 'g++'], 'a dump with all memory, and no symbols', () => {
  it('has the same stacks as with the files of its modules', async () => {
    const path = join(temporaryFolder(), 'deep');
    const source = join(root, 'test/programs/deep.cc');
    execFileSync('g++', ['-O2', '-fomit-frame-pointer', '-pthread', '-o', path, source]);
    const program = await Program.start(path);
    const file = await fullDump(program.pid);
    const stacks = (local: boolean) =>
      analyzed(file, local, ({ threads }) =>
        threads.map(({ stack }) =>
          stack.frames.map(({ instruction, trust }) => `${instruction.toString(16)} ${trust}`),
        ),
      );
    const ours = stacks(false);
    expect(ours).toHaveLength(49);
    expect(ours).toEqual(stacks(true));
    // And nothing was guessed.
    expect(new Set(ours.flat().map((frame) => frame.split(' ')[1]))).toEqual(new Set(['context', 'cfi']));
    // What modules export has its name.
    const names = analyzed(file, false, ({ threads }) =>
      threads.flatMap(({ stack }) => stack.frames.map((frame) => frame.function)),
    );
    expect(names.filter((name) => name === '__libc_start_main' || name === 'qsort').length).toBeGreaterThan(
      0,
    );
  });

  it('has the vDSO, which is in no file', async () => {
    const program = await Program.start(await compile('pausewatch'), ['--probe', 'spin']);
    // It reads the clock all the time: nearly every moment is in there.
    for (let attempt = 0; ; attempt++) {
      const file = await fullDump(program.pid);
      const [inner, outer] = analyzed(file, true, ({ threads }) => threads[0]!.stack.frames);
      if (!inner?.module?.name.startsWith('linux-gate') && attempt < 20) continue;
      expect(inner).toMatchObject({ trust: 'context', module: { name: 'linux-gate.so' } });
      expect(inner?.function).toMatch(/clock_gettime/);
      expect(outer).toMatchObject({ trust: 'cfi' });
      expect(outer?.module?.name).toMatch(/^libc/);
      return;
    }
  });
});
