import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import type { FunctionAt } from '../../../src/object/index.js';
import { describeWith, needsCorpus } from '../../support/tools.js';
import { corpusPath, type ListedFunction, listed, openPdb } from './open.js';
import { notOccurred, symDifferences, unexpected } from './sym-differences.js';

const text = (...names: string[]) => readFileSync(corpusPath(...names), 'utf8');
const hex = (value: number) => value.toString(16);

/** A function or an inlined call in a list of symbolic. */
interface Expected {
  start: number;
  size: number;
  name: string;
  /** Names of the functions that it is in, the outermost first. */
  outer: readonly string[];
  lines: { address: number; file: string; line: number }[];
}

function symbolicFunctions(snapshot: string): Expected[] {
  const all: Expected[] = [];
  const open: Expected[] = [];
  for (const row of text('expected', snapshot).split('\n')) {
    const begin = /^( *)> 0x([0-9a-f]+): (.*) \(0x([0-9a-f]+)\)$/.exec(row);
    const line = /^ *0x([0-9a-f]+): (.*):(\d+) \((.*)\)$/.exec(row);
    if (begin) {
      open.length = begin[1]!.length / 2;
      const one: Expected = {
        start: Number.parseInt(begin[2]!, 16),
        size: Number.parseInt(begin[4]!, 16),
        name: begin[3]!,
        outer: open.map(({ name }) => name),
        lines: [],
      };
      open.push(one);
      all.push(one);
    } else if (line) {
      const address = Number.parseInt(line[1]!, 16);
      open.at(-1)!.lines.push({ address, file: `${line[4]}\\${line[2]}`, line: Number(line[3]) });
    }
  }
  return all;
}

const chainOf = (found: FunctionAt | undefined) => (found ? [...found.inlines, found].reverse() : []);

