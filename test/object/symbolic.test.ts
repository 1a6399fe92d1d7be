import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { decompress as zstd } from 'fzstd';
import { expect, it } from 'vitest';
import { BytesSource, runSync } from '../../src/io/index.js';
import { demangle } from '../../src/object/demangle/index.js';
import { openEhFrame } from '../../src/object/dwarf/frames.js';
import { elfDebugInformation } from '../../src/object/elf-debug-information.js';
import { ElfFile } from '../../src/object/elf-file.js';
import { ElfFunctions } from '../../src/object/elf-functions.js';
import type { DebugInformation, FunctionAt } from '../../src/object/index.js';
import { machDebugInformation } from '../../src/object/macho/index.js';
import { Comparison, type Found, fieldDifferences } from '../analysis/expected/compare.js';
import { corpusFolder, describeWith, needsCorpus } from '../support/tools.js';
import { openSym } from './breakpad/open.js';
import { crash, crashDebug, openMach } from './macho/programs.js';

const symbolic = join(corpusFolder() ?? '', 'symbolic');
const bytesOf = (name: string) => readFileSync(join(symbolic, name));
const expected = (name: string) => readFileSync(join(symbolic, 'expected', name), 'utf8');
const decompress = {
  inflate: (bytes: Uint8Array) => inflateSync(bytes),
  zstd: (bytes: Uint8Array) => zstd(bytes),
};
const open = (name: string) => runSync(ElfFile.open(new BytesSource(bytesOf(name)), { decompress }));

/** A function, or a call that was inlined, in a list of symbolic. */
interface ListedFunction {
  start: number;
  size: number;
  name: string;
  /** The functions that it was inlined into, the outermost first. */
  outer: readonly ListedFunction[];
  lines: { address: number; file: string; line: string }[];
}

function listedFunctions(snapshot: string): ListedFunction[] {
  const listed: ListedFunction[] = [];
  const opened: ListedFunction[] = [];
  for (const row of expected(snapshot).split('\n')) {
    const begin = /^( *)> 0x([0-9a-f]+): (.*) \(0x([0-9a-f]+)\)$/.exec(row);
    const line = /^( *)0x([0-9a-f]+): (.*):(\d+) \((.*)\)$/.exec(row);
    if (begin) {
      opened.length = begin[1]!.length / 2;
      const start = Number.parseInt(begin[2]!, 16);
      const one = { start, size: Number.parseInt(begin[4]!, 16), name: begin[3]! };
      const made = { ...one, outer: [...opened], lines: [] };
      opened.push(made);
      listed.push(made);
    } else if (line) {
      const file = line[5] === '' ? line[3]! : `${line[5]}/${line[3]}`;
      opened.at(-1)!.lines.push({ address: Number.parseInt(line[2]!, 16), file, line: line[4]! });
    }
  }
  return listed;
}

/** What we know of each line and each end of the functions in the list. */
function functionDifferences(functions: readonly ListedFunction[], information: DebugInformation): Found[] {
  const chain = (found: FunctionAt | undefined) =>
    found === undefined ? [] : [...found.inlines, found].reverse();
  return functions.flatMap((listed) => {
    const depth = listed.outer.length;
    const [outermost = listed] = listed.outer;
    const found: Found[] = [];
    for (const { address, file, line } of listed.lines) {
      const at = runSync(information.functionAt(address));
      const frame = chain(at)[depth];
      const names = [...listed.outer, listed].map(({ name }) => name);
      const ours = {
        start: at?.start,
        names: chain(at)
          .slice(0, depth + 1)
          .map(({ name }) => name),
        line: String(frame?.line),
        // Ours begin with the folder of the compiler, and those of dump_syms have no `..` any more.
        file: frame?.file?.endsWith(`/${file.replace(/^(?:\.\.)?\//, '')}`) ? file : frame?.file,
      };
      const place = `0x${address.toString(16)}`;
      found.push(...fieldDifferences({ start: outermost.start, names, line, file }, ours, place));
    }
    if (depth > 0) return found;
    // Where it ends.
    const end = listed.start + listed.size;
    const [last, next] = [end - 1, end].map(
      (at) => runSync(information.functionAt(at))?.start === listed.start,
    );
    return [
      ...found,
      ...fieldDifferences(
        { last: true, next: false },
        { last, next },
        `end of 0x${listed.start.toString(16)}`,
      ),
    ];
  });
}

