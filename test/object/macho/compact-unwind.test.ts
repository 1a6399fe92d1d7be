import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import type { CfiRow, FrameView } from '../../../src/object/cfi.js';
import { toCfiRow } from '../../../src/object/dwarf/frame-row.js';
import { openDebugFrame, openEhFrame } from '../../../src/object/dwarf/frames.js';
import { EM_386 } from '../../../src/object/elf-machines.js';
import { compactRules } from '../../../src/object/macho/compact-encoding.js';
import { CompactFrames } from '../../../src/object/macho/compact-frames.js';
import { type CompactEntry, CompactUnwind } from '../../../src/object/macho/compact-unwind.js';
import { machDebugInformation } from '../../../src/object/macho/index.js';
import { withEhFrame } from '../../../src/object/macho/mach-dwarf.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { dwarfdumpFrames, type PrintedRow } from './dwarfdump-frames.js';
import { crash, crashDebug, machObject, machProgram, machTools, openMach, output } from './programs.js';

/** Every register and word of memory has a value of its own. */
const view: FrameView = {
  register(name) {
    let value = 0x10_0000n;
    for (const letter of name) value = value * 31n + BigInt(letter.charCodeAt(0)) * 8n;
    return value & 0xffff_fff8n;
  },
  read: (address) => (address * 0x9e37_79b9n + 1n) & 0xffff_fff0n,
};

/** Registers that are kept where a row has them; those of vectors have no names here. */
const known = (name: string) => !/^(?:[bdv]\d+|[re]ip|lr)$/.test(name);

