import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { MachSymbolListing, machDebugInformation } from '../../../src/object/macho/index.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { openSym, symText } from '../breakpad/open.js';
import { crash, crashDebug, crashSym, machProgram, machTools, openMach } from './programs.js';

/** What comes out as a .sym file. */
function symOf(module: string, debug?: string) {
  const files = { module: openMach(module), debug: debug === undefined ? undefined : openMach(debug) };
  const listing = new MachSymbolListing(files);
  const { architecture, debugIdentifier = '0', codeIdentifier } = files.module;
  const identity = { os: 'Mac', cpu: architecture, debugIdentifier, codeIdentifier, name: 'crash' };
  const sym = symText(identity, listing);
  expect(listing.problems).toEqual([]);
  return sym;
}

const records = (sym: string, pattern: RegExp) => [...sym.matchAll(pattern)].map((match) => match[0]);
const path = (file: string | undefined) => file && posix.normalize(file);

describeWith([needsCorpus], 'a .sym file of a program and its dSYM', () => {
  it('has the functions and symbols of the one that dump_syms made, and the same lines and calls at each place', () => {
    const theirs = crashSym('crash.inlines.sym').toString();
    const ours = symOf(crash, crashDebug);
    expect(ours).toMatch(/^MODULE Mac x86_64 67E9247C814E392BA027DBDE6748FCBF0 crash\n/);
    const functions = /^FUNC (?:m )?[0-9a-f]+ [0-9a-f]+ 0 /gm;
    expect(records(ours, functions)).toEqual(records(theirs, functions));
    expect(records(ours, functions)).toHaveLength(193);
    expect(records(ours, /^PUBLIC .*$/gm)).toEqual(records(theirs, /^PUBLIC .*$/gm));
    const [our, their] = [openSym(ours), openSym(theirs)];
    const places = [...theirs.matchAll(/^([0-9a-f]+) ([0-9a-f]+) \d+ \d+$/gm)].flatMap(([, start, size]) => {
      const first = Number.parseInt(start!, 16);
      return [first, first + Number.parseInt(size!, 16) - 1];
    });
    expect(places.length).toBeGreaterThan(9000);
    const differing = places.filter((place) => {
      const [one, other] = [our, their].map((sym) => {
        const found = runSync(sym.functionAt(place))!;
        return [...found.inlines, found].map(({ file, line }) => [path(file), line]);
      });
      return JSON.stringify(one) !== JSON.stringify(other);
    });
    expect(differing.map((place) => place.toString(16))).toEqual([]);
  });

  it('has the call frame information of cfi_macho.snap', () => {
    const text = readFileSync(join(corpusFolder()!, 'symbolic', 'expected', 'cfi_macho.snap'), 'utf8');
    const theirs = cfiRecords(text);
    const our = cfiRecords(symOf(crash, crashDebug));
    expect(theirs.size).toBe(299);
    const head = 'STACK CFI INIT';
    const body = '.cfa: $rsp 8 + / .ra: .cfa -8 + ^';
    const differing = [...theirs.keys()].filter((start) => theirs.get(start) !== our.get(start));
    const indirect = ['1b70 1c0', '6e00 260', '8150 3b0', 'b1f0 e0', 'b9e0 f0', 'bd80 5a0'];
    const several = ['b1a0 10', 'c390 330'];
    expect(differing.map((start) => theirs.get(start)).sort()).toEqual(
      [...indirect, ...several].map((place) => `${head} ${place} ${body}`).sort(),
    );
    // symbolic does not read the instructions that tell how large these frames are, and takes all of them to have 8 bytes.
    for (const place of indirect) {
      const start = place.split(' ')[0]!;
      const ours = our.get(start)!;
      // sub rsp, imm32, after one push for each register; the return address is the first word of the frame.
      const code = readFileSync(crash).subarray(Number.parseInt(start, 16)).subarray(0, 32);
      const subtracted = code.readUInt32LE(code.indexOf(Buffer.from([0x48, 0x81, 0xec])) + 3);
      const words = [...ours.matchAll(/: \.cfa -\d+ \+ \^/g)].length;
      expect(ours).toContain(`${head} ${place} `);
      expect(ours).toContain(`.cfa: $rsp ${subtracted + 8 * words} +`);
    }
    // Of several functions that have one entry, and DWARF too, it has the entry, we have DWARF: the same rules, function by function.
    for (const [start, rules] of our) {
      if (theirs.has(start)) continue;
      const at = Number.parseInt(start, 16);
      expect(
        several.some((place) => {
          const [first, size] = place.split(' ').map((digits) => Number.parseInt(digits, 16));
          return at > first! && at < first! + size!;
        }),
        start,
      ).toBe(true);
      expect(rules.endsWith(body), rules).toBe(true);
    }
  });
});

