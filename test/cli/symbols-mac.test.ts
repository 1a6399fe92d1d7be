import { copyFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { corpusFolder, describeWith, needsBuild, needsCorpus } from '../support/tools.js';
import { mdmp, mdmpJson, scratchFolder } from './command.js';

const folder = scratchFolder();
const macos = (...names: string[]) => join(corpusFolder() ?? '', 'symbolic', 'macos', ...names);
const ID = '67E9247C814E392BA027DBDE6748FCBF0';

const rows = (sym: string, pattern: RegExp) => [...sym.matchAll(pattern)].map(([row]) => row.trimEnd());

/** Lines with the names of their files, whose numbers are those of one .sym file. */
function linesIn(sym: string): string[] {
  const files = new Map([...sym.matchAll(/^FILE (\d+) (.*)$/gm)].map(([, number, name]) => [number, name]));
  return [...sym.matchAll(/^([0-9a-f]+ [0-9a-f]+ \d+) (\d+)$/gm)].map(
    ([, line, file]) => `${line} ${files.get(file)}`,
  );
}

function printed(...words: string[]): string {
  const { exit, stdout, stderr } = mdmp(['symbols', ...words]);
  expect([exit, stderr]).toEqual([0, '']);
  return stdout;
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
  });
});
