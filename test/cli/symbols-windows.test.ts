import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSync } from '../../src/io/index.js';
import { openSym } from '../object/breakpad/open.js';
import { symDifferences, type Told, unexpected } from '../object/pdb/sym-differences.js';
import { run } from '../support/run.js';
import { corpusFolder, describeWith, needsBuild, needsCorpus, requireTool } from '../support/tools.js';
import { mdmp, mdmpJson, scratchFolder } from './command.js';
import { printed, rows } from './printed-sym.js';

const folder = scratchFolder();
const corpus = (...names: string[]) => join(corpusFolder() ?? '', ...names);
const windows = (...names: string[]) => corpus('symbolic', 'windows', ...names);
const text = (...names: string[]) => readFileSync(corpus(...names), 'utf8');
const dump = () => corpus('symbolicator', 'windows.dmp');

const CRASH = '3249D99D0C4049318610F4E4FB0B69361';
const EXCEPTION = 'F535C5FB2AE84BB8AA206C30BE566C5A1';

const head = (sym: string) => sym.split('\n', 2);

/** What is in a .sym file, to be compared with another. */
function told(sym: string): Told {
  const index = openSym(sym);
  const hex = (digits: string | undefined) => Number.parseInt(digits!, 16);
  return {
    debugIdentifier: index.module!.id,
    functions: [...sym.matchAll(/^FUNC (?:m )?(\S+) (\S+) (\S+) (.*)$/gm)].map((match) => ({
      ...{ start: hex(match[1]), size: hex(match[2]), parameterSize: hex(match[3]), name: match[4]! },
    })),
    publics: [...sym.matchAll(/^PUBLIC (?:m )?(\S+) (\S+) (.*)$/gm)].map((match) => ({
      ...{ start: hex(match[1]), parameterSize: hex(match[2]), name: match[3]! },
    })),
    at: (rva) => runSync(index.functionAt(rva)),
  };
}

/** A folder with files of the corpus, and no others. */
function apart(name: string, ...files: string[]): string {
  const place = join(folder, name);
  mkdirSync(place);
  for (const file of files) copyFileSync(windows(file), join(place, file));
  return place;
}

