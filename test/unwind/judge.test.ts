import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Task } from '../../src/io/index.js';
import type { CfiRow, WindowsFrame } from '../../src/object/index.js';
import { Minidump, type Module } from '../../src/reader/index.js';
import type { Frame, TechniqueName, UnwindLookups } from '../../src/unwind/index.js';
import { run } from '../support/run.js';
import { describeWith, requireTool } from '../support/tools.js';
import {
  Dice,
  type MadeUpFunction,
  madeUpIdentifier,
  makeUpDump,
  makeUpFunctions,
  symbolFile,
} from './made-up-dump.js';
import { type DumpModule, modulesOnly, walkThreads } from './walk-dump.js';

const foundBy: Record<string, string> = {
  'given as instruction pointer in context': 'context',
  'call frame info': 'cfi',
  "previous frame's frame pointer": 'frame_pointer',
  'stack scanning': 'scan',
};

interface Report {
  threads: { frames: { offset: string; trust: string }[] }[];
}

/** Each thread's frames in the text of rust-minidump: how they were found, and their registers. */
function framesIn(text: string): string[][] {
  const threads = text.split(/^Thread \d+ .*$/m).slice(1);
  return threads.map((thread) => {
    const frames = thread.split(/^ *Found by: /m);
    return frames.slice(0, -1).map((before, i) => {
      const how = /^(.*)$/m.exec(frames[i + 1]!)![1]!;
      const registers = [...before.matchAll(/(\w+) = 0x([0-9a-f]+)/g)].map(
        ([, name, digits]) => `${name}=${BigInt(`0x${digits}`).toString(16)}`,
      );
      return `${foundBy[how] ?? how}: ${registers.sort().join(' ')}`;
    });
  });
}

function line({ trust, registers }: Frame): string {
  const known = [...registers].map(([name, value]) => `${name}=${value.toString(16)}`);
  return `${trust}: ${known.sort().join(' ')}`;
}

function lookupsIn(functions: readonly MadeUpFunction[]) {
  return (modules: readonly Module[]): UnwindLookups<DumpModule> => {
    const at = (module: DumpModule, address: bigint) => {
      const rva = Number(address - module.base);
      return functions.find((one) => rva >= one.rva && rva < one.rva + one.size);
    };
    return {
      ...modulesOnly(modules),
      *cfiAt(module, address): Task<CfiRow | undefined> {
        return at(module, address)?.cfi;
      },
      *windowsFrameAt(module, address): Task<WindowsFrame | undefined> {
        return at(module, address)?.windows;
      },
      *isCode(module, address): Task<boolean> {
        return at(module, address) !== undefined;
      },
      *parameterSizeAt(module, address): Task<number> {
        return at(module, address)?.parameterSize ?? 0;
      },
    };
  };
}

const THREADS = 60;

describeWith(['minidump-stackwalk'], 'made-up stacks are walked as minidump-stackwalk walks them', () => {
  it.each([
    ['x86', 'windows'],
    ['x86', 'linux'],
    ['amd64', 'windows'],
    ['amd64', 'linux'],
    ['arm', 'linux'],
    ['arm64', 'linux'],
    ['arm64', 'windows'],
  ] as const)('%s, %s', async (cpu, system) => {
    const folder = mkdtempSync(join(tmpdir(), 'mdmp-unwind-'));
    try {
      const techniques = new Map<string, number>();
      for (let seed = 1; seed <= Number(process.env.MDMP_UNWIND_SEEDS ?? 4); seed++) {
        const dice = new Dice(seed);
        const functions = makeUpFunctions(cpu, dice);
        const dump = makeUpDump(cpu, system, THREADS, dice);
        const symbols = join(folder, 'one.pdb', madeUpIdentifier);
        mkdirSync(symbols, { recursive: true });
        writeFileSync(join(symbols, 'one.sym'), symbolFile(cpu, functions));
        const file = join(folder, 'made-up.dmp');
        writeFileSync(file, dump);
        const judge = requireTool('minidump-stackwalk');
        const arguments_ = ['--no-interactive', '--symbols-path', folder, file];
        const json = await run(judge, ['--json', ...arguments_]);
        const report: Report = JSON.parse(json.stdout.toString());
        const text = framesIn((await run(judge, ['--human', ...arguments_])).stdout.toString());
        expect(text).toHaveLength(THREADS);
        // The leaf of Windows is Breakpad's, and after a call of a null pointer it is ours.
        const order: TechniqueName[] =
          cpu === 'arm' ? ['cfi', 'scan'] : ['windows_frame', 'cfi', 'frame_pointer', 'scan'];
        const options = { order };
        const ours = walkThreads(Minidump.openSync(dump), lookupsIn(functions), options);
        ours.forEach(({ walk }, i) => {
          const about = `seed ${seed}, thread ${i}, ${walk.end}`;
          const offsets = walk.frames.map(({ lookupAddress, trust }) => `${lookupAddress} ${trust}`);
          const theirs = report.threads[i]!.frames.map(({ offset, trust }) => `${BigInt(offset)} ${trust}`);
          expect(offsets, about).toEqual(theirs);
          // Of ARM rust-minidump prints no registers but those of the context, of ARM64 not all.
          if (cpu === 'x86' || cpu === 'amd64') expect(walk.frames.map(line), about).toEqual(text[i]);
          for (const { trust } of walk.frames) techniques.set(trust, (techniques.get(trust) ?? 0) + 1);
        });
      }
      // The dice gave each technique something to do.
      expect(techniques.get('cfi')).toBeGreaterThan(20);
      expect(techniques.get('scan')).toBeGreaterThan(20);
      if (cpu !== 'arm') expect(techniques.get('frame_pointer')).toBeGreaterThan(20);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