/** Records by their address, with the rules of each in one order. */
function cfiRecords(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^(STACK CFI (?:INIT )?([0-9a-f]+)(?: [0-9a-f]+)?) (\S+: .*)$/gm)].map(
      ([, head, start, rules]) => {
        const sorted = [...rules!.matchAll(/\S+: .*?(?= \S+: |$)/g)].map(([rule]) => rule).sort();
        return [start!, `${head} ${sorted.join(' / ')}`];
      },
    ),
  );
}

describeWith([...machTools], 'a .sym file of what lld and dsymutil made', () => {
  it.each(['x86_64', 'arm64'] as const)(
    '%s: says of each instruction what the files say',
    async (architecture) => {
      const { module, debug } = await machProgram(architecture, { flags: ['-O2', '-fomit-frame-pointer'] });
      // Without the dSYM, whose .debug_frame says it all: what is left are compact unwind information and .eh_frame.
      for (const split of [undefined, debug]) {
        const text = symOf(module, split);
        expect(text).toContain(`MODULE Mac ${architecture} `);
        const sym = openSym(text);
        const files = machDebugInformation({
          module: openMach(module),
          debug: split === undefined ? undefined : openMach(split),
        });
        const view = {
          register: (name: string) =>
            BigInt([...name].reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7)) * 8n,
          read: (address: bigint) => address * 3n,
        };
        const section = openMach(module).section('.text')!;
        const begin = section.address - 0x1_0000_0000;
        let compared = 0;
        for (let rva = begin; rva < begin + section.size; rva += 4) {
          const [one, other] = [runSync(files.cfiAt(rva)), runSync(sym.cfiAt(rva))];
          // In text a compact entry holds from the first instruction on.
          if (split === undefined && runSync(files.functionAt(rva))?.start === rva) continue;
          // Between functions: a compact entry reaches to the next.
          if (split !== undefined && other === undefined) continue;
          const cfa = one?.cfa(view, undefined);
          expect(other?.cfa(view, undefined), rva.toString(16)).toBe(cfa);
          expect(other?.returnAddress(view, cfa)).toBe(one?.returnAddress(view, cfa));
          for (const [name, rule] of one?.registers ?? []) {
            const text = { fp: 'x29', lr: 'x30' }[name] ?? name;
            const theirs = other?.registers.get(name) ?? other?.registers.get(text);
            if (theirs) expect(theirs(view, cfa), `${rva.toString(16)} ${name}`).toBe(rule(view, cfa));
          }
          if (cfa !== undefined) compared++;
        }
        expect(compared).toBeGreaterThan(100);
        const leaf = /^FUNC ([0-9a-f]+) \S+ 0 leaf$/m.exec(text);
        expect(leaf !== null).toBe(split !== undefined);
        expect(text).toMatch(
          split === undefined ? /^PUBLIC [0-9a-f]+ 0 leaf$/m : /^FUNC [0-9a-f]+ \S+ 0 main$/m,
        );
      }
    },
  );
});