describeWith([needsBuild, needsCorpus], 'mdmp symbols of Windows', () => {
  it.each([
    ['crash', 'crash.sym', `windows x86 ${CRASH}`, '5AB380779000'],
    ['CrashWithException', 'CrashWithException.pdb.sym', `windows x86_64 ${EXCEPTION}`, '5C9E09599000'],
  ])('%s.exe and its PDB: the records of %s', (what, sym, module, code) => {
    const theirs = text('symbolic', 'windows', sym);
    const ours = printed(windows(`${what}.exe`));
    expect(head(ours)).toEqual([`MODULE ${module} ${what}.pdb`, `INFO CODE_ID ${code} ${what}.exe`]);
    expect(head(ours)).toEqual(head(theirs.replaceAll('\r', '')));
    for (const one of [ours, printed(windows(`${what}.exe`), '--no-inlines')]) {
      const { seen, found } = symDifferences(what, theirs, told(one));
      expect(seen).toBeGreaterThan(80);
      expect(unexpected(found)).toEqual([]);
    }
    // Of functions that the linker folded dump_syms has a record less: both are in the table.
    const [frames, all] = [theirs, ours].map((one) => rows(one, /^STACK WIN .*$/gm)) as [string[], string[]];
    expect(frames.filter((row) => !all.includes(row))).toEqual([]);
    const more = all.filter((row) => !frames.includes(row)).map((row) => `our frame ${row}`);
    expect(unexpected(more)).toEqual([]);
    expect(all.length > 100).toBe(what === 'crash');
    // With -m: the same functions are marked as folded, and no other record changes.
    const shared = (sym: string) => rows(sym, /^(?:FUNC|PUBLIC) m [0-9a-f]+ [0-9a-f]+ /gm);
    const marked = printed(windows(`${what}.exe`), '-m');
    expect(shared(theirs)).toHaveLength(5);
    expect(shared(marked)).toEqual(shared(theirs));
    expect(shared(ours)).toEqual([]);
    expect(marked.replace(/^(FUNC|PUBLIC) m /gm, '$1 ')).toBe(ours);
  });

  it('CrashWithException: STACK CFI as symbolic has it, and as dump_syms', () => {
    const cfi = /^STACK CFI .*$/gm;
    const ours = rows(printed(windows('CrashWithException.exe')), cfi);
    expect(ours).toEqual(rows(text('symbolic', 'expected', 'cfi_pe_windows.snap'), cfi));
    // It has the frame of each, but not the registers that are saved in it; a leaf is one whose second record says nothing else.
    const theirs = new Map<string, string>();
    let range = '';
    for (const row of rows(text('symbolic', 'windows', 'CrashWithException.pdb.sym'), cfi)) {
      const [, init, rules] = /^STACK CFI (?:INIT (\S+ \S+)|\S+) (.*)$/.exec(row)!;
      range = init ?? range;
      theirs.set(range, init === undefined ? `${rules} .ra: .cfa 8 - ^` : rules!);
    }
    expect(theirs.size).toBe(ours.length);
    const differing = ours.filter((row) => {
      const [, at, rules] = /^STACK CFI INIT (\S+ \S+) (.*)$/.exec(row)!;
      return theirs.get(at!) !== rules!.replace(/\$r\w+: \.cfa -?\d+ - \^ /g, '');
    });
    expect(differing).toEqual([]);
  });

  it('the order of the files does not matter, and the PDB is found beside the program, or missed', () => {
    const both = [windows('CrashWithException.pdb'), windows('CrashWithException.exe')];
    const stores = [both, [...both].reverse()].map((files, i) => {
      const store = join(folder, `order${i}`);
      mdmpJson(['symbols', ...files, '--store', store]);
      return readFileSync(join(store, `CrashWithException.pdb/${EXCEPTION}/CrashWithException.sym`), 'utf8');
    });
    expect(stores[0]).toBe(stores[1]);
    expect(stores[0]).toBe(printed(both[1]!));
    // Call frames of x64 are in the program.
    const pdb = printed(join(apart('pdb', 'CrashWithException.pdb'), 'CrashWithException.pdb'));
    expect(pdb).toBe(stores[0]!.replace(/^(?:STACK|INFO) .*\n/gm, ''));
    const exe = mdmp(['symbols', join(apart('exe', 'CrashWithException.exe'), 'CrashWithException.exe')]);
    expect(exe.stderr).toContain('CrashWithException.pdb is missing');
    expect(rows(exe.stdout, /^(?:FUNC|PUBLIC) .*$/gm)).toEqual([]);
    expect(rows(exe.stdout, /^STACK .*$/gm)).toEqual(rows(stores[0]!, /^STACK .*$/gm));
    const beside = mdmp([
      'symbols',
      join(folder, 'exe/CrashWithException.exe'),
      '--symbols-path',
      join(folder, 'pdb'),
    ]);
    expect(beside.stdout).toBe(stores[0]);
  });

  it('leaves out what is not wanted', () => {
    const all = printed(windows('crash.exe'));
    const less = printed(windows('crash.exe'), '--no-inlines', '--no-cfi');
    expect(rows(all, /^(?:INLINE|STACK)/gm).length).toBeGreaterThan(500);
    expect(rows(less, /^(?:INLINE|STACK)/gm)).toEqual([]);
    expect(rows(less, /^FUNC .*$/gm)).toEqual(rows(all, /^FUNC .*$/gm));
  });

  it('hello-dwarf.exe: the functions of pe_dwarf_functions.snap, named and at their addresses', () => {
    const { exit, stdout } = mdmp(['symbols', windows('hello-dwarf.exe')]);
    expect(exit).toBe(0);
    expect(head(stdout)).toEqual([
      `MODULE windows x86_64 ${'0'.repeat(33)} hello-dwarf.exe`,
      'INFO CODE_ID 63CE751542000 hello-dwarf.exe',
    ]);
    const index = openSym(stdout);
    const snapshot = text('symbolic', 'expected', 'pe_dwarf_functions.snap');
    const functions = [...snapshot.matchAll(/^> 0x([0-9a-f]+): (.*) \(0x[0-9a-f]+\)$/gm)];
    expect(functions.length).toBeGreaterThan(5);
    for (const [, start, name] of functions) {
      const at = Number.parseInt(start!, 16);
      expect(runSync(index.functionAt(at))).toMatchObject({ start: at, name });
    }
    expect(rows(stdout, /^STACK CFI INIT /gm).length).toBeGreaterThan(20);
  });

  it('arm64/test.exe: call frames; no store takes what no dump asks for', () => {
    const file = windows('arm64', 'test.exe');
    const { exit, stdout, stderr } = mdmp(['symbols', file]);
    expect([exit, stderr]).toEqual([0, expect.stringContaining('it has no debug identifier')]);
    expect(head(stdout)).toEqual([
      `MODULE windows arm64 ${'0'.repeat(33)} test.exe`,
      'INFO CODE_ID 69FE3F7D37000 test.exe',
    ]);
    expect(rows(stdout, /^STACK CFI INIT /gm).length).toBeGreaterThan(245);
    const store = join(folder, 'none');
    const refused = mdmp(['symbols', file, '--store', store]);
    expect(refused).toMatchObject({ exit: 17, stdout: '' });
    expect(refused.stderr).toContain(`${file}: it has no debug identifier`);
    expect(existsSync(store)).toBe(false);
  });
});

