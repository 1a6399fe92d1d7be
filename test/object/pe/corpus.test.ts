import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { PeDebugInformation, PeImageInformation } from '../../../src/object/pe/index.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { silentListener } from '../silent-listener.js';
import { openPe } from './windows-programs.js';

const symbolic = join(corpusFolder() ?? '', 'symbolic');
const windows = (name: string) => join(symbolic, 'windows', name);
const expected = (name: string) => readFileSync(join(symbolic, 'expected', name), 'utf8');
const hex = (value: number) => value.toString(16);

function listed(path: string): { cfi: string[]; publics: string[] } {
  const cfi: string[] = [];
  const publics: string[] = [];
  const listener = silentListener({
    cfi: (start, size, rules) => cfi.push(`STACK CFI INIT ${hex(start)} ${hex(size)} ${rules}`),
    cfiDelta: (start, rules) => cfi.push(`STACK CFI ${hex(start)} ${rules}`),
    publicSymbol: (start, _size, name) => publics.push(`${hex(start)} ${name}`),
  });
  runSync(new PeDebugInformation(openPe(path)).list(listener));
  return { cfi, publics };
}

/** Rules by function, then by address: those that hold there, by the name of what each is of. */
function rulesIn(lines: readonly string[]): Map<number, Map<number, Map<string, string>>> {
  const functions = new Map<number, Map<number, Map<string, string>>>();
  let rows = new Map<number, Map<string, string>>();
  let current = new Map<string, string>();
  for (const line of lines) {
    const [, init, at, text] =
      /^STACK CFI +(INIT )?([0-9a-f]+) (?:[0-9a-f]+ (?=\.cfa))?(.*)$/.exec(line) ?? [];
    if (at === undefined) continue;
    const address = Number.parseInt(at, 16);
    if (init) {
      rows = new Map();
      current = new Map();
      functions.set(address, rows);
    }
    current = new Map(current);
    // symbolic writes registers with a dot: .x29
    for (const [, name, rule] of text!.matchAll(/(\.?\w+): (.*?)(?= \.?\w+:|$)/g))
      current.set(name!.replace(/^\.(?=x|sp)/, ''), rule!.replace(/\.(?=x\d|sp)/g, ''));
    rows.set(address, current);
  }
  return functions;
}

