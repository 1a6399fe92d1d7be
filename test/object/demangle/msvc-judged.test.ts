import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { demangle } from '../../../src/object/demangle/index.js';
import { corpusFolder, describeWith, needsCorpus, root } from '../../support/tools.js';
import { damagedNames } from './damaged-names.js';
import { needsPrograms } from './judges.js';
import { msvcNames } from './msvc-names.js';

const needsUndname = needsPrograms('llvm-undname-19');
const needsClang = needsPrograms('clang-19');

/** What llvm-undname says of each name; undefined where it says that it is none. */
function undname(names: readonly string[], ...options: string[]): (string | undefined)[] {
  // It ends with 1 where one name is none.
  const { stdout, status } = spawnSync('llvm-undname-19', options, {
    encoding: 'utf8',
    input: `${names.join('\n')}\n`,
    maxBuffer: 1 << 30,
  });
  expect([0, 1]).toContain(status);
  const text = stdout.split('\n');
  let at = 0;
  return names.map((name) => {
    // Each name over again, then what it is, if it is one, and an empty line.
    expect(text[at++]).toBe(name);
    const readable = text[at] === '' ? undefined : text[at++];
    at++;
    return readable;
  });
}

const withoutClone = (text: string) => text.replace(/ \[clone .*\]$/, '');

interface Comparison {
  same: number;
  /** Which both read, and otherwise. */
  different: string[];
  /** Which only llvm-undname reads; without those that have more behind their end, where it does not look. */
  unread: string[];
}

function compare(names: readonly string[]): Comparison {
  const comparison: Comparison = { same: 0, different: [], unread: [] };
  for (const [i, expected] of undname(names).entries()) {
    const name = names[i]!;
    const ours = demangle(name, { complete: true });
    if (expected === undefined) continue;
    if (withoutClone(ours) === expected) comparison.same++;
    else if (ours !== name) comparison.different.push(`${name}\n  ${expected}\n  ${ours}`);
    else if (!beginsWith(name, expected)) comparison.unread.push(`${name}\n  ${expected}`);
  }
  return comparison;
}

const beginsWith = (name: string, readable: string) => {
  for (let length = name.length - 1; length > 1; length--) {
    if (demangle(name.slice(0, length), { complete: true }) === readable) return true;
  }
  return false;
};

/** clang's names of msvc.cc, as they are in its intermediate code. */
function compiled(target: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-demangle-'));
  try {
    const output = join(folder, 'names.ll');
    const source = join(root, 'test', 'object', 'demangle', 'msvc.cc');
    const options = ['-std=c++20', '-w', '-fcxx-exceptions', '-fexceptions', '-S', '-emit-llvm'];
    const { status, stderr } = spawnSync(
      'clang-19',
      [`--target=${target}-pc-windows-msvc`, ...options, '-o', output, source],
      { encoding: 'utf8' },
    );
    expect(status, stderr).toBe(0);
    const quoted = readFileSync(output, 'latin1').matchAll(/"(?:\\01)?(\.?\?[^"\\]+)(?:\\00)?"/g);
    return [...new Set([...quoted].map((match) => match[1]!))];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const targets = ['x86_64', 'i686', 'aarch64'];

describeWith([needsUndname, needsClang], "clang's names for Windows", () => {
  it.each(targets)('of %s are read as llvm-undname reads them', { timeout: 120_000 }, (target) => {
    const names = compiled(target);
    expect(names.length).toBeGreaterThan(400);
    const { same, different, unread } = compare(names);
    expect(different).toEqual([]);
    expect(unread).toEqual([]);
    expect(same).toBeGreaterThan(400);
    // llvm-undname does not read values of classes; mdmp reads all.
    expect(names.filter((name) => demangle(name) === name)).toEqual([]);
  });

  it('are as short as llvm-symbolizer has them in stacks', { timeout: 120_000 }, () => {
    const names = compiled('x86_64');
    const options = ['access-specifier', 'calling-convention', 'member-type', 'return-type'];
    const expected = undname(names, ...options.map((option) => `--no-${option}`));
    // In scopes that are functions, and in parameters, LLVM writes conventions and results all the same, and it leaves out the
    // results of types of functions; mdmp does neither.
    const comparable = names.flatMap((name, i) => {
      const text = expected[i];
      return text === undefined || /'::`\d|\(__|__\w+ [\w:]+\(|\$\$A[68]/.test(name + text)
        ? []
        : [[name, text] as const];
    });
    expect(comparable.length).toBeGreaterThan(300);
    expect(comparable.filter(([name, text]) => withoutClone(demangle(name)) !== text)).toEqual([]);
  });
});

describeWith([needsUndname, needsCorpus], 'the names of the corpus', () => {
  it('are read as llvm-undname reads them', { timeout: 120_000 }, () => {
    const names = new Set<string>();
    const folder = corpusFolder()!;
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(?:pdb|sym|snap)$/.test(path) || !statSync(join(folder, path)).isFile()) continue;
      const text = readFileSync(join(folder, path), 'latin1');
      for (const [name] of text.matchAll(/(?<![!-~])\.?\?[?A-Za-z_$][!-~]*@[!-~]*(?=[\0\n"' ])/g))
        names.add(name);
    }
    expect(names.size).toBeGreaterThan(800);
    const { same, different, unread } = compare([...names]);
    expect(different).toEqual([]);
    expect(unread).toEqual([]);
    expect(same).toBeGreaterThan(800);
  });
});

describeWith([needsUndname], 'damaged names of Windows', () => {
  it('are read as llvm-undname reads them, if they are', { timeout: 120_000 }, () => {
    const names = Object.keys(msvcNames);
    const alphabet = '?@$ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789abc';
    const damaged = new Set<string>();
    for (const name of damagedNames(names, { alphabet, kept: 1, piece: 12, seed: 20261126 })) {
      if (/^\.?\?/.test(name)) damaged.add(name);
    }
    const { same, different, unread } = compare([...damaged]);
    // Of the bases that a table is for LLVM 19 writes the first.
    expect(different.filter((text) => !text.includes("'s `"))).toEqual([]);
    expect(same).toBeGreaterThan(2000);
    // LLVM 19 reads on behind some errors: a wrong class of functions, a literal longer than it says.
    expect(unread.length).toBeLessThan(0.1 * same);
  });
});
