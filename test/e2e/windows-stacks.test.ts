/**
 * Stacks of Windows programs that Wine runs and `mdmp dump` dumps there: by unwind data alone, from files and from the memory of modules.
 * LLDB is the judge, which unwinds by the same .pdata in code of its own; and Breakpad, which has our .sym files.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AnalyzedThread, analyzeTask } from '../../src/analysis/index.js';
import { openSymbols } from '../../src/cli/symbol-places.js';
import { runSync } from '../../src/io/index.js';
import { FileSource } from '../../src/node/file-source.js';
import { Minidump } from '../../src/reader/index.js';
import { openPe } from '../object/pe/windows-programs.js';
import { lldbDump, minidumpStackwalk } from '../support/judges.js';
import { copyAs, removeFolders, temporaryFolder } from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, root } from '../support/tools.js';
import {
  compileWindows,
  needsWine,
  runWindowsNode,
  startWindowsProgram,
  stopWindows,
  type WindowsProgram,
  windowsApp,
  windowsPath,
} from '../support/wine.js';

/** Without frame pointers; with an identifier of its debug information, without which there is no .sym file of it. */
const FLAGS = ['-fomit-frame-pointer', '-fno-optimize-sibling-calls', '-Wl,--build-id'];
const main = join('node_modules', 'mdmp', 'dist', 'cli', 'main.js');
/** Wine's own libraries, as files. */
const system = join(root, '.tools', 'wine', 'drive_c', 'windows', 'system32');

async function dumped(program: WindowsProgram, type: string): Promise<string> {
  const file = join(temporaryFolder(), `${type}.dmp`);
  const words = ['dump', String(program.pid), '-o', windowsPath(file), '--type', type];
  // Wine's dbghelp.dll is built by mingw.
  const options = { env: { MDMP_DBGHELP_ABI: 'gcc' }, timeoutMs: 120_000 };
  const done = await runWindowsNode(join(windowsApp(), main), words, options);
  expect(done).toMatchObject({ status: 0, stderr: '' });
  return file;
}

function threadsOf(dump: string, paths: readonly string[]): readonly AnalyzedThread[] {
  using source = new FileSource(dump);
  using symbols = openSymbols({ paths, cache: temporaryFolder(), local: false });
  return runSync(analyzeTask(Minidump.openSync(source), { symbols })).threads;
}

type Frames = AnalyzedThread['stack']['frames'];

const hex = (value: bigint | undefined) => value?.toString(16);
/** MINIDUMP_MODULE in ModuleListStream. */
const MODULE_LIST = 4;
const MODULE_SIZE = 108;
const CV_RECORD = 76;
const KEPT = ['rbx', 'rbp', 'rsi', 'rdi', 'r12', 'r13', 'r14', 'r15'];

/** Where each frame is, and what its registers are. */
const placesOf = (frames: Frames) =>
  frames.map(({ instruction, registers }) => ({
    pc: hex(instruction),
    sp: hex(registers.get('rsp')),
    ...Object.fromEntries(KEPT.map((name) => [name, hex(registers.get(name))])),
  }));

/** The same by LLDB, by thread id. Of inlined calls and the frame that they are in, the innermost is where the frame is. */
async function lldbPlaces(dump: string, program: string, folders: readonly string[]) {
  const { threads } = await lldbDump(dump, [], 180_000, { program, folders });
  return new Map(
    threads.map(({ id, frames }) => [
      id,
      frames
        .filter((_, i) => !frames[i - 1]?.inlined)
        .map(({ pc, sp, kept }) => ({
          pc: hex(pc),
          sp: hex(sp),
          ...Object.fromEntries(KEPT.map((name) => [name, hex(kept[name])])),
        })),
    ]),
  );
}

/**
 * The dump with the identifier of a program's debug information in its module, as Windows' own DbgHelp writes it. Wine's leaves CvRecord out,
 * and Breakpad finds a .sym file by nothing else.
 */
