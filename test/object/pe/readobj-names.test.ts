import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { readCoffSymbols } from '../../../src/object/pe/coff-symbols.js';
import { readExports } from '../../../src/object/pe/exports.js';
import type { PeFunctions } from '../../../src/object/pe/functions.js';
import { isCode, sectionAt } from '../../../src/object/pe/headers.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { byClang, byMingw, ntdll, openPe, readobj } from './windows-programs.js';

const corpus = (name: string) => join(corpusFolder() ?? '', 'symbolic', 'windows', name);

const all = (functions: PeFunctions) => {
  const found = new Map<number, string>();
  runSync(functions.each(({ start, name }) => found.set(start, name)));
  return found;
};

/** Each has one of the names that the other says of its address, and none is missing. */
function expectSameFunctions(ours: ReadonlyMap<number, string>, theirs: readonly [number, string][]): void {
  const names = new Map<number, string[]>();
  for (const [rva, name] of theirs) names.set(rva, [...(names.get(rva) ?? []), name]);
  expect([...ours.keys()].sort((a, b) => a - b)).toEqual([...names.keys()].sort((a, b) => a - b));
  expect([...ours].filter(([rva, name]) => !names.get(rva)!.includes(name))).toEqual([]);
}

describeWith(
  ['llvm-readobj-19', 'wine', 'x86_64-w64-mingw32-gcc', 'clang-19', 'lld-link-19'],
  'names by llvm-readobj',
  () => {
    it.each<[string, () => Promise<string>, number]>([
      ["Wine's ntdll.dll", async () => ntdll, 1000],
      ["clang's program", () => byClang('x86_64'), 5],
    ])('exports: %s', async (_, make, least) => {
      const path = await make();
      const file = openPe(path);
      const blocks = (await readobj(path, '--coff-exports')).split(/^Export \{$/m).slice(1);
      const theirs = blocks.flatMap((text): [number, string][] => {
        const name = /^ {2}Name: (\S+)$/m.exec(text)?.[1];
        const rva = Number(/^ {2}RVA: (0x[0-9A-F]+)$/m.exec(text)?.[1]);
        const section = sectionAt(file.sections, rva);
        return name && section && isCode(section) ? [[rva, name]] : [];
      });
      expect(theirs.length).toBeGreaterThan(least);
      expectSameFunctions(all(runSync(readExports(file))!), theirs);
    });

    it("COFF symbols: mingw's program", async () => {
      const path = await byMingw(['-O1']);
      const file = openPe(path);
      const blocks = (await readobj(path, '--symbols')).split(/^ {2}Symbol \{$/m).slice(1);
      const theirs = blocks.flatMap((text): [number, string][] => {
        const field = (name: string) => new RegExp(`^ {4}${name}: (.*)$`, 'm').exec(text)![1]!;
        const section = file.sections[Number(/\((-?\d+)\)/.exec(field('Section'))![1]) - 1];
        const isFunction = field('ComplexType').startsWith('Function');
        const isExternal = field('StorageClass').startsWith('External');
        const value = Number(field('Value'));
        if (section === undefined || !isCode(section) || value >= section.virtualSize) return [];
        return isExternal || (isFunction && field('StorageClass').startsWith('Static'))
          ? [[section.address + value, field('Name')]]
          : [];
      });
      expect(theirs.length).toBeGreaterThan(50);
      expectSameFunctions(all(runSync(readCoffSymbols(file))!), theirs);
    });
  },
);

describeWith(
  ['llvm-readobj-19', 'x86_64-w64-mingw32-gcc', 'clang-19', 'lld-link-19', needsCorpus],
  'the debug directory by llvm-readobj',
  () => {
    it.each<[string, () => Promise<string>]>([
      ["clang's x64", () => byClang('x86_64')],
      ["clang's ARM64", () => byClang('aarch64')],
      ["mingw's build id", () => byMingw(['-O1', '-Wl,--build-id'])],
      ["Microsoft's", async () => corpus('CrashWithException.exe')],
      ["lld's that are reproducible", () => byClang('x86_64', ['-O2', '-Wl,/Brepro'])],
      ["Microsoft's ARM64", async () => corpus('arm64/test.exe')],
    ])('%s', async (_, make) => {
      const path = await make();
      const text = await readobj(path, '--coff-debug-directory');
      const guid = /PDBGUID: \{(.*)\}/.exec(text)?.[1]?.replaceAll('-', '');
      const age = Number(/PDBAge: (\d+)/.exec(text)?.[1]);
      const { debug } = openPe(path);
      expect(debug.debugIdentifier).toBe(guid && guid + age.toString(16));
      expect(debug.pdbName ?? '').toBe(/PDBFileName: (.*)$/m.exec(text)?.[1] ?? '');
      expect(debug.reproducible).toBe(/Type: Repro/.test(text));
    });
  },
);