describeWith([needsCorpus], "symbolic's lists of functions", () => {
  const comparison = new Comparison("symbolic's functions");

  it.each(['crash.debug', 'crash.debug-zlib', 'crash.debug-zstd'])('elf_functions.snap, of %s', (name) => {
    const functions = listedFunctions('elf_functions.snap');
    expect(functions.filter(({ outer }) => outer.length === 0)).toHaveLength(10);
    const information = elfDebugInformation({ module: open('linux/crash'), debug: open(`linux/${name}`) });
    comparison.check('elf_functions.snap', functionDifferences(functions, information));
    expect(information.problems).toEqual([]);
  });

  it('mach_functions.snap, of crash.inlines.sym, which was made from the same file', () => {
    const functions = listedFunctions('mach_functions.snap').map(function plain(one): ListedFunction {
      return { ...one, name: demangle(one.name), outer: one.outer.map(plain) };
    });
    expect(functions.filter(({ outer }) => outer.length === 0)).toHaveLength(10);
    const information = openSym(bytesOf('macos/crash.inlines.sym'));
    comparison.check('mach_functions.snap', functionDifferences(functions, information));
  });

  it('mach_functions.snap, of the dSYM', () => {
    const functions = listedFunctions('mach_functions.snap');
    const information = machDebugInformation({ module: openMach(crash), debug: openMach(crashDebug) });
    comparison.check('mach_functions.snap, of the dSYM', functionDifferences(functions, information));
    expect(information.problems).toEqual([]);
  });

  it('elf_symbols.snap: all functions in the symbol table, and no others', () => {
    const listed = Object.fromEntries(
      [...expected('elf_symbols.snap').matchAll(/^ +([0-9a-f]+) (\S+)$/gm)].map(([, at, name]) => [
        at!,
        name!,
      ]),
    );
    expect(Object.keys(listed).length).toBeGreaterThan(100);
    const table = runSync(ElfFunctions.open(open('linux/crash.debug'), '.symtab'))!;
    const ours: Record<string, string> = {};
    for (const { name, start } of runSync(table.all())) {
      const at = start.toString(16);
      ours[at] = ours[at] === undefined ? name : `${ours[at]} ${name}`;
    }
    comparison.check('elf_symbols.snap', fieldDifferences(listed, ours));
  });

  it('crash.sym, which was made from crash: the same names, demangled', () => {
    const listed = [
      ...bytesOf('linux/crash.sym')
        .toString()
        .matchAll(/^PUBLIC (?:m )?([0-9a-f]+) \S+ (.*)$/gm),
    ];
    expect(listed.length).toBeGreaterThan(100);
    const names = new Map<string, string[]>();
    for (const { name, start } of runSync(
      runSync(ElfFunctions.open(open('linux/crash.debug'), '.symtab'))!.all(),
    )) {
      const at = start.toString(16);
      names.set(at, [...(names.get(at) ?? []), demangle(name)]);
    }
    const found = listed.flatMap(([, at, name]) => {
      const ours = names.get(at!) ?? [];
      return ours.includes(name!) ? [] : [{ at: at!, theirs: name!, ours: ours.join(' ') }];
    });
    comparison.check('crash.sym', found);
  });

  it('all listed differences occur', () => {
    comparison.checkThatAllOccurred();
  });
});

describeWith([needsCorpus], "symbolic's lists of call frame information", () => {
  it.each([
    ['cfi_elf.snap', 'linux/crash'],
    ['cfi_elf_arm64.snap', 'linux/arm64/cfi_test'],
  ])('%s: rules begin and end where it says', (snapshot, name) => {
    const frames = runSync(openEhFrame(open(name)))!;
    const ranges = [...expected(snapshot).matchAll(/^STACK CFI INIT ([0-9a-f]+) ([0-9a-f]+) /gm)]
      .map(([, start, size]) => [Number.parseInt(start!, 16), Number.parseInt(size!, 16)] as const)
      .sort(([a], [b]) => a - b);
    expect(ranges.length).toBeGreaterThan(10);
    const wrong: string[] = [];
    const first = ranges[0]![0] - 0x100;
    const [lastStart, lastSize] = ranges.at(-1)!;
    for (let rva = first; rva < lastStart + lastSize + 0x100; rva++) {
      const wanted = ranges.some(([start, size]) => rva >= start && rva < start + size);
      if ((runSync(frames.cfiAt(rva)) !== undefined) !== wanted) wrong.push(rva.toString(16));
    }
    expect(wrong).toEqual([]);
  });
});