describeWith([needsCorpus], 'crash.pdb and what symbolic says of it', () => {
  it('functions, inlined calls, lines: pdb_functions.snap', () => {
    const { information } = openPdb(corpusPath('windows/crash.pdb'));
    const functions = symbolicFunctions('pdb_functions.snap');
    expect(functions.filter(({ outer }) => outer.length === 0)).toHaveLength(10);
    const found: string[] = [];
    for (const { name, outer, lines } of functions) {
      for (const { address, file, line } of lines) {
        const chain = chainOf(runSync(information.functionAt(address)));
        const ours = chain[outer.length];
        const names = chain.slice(0, outer.length + 1).map((one) => one.name);
        if (names.join('\n') !== [...outer, name].join('\n'))
          found.push(`name ${hex(address)}: ${[...outer, name].join(' > ')} | ${names.join(' > ')}`);
        else if (ours?.file !== file || ours.line !== line)
          found.push(`line ${hex(address)}: ${name} ${file}:${line} | ${ours?.file}:${ours?.line}`);
      }
    }
    for (const { start, size, name } of functions.filter(({ outer }) => outer.length === 0)) {
      const of = (at: number) => runSync(information.functionAt(at))?.start === start;
      if (!of(start) || !of(start + size - 1) || of(start + size)) found.push(`end ${hex(start)}: ${name}`);
    }
    expect(unexpected(found)).toEqual([]);
    expect(information.problems).toEqual([]);
  });

  it('inlined calls cover what it says: pdb_functions.snap', () => {
    const { functions } = listed(openPdb(corpusPath('windows/crash.pdb')).information);
    const found: string[] = [];
    let outermost: ListedFunction | undefined;
    for (const { start, size, name, outer } of symbolicFunctions('pdb_functions.snap')) {
      if (outer.length === 0) {
        outermost = functions.find((one) => one.start === start);
        if (outermost?.size !== size) found.push(`size ${hex(start)}: ${hex(size)} | ${outermost?.size}`);
        continue;
      }
      // From the first to the last instruction, whatever lies between.
      const spans = outermost!.inlines
        .filter((one) => one.name === name && one.depth === outer.length - 1)
        .map(({ ranges }) => [ranges[0]!, ranges.at(-2)! + ranges.at(-1)! - ranges[0]!]);
      if (!spans.some(([first, length]) => first === start && length === size))
        found.push(
          `span ${hex(start)}: ${name} ${hex(size)} | ${spans.map((one) => one.map(hex).join('+'))}`,
        );
    }
    expect(unexpected(found)).toEqual([]);
  });

  it('source files: pdb_files.snap', () => {
    const { files } = listed(openPdb(corpusPath('windows/crash.pdb')).information);
    const wanted = text('expected/pdb_files.snap')
      .split('\n')
      .filter((row) => row.startsWith('c:'));
    expect(wanted).toHaveLength(10);
    expect(unexpected(wanted.filter((name) => !files.includes(name)).map((name) => `file ${name}`))).toEqual(
      [],
    );
  });

  it('public symbols: pdb_symbols.snap', () => {
    const { information, pdb } = openPdb(corpusPath('windows/crash.pdb'));
    const wanted = [...text('expected/pdb_symbols.snap').matchAll(/^ +([0-9a-f]+) (\S+)$/gm)];
    expect(wanted.length).toBeGreaterThan(100);
    const publics = runSync(pdb.publics())!;
    const sections = runSync(pdb.sections());
    const ours = new Map<number, string[]>();
    for (let i = 0; i < publics.count; i++) {
      const { section, offset, name } = runSync(publics.symbol(i));
      const rva = sections.rva(section, offset);
      if (rva === undefined || !sections.isCode(section)) continue;
      ours.set(rva, [...(ours.get(rva) ?? []), name]);
    }
    const found = wanted.flatMap(([, at, name]) => {
      const names = ours.get(Number.parseInt(at!, 16)) ?? [];
      return names.includes(name!) ? [] : [`symbol ${at}: ${name} | ${names}`];
    });
    const known = new Set(wanted.map(([, at]) => at!));
    for (const [at, names] of ours) if (!known.has(hex(at))) found.push(`symbol ${hex(at)}: | ${names}`);
    expect(unexpected(found)).toEqual([]);
    expect(information.problems).toEqual([]);
  });

  it('frame data: cfi_pdb_windows.snap, and the FPO records of crash.sym', () => {
    const { frames } = listed(openPdb(corpusPath('windows/crash.pdb')).information);
    const rows = (of: string) => [...of.matchAll(/^STACK WIN .*$/gm)].map(([row]) => row.trimEnd());
    const wanted = rows(text('expected/cfi_pdb_windows.snap'));
    expect(wanted.length).toBeGreaterThan(100);
    const found = wanted.filter((row) => !frames.includes(row)).map((row) => `frame ${row}`);
    const sym = rows(text('windows/crash.sym'));
    found.push(...sym.filter((row) => !frames.includes(row)).map((row) => `sym frame ${row}`));
    found.push(...frames.filter((row) => !sym.includes(row)).map((row) => `our frame ${row}`));
    expect(unexpected(found)).toEqual([]);
  });
});

describeWith([needsCorpus], 'the .sym files that Breakpad made of the same PDBs', () => {
  it.each([
    ['crash', 'windows/crash.pdb', 'windows/crash.sym'],
    ['CrashWithException', 'windows/CrashWithException.pdb', 'windows/CrashWithException.pdb.sym'],
  ])('%s: functions, lines, public symbols', (what, path, sym) => {
    const { information, pdb } = openPdb(corpusPath(path));
    const at = (rva: number) => runSync(information.functionAt(rva));
    const ours = { ...listed(information), at, debugIdentifier: pdb.debugIdentifier };
    const { seen, found } = symDifferences(what, text(sym), ours);
    expect(seen).toBeGreaterThan(80);
    expect(unexpected(found)).toEqual([]);
  });

  it('all listed differences occur', () => {
    expect(notOccurred()).toEqual([]);
  });
});
