import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { decompress as zstd } from 'fzstd';
import { afterAll, expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { FileSource } from '../../../src/node/file-source.js';
import { DwarfInfo } from '../../../src/object/dwarf/dwarf-info.js';
import { elfDebugInformation } from '../../../src/object/elf-debug-information.js';
import { ElfFile } from '../../../src/object/elf-file.js';
import { type ElfFunction, ElfFunctions } from '../../../src/object/elf-functions.js';
import { describeWith, type Need, requireTool } from '../../support/tools.js';
import { CPP_PROGRAM } from './cpp-program.js';
import { llvmFrames, ourFrames, someAddresses } from './symbolizer.js';

const folder = mkdtempSync(join(tmpdir(), 'mdmp-dwarf-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const decompress = {
  inflate: (bytes: Uint8Array) => inflateSync(bytes),
  zstd: (bytes: Uint8Array) => zstd(bytes),
};

const needsSymbolizer: Need = {
  missing: spawnSync('llvm-symbolizer-19', ['--version']).status === 0 ? undefined : 'llvm-symbolizer-19',
};

/** Everything that differs for some addresses of .text, as text. */
function differences(path: string, count: number, ...options: string[]) {
  using source = new FileSource(path);
  const file = runSync(ElfFile.open(source, { decompress }));
  const text = file.section('.text')!;
  const addresses = someAddresses([[text.address, text.address + text.size]], count);
  const info = runSync(DwarfInfo.open(file))!;
  const symbols = runSync(ElfFunctions.open(file, '.symtab'))!;
  const aliases = new Map<number, ElfFunction[]>();
  for (const one of runSync(symbols.all())) aliases.set(one.start, [...(aliases.get(one.start) ?? []), one]);
  const theirs = llvmFrames(path, addresses, ...options);
  const differing: { address: string; ours: string[]; theirs: string[] }[] = [];
  let inlined = 0;
  let known = 0;
  addresses.forEach((address, i) => {
    const found = runSync(info.functionAt(address - file.linkBase));
    const ours = ourFrames(found);
    if (ours.length > 0) known++;
    if (ours.length > 1) inlined++;
    // Where there is no function in DWARF it goes by the symbol table (crtstuff.c), or gives a line without a function:
    // `functionAt` has neither.
    const expected = theirs[i]!.every((frame) => frame.endsWith(':0') || frame.startsWith('?? '))
      ? []
      : theirs[i]!;
    // llvm-symbolizer names the outermost function by the symbol table (`main.cold`, `….isra.0`), DWARF by the source.
    const symbol = runSync(symbols.at(address - file.linkBase));
    const outermost = ours.pop();
    if (outermost !== undefined) {
      const names = aliases.get(symbol?.start ?? -1) ?? [];
      const renamed = names.map(({ name }) => outermost.replace(/^.*(?= \/| :)/, name));
      ours.push(renamed.find((frame) => frame === expected.at(-1)) ?? outermost);
    }
    // With -gstrict-dwarf GCC 12 makes a function of its own of cold code, outside the one whose calls are in it.
    const coldPart = ours.length === 1 && expected.at(-1)?.endsWith('.cold :0');
    if (coldPart || outermost?.startsWith('__second_sect_of_')) return;
    if (ours.join('\n') !== expected.join('\n'))
      differing.push({ address: address.toString(16), ours, theirs: theirs[i]! });
  });
  return { differing, inlined, known };
}

function compile(name: string, options: readonly string[]): string {
  const source = join(folder, 'program.cpp');
  writeFileSync(source, CPP_PROGRAM);
  const path = join(folder, name);
  const { status, stderr } = spawnSync(requireTool('g++'), [...options, source, '-o', path], {
    encoding: 'utf8',
    cwd: folder,
  });
  expect(status, stderr).toBe(0);
  return path;
}

describeWith(
  ['g++', needsSymbolizer],
  'functions, inlined calls and lines as llvm-symbolizer reads them',
  () => {
    it.each([
      ['-O2 -g -gdwarf-5', 2000],
      ['-O2 -g -gdwarf-4', 1000],
      ['-O2 -g -gdwarf-3', 1000],
      ['-O2 -g -gdwarf-2 -gstrict-dwarf', 1000],
      ['-O0 -g -gdwarf-5', 500],
      ['-O2 -g -gdwarf-5 -gdwarf64', 500],
      ['-O2 -g -gdwarf-5 -gz', 500],
      ['-O2 -g -gdwarf-4 -no-pie -ffunction-sections -Wl,--gc-sections', 500],
      ['-O2 -g -flto=1', 500],
    ] as const)('g++ %s', { timeout: 300_000 }, (options, count) => {
      const path = compile('program', options.split(' '));
      const { differing, inlined, known } = differences(path, count);
      expect(known).toBeGreaterThan(count / 20);
      if (!options.includes('-O0') && !options.includes('strict')) expect(inlined).toBeGreaterThan(10);
      // A few are enough to see what is wrong: to compare thousands as text takes minutes.
      expect(differing.slice(0, 3)).toEqual([]);
      expect(differing.length).toBe(0);
    });
  },
);

describeWith(['gcc', needsSymbolizer], 'a DIE that is longer than what is read at once', () => {
  it('costs nothing of what stands before and behind it', () => {
    // What is left of the array is its value, in its DIE.
    const source = join(folder, 'long.c');
    writeFileSync(
      source,
      `static const unsigned char big[700000] = {1, 2, 3};
__attribute__((noinline)) static int before(int a) { return a * 3 + big[1]; }
__attribute__((noinline)) static int after(int a) { return a * 5 + big[2]; }
int main(int c, char **v) { return before(c) + after(c); }
`,
    );
    const path = join(folder, 'long');
    const { stderr } = spawnSync(requireTool('gcc'), ['-O2', '-g', source, '-o', path], { encoding: 'utf8' });
    expect(stderr).toBe('');
    using opened = new FileSource(path);
    const file = runSync(ElfFile.open(opened));
    expect(file.section('.debug_info')!.size).toBeGreaterThan(700_000);
    const information = elfDebugInformation({ module: file });
    const starts = runSync(runSync(ElfFunctions.open(file, '.symtab'))!.all())
      .filter(({ name }) => ['before', 'after', 'main'].includes(name.replace(/\..*/, '')))
      .map(({ start }) => start);
    expect(starts.length).toBe(3);
    const ours = starts.map((start) => ourFrames(runSync(information.functionAt(start))));
    expect(ours).toEqual(llvmFrames(path, starts));
  });
});

describeWith(['gcc'], 'DWARF that was split off', () => {
  it.each(['-gdwarf-5', '-gdwarf-4'])(
    'names the .dwo file, and has names and lines without it: %s',
    (version) => {
      const source = join(folder, 'split.c');
      writeFileSync(
        source,
        'int twice(int a) {\n  return 2 * a;\n}\nint main(int c, char **v) {\n  return twice(c);\n}\n',
      );
      const path = join(folder, 'split');
      const options = ['-O0', '-g', version, '-gsplit-dwarf', source, '-o', path];
      expect(spawnSync(requireTool('gcc'), options, { cwd: folder, encoding: 'utf8' }).stderr).toBe('');
      using opened = new FileSource(path);
      const file = runSync(ElfFile.open(opened));
      const information = elfDebugInformation({ module: file });
      const main = runSync(runSync(ElfFunctions.open(file, '.symtab'))!.all()).find(
        ({ name }) => name === 'main',
      )!;
      const found = runSync(information.functionAt(main.start));
      expect(found).toMatchObject({ name: 'main', start: main.start, line: 4, file: source, inlines: [] });
      expect(information.missing).toEqual([expect.stringMatching(/split.*\.dwo$/)]);
    },
  );
});
