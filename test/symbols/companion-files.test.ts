import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Folder } from '../../src/io/index.js';
import { DiskFolder } from '../../src/node/disk-folder.js';
import { FileSource } from '../../src/node/file-source.js';
import { ElfFile } from '../../src/object/elf-file.js';
import { buildIdAsGuid, hex } from '../../src/reader/index.js';
import {
  LocalFiles,
  SymbolFolder,
  type SymbolSupplier,
  Symbols,
  type WantedModule,
} from '../../src/symbols/index.js';
import { llvmFrames, ourFrames, runSync } from '../object/dwarf/symbolizer.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { describeWith, type Need, root } from '../support/tools.js';

afterAll(removeFolders);

const needs = (name: string, argument = '--version'): Need => ({
  missing: spawnSync(name, [argument]).error === undefined ? undefined : name,
});

const SOURCES = {
  'a.cc': `#include <vector>
#include <string>
#include <cstdlib>
struct Box { int a; template <int N> int times() const { return a * N + std::atoi("3"); } };
static inline int square(int x) { return x * x + std::rand(); }
__attribute__((noinline)) int deep(const std::vector<int> &v) {
  int s = 0;
  for (int x : v) s += square(x);
  Box b{s};
  return b.times<3>() + square(s);
}
int other(int n);
int main(int argc, char **argv) {
  std::vector<int> v(argc, 3);
  std::string t(argv[0]);
  return deep(v) + other(argc) + (int)t.size();
}
`,
  'b.cc': `#include <vector>
#include <string>
#include <cstdlib>
static inline int twice(int x) { if (x > 1000) std::abort(); return x * 2 + std::rand(); }
__attribute__((noinline)) int other(int n) {
  std::vector<std::string> v(n, "b");
  return twice(n) + twice(n + 1) + v[0].size();
}
`,
};

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/** Compiles the two units in a new folder; gives the program. */
function build(compiler: string, options: string, name = 'program'): string {
  const folder = temporaryFolder();
  for (const [file, text] of Object.entries(SOURCES)) writeFileSync(join(folder, file), text);
  run(compiler, ['-O2', '-g', ...options.split(' '), 'a.cc', 'b.cc', '-o', name], folder);
  return join(folder, name);
}

/** As a dump names it. */
function moduleOf(path: string): WantedModule {
  using source = new FileSource(path);
  const buildId = runSync(runSync(ElfFile.open(source)).buildId());
  return {
    name: path,
    debugFile: basename(path),
    debugIdentifier: buildId && buildIdAsGuid(buildId),
    codeIdentifier: buildId && hex(buildId),
  };
}

/** Every address of the code. */
function codeOf(path: string): number[] {
  using source = new FileSource(path);
  const file = runSync(ElfFile.open(source));
  const { address, size } = file.section('.text')!;
  expect(file.linkBase).toBe(0);
  return Array.from({ length: size }, (_, i) => address + i);
}

/** What symbols say of all addresses, and what was wrong with them. */
function framesBy(suppliers: readonly SymbolSupplier[], module: WantedModule, addresses: readonly number[]) {
  using symbols = new Symbols(suppliers);
  const { information, files } = runSync(symbols.of(module, 8));
  const frames = addresses.map((address) => ourFrames(runSync(information!.functionAt(address))));
  return { frames, files, gaps: symbols.known(module, 8)!.gaps };
}

const local = new LocalFiles(new DiskFolder('/'));

/** Those with a line, as both write them; code without lines goes by the symbol table in either. */
function expectSame(ours: readonly string[][], theirs: readonly string[][], atLeast: number): void {
  const lined = (frames: readonly string[]) =>
    frames.every((frame) => frame.endsWith(':0') || frame.startsWith('?? ')) ? [] : frames;
  expect(theirs.filter((frames) => lined(frames).length > 1).length).toBeGreaterThan(atLeast);
  // GCC's pieces of functions: named by the symbol table there, by DWARF here.
  const whole = (frames: readonly string[]) =>
    lined(frames).map((frame) =>
      frame.replace(/(?:\.(?:cold|isra\.\d+|part\.\d+|constprop\.\d+))+(?= )/, ''),
    );
  const differing = ours.flatMap((frames, i) =>
    whole(frames).join('\n') === whole(theirs[i]!).join('\n')
      ? []
      : [{ i, ours: frames, theirs: theirs[i]! }],
  );
  expect(differing.slice(0, 3)).toEqual([]);
}