function withCodeView(dump: string, program: string): string {
  const bytes = readFileSync(dump);
  const whole = Minidump.openSync(bytes);
  const stream = whole.directory.find(({ streamType }) => streamType === MODULE_LIST)!;
  const index = whole.getSync('modules')!.findIndex(({ name }) => leaf(name) === basename(program));
  const module = stream.rva + 4 + index * MODULE_SIZE;
  const { debugIdentifier, pdbName } = openPe(program);
  const [, a, b, c, rest, age] = /^(.{8})(.{4})(.{4})(.{16})(.+)$/.exec(debugIdentifier!)!;
  const record = Buffer.alloc(24);
  record.write('RSDS', 'latin1');
  record.writeUInt32LE(Number.parseInt(a!, 16), 4);
  record.writeUInt16LE(Number.parseInt(b!, 16), 8);
  record.writeUInt16LE(Number.parseInt(c!, 16), 10);
  record.write(rest!, 12, 'hex');
  record.writeUInt32LE(Number.parseInt(age!, 16), 20);
  const name = Buffer.from(`${pdbName ?? basename(program)}\0`);
  bytes.writeUInt32LE(record.length + name.length, module + CV_RECORD);
  bytes.writeUInt32LE(bytes.length, module + CV_RECORD + 4);
  const file = join(temporaryFolder(), 'with-codeview.dmp');
  writeFileSync(file, Buffer.concat([bytes, record, name]));
  return file;
}

const leaf = (name: string | undefined) => name?.replace(/^.*\\/, '');
const needs = [...needsWine, needsBuild, 'lldb-19', 'minidump_stackwalk'] as const;

describeWith(needs, 'stacks of a Windows program without frame pointers, by .pdata', () => {
  let bare: string;
  let named: string;
  let program: WindowsProgram;
  let normal: string;

  beforeAll(async () => {
    named = copyAs(await compileWindows('crash.c', FLAGS), 'crash.exe');
    bare = copyAs(await compileWindows('crash.c', [...FLAGS, '-s']), 'crash.exe');
    program = await startWindowsProgram(bare);
    normal = await dumped(program, 'normal');
  }, 240_000);
  afterAll(() => {
    stopWindows();
    removeFolders();
  });

  /** What the linker's table of the unstripped program says of an address in the stripped one: the code is the same. */
  function functionsOf(frames: Frames): (string | undefined)[] {
    const code = (path: string) => {
      const file = openPe(path);
      const { address, virtualSize } = file.section('.text')!;
      return { address, bytes: Buffer.from(runSync(file.read(address, virtualSize))!) };
    };
    expect(code(bare)).toEqual(code(named));
    const base = BigInt(openPe(named).headers.imageBase);
    const symbols = execFileSync('x86_64-w64-mingw32-nm', ['-n', named], { encoding: 'utf8' });
    const table = [...symbols.matchAll(/^([0-9a-f]+) [tT] (\w+)$/gm)].map(([, at, name]) => ({
      rva: Number(BigInt(`0x${at}`) - base),
      name: name!,
    }));
    return frames.map(({ module, lookupAddress }) =>
      leaf(module?.name) === 'crash.exe'
        ? table.findLast(({ rva }) => rva <= Number(lookupAddress - module!.base))?.name
        : leaf(module?.name),
    );
  }

  function expectChain(frames: Frames): void {
    const chain = program.values.get('chain')!.split(',');
    const runtime = ['__tmainCRTStartup', 'mainCRTStartup', 'kernel32.dll', 'ntdll.dll'];
    expect(functionsOf(frames)).toEqual(['ntdll.dll', 'kernelbase.dll', ...chain, ...runtime]);
    // The system call that the thread stands in is a function without unwind data.
    const known = frames.slice(2).map(() => 'cfi');
    expect(frames.map(({ trust }) => trust)).toEqual(['context', 'leaf', ...known]);
  }

  it('are those of LLDB, where the files are at hand', { timeout: 120_000 }, async () => {
    const [thread, ...others] = threadsOf(normal, [bare, system]);
    expect(others).toEqual([]);
    expectChain(thread!.stack.frames);
    expect(thread!.stack.frames.filter(({ function: name }) => name === 'innermost')).toEqual([]);
    const theirs = (await lldbPlaces(normal, bare, [system])).get(thread!.id);
    expect(theirs?.length).toBe(14);
    expect(placesOf(thread!.stack.frames)).toEqual(theirs);
  });

  it('are the same without any file, where the dump holds the memory of the modules', async () => {
    const full = await dumped(program, 'full');
    const [thread] = threadsOf(full, []);
    expectChain(thread!.stack.frames);
    // What moves on between two dumps is what the waiting loop counts.
    const before = threadsOf(normal, [bare, system])[0]!;
    const places = (frames: Frames) => placesOf(frames).map(({ pc, sp }) => ({ pc, sp }));
    expect(places(thread!.stack.frames)).toEqual(places(before.stack.frames));
    const theirs = (await lldbPlaces(full, bare, [system])).get(thread!.id);
    expect(placesOf(thread!.stack.frames)).toEqual(theirs);
    // Names that the modules export are in their memory.
    expect(thread!.stack.frames.map(({ function: name }) => name)).toEqual([
      'NtDelayExecution',
      'Sleep',
      ...Array.from({ length: 10 }, () => undefined),
      'BaseThreadInitThunk',
      'RtlUserThreadStart',
    ]);
  }, 240_000);

  it("have names, files and lines by mingw's DWARF; and Breakpad has them by our .sym file", async () => {
    const started = copyAs(named, 'crash.exe');
    const running = await startWindowsProgram(started);
    // Wine's dbghelp.dll reads the DWARF of what it dumps, and every second time damages its heap over that of this program.
    rmSync(started);
    const dump = await dumped(running, 'normal');
    const [thread] = threadsOf(dump, [named, system]);
    const { frames } = thread!.stack;
    const chain = running.values.get('chain')!.split(',');
    const first = frames.findIndex(({ function: name }) => name === 'innermost');
    const ours = frames.slice(first, first + chain.length + 2);
    expect(ours.map(({ function: name }) => name)).toEqual([...chain, '__tmainCRTStartup', 'mainCRTStartup']);
    // By binutils, which read the same DWARF.
    const base = BigInt(openPe(named).headers.imageBase);
    const addresses = ours.map(({ lookupAddress, module }) => hex(lookupAddress - module!.base + base)!);
    const lines = execFileSync('x86_64-w64-mingw32-addr2line', ['-e', named, ...addresses], {
      encoding: 'utf8',
    });
    expect(ours.map(({ file, line }) => `${file}:${line}`)).toEqual(
      lines
        .trim()
        .split('\n')
        .map((line) => line.replace(/ \(discriminator \d+\)/, '')),
    );

    const store = temporaryFolder();
    const words = [join(root, 'dist', 'cli', 'main.js'), 'symbols', '--store', store, named];
    expect((await run(process.execPath, words)).status).toBe(0);
    const walk = await minidumpStackwalk(withCodeView(dump, named), [store]);
    // It has no symbols of Wine's libraries, and finds its way out of them by looking at the stack.
    const all = walk.frames[0]!;
    const from = all.findIndex(({ function: name }) => name === 'innermost');
    const theirs = all.slice(from, from + ours.length);
    expect(theirs.map(({ function: name, line }) => [name, line])).toEqual(
      ours.map(({ function: name, line }) => [name, line]),
    );
    await running.stop();
  }, 240_000);
});

