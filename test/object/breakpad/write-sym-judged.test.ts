import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { FileSource } from '../../../src/node/file-source.js';
import { ElfFile, ElfSymbolListing } from '../../../src/object/index.js';
import { corpusFolder, describeWith, needsCorpus, requireTool } from '../../support/tools.js';
import { symText } from './open.js';

const corpus = (...parts: string[]) => join(corpusFolder()!, 'symbolic', ...parts);

function ours(path: string): string[] {
  using source = new FileSource(path);
  const lister = new ElfSymbolListing({ module: runSync(ElfFile.open(source)) });
  const identity = { os: 'Linux', cpu: 'x86_64', debugIdentifier: '0', name: 'x' };
  const sym = symText(identity, lister);
  expect(lister.problems).toEqual([]);
  return sym.split('\n').slice(1, -1);
}

/** Our demangler writes templates as LLVM does: without a space. */
const asWeWrite = (text: string): string =>
  text.replaceAll(/>(?: >)+/g, (brackets) => brackets.replaceAll(' ', ''));

function dumpSyms(path: string): string[] {
  const tool = join(dirname(requireTool('minidump_stackwalk')), 'dump_syms');
  const { stdout } = spawnSync(tool, ['-d', path], { encoding: 'latin1', maxBuffer: 1 << 28 });
  return asWeWrite(stdout).split('\n').slice(2, -1);
}

/** Lines with the paths of their files, so that other numbers of files are no difference. */
function withPaths(records: readonly string[]): string[] {
  const files = new Map<string, string>();
  return records.flatMap((record) => {
    const [, number, path] = /^FILE (\d+) (.*)$/.exec(record) ?? [];
    if (path !== undefined) files.set(number!, path);
    else if (/^[0-9a-f]+ [0-9a-f]+ \d+ \d+$/.test(record))
      return record.replace(/\d+$/, (file) => files.get(file) ?? file);
    return path === undefined ? [record] : [];
  });
}

const only = (all: readonly string[], others: readonly string[]) => {
  const known = new Set(others);
  return all.filter((record) => !known.has(record));
};

describeWith([needsCorpus, 'minidump_stackwalk'], '.sym files of crash, beside those of dump_syms', () => {
  it('of the program: the same records as crash.sym, which differ in what is known to', () => {
    const theirs = asWeWrite(readFileSync(corpus('linux', 'crash.sym'), 'latin1'))
      .split('\n')
      .slice(2, -1);
    const mine = ours(corpus('linux', 'crash'));
    expect(mine.length).toBe(theirs.length);
    // The return address of _start is undefined: a stack ends there. dump_syms keeps the rule of the CIE.
    expect(only(mine, theirs)).toEqual(['STACK CFI INIT 1dc0 2a .cfa: $rsp 8 + .ra: 0']);
    expect(only(theirs, mine)).toEqual(['STACK CFI INIT 1dc0 2a .cfa: $rsp 8 + .ra: .cfa -8 + ^']);
  });

  it('of its debug file: all functions, lines and symbols; names of local functions from their symbols', () => {
    const kinds = /^(?!INLINE)/;
    const mine = withPaths(ours(corpus('linux', 'crash.debug'))).filter((record) => kinds.test(record));
    const theirs = withPaths(dumpSyms(corpus('linux', 'crash.debug'))).filter((record) => kinds.test(record));
    expect(mine.length).toBe(theirs.length);
    expect(mine.length).toBeGreaterThan(6800);
    const head = (record: string) => record.split(' ').slice(0, 4).join(' ');
    const [added, lost] = [only(mine, theirs), only(theirs, mine)];
    expect(added.map(head)).toEqual(lost.map(head));
    // GCC writes no linkage names of functions in anonymous namespaces: dump_syms has them from the scopes, without parameters.
    for (const record of added) expect(record).toContain('(anonymous namespace)::');
    for (const [i, record] of lost.entries()) {
      const name = record.split(' ').slice(4).join(' ');
      expect(record).not.toContain('(');
      expect(added[i]).toContain(`${name}(`);
    }
    expect(lost).toHaveLength(12);
  });

  it('of inlined calls all that dump_syms has, but for those without code; and those in blocks, which it leaves out', () => {
    const calls = (records: readonly string[]) => {
      const names = new Map<string, string>();
      return records.flatMap((record) => {
        const [, number, name] = /^INLINE_ORIGIN (\d+) (.*)$/.exec(record) ?? [];
        if (name !== undefined) names.set(number!, name.replace(/^.*?(\w+)(?:<.*|\(.*|$)/s, '$1'));
        const fields = record.split(' ');
        if (fields[0] !== 'INLINE') return [];
        const ranges = fields
          .slice(5)
          .flatMap((_, i, all) => (i % 2 === 0 && all[i + 1] !== '0' ? [`${all[i]} ${all[i + 1]}`] : []));
        return ranges.map((range) => `${fields[1]} ${fields[2]} ${range}`);
      });
    };
    const mine = calls(ours(corpus('linux', 'crash.debug')));
    const theirs = calls(dumpSyms(corpus('linux', 'crash.debug')));
    expect(theirs.length).toBeGreaterThan(300);
    expect(only(theirs, mine)).toEqual([]);
    expect(mine.length).toBeGreaterThan(theirs.length);
  });
});

/** symbolic has the rules of a line in another order, and leaves registers out that are restored: what holds at each line is compared. */
function rulesAt(records: readonly string[]): Map<string, string> {
  const known = new Map<string, string>();
  let rules = new Map<string, string>();
  for (const record of records) {
    const [, init, address, text] =
      /^STACK CFI (INIT )?(\w+ (?:(?<=INIT \w+ )\w+ )?)(.*)$/.exec(record) ?? [];
    if (address === undefined) continue;
    if (init) rules = new Map();
    for (const [, name, rule] of text!.matchAll(/(\S+): (.*?)(?= \S+:|$)/g)) rules.set(name!, rule!);
    known.set(address.trim(), `${rules.get('.cfa')}; ${rules.get('.ra')}`);
  }
  return known;
}

describeWith([needsCorpus], "call frame information, beside symbolic's", () => {
  it.each([
    ['cfi_elf', ['linux', 'crash'], new Map([['1dc0 2a', 'undefined']])],
    [
      'cfi_elf_arm64',
      ['linux', 'arm64', 'cfi_test'],
      // symbolic leaves out that registers have their own values again: there it still reads them from the stack.
      new Map([
        ['60c', '.cfa -24 + ^'],
        ['6e8', '.cfa -56 + ^'],
      ]),
    ],
  ] as const)('%s: frame and return address are the same at each line', (snapshot, path, differences) => {
    const theirs = rulesAt(readFileSync(corpus('expected', `${snapshot}.snap`), 'latin1').split('\n'));
    const mine = rulesAt(ours(corpus(...path)));
    expect(theirs.size).toBeGreaterThan(15);
    const differing = [...theirs].filter(([address, rules]) => mine.get(address) !== rules);
    expect(differing.map(([address, rules]) => [address, rules.split('; ')[1]])).toEqual([...differences]);
  });
});