describeWith([needsCorpus], 'PE files of the corpus', () => {
  it('cfi_pe_windows.snap: x64, all lines', () => {
    const theirs = expected('cfi_pe_windows.snap')
      .split('\n')
      .filter((line) => line.startsWith('STACK'));
    const ours = listed(windows('CrashWithException.exe')).cfi;
    expect(theirs.length).toBeGreaterThan(35);
    expect(ours).toEqual(theirs);
  });

  it('cfi_pe_arm64.snap: the same saves, where they have been done', () => {
    // symbolic leaves out packed entries, epilogues and the frame pointer; its sizes are places in .xdata; and it has each change at the
    // instruction that makes it, where nothing has been done yet: one instruction early.
    const theirs = rulesIn(expected('cfi_pe_arm64.snap').split('\n'));
    const ours = rulesIn(listed(windows('arm64/test.exe')).cfi);
    expect(theirs.size).toBe(245);
    const differences: string[] = [];
    const saves = (rules: ReadonlyMap<string, string>) =>
      [...rules].filter(([name, rule]) => name !== '.cfa' && name !== rule).sort();
    for (const [start, rows] of theirs) {
      const mine = [...(ours.get(start) ?? [])];
      for (const [address, rules] of rows) {
        const here = mine.filter(([at]) => at <= address + 4).at(-1)?.[1];
        const cfa = here?.get('.cfa');
        const same =
          here &&
          JSON.stringify(saves(here)) === JSON.stringify(saves(rules)) &&
          (cfa?.startsWith('x29') || cfa === rules.get('.cfa'));
        if (!same) differences.push(hex(address));
      }
    }
    expect(differences).toEqual([]);
  });

  it('cfi_chained_loop.exe: ends, and has no rules', () => {
    const path = windows('cfi_chained_loop.exe');
    const information = new PeDebugInformation(openPe(path));
    expect(runSync(information.cfiAt(0x1000))).toBeUndefined();
    expect(information.problems.map(({ code }) => code)).toContain('malformed');
    expect(listed(path).cfi).toEqual([]);
  });

  it('pe_dwarf_functions.snap: functions, lines and files by the DWARF of mingw', () => {
    const information = new PeDebugInformation(openPe(windows('hello-dwarf.exe')));
    let functions = 0;
    let lines = 0;
    let name = '';
    for (const row of expected('pe_dwarf_functions.snap').split('\n')) {
      const begin = /^> 0x([0-9a-f]+): (.*) \(0x[0-9a-f]+\)$/.exec(row);
      const line = /^ {2}0x([0-9a-f]+): (.*):(\d+) \((.*)\)$/.exec(row);
      if (begin) {
        name = begin[2]!;
        functions++;
        const found = runSync(information.functionAt(Number.parseInt(begin[1]!, 16)));
        expect(found).toMatchObject({ name, start: Number.parseInt(begin[1]!, 16) });
      } else if (line) {
        const found = runSync(information.functionAt(Number.parseInt(line[1]!, 16)))!;
        lines++;
        expect([row, found.name, found.line]).toEqual([row, name, Number(line[3])]);
        expect(found.file?.endsWith(`/${line[2]}`)).toBe(true);
      }
    }
    expect(functions).toBe(10);
    expect(lines).toBeGreaterThan(30);
  });

  it.each([
    ['CrashWithException.exe', 0x8664, 'F535C5FB2AE84BB8AA206C30BE566C5A1', '5c9e09599000'],
    ['crash.exe', 0x14c, '3249D99D0C4049318610F4E4FB0B69361', '5ab380779000'],
  ])('%s: identifiers as in its .sym file', (name, machine, debugIdentifier, codeIdentifier) => {
    const file = openPe(windows(name));
    expect(file).toMatchObject({ machine, debugIdentifier, codeIdentifier, imageSize: 0x9000 });
    const sym = readFileSync(
      windows(name === 'crash.exe' ? 'crash.sym' : 'CrashWithException.pdb.sym'),
      'utf8',
    ).split('\n', 2);
    expect(sym[0]).toContain(debugIdentifier);
    expect(file.pdbName?.endsWith(name.replace('.exe', '.pdb'))).toBe(true);
  });

  it.each(['CrashWithException.exe', 'arm64/test.exe', 'hello-dwarf.exe'])(
    '%s in memory: the same rules',
    (name) => {
      const file = openPe(windows(name));
      const information = new PeDebugInformation(file);
      // As the loader lays it out.
      const memory = new Uint8Array(file.imageSize);
      memory.set(readFileSync(windows(name)).subarray(0, file.headers.headersSize));
      for (const { address, virtualSize } of file.sections)
        memory.set(runSync(file.read(address, virtualSize))!, address);
      const image = runSync(
        PeImageInformation.open(0x1000n, function* (offset, length) {
          return memory.subarray(Number(offset), Number(offset) + length);
        }),
      )!;
      const frame = { register: () => 0x7000_0000n, read: (address: bigint) => address * 3n + 1n };
      let rows = 0;
      for (let rva = 0x1000; rva < 0x2000; rva += 4) {
        const [a, b] = [runSync(information.cfiAt(rva)), runSync(image.cfiAt(rva))];
        // DWARF speaks of code without unwind data, too; in memory there is none.
        if (b?.leaf) continue;
        expect([rva, a?.cfa(frame, undefined)]).toEqual([rva, b?.cfa(frame, undefined)]);
        if (b) rows++;
      }
      expect(rows).toBeGreaterThan(200);
    },
  );
});