/** What a row computes, so that two can be compared. */
function computed(row: CfiRow | undefined) {
  const cfa = row?.cfa(view, undefined);
  return {
    cfa,
    returnAddress: row?.returnAddress(view, cfa),
    registers: Object.fromEntries(
      [...(row?.registers ?? [])]
        .filter(([name]) => known(name))
        .map(([name, rule]) => [name, rule(view, cfa)] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
  };
}

/** The same of what llvm-dwarfdump prints. */
function computedFrom({ cfa: { register, offset }, saved }: PrintedRow, bits: number) {
  const cfa = view.register(register)! + BigInt(offset);
  const at = (distance: number) => view.read(BigInt.asUintN(bits, cfa + BigInt(distance)), 8);
  const returnOffset = saved.rip ?? saved.eip ?? saved.lr;
  return {
    cfa,
    returnAddress: returnOffset === undefined ? view.register('lr') : at(returnOffset),
    registers: Object.fromEntries(
      Object.entries(saved)
        .filter(([name]) => known(name))
        .map(([name, distance]) => [name, at(distance)] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
  };
}

function entriesOf(path: string): CompactEntry[] {
  const entries: CompactEntry[] = [];
  const data = runSync(openMach(path).data('.unwind_info'))!;
  const each = function* (entry: CompactEntry) {
    entries.push(entry);
  };
  runSync(runSync(CompactUnwind.open(data)).each(each));
  return entries;
}

async function printedEntries(path: string) {
  const printed = await output('llvm-objdump-19', ['--macho', '--unwind-info', path]);
  return [
    ...printed.matchAll(/^ +\[\d+\]: function offset=0x([0-9a-f]+), encoding(?:\[\d+\])?=0x([0-9a-f]+)$/gm),
  ].map(([, start, encoding]) => ({
    start: Number.parseInt(start!, 16),
    encoding: Number.parseInt(encoding!, 16),
  }));
}

const options = {
  'x86_64 with frame pointers': ['x86_64', '-O2'],
  'x86_64 without': ['x86_64', '-O2', '-fomit-frame-pointer'],
  'x86_64 not optimised': ['x86_64', '-O0'],
  'arm64 with frame pointers': ['arm64', '-O2'],
  'arm64 without': ['arm64', '-O2', '-fomit-frame-pointer'],
} as const;

describeWith(
  [...machTools, 'llvm-objdump-19', needsCorpus],
  'entries of __unwind_info are those that llvm-objdump prints',
  () => {
    it.each(['crash', 'x86_64', 'arm64', 'many pages'] as const)('%s', async (name) => {
      const path =
        name === 'crash'
          ? crash
          : name === 'many pages'
            ? (await machProgram('x86_64', { file: 'mach-pages.s', flags: [] })).module
            : (await machProgram(name, { flags: ['-O2', '-fomit-frame-pointer'] })).module;
      const printed = await printedEntries(path);
      expect(printed.length).toBeGreaterThan(name === 'many pages' ? 2500 : 10);
      const entries = entriesOf(path);
      expect(entries.map(({ start, encoding }) => ({ start, encoding }))).toEqual(printed);
      const data = runSync(openMach(path).data('.unwind_info'))!;
      const unwind = runSync(CompactUnwind.open(data));
      for (const entry of entries) {
        expect(runSync(unwind.find(entry.start))).toEqual(entry);
        expect(runSync(unwind.find(entry.end - 1))).toEqual(entry);
      }
      expect(runSync(unwind.find(entries[0]!.start - 1))).toBeUndefined();
      expect(runSync(unwind.find(entries.at(-1)!.end))).toBeUndefined();
    });
  },
);

describeWith([...machTools, 'llvm-dwarfdump-19'], 'compact unwind information says what DWARF says', () => {
  it.each(Object.entries(options))('%s', async (_name, [architecture, ...flags]) => {
    const { module, debug } = await machProgram(architecture, { flags });
    const file = openMach(module);
    const compact = runSync(CompactFrames.open(file))!;
    const functions = await dwarfdumpFrames(debug, '--debug-frame');
    const byDwarf = runSync(openDebugFrame(openMach(debug)))!;
    expect(functions.size).toBeGreaterThan(6);
    let compared = 0;
    for (const [start, rows] of functions) {
      const first = start - file.linkBase;
      expect(computed(runSync(compact.cfiAt(first))), 'the first instruction').toEqual(
        computedFrom(rows[0]!, 64),
      );
      // In the body all registers have been saved; epilogues have no rows on these systems.
      const body = rows.at(-1)!;
      const rva = body.address - file.linkBase;
      const inBody = computed(runSync(compact.cfiAt(Math.max(rva, first + 1))));
      // Left to DWARF, or without a frame and not told.
      if (inBody.cfa === undefined) continue;
      expect(inBody, `0x${rva.toString(16)}`).toEqual(computedFrom(body, 64));
      expect(computed(runSync(byDwarf.cfiAt(rva)))).toEqual(computedFrom(body, 64));
      compared++;
    }
    expect(compared).toBeGreaterThan(5);
  });

  it.each(['-O2', '-O2 -fomit-frame-pointer'])(
    'i386 %s, whose .eh_frame has esp and ebp exchanged',
    async (flags) => {
      const path = await machObject('i386', 'mach-frames.c', flags.split(' '));
      const file = openMach(path);
      const table = runSync(file.data('.compact_unwind'))!;
      const bytes = runSync(table.read(0, table.size));
      const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const byDwarf = runSync(withEhFrame(file, openEhFrame))!;
      const printed = new Map(
        [...(await dwarfdumpFrames(path, '--eh-frame'))].map(([start, rows]) => [start % 2 ** 32, rows]),
      );
      let compared = 0;
      for (let at = 0; at < bytes.length; at += 20) {
        const [start, encoding] = [words.getUint32(at, true), words.getUint32(at + 8, true)];
        const rules = compactRules(encoding, EM_386);
        if (rules === undefined) continue;
        const row = { address: 0, end: 1, returnAddressSigned: false, ...rules };
        const compact = toCfiRow(row, { returnAddressRegister: 8, signalFrame: false }, EM_386, 4);
        const rows = printed.get(start) ?? printed.get(start + 1);
        const body = exchanged(rows!.at(-1)!);
        expect(computed(compact), start.toString(16)).toEqual(computedFrom(body, 32));
        expect(computed(runSync(byDwarf.cfiAt(body.address % 2 ** 32)))).toEqual(computedFrom(body, 32));
        compared++;
      }
      expect(compared).toBeGreaterThan(6);
    },
  );
});

/** llvm-dwarfdump takes the numbers of .eh_frame for those of .debug_frame. */
function exchanged({ address, cfa, saved }: PrintedRow): PrintedRow {
  const other = (name: string) => ({ esp: 'ebp', ebp: 'esp' })[name] ?? name;
  return {
    address,
    cfa: { ...cfa, register: other(cfa.register) },
    saved: Object.fromEntries(Object.entries(saved).map(([name, offset]) => [other(name), offset])),
  };
}

describeWith([needsCorpus], "symbolic's list of call frame information", () => {
  it('cfi_macho.snap: the rules at each of its places', () => {
    const text = readFileSync(join(corpusFolder()!, 'symbolic', 'expected', 'cfi_macho.snap'), 'utf8');
    const information = machDebugInformation({ module: openMach(crash), debug: openMach(crashDebug) });
    const lines = [...text.matchAll(/^STACK CFI (INIT )?([0-9a-f]+) (?:([0-9a-f]+) )?(.*)$/gm)];
    expect(lines.length).toBeGreaterThan(250);
    const differing = new Set<number>();
    let rules = new Map<string, string>();
    for (const [line, init, at, size, rest] of lines) {
      if (init) rules = new Map();
      for (const [, register, rule] of rest!.matchAll(/(\S+): (.*?)(?= \S+: |$)/g))
        rules.set(register!.replace('$', ''), rule!);
      const start = Number.parseInt(at!, 16);
      // A compact entry tells of the body only: at its first instruction nothing has been saved.
      const last = start + Number.parseInt(size ?? '1', 16) - 1;
      const places = new Set([Math.min(start + 1, last), last]);
      const isWhole =
        init && !lines.some(([, otherInit, other]) => !otherInit && inside(other!, start, size!));
      for (const place of isWhole ? places : [start]) {
        const row = runSync(information.cfiAt(place));
        const cfa = evaluated(rules.get('.cfa')!, undefined);
        const wanted = {
          cfa,
          returnAddress: evaluated(rules.get('.ra')!, cfa),
          registers: Object.fromEntries(
            [...rules]
              .filter(([name]) => !name.startsWith('.'))
              .map(([name, rule]) => [name, evaluated(rule, cfa)] as const)
              .sort(([a], [b]) => (a < b ? -1 : 1)),
          ),
        };
        if (JSON.stringify(wanted, texts) !== JSON.stringify(computed(row), texts)) {
          expect(rest, line).toBe('.cfa: $rsp 8 + .ra: .cfa -8 + ^');
          differing.add(start);
        }
      }
    }
    // symbolic takes a frame whose size is told by an instruction for one of 8 bytes: it does not read the instruction.
    const indirect = entriesOf(crash).filter(({ encoding }) => ((encoding >>> 24) & 0xf) === 3);
    expect(indirect).toHaveLength(6);
    expect([...differing]).toEqual(indirect.map(({ start }) => start));
    expect(information.problems).toEqual([]);
  });

  const inside = (place: string, start: number, size: string) => {
    const at = Number.parseInt(place, 16);
    return at >= start && at < start + Number.parseInt(size, 16);
  };
  const texts = (_key: string, value: unknown) => (typeof value === 'bigint' ? value.toString(16) : value);

  /** A rule as .sym files have it, postfix. */
  function evaluated(rule: string, cfa: bigint | undefined): bigint | undefined {
    const stack: bigint[] = [];
    for (const token of rule.split(' ')) {
      if (token === '+') stack.push(stack.pop()! + stack.pop()!);
      else if (token === '^') stack.push(view.read(stack.pop()!, 8)!);
      else if (token === '.cfa') stack.push(cfa!);
      else if (/^-?\d+$/.test(token)) stack.push(BigInt(token));
      else stack.push(view.register(token.replace('$', ''))!);
    }
    return stack.pop();
  }
});
