import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { corpusFolder, describeWith, needsBuild, needsCorpus } from '../support/tools.js';
import { mdmp, mdmpJson, scratchFolder } from './command.js';

const folder = scratchFolder();
const linux = (name: string) => join(corpusFolder()!, 'symbolic/linux', name);
const ID = 'C0BCC3F19827FE653058404B2831D9E60';

describeWith([needsBuild, needsCorpus], 'mdmp symbols', () => {
  it('prints one file, or writes it with the mode that files have, and replaces none unasked', () => {
    const printed = mdmp(['symbols', linux('crash'), '--name', 'other']);
    expect(printed.exit).toBe(0);
    expect(printed.stdout).toContain(
      `MODULE Linux x86_64 ${ID} other\nINFO CODE_ID F1C3BCC0279865FE3058404B2831D9E64135386C\n`,
    );
    const file = join(folder, 'crash.sym');
    const words = ['symbols', linux('crash'), '-o', file, '--name', 'other'];
    expect(mdmp(words).exit).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(printed.stdout);
    expect(statSync(file).mode & 0o777).toBe(0o666 & ~process.umask());
    expect(mdmp(words)).toMatchObject({ exit: 40 });
    expect(mdmp([...words, '--force']).exit).toBe(0);
  });

  it('lays out a store, where what was split off and its program are one file, and finds symbols in it', () => {
    const store = join(folder, 'store');
    const files = [linux('crash.debug'), linux('crash')];
    const made = mdmpJson(['symbols', ...files, '--store', store, '--files']);
    const sym = join(store, 'crash', ID, 'crash.sym');
    const kept = join(store, '.build-id/f1/c3bcc0279865fe3058404b2831d9e64135386c');
    expect(made).toMatchObject([
      { module: 'crash', debugId: ID, output: sym, functions: 158, frames: 1498, kept: `${kept}.debug` },
      { output: sym, kept },
    ]);
    for (const [i, path] of [`${kept}.debug`, kept].entries())
      expect(readFileSync(path)).toEqual(readFileSync(files[i]!));
    const text = readFileSync(sym, 'utf8');
    expect(text).toMatch(/^FUNC 1c70 14c 0 main$/m);
    expect(text).toMatch(/^STACK CFI INIT 1c70 14c /m);
    const stack = mdmp(['stack', join(corpusFolder()!, 'rust-minidump/linux-mini.dmp'), store]);
    expect(stack.stdout).toMatch(/crash!main/);
  });

  it('names the file that is at fault, whatever it is called', () => {
    const pdb = readFileSync(join(corpusFolder()!, 'symbolic/windows/crash.pdb'));
    writeFileSync(join(folder, 'e'), pdb.subarray(0, 300));
    const { exit, stderr } = mdmp(['symbols', 'e'], { cwd: folder });
    expect([exit, stderr]).toEqual([13, expect.stringMatching(/^mdmp: e: PDB: /)]);
  });

  it('leaves out what is not wanted', () => {
    const { stdout } = mdmp(['symbols', linux('crash.debug'), '--no-inlines', '--no-cfi']);
    expect(stdout).not.toMatch(/^(INLINE|STACK)/m);
    expect(stdout).toMatch(/^MODULE Linux x86_64 \w+ crash\n/);
  });

  it('has a line for each file that fails, and writes the others', () => {
    const text = join(folder, 'text');
    writeFileSync(text, 'nothing');
    const store = join(folder, 'partly');
    const { exit, stdout, stderr } = mdmp([
      'symbols',
      join(folder, 'absent'),
      text,
      linux('crash'),
      '--store',
      store,
    ]);
    expect(exit).toBe(10);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr).toContain(`${text}: it is none of the files`);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(existsSync(join(store, 'crash', ID, 'crash.sym'))).toBe(true);
    expect(mdmp(['symbols', linux('crash'), linux('crash.debug')])).toMatchObject({ exit: 2 });
    expect(mdmp(['symbols', linux('crash.sym')])).toMatchObject({ exit: 17 });
  });
});
