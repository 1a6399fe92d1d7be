import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { describeWith, type Need, root } from '../../support/tools.js';
import { listed, openPdb } from './open.js';

const onPath = (name: string): Need => ({
  missing: (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)))
    ? undefined
    : name,
});
const SOURCES = ['inlined-calls', 'inlined-calls-2'];

afterAll(removeFolders);

/** A program of two files with inlined calls, for Windows; gives its path without the suffix. */
function link(target: string): string {
  const folder = temporaryFolder();
  const objects = SOURCES.map((name) => {
    const object = join(folder, `${target}-${name}.obj`);
    const options = ['-g', '-gcodeview', '-O2', '-ffreestanding', '-fno-exceptions'];
    const source = join(root, 'test/object/pdb', `${name}.cc`);
    execFileSync('clang++-19', [
      `--target=${target}-pc-windows-msvc`,
      ...options,
      '-c',
      source,
      '-o',
      object,
    ]);
    return object;
  });
  const path = join(folder, target);
  const outputs = [`/out:${path}.exe`, `/pdb:${path}.pdb`];
  execFileSync('lld-link-19', [
    '/debug',
    '/nodefaultlib',
    '/entry:start',
    '/subsystem:console',
    ...outputs,
    ...objects,
  ]);
  return path;
}

/** The frames at each RVA, the innermost first, as llvm-symbolizer has them: name without arguments, file, line. */
function symbolized(path: string, rvas: readonly number[]): string[][] {
  const input = rvas.map((rva) => `0x${rva.toString(16)}\n`).join('');
  const options = [`--obj=${path}.exe`, '--relative-address', '--output-style=JSON'];
  const text = execFileSync('llvm-symbolizer-19', options, { input }).toString();
  return text
    .split('\n')
    .filter(Boolean)
    .map((row) => {
      const { Symbol: frames } = JSON.parse(row) as {
        Symbol: { FunctionName: string; FileName: string; Line: number }[];
      };
      return frames.map(({ FunctionName, FileName, Line }) => frameText(FunctionName, FileName, Line));
    });
}

const frameText = (name: string, file: string | undefined, line: number | undefined) =>
  `${name.replace(/\(anonymous namespace\)/g, "`anonymous namespace'").replace(/\(.*$/s, '')} ${file?.replace(/^.*[\\/]/, '')}:${line}`;

describeWith(
  ['clang++-19', onPath('lld-link-19'), onPath('llvm-symbolizer-19')],
  'a program that clang and lld make',
  () => {
    it.each(['x86_64', 'i686'])('for %s: frames at each address are those of llvm-symbolizer', (target) => {
      const path = link(target);
      const { information } = openPdb(`${path}.pdb`);
      const { functions } = listed(information);
      expect(functions.map(({ name }) => name.replace(/\(.*/, '')).sort()).toEqual([
        "`anonymous namespace'::hidden",
        'second',
        'start',
      ]);
      const rvas = functions.flatMap(({ start, size }) => Array.from({ length: size }, (_, i) => start + i));
      expect(rvas.length).toBeGreaterThan(200);
      const wanted = symbolized(path, rvas);
      let deepest = 0;
      const found = rvas.flatMap((rva, i) => {
        const at = runSync(information.functionAt(rva));
        const frames = at === undefined ? [] : [...at.inlines, at];
        deepest = Math.max(deepest, frames.length);
        const ours = frames.map(({ name, file, line }) => frameText(name, file, line));
        return ours.join(' < ') === wanted[i]!.join(' < ')
          ? []
          : [`${rva.toString(16)}: ${wanted[i]!.join(' < ')} | ${ours.join(' < ')}`];
      });
      expect(found).toEqual([]);
      expect(deepest).toBe(3);
      expect(information.problems).toEqual([]);
    });

    it('lists at each address the line that functionAt has for the innermost call', () => {
      const { information } = openPdb(`${link('x86_64')}.pdb`);
      for (const { lines } of listed(information).functions) {
        expect(lines.length).toBeGreaterThan(3);
        for (const { start, size, line, file } of lines) {
          for (let rva = start; rva < start + size; rva++) {
            const at = runSync(information.functionAt(rva))!;
            expect(at.inlines[0] ?? at).toMatchObject({ line, file });
          }
        }
      }
    });

    it('has arguments in the names of C++, and none in those of C', () => {
      const { information } = openPdb(`${link('i686')}.pdb`);
      const names = listed(information).functions.flatMap(({ name, inlines }) => [
        name,
        ...inlines.map((one) => one.name),
      ]);
      expect(new Set(names)).toEqual(
        new Set([
          'start',
          'second(shapes::Box const*, char)',
          "`anonymous namespace'::hidden(unsigned __int64, char const* const)",
          // Clang leaves the arguments of templates out of function ids.
          'shapes::twice(shapes::Box)',
          'shapes::Box::area() const',
          'helper(int)',
        ]),
      );
    });
  },
);