describeWith(
  ['g++', 'clang++-19', needs('llvm-symbolizer-19'), needs('llvm-dwp-19', '--help'), needs('dwp')],
  'split DWARF',
  () => {
    it.each(
      ['g++', 'clang++-19'].flatMap((compiler) =>
        ['-gdwarf-5', '-gdwarf-4'].map((version) => [compiler, version] as const),
      ),
    )('functions, inlined calls and lines from .dwo files and from a package: %s %s', (compiler, version) => {
      const program = build(compiler, `${version} -gsplit-dwarf`);
      const folder = dirname(program);
      const addresses = codeOf(program);
      const theirs = llvmFrames(program, addresses);
      const module = moduleOf(program);
      const each = framesBy([local], module, addresses);
      expect(each.gaps).toEqual([]);
      expectSame(each.frames, theirs, 50);

      // The old packages of GNU's tools are those of DWARF 4.
      const packer = version === '-gdwarf-4' ? 'dwp' : 'llvm-dwp-19';
      run(packer, ['-e', program, '-o', `${program}.dwp`], folder);
      for (const name of ['program-a.dwo', 'program-b.dwo']) rmSync(join(folder, name));
      const packed = framesBy([local], module, addresses);
      expect(packed.gaps).toEqual([]);
      expect(packed.frames).toEqual(each.frames);
    });

    it('are found by name in a folder of symbols, not taken where they are of another build, and named where they are missing', () => {
      const program = build('g++', '-gdwarf-5 -gsplit-dwarf');
      const other = build('g++', '-gdwarf-5 -gsplit-dwarf -DX=1 -O1');
      const addresses = codeOf(program);
      const module = moduleOf(program);
      const wanted = framesBy([local], module, addresses).frames;
      const symbols = temporaryFolder();
      for (const name of ['program', 'program-a.dwo', 'program-b.dwo'])
        renameSync(join(dirname(program), name), join(symbols, name));
      const found = framesBy([new SymbolFolder(new DiskFolder(symbols))], module, addresses);
      expect(found).toEqual({ frames: wanted, files: [join(symbols, 'program')], gaps: [] });

      copyFileSync(join(dirname(other), 'program-a.dwo'), join(symbols, 'program-a.dwo'));
      rmSync(join(symbols, 'program-b.dwo'));
      const without = framesBy([new SymbolFolder(new DiskFolder(symbols))], module, addresses);
      expect([...without.gaps].sort()).toEqual(
        ['a', 'b'].map(
          (name) =>
            `${join(dirname(program), `program-${name}.dwo`)} is missing, or what was found there is of another build`,
        ),
      );
      // Names of the symbol table, and lines.
      const some = without.frames.filter(([first]) => first?.startsWith('_Z4deep'));
      expect(some.length).toBeGreaterThan(10);
      expect(some.every((frames) => frames.length === 1 && /:\d+$/.test(frames[0]!))).toBe(true);
    });
  },
);

describeWith(['gcc', needs('llvm-symbolizer-19')], 'a program of many .dwo files', () => {
  it('keeps some of them open, and reads the others again', () => {
    const folder = temporaryFolder();
    const units = Array.from({ length: 50 }, (_, i) => `unit${i}.c`);
    units.forEach((name, i) => {
      const main = i === 0 ? 'int main(void) { return f0(1); }' : '';
      writeFileSync(
        join(folder, name),
        `static inline int twice${i}(int a) { return a * ${i + 2} ^ a; }\nint f${i}(int a) { return twice${i}(a) + 1; }\n${main}\n`,
      );
    });
    run('gcc', ['-O2', '-g', '-gsplit-dwarf', ...units, '-o', 'program'], folder);
    const program = join(folder, 'program');
    const addresses = codeOf(program).filter((address) => address % 4 === 0);
    let open = 0;
    let most = 0;
    const counting: Folder = {
      name: '/',
      open(path) {
        const file = new DiskFolder('/').open(path);
        if (file === undefined) return undefined;
        most = Math.max(most, ++open);
        return {
          name: file.name,
          stamp: file.stamp,
          size: file.size,
          read: (offset, length) => file.read(offset, length),
          [Symbol.dispose]() {
            open--;
            file[Symbol.dispose]();
          },
        };
      },
    };
    // Twice, so that those that were closed are asked for again.
    const found = framesBy([new LocalFiles(counting)], moduleOf(program), [...addresses, ...addresses]);
    expect(found.gaps).toEqual([]);
    const theirs = llvmFrames(program, addresses);
    expectSame(found.frames, [...theirs, ...theirs], 50);
    expect(most).toBeLessThan(40);
    expect(open).toBe(0);
  });
});

