import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { PeDebugInformation, PeSymbolListing } from '../../../src/object/pe/index.js';
import type { SymbolListingOptions } from '../../../src/object/symbol-listing.js';
import { run } from '../../support/run.js';
import { describeWith, requireTool } from '../../support/tools.js';
import { compileWindows } from '../../support/wine.js';
import { openSym, symText } from '../breakpad/open.js';
import { llvmFrames, ourFrames } from '../dwarf/symbolizer.js';
import { byMingw, disassembled, openPe } from './windows-programs.js';

const hex = (value: number) => value.toString(16);

/** What comes out as a .sym file. */
function symOf(path: string, options: SymbolListingOptions = {}): string {
  const file = openPe(path);
  const listing = new PeSymbolListing(file, options);
  const identity = {
    os: 'windows',
    cpu: 'x86_64',
    debugIdentifier: '0',
    codeIdentifier: undefined,
    name: 'a.exe',
  };
  const sym = symText(identity, listing);
  expect(listing.problems).toEqual([]);
  return sym;
}

const PROGRAMS: [string, () => Promise<string>][] = [
  ['C, -O2, DWARF 5', () => byMingw(['-O2'])],
  ['C, -O1, DWARF 4', () => byMingw(['-O1', '-gdwarf-4'])],
  ['the program that crashes', () => compileWindows('crash.c', ['-O2'])],
];

describeWith(
  ['x86_64-w64-mingw32-gcc', 'llvm-objdump-19', 'llvm-dwarfdump-19'],
  "a .sym file of mingw's program",
  () => {
    it.each(PROGRAMS)(
      'has functions, lines and inlined calls as llvm-symbolizer has them: %s',
      async (_, make) => {
        const path = await make();
        const sym = openSym(symOf(path), { pointerSize: 8 });
        const information = new PeDebugInformation(openPe(path));
        const base = openPe(path).headers.imageBase;
        const code = await disassembled(path);
        const theirs = llvmFrames(
          path,
          code.map(({ rva }) => rva + base),
        );
        let inlined = 0;
        let compared = 0;
        const differences: string[] = [];
        // LLVM names the outermost function by the last symbol, which may be a label (`.l_startw`) or a clone (`….part.0`).
        const comparable = (frames: readonly string[]) =>
          frames
            .map((one, depth) => (depth === frames.length - 1 ? one.replace(/^\S+/, '…') : one))
            .join(' < ');
        for (const [i, { rva, text }] of code.entries()) {
          const bySym = ourFrames(runSync(sym.functionAt(rva)));
          const llvm = theirs[i]!;
          // Code that no DWARF is about; and what fills up between functions, which is of none of them.
          if (llvm.every((one) => one.endsWith(' :0')) || (/^nop/.test(text) && bySym.length === 0)) continue;
          compared++;
          if (bySym.length > 1) inlined++;
          const byFile = ourFrames(runSync(information.functionAt(rva)));
          if (comparable(byFile) !== comparable(llvm) || comparable(bySym) !== comparable(llvm))
            differences.push(
              `${hex(rva)} ${text}: ${byFile.join(' < ')}; by .sym ${bySym.join(' < ')}; LLVM ${llvm.join(' < ')}`,
            );
        }
        expect(differences).toEqual([]);
        expect(compared).toBeGreaterThan(1000);
        expect(inlined).toBeGreaterThan(10);
      },
    );

    it('has the functions of llvm-dwarfdump, each with its name and size', async () => {
      const path = await byMingw(['-O2']);
      const { stdout } = await run(requireTool('llvm-dwarfdump-19'), ['--debug-info', path]);
      const base = openPe(path).headers.imageBase;
      const entries = stdout.toString().split(/\n(?=0x[0-9a-f]+: )/);
      const theirs = entries.flatMap((text) => {
        if (!/^0x[0-9a-f]+: +DW_TAG_subprogram/.test(text)) return [];
        const [low, high] = ['low', 'high'].map((which) =>
          Number(new RegExp(`DW_AT_${which}_pc\\s*\\((0x[0-9a-f]+)\\)`).exec(text)?.[1]),
        );
        const name = /DW_AT_name\s*\("(.*)"\)/.exec(text)?.[1];
        // The names of clones are those of what they are made of, which another entry has.
        return high! > low! && name ? [`${hex(low! - base)} ${hex(high! - low!)} 0 ${name}`] : [];
      });
      const ours = [...symOf(path).matchAll(/^FUNC (?:m )?([0-9a-f]+ .*)$/gm)].map(([, place]) => place!);
      expect(theirs.length).toBeGreaterThan(40);
      expect(ours.filter((place) => theirs.includes(place)).sort()).toEqual([...new Set(theirs)].sort());
    });

    it('leaves out what is not wanted', async () => {
      const path = await byMingw(['-O2']);
      const all = symOf(path);
      expect(all).toMatch(/^INLINE /m);
      expect(all).toMatch(/^STACK CFI INIT /m);
      expect(symOf(path, { inlines: false })).not.toMatch(/^INLINE/m);
      expect(symOf(path, { cfi: false })).toBe(all.replace(/^STACK CFI .*\n/gm, ''));
    });

    it('names what DWARF does not speak of by the symbols of the linker', async () => {
      const path = await compileWindows('crash.c', ['-O2', '-g0']);
      const sym = symOf(path);
      expect(sym).toMatch(/^PUBLIC (?:m )?[0-9a-f]+ 0 outermost$/m);
      expect(sym).not.toMatch(/^FUNC .* outermost$/m);
    });
  },
);
