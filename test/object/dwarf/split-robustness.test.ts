import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { BytesSource, MinidumpError, runSync } from '../../../src/io/index.js';
import type { CompanionFiles } from '../../../src/object/companion-files.js';
import { ElfDebugInformation } from '../../../src/object/elf-debug-information.js';
import { ElfFile } from '../../../src/object/elf-file.js';
import { generator } from '../../reader/mutations.js';
import { describeWith, type Need } from '../../support/tools.js';

const folder = mkdtempSync(join(tmpdir(), 'mdmp-split-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const needsDwp: Need = {
  missing: spawnSync('llvm-dwp-19', ['--help']).error === undefined ? undefined : 'llvm-dwp-19',
};

const SOURCE = `
static inline int twice(int a) { for (int i = 0; i < a; i++) a ^= i; return 2 * a; }
__attribute__((noinline)) int sum(int *v, int n) { int s = 0; for (int i = 0; i < n; i++) s += twice(v[i]); return s; }
int main(int c, char **v) { (void)v; return sum(&c, 1) + twice(c); }
`;

describeWith(['gcc', needsDwp], 'damaged .dwo and .dwp files', () => {
  it.each(['-gdwarf-5', '-gdwarf-4'])('nothing but MinidumpErrors, whatever is changed: %s', (version) => {
    writeFileSync(join(folder, 'split.c'), SOURCE);
    const at = { cwd: folder, encoding: 'utf8' } as const;
    expect(
      spawnSync('gcc', ['-O2', '-g', version, '-gsplit-dwarf', 'split.c', '-o', 'split'], at).stderr,
    ).toBe('');
    expect(spawnSync('llvm-dwp-19', ['-e', 'split', '-o', 'split.dwp'], at).stderr).toBe('');
    const program = readFileSync(join(folder, 'split'));

    /** The names at all addresses, with these bytes as the file of this suffix. */
    const ask = (suffix: string, bytes: Uint8Array): Set<string> => {
      const files: CompanionFiles = {
        *find(path, take) {
          if (!path.endsWith(suffix)) return undefined;
          try {
            const value = yield* take(yield* ElfFile.open(new BytesSource(bytes)));
            return value === undefined ? undefined : { value, close: () => {} };
          } catch (error) {
            if (error instanceof MinidumpError) return undefined;
            throw error;
          }
        },
      };
      const module = runSync(ElfFile.open(new BytesSource(program)));
      const split = { files, packageNames: ['split.dwp'] };
      const information = new ElfDebugInformation({ module, split });
      const text = module.section('.text')!;
      const names = new Set<string>();
      for (let rva = text.address; rva < text.address + text.size; rva += 5) {
        const found = runSync(information.functionAt(rva));
        for (const { name } of found?.inlines ?? []) names.add(name);
      }
      return names;
    };

    for (const [suffix, file] of [
      ['.dwo', 'split.dwo'],
      ['.dwp', 'split.dwp'],
    ] as const) {
      const original = readFileSync(join(folder, file));
      expect([...ask(suffix, original)]).toEqual(['twice']);
      const { sections } = runSync(ElfFile.open(new BytesSource(original)));
      const places = sections.filter(({ name, size }) => name.startsWith('.debug') && size > 0);
      const random = generator(7);
      for (let round = 0; round < 300; round++) {
        const bytes = Uint8Array.from(original);
        for (let change = 0; change < 1 + random(6); change++) {
          const { offset, size } = places[random(places.length)]!;
          const values = [0, 1, 0x7f, 0x80, 0xff, random(256)];
          const from = offset + random(random(2) ? Math.min(size, 48) : size);
          bytes.fill(values[random(values.length)]!, from, from + (random(3) === 0 ? 8 : 1));
        }
        ask(suffix, round % 10 === 9 ? bytes.subarray(0, random(bytes.length)) : bytes);
      }
    }
  });
});
