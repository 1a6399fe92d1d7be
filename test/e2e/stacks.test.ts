import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeMinidump } from '../../dist/index.js';
import { analyzeTask } from '../../src/analysis/index.js';
import { openSymbols } from '../../src/cli/symbol-places.js';
import { runSync } from '../../src/io/index.js';
import { FileSource } from '../../src/node/file-source.js';
import { Minidump } from '../../src/reader/index.js';
import { Program, removeFolders, stopPrograms, temporaryFolder } from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, requireTool, root } from '../support/tools.js';

afterAll(async () => {
  await stopPrograms();
  removeFolders();
});

interface Place {
  function: string | undefined;
  /** Leaf name. */
  file: string | undefined;
  line: number | undefined;
}

/** By gdb, from the program itself. */
async function stacksByGdb(pid: number): Promise<Map<number, Place[]>> {
  const report = join(temporaryFolder(), 'stacks.json');
  const script = join(root, 'test/support/gdb_stacks.py');
  const args = [
    '-nx',
    '-nh',
    '--batch',
    '-iex',
    'set debuginfod enabled off',
    '-iex',
    'set backtrace past-main on',
    '-p',
    String(pid),
    '-x',
    script,
  ];
  const { status, stderr } = await run(requireTool('gdb'), args, { env: { MDMP_REPORT: report } });
  if (status !== 0) throw new Error(`gdb: ${stderr}`);
  const { threads } = JSON.parse(readFileSync(report, 'utf8'));
  return new Map(
    threads.map(({ id, frames }: { id: number; frames: Place[] }) => [
      id,
      frames.map(({ function: name, file, line }) => ({
        function: plain(name ?? undefined),
        file: file ? basename(file) : undefined,
        line: line ?? undefined,
      })),
    ]),
  );
}

/** By us, from a dump. */
async function stacksByAnalysis(pid: number): Promise<Map<number, Place[]>> {
  const file = join(temporaryFolder(), 'deep.dmp');
  await writeMinidump(pid, file);
  using source = new FileSource(file);
  using symbols = openSymbols({ paths: [], cache: temporaryFolder(), local: true });
  const { threads } = runSync(analyzeTask(Minidump.openSync(source), { symbols }));
  return new Map(
    threads.map(({ id, stack }) => [
      id,
      stack.frames.flatMap((frame) =>
        [...frame.inlines, frame].map(({ function: name, file: path, line }) => ({
          function: plain(name),
          file: path === undefined ? undefined : basename(path),
          line,
        })),
      ),
    ]),
  );
}

/** Without parameters, and without what gdb has no word for: it names clones by the function that they were made of. */
const plain = (name: string | undefined) => name?.replace(/ \[clone [^\]]*\]/g, '').replace(/\(.*$/, '');

/** What is of the program itself: of the C library gdb has names of its own (`__GI_raise` or `raise`). */
const ofProgram = (places: Place[]) => places.filter(({ file }) => file === 'deep.cc');

describeWith([needsBuild, needsLinux, 'gdb', 'gcc'], 'stacks of a C++ program', () => {
  it.each([
    '-O2 -g',
    '-O2 -g -gdwarf-4',
    '-O2 -g -gsplit-dwarf',
    '-O2 -g -fno-omit-frame-pointer',
    '-O2 -g -fomit-frame-pointer -fno-asynchronous-unwind-tables -gdwarf-5',
    '-O0 -g',
  ])('functions, inlined calls, files and lines are those of gdb in all threads: %s', async (flags) => {
    const path = join(temporaryFolder(), 'deep');
    const source = join(root, 'test/programs/deep.cc');
    execFileSync('g++', [...flags.split(' '), '-pthread', '-o', path, source]);
    const program = await Program.start(path);
    const theirs = await stacksByGdb(program.pid);
    const ours = await stacksByAnalysis(program.pid);
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    expect(ours.size).toBe(49);
    for (const [id, places] of theirs) {
      expect(ofProgram(ours.get(id)!), `thread ${id}`).toEqual(ofProgram(places));
      // The whole stack was walked, the C library's part of it too.
      const names = (of: Place[]) =>
        of.map(({ function: name }) => name).filter((name) => name !== undefined);
      expect(ours.get(id)!.length, names(ours.get(id)!).join(' < ')).toBe(places.length);
    }
  });
});
