import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DumpReport, Minidump, type OutputReport } from '../../../dist/index.js';
import { lldbDump, minidumpDump } from '../../support/judges.js';
import { copyAs, removeFolders, temporaryFolder } from '../../support/programs.js';
import { describeWith, needsBuild } from '../../support/tools.js';
import {
  compileWindows,
  needsWine,
  runWindowsNode,
  startWindowsProgram,
  stopWindows,
  WITHOUT_DEBUG,
  type WindowsProgram,
  windowsApp,
  windowsPath,
} from '../../support/wine.js';

/** Wine's dbghelp.dll is built by mingw. */
const env = { MDMP_DBGHELP_ABI: 'gcc' };

type Report = DumpReport & OutputReport;

describeWith([...needsWine, needsBuild, 'lldb-19', 'minidump_dump'], 'mdmp dump under Wine', () => {
  let program: WindowsProgram;
  let target: string;

  beforeAll(async () => {
    const library = copyAs(await compileWindows('mdmp_extra.c', ['-shared']), 'mdmp_extra.dll');
    target = copyAs(await compileWindows('target.c', WITHOUT_DEBUG), 'mdmp_target.exe');
    program = await startWindowsProgram(target, [windowsPath(library)]);
  }, 120_000);
  afterAll(() => {
    stopWindows();
    removeFolders();
  });

  const threadIds = () =>
    ['main', 'thread1', 'thread2', 'thread3'].map((name) => Number(program.number(name)));

  const mdmp = (...words: string[]) =>
    runWindowsNode(join(windowsApp(), 'node_modules', 'mdmp', 'dist', 'cli', 'main.js'), words, { env });

  async function dumped(...words: string[]): Promise<{ file: string; report: Report; dump: Minidump }> {
    const file = join(temporaryFolder(), 'a.dmp');
    const done = await mdmp('dump', String(program.pid), '-o', windowsPath(file), '--json', ...words);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    const report = JSON.parse(done.stdout);
    expect(report).toMatchObject({ file: windowsPath(file), size: readFileSync(file).length });
    return { file, report, dump: Minidump.openSync(readFileSync(file)) };
  }

  it('writes a dump that Breakpad and LLDB read as this program does', { timeout: 120_000 }, async () => {
    const { file, report, dump } = await dumped('--comment', 'of the test');
    const threads = dump.getSync('threads')!;
    const modules = dump.getSync('modules')!;
    expect(threads.map(({ ThreadId }) => ThreadId).sort()).toEqual(threadIds().sort());
    expect(modules.map(({ name }) => name)).toContain(windowsPath(target));
    expect(report.threads).toEqual({ written: threads.length, excluded: 0 });
    expect(report.modules).toEqual({ written: modules.length, excluded: 0 });
    expect(dump.getSync('commentA')).toBe('of the test');

    const breakpad = await minidumpDump(file);
    expect(breakpad.threads.map(({ id }) => id)).toEqual(threads.map(({ ThreadId }) => ThreadId));
    expect(breakpad.modules.map(({ base, codeFile }) => [base, codeFile])).toEqual(
      modules.map(({ BaseOfImage, name }) => [BaseOfImage, name]),
    );
    for (const [i, { context }] of threads.entries()) {
      expect(context?.instructionPointer).toBe(breakpad.threads[i]!.registers.rip);
      expect(context?.stackPointer).toBe(breakpad.threads[i]!.registers.rsp);
    }
    const lldb = await lldbDump(file);
    expect(lldb.threads.map(({ id }) => id)).toEqual(threads.map(({ ThreadId }) => ThreadId));
    expect(lldb.modules.map(({ base }) => base)).toEqual(
      expect.arrayContaining([program.number('image'), program.number('extra')]),
    );
  });

  it('writes all memory', { timeout: 120_000 }, async () => {
    const { file, dump, report } = await dumped('--type', 'full');
    const heap = { address: program.number('heap'), length: 0x3000 };
    const bytes = Buffer.from(dump.memorySync().readSync(heap.address, heap.length));
    expect(bytes.toString('latin1', 0x100, 0x111)).toBe('heap data of mdmp');
    expect([...bytes.subarray(0x1000, 0x2000)]).toEqual(
      Array.from({ length: 0x1000 }, (_, i) => (i * 7) & 255),
    );
    expect(report.streams.map(({ name }) => name)).toContain('Memory64ListStream');
    const lldb = await lldbDump(file, [heap]);
    expect(lldb.reads).toEqual([bytes]);
  });

  it('leaves out what a callback module leaves out', { timeout: 120_000 }, async () => {
    const [, , , last] = threadIds();
    const module = join(temporaryFolder(), 'keep.mjs');
    writeFileSync(
      module,
      `export const callbacks = {
           module: ({ path, flags }) => path.includes('mdmp_extra') ? false : flags & ~8,
           thread: ({ id }) => id !== ${last},
           removeMemory: () => [{ address: ${program.number('secret')}n, size: 64 }],
         };`,
    );
    const { file, dump, report } = await dumped('--type', 'full', '--callback', windowsPath(module));
    expect(report.threads).toEqual({ written: 3, excluded: 1 });
    expect(report.modules.excluded).toBeGreaterThan(0);
    expect(report.removed).toEqual([{ address: program.values.get('secret'), size: '0x40' }]);
    expect(readFileSync(file).includes('secret of mdmp')).toBe(false);
    const memory = dump.memorySync();
    expect(Buffer.from(memory.readSync(program.number('global'), 19)).toString()).toBe('global data of mdmp');
    const { threads, modules } = await minidumpDump(file);
    expect(threads.map(({ id }) => id)).not.toContain(last);
    expect(modules.map(({ codeFile }) => codeFile).join()).not.toContain('mdmp_extra');
    expect((await lldbDump(file)).threads).toHaveLength(3);
  });

  it('has the crash that it is told', { timeout: 120_000 }, async () => {
    const script = join(windowsApp(), 'exception.mjs');
    const file = join(temporaryFolder(), 'e.dmp');
    writeFileSync(
      script,
      `import { CONTEXT_AMD64, writeMinidump } from 'mdmp';
         const context = new Uint8Array(CONTEXT_AMD64.size);
         const view = new DataView(context.buffer);
         view.setUint32(0x30, 0x10000b, true);
         view.setBigUint64(0xf8, 0x1400012345n, true);
         await writeMinidump(${program.pid}, process.argv[2], { exception: { threadId: ${threadIds()[1]}, pointers: {
           record: { ExceptionCode: 0xc0000005, ExceptionAddress: 0x1400012345n, ExceptionInformation: [1n, 0x18n] }, context } } });`,
    );
    expect(await runWindowsNode(script, [windowsPath(file)], { env })).toMatchObject({
      status: 0,
      stderr: '',
    });
    const { exception } = await minidumpDump(file);
    expect(exception).toMatchObject({ threadId: threadIds()[1], code: 0xc0000005, address: 0x1400012345n });
    expect(exception!.registers.rip).toBe(0x1400012345n);
  });

  it('finds a process by its name, and says what is wrong', { timeout: 120_000 }, async () => {
    const file = join(temporaryFolder(), 'n.dmp');
    const named = await mdmp('dump', 'MDMP_Target', '-o', windowsPath(file));
    expect(named).toMatchObject({ status: 0, stderr: '' });
    expect(named.stdout).toMatch(/threads {2}4\n/);
    const again = await mdmp('dump', 'mdmp_target.exe', '-o', windowsPath(file));
    expect(again).toMatchObject({ status: 40, stderr: expect.stringContaining('exists already') });
    const none = await mdmp('dump', 'no-such-program');
    expect(none).toMatchObject({
      status: 20,
      stderr: expect.stringContaining("no process 'no-such-program'"),
    });
    const stack = await mdmp(
      'dump',
      String(program.pid),
      '-o',
      windowsPath(file),
      '-f',
      '--max-stack',
      '64K',
    );
    expect(stack).toMatchObject({ status: 17, stderr: expect.stringContaining('--max-stack') });
    for (const words of [
      ['watch', '1'],
      ['run', '--', 'x'],
      ['core-handler', '1'],
      ['watch', '--list'],
    ]) {
      const refused = await mdmp(...words);
      expect(refused).toMatchObject({ status: 51, stderr: expect.stringContaining('works on Linux only') });
      expect(refused.stderr.trim().split('\n')).toHaveLength(1);
    }
    // Nothing half is left.
    expect(readdirSync(join(file, '..'))).toEqual(['n.dmp']);
  });

  it('reads dumps', { timeout: 120_000 }, async () => {
    const { file } = await dumped();
    for (const command of ['info', 'threads', 'modules', 'stack', 'show', 'gaps']) {
      const done = await mdmp(command, windowsPath(file));
      expect(done, command).toMatchObject({ status: 0, stderr: '' });
      expect(done.stdout).not.toBe('');
    }
  });

  it('writes to a descriptor and to a file of its own name', { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    const script = join(windowsApp(), 'places.mjs');
    writeFileSync(
      script,
      `import { openSync, closeSync, createWriteStream } from 'node:fs';
         import { writeMinidump } from 'mdmp';
         process.chdir(process.argv[2]);
         const fd = openSync('fd.dmp', 'wx');
         const one = await writeMinidump(${program.pid}, fd);
         closeSync(fd);
         const two = await writeMinidump(${program.pid}, createWriteStream('stream.dmp'));
         const three = await writeMinidump(${program.pid}, 'unique.dmp', { unique: true });
         const four = await writeMinidump(${program.pid}, 'unique.dmp', { unique: true });
         console.log(JSON.stringify([one, two, three, four].map(({ size, file }) => ({ size, file }))));`,
    );
    const done = await runWindowsNode(script, [windowsPath(folder)], { env });
    expect(done).toMatchObject({ status: 0, stderr: '' });
    const names = ['fd.dmp', 'stream.dmp', 'unique.dmp', 'unique-2.dmp'];
    const reports = JSON.parse(done.stdout) as { size: number; file?: string }[];
    expect(readdirSync(folder).sort()).toEqual([...names].sort());
    for (const [i, { size, file }] of reports.entries()) {
      const bytes = readFileSync(join(folder, names[i]!));
      expect(bytes.length).toBe(size);
      expect(Minidump.openSync(bytes).getSync('threads')).toHaveLength(4);
      expect(file).toBe(i < 2 ? undefined : windowsPath(join(folder, names[i]!)));
    }
  });
});