describeWith(
  ['g++', 'dwz', needs('llvm-symbolizer-19')],
  'files that dwz moved what programs share into',
  () => {
    it.each([
      ['-gdwarf-4', '.gnu_debugaltlink', []],
      ['-gdwarf-5', '.gnu_debugaltlink', []],
      ['-gdwarf-5', '.debug_sup', ['--dwarf-5']],
    ] as const)(
      'functions, inlined calls and lines are those of before: %s, %s',
      (version, section, options) => {
        const program = build('g++', version);
        const folder = dirname(program);
        const addresses = codeOf(program);
        const theirs = llvmFrames(program, addresses);
        copyFileSync(program, join(folder, 'other'));
        run('dwz', [...options, '-m', 'common.debug', '-M', '.dwz/common.debug', 'program', 'other'], folder);
        expect(run('readelf', ['-SW', program], folder)).toContain(section);
        const module = moduleOf(program);
        mkdirSync(join(folder, '.dwz'));
        renameSync(join(folder, 'common.debug'), join(folder, '.dwz', 'common.debug'));
        const { frames, files, gaps } = framesBy([local], module, addresses);
        expect(gaps).toEqual([]);
        expect(files).toEqual([program, join(folder, '.dwz', 'common.debug')]);
        expectSame(frames, theirs, 50);

        rmSync(join(folder, '.dwz', 'common.debug'));
        const without = framesBy([local], module, addresses);
        expect(without.gaps).toEqual([
          '.dwz/common.debug is missing, or what was found there is of another build',
        ]);
        expect(without.frames).not.toEqual(frames);
      },
    );
  },
);

describeWith(['g++', needs('objcopy'), needs('llvm-symbolizer-19')], 'debug links', () => {
  /** A program in a folder that stands for `/`, without its debug information, which is in `program.debug`. */
  function stripped(buildId: 'none' | 'sha1') {
    const original = build('g++', `-gdwarf-5 -Wl,--build-id=${buildId}`);
    const folder = dirname(original);
    const addresses = codeOf(original);
    const theirs = llvmFrames(original, addresses);
    run('objcopy', ['--only-keep-debug', 'program', 'program.debug'], folder);
    const root = temporaryFolder();
    const home = join(root, 'opt', 'app');
    mkdirSync(home, { recursive: true });
    const program = join(home, 'program');
    run('objcopy', ['--strip-all', '--add-gnu-debuglink=program.debug', 'program', program], folder);
    using source = new FileSource(program);
    const module: WantedModule = {
      ...moduleOf(program),
      name: '/opt/app/program',
      SizeOfImage: runSync(ElfFile.open(source)).imageSize,
    };
    const put = (...place: string[]) => {
      const path = join(root, ...place, 'program.debug');
      mkdirSync(dirname(path), { recursive: true });
      copyFileSync(join(folder, 'program.debug'), path);
      return path;
    };
    return { root, program, module, addresses, theirs, put, files: new LocalFiles(new DiskFolder(root)) };
  }

  it.each([
    ['none', ['opt', 'app']],
    ['none', ['opt', 'app', '.debug']],
    ['none', ['usr', 'lib', 'debug', 'opt', 'app']],
    ['sha1', ['usr', 'lib', 'debug', 'opt', 'app']],
  ] as const)(
    'functions, inlined calls and lines are those of before; build id %s, in %j',
    (buildId, place) => {
      const { program, module, addresses, theirs, put, files } = stripped(buildId);
      const debug = put(...place);
      const found = framesBy([files], module, addresses);
      expect(found.files).toEqual([program, debug]);
      expectSame(found.frames, theirs, 50);
      expect(found.gaps).toEqual(
        buildId === 'none' ? [`${program} has no build id: it was taken for its name and size`] : [],
      );
    },
  );

  it('lead to no file of another checksum, and a program of another size is not taken', () => {
    const { program, module, addresses, put, files } = stripped('none');
    const debug = put('opt', 'app');
    const bytes = readFileSync(debug);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(debug, bytes);
    expect(framesBy([files], module, addresses).files).toEqual([program]);
    const other = { ...module, SizeOfImage: module.SizeOfImage! + 4096 };
    using symbols = new Symbols([files]);
    expect(runSync(symbols.of(other, 8)).state).toBe('missing');
  });
});

