import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { readExports } from '../../../src/object/macho/exports-trie.js';
import { readFunctionStarts } from '../../../src/object/macho/function-starts.js';
import { MachFunctions, machDebugInformation } from '../../../src/object/macho/index.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { crash, crashDebug, machProgram, machTools, openMach, output } from './programs.js';

const none = new Uint32Array();

describeWith([needsCorpus], 'symbols of a program and of its dSYM', () => {
  it.each([crash, crashDebug])('mach_symbols.snap: the same, in the same order', (path) => {
    const text = readFileSync(join(corpusFolder()!, 'symbolic', 'expected', 'mach_symbols.snap'), 'utf8');
    const listed = [...text.matchAll(/^ +([0-9a-f]+) (\S+)$/gm)].map(([, at, name]) => `${at} ${name}`);
    expect(listed.length).toBeGreaterThan(150);
    const ours = runSync(runSync(MachFunctions.open(openMach(path), none))!.all());
    expect(ours.map(({ start, name }) => `${start.toString(16)} ${name}`)).toEqual(listed);
  });

  it('end where the next one begins, or the section', () => {
    const functions = runSync(MachFunctions.open(openMach(crash), none))!;
    const all = runSync(functions.all());
    for (const [i, { start, size }] of all.slice(0, -1).entries())
      expect(start + size).toBe(all[i + 1]!.start);
    const { start, size } = all.at(-1)!;
    const text = openMach(crash).section('.text')!;
    const end = text.address + text.size - 0x1_0000_0000;
    expect(start + size).toBe(end);
    expect(runSync(functions.at(end - 1))).toEqual(all.at(-1));
    expect(runSync(functions.at(end))).toBeUndefined();
  });
});

describeWith([...machTools, 'llvm-objdump-19'], 'what a linker tells of functions', () => {
  it.each(['x86_64', 'arm64'] as const)(
    '%s: exports and starts are those that llvm-objdump prints',
    async (architecture) => {
      const { module } = await machProgram(architecture);
      const file = openMach(module);
      const exported = runSync(readExports(file))!;
      const ours = Array.from({ length: exported.addresses.length }, (_, i) => {
        const address = exported.addresses.at(i) + file.linkBase;
        return `0x${address.toString(16).toUpperCase()}  ${exported.name(i)}`;
      });
      const printed = [
        ...(await output('llvm-objdump-19', ['--macho', '--exports-trie', module])).matchAll(/^0x.*$/gm),
      ].map(([line]) => line);
      expect(printed.length).toBeGreaterThan(10);
      expect(ours.sort()).toEqual(printed.sort());

      const starts = [
        ...(await output('llvm-objdump-19', ['--macho', '--function-starts', module])).matchAll(
          /^[0-9a-f]{16}$/gm,
        ),
      ];
      expect([...runSync(readFunctionStarts(file))]).toEqual(
        starts.map(([digits]) => Number.parseInt(digits, 16) - file.linkBase),
      );
      // The same functions by either table; the trie has no local ones.
      const symbols = runSync(runSync(MachFunctions.open(file, none))!.all()).map(({ name }) => name);
      const exports = runSync(runSync(MachFunctions.openExports(file, none))!.all()).map(({ name }) => name);
      expect(symbols.filter((name) => name !== 'hidden' && name !== '_mh_execute_header')).toEqual(exports);
    },
  );

  it('a function whose symbol was stripped is not taken for the one before it', async () => {
    const { module } = await machProgram('arm64', { flags: ['-O2'], link: ['-x'] });
    const whole = await machProgram('arm64');
    const hidden = runSync(runSync(MachFunctions.open(openMach(whole.module), none))!.all()).find(
      ({ name }) => name === 'hidden',
    )!;
    const stripped = machDebugInformation({ module: openMach(module) });
    expect(runSync(stripped.functionAt(hidden.start - 4))).toMatchObject({ name: 'main' });
    expect(runSync(stripped.functionAt(hidden.start))).toBeUndefined();
    expect(stripped.problems).toEqual([]);
  });
});

describe('names in an exports trie', () => {
  it('do not grow without measure', async () => {
    const { walkExports } = await import('../../../src/object/macho/exports-trie.js');
    // A chain of nodes, each of which exports something and has one child behind a long edge.
    const nodes = 1500;
    const label = 'x'.repeat(40);
    const bytes: number[] = [];
    for (let i = 0; i < nodes; i++) {
      const next = bytes.length + 3 + 1 + label.length + 1 + 3;
      bytes.push(2, 0, 1, 1, ...[...label].map((c) => c.charCodeAt(0)), 0);
      bytes.push((next & 0x7f) | 0x80, ((next >> 7) & 0x7f) | 0x80, next >> 14);
    }
    bytes.push(2, 0, 1, 0);
    expect(() => walkExports(Uint8Array.from(bytes))).toThrow(/names that fit/);
    const loop = Uint8Array.from([0, 1, 0x61, 0, 0]);
    expect(() => walkExports(loop)).toThrow(/one way to it/);
    const good = walkExports(Uint8Array.from([0, 1, 0x61, 0, 5, 2, 0, 7, 0]));
    expect([good.addresses.length, good.addresses.at(0), good.name(0)]).toEqual([1, 7, 'a']);
  });
});