describeWith(needs, 'stacks of all threads of a Windows program', () => {
  afterAll(() => {
    stopWindows();
    removeFolders();
  });

  it('are those of LLDB', async () => {
    const library = copyAs(await compileWindows('mdmp_extra.c', ['-shared', '-s']), 'mdmp_extra.dll');
    const target = copyAs(await compileWindows('target.c', ['-fomit-frame-pointer', '-s']), 'target.exe');
    const program = await startWindowsProgram(target, [windowsPath(library)]);
    const dump = await dumped(program, 'normal');
    const threads = threadsOf(dump, [target, library, system]);
    const theirs = await lldbPlaces(dump, target, [system]);
    expect(threads.length).toBeGreaterThan(3);
    expect(threads.map(({ id }) => id)).toEqual([...theirs.keys()]);
    for (const { id, stack } of threads) {
      expect(placesOf(stack.frames), `thread ${id}`).toEqual(theirs.get(id));
      expect(stack.frames.length).toBeGreaterThan(3);
      expect(stack.frames.slice(1).filter(({ trust }) => trust !== 'cfi' && trust !== 'leaf')).toEqual([]);
    }
  }, 240_000);

  it('are those of LLDB where a handler was called for an exception', async () => {
    const exe = copyAs(await compileWindows('handler.c', [...FLAGS, '-s']), 'handler.exe');
    const program = await startWindowsProgram(exe);
    const dump = await dumped(program, 'normal');
    const [thread] = threadsOf(dump, [exe, system]);
    const { frames } = thread!.stack;
    expect(placesOf(frames)).toEqual((await lldbPlaces(dump, exe, [system])).get(thread!.id));
    const dispatcher = frames.findIndex(({ function: name }) => name === 'KiUserExceptionDispatcher');
    expect(frames[dispatcher + 1]!.instruction).toBe(program.number('fault'));
    // Behind those that it names are two functions of the C runtime and two of Windows.
    expect(frames.length - dispatcher - 1).toBe(program.values.get('chain')!.split(',').length + 4);
    expect(frames.slice(2).filter(({ trust }) => trust !== 'cfi')).toEqual([]);
  }, 240_000);
});