const dumpSyms = join(root, '.tools', 'minidump', 'bin', 'linux-x64', 'dump_syms');

describeWith(
  ['g++', 'minidump_dump', { missing: existsSync(dumpSyms) ? undefined : 'dump_syms' }],
  'the id that Breakpad makes of the code',
  () => {
    it('is that of its dump_syms', () => {
      const program = build('g++', '-gdwarf-4 -Wl,--build-id=none -static');
      const [, id] = /^MODULE \S+ \S+ (\S+)/.exec(run(dumpSyms, [program], dirname(program)))!;
      using source = new FileSource(program);
      const textId = runSync(runSync(ElfFile.open(source)).textId())!;
      expect(buildIdAsGuid(textId)).toBe(id);
      using symbols = new Symbols([local]);
      const module = { name: program, debugFile: 'program', debugIdentifier: id, codeIdentifier: undefined };
      expect(runSync(symbols.of(module, 8))).toMatchObject({ state: 'loaded', files: [program] });
    });
  },
);

describeWith(['g++', 'gdb', 'xz', needs('objcopy'), needs('nm')], 'symbols in .gnu_debugdata', () => {
  it('are those that gdb finds there', () => {
    const program = build('g++', '-gdwarf-5');
    const folder = dirname(program);
    const addresses = codeOf(program);
    // As Fedora makes them: the functions that .dynsym does not have.
    const names = run('nm', ['--format=posix', '--defined-only', 'program'], folder)
      .split('\n')
      .flatMap((line) => /^(\S+) [tTwW] /.exec(line)?.[1] ?? []);
    writeFileSync(join(folder, 'keep'), names.join('\n'));
    run('objcopy', ['--only-keep-debug', 'program', 'debug'], folder);
    run('objcopy', ['-S', '--keep-symbols=keep', 'debug', 'mini'], folder);
    run('xz', ['mini'], folder);
    run('objcopy', ['--strip-all', '--add-section', '.gnu_debugdata=mini.xz', 'program'], folder);

    const asked = addresses.filter((_, i) => i % 7 === 0);
    writeFileSync(
      join(folder, 'commands'),
      ['set print demangle off', ...asked.map((address) => `info symbol ${address}`)].join('\n'),
    );
    const theirs = run('gdb', ['-nx', '-batch', '-x', 'commands', 'program'], folder)
      .trim()
      .split('\n')
      .map((line) => line.replace(/ in section .*$/, ''));
    using symbols = new Symbols([local]);
    const { information } = runSync(symbols.of(moduleOf(program), 8));
    const ours = asked.map((address) => {
      const found = runSync(information!.functionAt(address));
      if (found === undefined) return `No symbol matches ${address}.`;
      return address === found.start ? found.name : `${found.name} + ${address - found.start}`;
    });
    expect(ours.filter((text) => /^_Z4deep.* \+/.test(text)).length).toBeGreaterThan(3);
    // Of the two names that a destructor has gdb takes the other; in the padding between two functions it still names the one before.
    const oneKind = (text: string) => text.replace(/([CD])[12]E/, '$1E');
    const differing = ours.flatMap((text, i) =>
      oneKind(text) === oneKind(theirs[i]!) || text.startsWith('No symbol')
        ? []
        : [{ ours: text, theirs: theirs[i] }],
    );
    expect(differing).toEqual([]);
    expect(ours.filter((text) => text.startsWith('No symbol')).length).toBeLessThan(ours.length / 10);
  });
});