describeWith([needsBuild, needsCorpus], 'mdmp stack with a store that mdmp symbols made', () => {
  const stackOf = (...places: string[]) => {
    const { exit, stdout } = mdmp(['stack', dump(), ...places]);
    expect(exit).toBe(0);
    return stdout.slice(stdout.indexOf('Thread 0'), stdout.indexOf('Loaded modules'));
  };
  const crash = `crash.pdb/${CRASH}`;

  it('finds .sym files in it, PDBs and programs', () => {
    const store = join(folder, 'whole');
    const made = mdmpJson([
      'symbols',
      windows('crash.exe'),
      windows('crash.pdb'),
      '--store',
      store,
      '--files',
    ]);
    const kept = [`${crash}/crash.pdb`, 'crash.exe/5AB380779000/crash.exe'].map((path) => join(store, path));
    expect(made.map((one: { kept: string }) => one.kept).sort()).toEqual([...kept].sort());
    for (const path of kept)
      expect(readFileSync(path)).toEqual(readFileSync(windows(path.split('/').at(-1)!)));
    const stack = stackOf(windows('crash.exe'), windows('crash.pdb'));
    expect(stack).toContain("crash.exe!`anonymous namespace'::crash() [main.cpp : 24]");
    expect(stack).toContain('crash.exe!main [main.cpp : 35 + 0x0]');
    expect(stackOf(store)).toBe(stack);
    for (const [name, path] of [
      ['sym', `${crash}/crash.sym`],
      ['symstore', `${crash}/crash.pdb`],
    ] as const) {
      mkdirSync(join(folder, name, crash), { recursive: true });
      copyFileSync(join(store, path), join(folder, name, path));
      expect(stackOf(join(folder, name)), name).toBe(stack);
    }
  });
});

describeWith(
  [needsBuild, needsCorpus, 'minidump_stackwalk'],
  "Breakpad's minidump_stackwalk with our crash.sym",
  () => {
    it('finds the stack of windows.dmp that it finds with the one of dump_syms', async () => {
      const store = join(folder, 'walked');
      mdmpJson(['symbols', windows('crash.exe'), '--store', store, '--no-inlines']);
      const theirs = join(folder, 'theirs', `crash.pdb/${CRASH}`);
      mkdirSync(theirs, { recursive: true });
      copyFileSync(windows('crash.sym'), join(theirs, 'crash.sym'));
      const walked = async (place: string) => {
        const args = ['-m', dump(), place];
        const { stdout } = await run(requireTool('minidump_stackwalk'), args, { timeoutMs: 60_000 });
        return stdout.toString();
      };
      const [our, other] = [await walked(store), await walked(join(folder, 'theirs'))];
      expect(our).toMatch(/^0\|0\|crash\.exe\|main\|c:\\projects\\.*main\.cpp\|35\|0x0$/m);
      // A function without a public symbol has its arguments here: see the table of differences.
      expect(our.replace('|__scrt_common_main_seh()|', '|__scrt_common_main_seh|')).toBe(other);
    });
  },
);

describeWith([needsBuild, needsCorpus, 'minidump-stackwalk'], 'rust-minidump with our crash.sym', () => {
  it('shows the frames, inlined calls and lines that mdmp stack shows with the program and its PDB', async () => {
    const store = join(folder, 'for-rust');
    mdmpJson(['symbols', windows('crash.exe'), '--store', store]);
    const args = ['--symbols-path', store, dump()];
    const { stdout } = await run(requireTool('minidump-stackwalk'), args, { timeoutMs: 60_000 });
    const framesIn = (report: string) =>
      rows(report.split('\nLoaded modules')[0]!, /^(?: *\d+ {2}\S.*|Thread \d+ .*)$/gm);
    const ours = framesIn(mdmp(['stack', dump(), windows('crash.exe'), windows('crash.pdb')]).stdout);
    expect(ours.slice(0, 6).map((row) => row.trim())).toEqual([
      expect.stringMatching(/^Thread 0 /),
      "0  crash.exe!`anonymous namespace'::crash() [main.cpp : 24]",
      "1  crash.exe!`anonymous namespace'::start() [main.cpp : 28]",
      '2  crash.exe!main [main.cpp : 35 + 0x0]',
      '3  crash.exe!invoke_main() [exe_common.inl : 78]',
      '4  crash.exe!__scrt_common_main_seh() [exe_common.inl : 283 + 0x1b]',
    ]);
    expect(ours).toEqual(framesIn(stdout.toString()));
  });
});
