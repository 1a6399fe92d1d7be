import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import type { FunctionAt } from '../../../src/object/index.js';
import { describeWith, needsCorpus } from '../../support/tools.js';
import { corpusPath, type ListedFunction, listed, openPdb } from './open.js';

const text = (...names: string[]) => readFileSync(corpusPath(...names), 'utf8');
const hex = (value: number) => value.toString(16);

/** Where we say something else than the expected file, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  '^file .*(?:system_error|processthreadsapi\\.h|xcall_once\\.h|string_utils-inl\\.h|stralign\\.h|cmath|cstdlib)$':
    'files that the compiler read and that no code is of: we list those that lines name',
  '^our frame STACK WIN 4 (?:3250 3|3269 3) ':
    'functions that the linker folded have one record each; dump_syms writes one of them',
  '^crash FUNC parameters .* 0 \\| \\d+$':
    'dump_syms counts parameters that have a place on the stack, and of most it finds none; we say what the frame data of the function says',
  '^\\w+ line \\w+ (.*):\\d+ \\| \\1:\\d+$':
    'two lines begin at one address (the brace and the first statement): dump_syms takes the first, symbolic and we the last',
  '^crash line 2d56 .*:15732480 \\| undefined:undefined$':
    '0xf00f00 is no line: it tells debuggers to step over it',
  '^\\w+ FUNC name std::bad_alloc::.* \\| std::(?:bad_array_new_length|exception)::':
    'the linker folded these: we name the one that the section contribution belongs to',
  '^\\w+ FUNC name _?_?(?:scrt_initialize_winrt|scrt_stub_for_acrt_initialize|guard_check_icall_nop) \\| _(?:matherr|should_initialize_environment|initialize_invalid_parameter_handler)$':
    'the same: functions that do nothing',
  "^crash FUNC name (\\S+|`anonymous namespace'::callback) \\| \\1\\(":
    'a function without a public symbol: dump_syms has no arguments, we have them from the type',
  '^crash FUNC name (_SEH_\\w+) \\| _\\1$': 'an assembler gives the procedure its decorated name',
  '^CrashWithException FUNC name static .*\\(.*\\) \\| ':
    'dump_syms took these from DIA with `static`, their result, and `struct`',
  '^CrashWithException (?:FUNC name|PUBLIC \\w+ 0) (\\S+) \\| _\\1(?: 0)?$':
    'dump_syms takes an underscore away that names of C do not have on x86-64',
};
const occurred = new Set<string>();

/** What differs and is not in the table. */
function unexpected(found: readonly string[]): string[] {
  return found.filter((one) => {
    const known = Object.keys(DIFFERENCES).find((pattern) => new RegExp(pattern).test(one));
    if (known !== undefined) occurred.add(known);
    return known === undefined;
  });
}

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

/** Names as both would write them: without spaces, and without the const of an argument that is passed by value. */
const plain = (name: string) =>
  name
    .replace(/\bconst (?=(?:unsigned )?\w+[,)])/g, '')
    .replace(/\s+/g, '')
    .replace(/\)const$/, ')');

describeWith([needsCorpus], 'the .sym files that Breakpad made of the same PDBs', () => {
  it.each([
    ['crash', 'windows/crash.pdb', 'windows/crash.sym'],
    ['CrashWithException', 'windows/CrashWithException.pdb', 'windows/CrashWithException.pdb.sym'],
  ])('%s: functions, lines, public symbols', (what, path, sym) => {
    const { information, pdb } = openPdb(corpusPath(path));
    const { functions, publics } = listed(information);
    const found: string[] = [];
    const files = new Map<string, string>();
    let current: FunctionAt | undefined;
    const seen = new Set<number>();
    for (const row of text(sym).split(/\r?\n/)) {
      const [kind, ...fields] = row.split(' ');
      if (kind === 'MODULE') expect(fields[2]).toBe(pdb.debugIdentifier);
      else if (kind === 'FILE') files.set(fields[0]!, fields.slice(1).join(' '));
      else if (kind === 'FUNC') {
        if (fields[0] === 'm') fields.shift();
        const [start, size, parameters] = fields.slice(0, 3).map((one) => Number.parseInt(one, 16));
        const name = fields.slice(3).join(' ');
        seen.add(start!);
        const ours = functions.find((one) => one.start === start);
        current = runSync(information.functionAt(start!));
        if (ours === undefined) found.push(`${what} FUNC ${hex(start!)} ${name} |`);
        else {
          if (ours.size !== size)
            found.push(`${what} FUNC size ${hex(start!)} ${name} ${size} | ${ours.size}`);
          if (plain(ours.name) !== plain(name)) found.push(`${what} FUNC name ${name} | ${ours.name}`);
          if (ours.name !== current?.name) found.push(`${what} ${ours.name} is ${current?.name} elsewhere`);
          if (ours.parameterSize !== parameters)
            found.push(`${what} FUNC parameters ${name} ${parameters} | ${ours.parameterSize}`);
        }
      } else if (/^[0-9a-f]+$/.test(kind ?? '')) {
        const address = Number.parseInt(kind!, 16);
        const at = runSync(information.functionAt(address));
        const file = files.get(fields[2]!);
        if (at?.line !== Number(fields[1]) || at.file !== file)
          found.push(`${what} line ${kind} ${file}:${fields[1]} | ${at?.file}:${at?.line}`);
      } else if (kind === 'PUBLIC') {
        if (fields[0] === 'm') fields.shift();
        const start = Number.parseInt(fields[0]!, 16);
        const ours = publics.find((one) => one.start === start);
        const name = fields.slice(2).join(' ');
        if (ours === undefined) found.push(`${what} PUBLIC ${fields[0]} ${name} |`);
        else if (ours.name !== name || ours.parameterSize !== Number.parseInt(fields[1]!, 16))
          found.push(`${what} PUBLIC ${fields.join(' ')} | ${ours.name} ${ours.parameterSize}`);
        seen.add(start);
      }
    }
    for (const { start, name } of [...functions, ...publics])
      if (!seen.has(start)) found.push(`${what} only ours: ${hex(start)} ${name}`);
    expect(seen.size).toBeGreaterThan(80);
    expect(unexpected(found)).toEqual([]);
  });

  it('all listed differences occur', () => {
    expect(Object.keys(DIFFERENCES).filter((pattern) => !occurred.has(pattern))).toEqual([]);
  });
});
