import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { machProgram, machTools, openMach } from '../object/macho/programs.js';
import { corpusFolder, describeWith, needsBuild, needsCorpus } from '../support/tools.js';
import { mdmp, mdmpJson, scratchFolder } from './command.js';
import { printed, rows } from './printed-sym.js';

const folder = scratchFolder();
const macos = (...names: string[]) => join(corpusFolder() ?? '', 'symbolic', 'macos', ...names);
const ID = '67E9247C814E392BA027DBDE6748FCBF0';

/** Lines with the names of their files, whose numbers are those of one .sym file. */
function linesIn(sym: string): string[] {
  const files = new Map([...sym.matchAll(/^FILE (\d+) (.*)$/gm)].map(([, number, name]) => [number, name]));
  return [...sym.matchAll(/^([0-9a-f]+ [0-9a-f]+ \d+) (\d+)$/gm)].map(
    ([, line, file]) => `${line} ${files.get(file)}`,
  );
}

describeWith([needsBuild, needsCorpus], 'mdmp symbols of macOS', () => {
  it('a program and the dSYM beside it: the records of crash.sym', () => {
    const theirs = readFileSync(macos('crash.sym'), 'utf8');
    const ours = printed(macos('crash'), '--no-inlines');
    expect(ours.split('\n', 1)).toEqual([`MODULE mac x86_64 ${ID} crash`]);
    expect(ours.split('\n', 1)).toEqual(theirs.split('\n', 1));
    const ranges = /^FUNC (?:m )?[0-9a-f]+ [0-9a-f]+ 0 /gm;
    expect(rows(ours, ranges)).toHaveLength(193);
    expect(rows(ours, ranges)).toEqual(rows(theirs, ranges));
    expect(linesIn(ours)).toHaveLength(5593);
    expect(linesIn(ours)).toEqual(linesIn(theirs));
    // It has those of data, too, which no frame is in.
    const publics = rows(ours, /^PUBLIC .*$/gm);
    expect(rows(theirs, /^PUBLIC .*$/gm)).toEqual(expect.arrayContaining(publics));
    expect(publics).toEqual(rows(readFileSync(macos('crash.inlines.sym'), 'utf8'), /^PUBLIC .*$/gm));
    // It has .eh_frame only, and no compact unwind information.
    const [frames, all] = [theirs, ours].map((one) => rows(one, /^STACK .*$/gm)) as [string[], string[]];
    expect(frames).toHaveLength(213);
    expect(all.slice(0, frames.length)).toEqual(frames);
    expect(all.length).toBeGreaterThan(300);
  });

  it('the bundle, its file, and the program, alone or together: one .sym file of all', () => {
    const whole = printed(macos('crash'));
    const debug = macos('crash.dSYM', 'Contents', 'Resources', 'DWARF', 'crash');
    expect(rows(whole, /^INLINE /gm).length).toBeGreaterThan(1000);
    for (const file of [macos('crash.dSYM'), debug]) expect(printed(file)).toBe(whole);
    const store = join(folder, 'store');
    const made = mdmpJson(['symbols', macos('crash.dSYM'), macos('crash'), '--store', store]);
    expect(made).toMatchObject([
      { debugId: ID, files: [macos('crash'), debug], output: join(store, `crash/${ID}/crash.sym`) },
      { debugId: ID, output: join(store, `crash/${ID}/crash.sym`) },
    ]);
    expect(readFileSync(join(store, `crash/${ID}/crash.sym`), 'utf8')).toBe(whole);
    const [alone, bundle] = [join(folder, 'alone'), join(folder, 'bundle')];
    mkdirSync(alone);
    copyFileSync(macos('crash'), join(alone, 'crash'));
    cpSync(macos('crash.dSYM'), join(bundle, 'crash.dSYM'), { recursive: true });
    expect(rows(printed(join(alone, 'crash')), /^(?:FUNC|INLINE)/gm)).toEqual([]);
    expect(printed(join(bundle, 'crash.dSYM'))).toBe(whole.replace(/^STACK .*\n/gm, ''));
    expect(mdmp(['symbols', join(alone, 'none.dSYM')])).toMatchObject({ exit: 10 });
    // A bundle without anything in it is no reason to fail, unless it is asked for.
    mkdirSync(join(alone, 'crash.dSYM'));
    expect(mdmp(['symbols', join(alone, 'crash')])).toMatchObject({ exit: 0, stderr: '' });
    expect(mdmp(['symbols', join(alone, 'crash.dSYM')])).toMatchObject({ exit: 10, stdout: '' });
  });
});

describeWith([needsBuild, ...machTools, 'llvm-lipo-19'], 'mdmp symbols of a universal file', () => {
  it('makes of each part what it makes of that file alone, with the universal dSYM beside it', async () => {
    const place = join(folder, 'universal');
    const bundle = join(place, 'App.dSYM/Contents/Resources/DWARF');
    mkdirSync(bundle, { recursive: true });
    const parts = [await machProgram('x86_64'), await machProgram('arm64')];
    const [program, debug] = [join(place, 'App'), join(bundle, 'App')];
    for (const [path, from] of [
      [program, parts.map((part) => part.module)],
      [debug, parts.map((part) => part.debug)],
    ] as const) {
      const { status, stderr } = spawnSync('llvm-lipo-19', ['-create', ...from, '-output', path]);
      expect([status, stderr.toString()]).toEqual([0, '']);
    }
    const alone = parts.map((part) => printed(part.module, '--name', 'App'));
    for (const sym of alone) expect(rows(sym, /^FUNC .*$/gm).length).toBeGreaterThan(10);
    expect(alone[0]).not.toBe(alone[1]);
    const architectures = ['x86_64', 'arm64'];
    expect(architectures.map((arch) => printed(program, '--arch', arch))).toEqual(alone);
    expect(architectures.map((arch) => printed(join(place, 'App.dSYM'), '--arch', arch))).toEqual(alone);

    const store = join(place, 'store');
    const made = mdmpJson(['symbols', program, join(place, 'App.dSYM'), '--store', store, '--files']);
    const ids = parts.map((part) => openMach(part.module).codeIdentifier!);
    expect(made.map((one: { debugId: string; kept: string }) => [one.debugId, one.kept])).toEqual([
      ...ids.map((id) => [`${id.toUpperCase()}0`, join(store, `app/mach-uuid-${id}/app`)]),
      ...ids.map((id) => [`${id.toUpperCase()}0`, join(store, `_.dwarf/mach-uuid-sym-${id}/_.dwarf`)]),
    ]);
    const written = ids.map((id) => readFileSync(join(store, `App/${id.toUpperCase()}0/App.sym`), 'utf8'));
    expect(written).toEqual(alone);

    const both = mdmp(['symbols', program]);
    expect(both).toMatchObject({ exit: 2, stdout: '' });
    expect(both.stderr).toContain('holds App for x86_64 and App for arm64');
    expect(mdmp(['symbols', program, '--arch', 'i386'])).toMatchObject({ exit: 17, stdout: '' });
  });
});
