import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeWith, type Need, needsBuild, requireTool, root } from '../support/tools.js';
import { mdmp, scratchFolder } from './command.js';
import { printed } from './printed-sym.js';

const folder = scratchFolder();
const needsDwp: Need = {
  missing: spawnSync('llvm-dwp-19', ['--version']).error ? 'llvm-dwp-19' : undefined,
};
const source = join(root, 'test', 'programs', 'inlined.c');

function ran(command: string, args: readonly string[], cwd = folder): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** The same code, whatever is told of it. */
function compiled(name: string, ...flags: string[]): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  ran(requireTool('gcc'), ['-O2', '-g', ...flags, source, '-o', path], dirname(path));
  return path;
}

/** Records with the names of files and functions for their numbers, sorted; not those of the file itself. */
function records(sym: string): string[] {
  const names = new Map<string, string>();
  const all: string[] = [];
  for (const row of sym.split('\n').filter(Boolean)) {
    const [, key, name] = /^((?:FILE|INLINE_ORIGIN) \d+) (.*)$/.exec(row) ?? [];
    if (key !== undefined) names.set(key, name!);
    else if (!/^(?:MODULE|INFO) /.test(row)) {
      all.push(
        row
          .replace(
            /^([0-9a-f]+ [0-9a-f]+ \d+) (\d+)$/,
            (_, line, file) => `${line} ${names.get(`FILE ${file}`)}`,
          )
          .replace(
            /^(INLINE \d+ \d+) (\d+) (\d+)/,
            (_, call, file, origin) =>
              `${call} ${names.get(`FILE ${file}`)} ${names.get(`INLINE_ORIGIN ${origin}`)}`,
          ),
      );
    }
  }
  return all.sort();
}

function ours(path: string, ...options: string[]): string[] {
  return records(printed(path, ...options));
}

/** Functions, lines and call frames. */
const code = (all: readonly string[]) => all.filter((record) => /^(?:FUNC|STACK|[0-9a-f]+ )/.test(record));
const only = (all: readonly string[], others: readonly string[]) =>
  all.filter((record) => !others.includes(record));

describeWith(
  [needsBuild, 'gcc', 'minidump_stackwalk'],
  'mdmp symbols and dump_syms, of each version of DWARF',
  () => {
    const theirs = (path: string) =>
      code(records(ran(join(dirname(requireTool('minidump_stackwalk')), 'dump_syms'), ['-d', path])));

    // With -fno-asynchronous-unwind-tables call frame information is in .debug_frame.
    describe.each([
      ['.eh_frame', []],
      ['.debug_frame', ['-fno-asynchronous-unwind-tables']],
    ])('%s', (section, flags) => {
      const frames = section.slice(1);

      it.each([2, 4])('version %d: the same functions, lines and frames', (version) => {
        const path = compiled(`${frames}-${version}`, `-gdwarf-${version}`, '-gstrict-dwarf', ...flags);
        const [mine, their] = [code(ours(path)), theirs(path)];
        expect(mine.filter((record) => record.startsWith('FUNC')).length).toBe(8);
        const [, start, size] = /^FUNC (\w+) (\w+) 0 main$/m.exec(mine.join('\n'))!;
        expect(mine.join('\n')).toContain(`STACK CFI INIT ${start} ${size} `);
        // Nobody called _start. dump_syms keeps the rule of the CIE.
        const own = only(mine, their);
        expect(own).toEqual([expect.stringMatching(/^STACK CFI INIT \w+ \w+ \.cfa: \$rsp 8 \+ \.ra: 0$/)]);
        expect(only(their, mine)).toEqual([own[0]!.replace('.ra: 0', '.ra: .cfa -8 + ^')]);
      });

      it.each([3, 5])('version %d: what version 4 says', (version) => {
        const path = compiled(`${frames}-${version}`, `-gdwarf-${version}`, ...flags);
        const four = compiled(`${frames}-four`, '-gdwarf-4', ...flags);
        const mine = ours(path);
        expect(mine.filter((record) => record.startsWith('INLINE')).length).toBeGreaterThan(10);
        expect(mine).toEqual(ours(four));
        // This release of dump_syms misses functions there; all that it has is here, but for the rule of _start.
        const their = theirs(path);
        expect(their.filter((record) => record.startsWith('FUNC')).length).toBeGreaterThan(3);
        expect(only(their, mine)).toEqual([
          expect.stringMatching(/^STACK CFI INIT \w+ \w+ \.cfa: \$rsp 8 \+ \.ra: \.cfa -8 \+ \^$/),
        ]);
      });
    });
  },
);

describeWith([needsBuild, 'gcc', needsDwp], 'mdmp symbols of DWARF that was split off', () => {
  it.each([4, 5])('version %d, in .dwo files and in a package: what is told of the whole', (version) => {
    const whole = ours(compiled(`whole-${version}`, `-gdwarf-${version}`));
    const path = compiled(`split-${version}/app`, `-gdwarf-${version}`, '-gsplit-dwarf');
    const dwo = join(dirname(path), 'app-inlined.dwo');
    expect(whole.filter((record) => record.startsWith('INLINE')).length).toBeGreaterThan(10);
    expect(ours(path)).toEqual(whole);
    const elsewhere = join(folder, `elsewhere-${version}`);
    mkdirSync(elsewhere);
    ran('llvm-dwp-19', ['-e', path, '-o', join(elsewhere, 'app.dwp')]);
    renameSync(dwo, join(folder, `hidden-${version}.dwo`));
    const { stderr, stdout } = mdmp(['symbols', path]);
    expect(stderr).toMatch(/^warning: .*app-inlined\.dwo is missing/);
    expect(code(records(stdout)).length).toBeLessThan(code(whole).length);
    expect(ours(path, '--symbols-path', elsewhere)).toEqual(whole);
    copyFileSync(join(elsewhere, 'app.dwp'), `${path}.dwp`);
    expect(ours(path)).toEqual(whole);
  });
});

describeWith([needsBuild, 'gcc', 'dwz'], 'mdmp symbols of DWARF that dwz shared', () => {
  it.each([4, 5])(
    'version %d: what was told before; a warning where the shared file is missing',
    (version) => {
      const place = `dwz-${version}`;
      const path = compiled(`${place}/one`, `-gdwarf-${version}`);
      compiled(`${place}/other`, `-gdwarf-${version}`, '-DOTHER');
      const before = ours(path);
      ran(requireTool('dwz'), ['-m', 'common.dwz', 'one', 'other'], dirname(path));
      expect(ran('readelf', ['-SW', path])).toContain('.gnu_debugaltlink');
      expect(ours(path)).toEqual(before);
      renameSync(join(dirname(path), 'common.dwz'), join(folder, `${place}.hidden`));
      expect(mdmp(['symbols', path]).stderr).toMatch(/^warning: .*common\.dwz is missing/);
    },
  );
});
