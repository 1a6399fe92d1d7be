import { expect, it } from 'vitest';
import type { Task } from '../../src/io/index.js';
import type { WindowsFrame } from '../../src/object/index.js';
import { Minidump, type Module } from '../../src/reader/index.js';
import type { UnwindLookups } from '../../src/unwind/index.js';
import { corpusBytes, corpusDumps, corpusPath, corpusText } from '../reader/corpus.js';
import { run } from '../support/run.js';
import { describeWith, needsCorpus, requireTool } from '../support/tools.js';
import { type DumpModule, linesOf, modulesOnly, walkThreads } from './walk-dump.js';

interface Report {
  system_info: { cpu_arch: string };
  threads: { frames: { offset: string; trust: string; module: string | null }[] }[];
}

/** The frames of each thread in rust-minidump's JSON. */
function framesIn(report: Report): string[][] {
  return report.threads.map(({ frames }) =>
    frames.map(({ offset, trust, module }) => `${offset} ${trust} ${module}`),
  );
}

/** The JSON in a snapshot of its tests. */
function snapshot(name: string): Report {
  const text = corpusText(`rust-minidump/expected/${name}`);
  return JSON.parse(text.slice(text.indexOf('\n{')));
}

/** The same of our walks. Of the thread that wrote the dump rust-minidump shows no frames. */
function walked(
  name: string,
  digits: number,
  lookupsOf?: (modules: readonly Module[]) => UnwindLookups<DumpModule>,
): string[][] {
  const dump = Minidump.openSync(corpusBytes(name));
  const writer = dump.getSync('breakpadInfo')?.dump_thread_id;
  return walkThreads(dump, lookupsOf).map(({ id, walk }) =>
    id === writer ? [] : linesOf(walk.frames, digits),
  );
}

/** The STACK WIN records with programs in a .sym file of the corpus, as look-ups in the module that it is of. */
function withPrograms(symbols: string, moduleName: string) {
  const frames: WindowsFrame[] = [];
  for (const line of corpusText(symbols).split(/\r?\n/)) {
    const fields = /^STACK WIN 4 ((?:[0-9a-f]+ ){8})1 (.*)$/.exec(line);
    if (!fields) continue;
    const [start, size, prolog, epilog, parameters, savedRegisters, locals, maxStack] = fields[1]!
      .trim()
      .split(' ')
      .map((field) => Number.parseInt(field, 16));
    frames.push({
      ...{ start: start!, size: size!, prologSize: prolog!, epilogSize: epilog!, parameterSize: parameters! },
      ...{ savedRegisterSize: savedRegisters!, localSize: locals!, maxStackSize: maxStack! },
      ...{ program: fields[2]!, allocatesBasePointer: false },
    });
  }
  return (modules: readonly Module[]): UnwindLookups<DumpModule> => ({
    ...modulesOnly(modules),
    *windowsFrameAt(module, address): Task<WindowsFrame | undefined> {
      const rva = Number(address - module.base);
      if (module.name !== moduleName) return undefined;
      return frames.find(({ start, size }) => rva >= start && rva < start + size);
    },
  });
}

describeWith([needsCorpus], 'stacks of the corpus', () => {
  it('are those of rust-minidump: x86, without symbols', () => {
    expect(walked('rust-minidump/test.dmp', 8)).toEqual(framesIn(snapshot('json-pretty.snap')));
  });

  it('are those of rust-minidump: x86, with STACK WIN', () => {
    const symbols = 'rust-minidump/symbols/test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym';
    const lookups = withPrograms(symbols, 'test_app.exe');
    expect(walked('rust-minidump/test.dmp', 8, lookups)).toEqual(
      framesIn(snapshot('json-pretty-symbols.snap')),
    );
    // Its text has the registers of each frame.
    const [crashed] = walkThreads(Minidump.openSync(corpusBytes('rust-minidump/test.dmp')), lookups);
    const text = corpusText('rust-minidump/expected/human-symbols.snap').split('Loaded modules')[0]!;
    const printed = text.split(/^ *\d+ {2}\S+!|^ *\d+ {2}kernel32/m).slice(1);
    expect(printed).toHaveLength(4);
    crashed!.walk.frames.forEach(({ registers }, i) => {
      const theirs = [...printed[i]!.matchAll(/(\w+) = 0x([0-9a-f]{8})/g)].map(
        ([, name, digits]) => `${name} ${digits}`,
      );
      const ours = [...registers].map(([name, value]) => `${name} ${value.toString(16).padStart(8, '0')}`);
      expect(ours.sort()).toEqual(theirs.sort());
    });
  });

  it('are those of rust-minidump: amd64, without symbols', () => {
    expect(walked('rust-minidump/linux-mini.dmp', 16)).toEqual(framesIn(snapshot('linux_json_pretty.snap')));
  });
});

describeWith(
  [needsCorpus, 'minidump-stackwalk'],
  'without symbols, stacks are those of minidump-stackwalk',
  () => {
    it.each(corpusDumps().filter((name) => !name.includes('invalid-r')))('in %s', async (name) => {
      const arguments_ = ['--json', '--no-interactive', corpusPath(name)];
      const result = await run(requireTool('minidump-stackwalk'), arguments_);
      const report: Report = JSON.parse(result.stdout.toString());
      const narrow = report.system_info.cpu_arch === 'x86' || report.system_info.cpu_arch === 'arm';
      expect(walked(name, narrow ? 8 : 16)).toEqual(framesIn(report));
    });
  },
);
