/** What the other tests of Windows stand on: Wine, Windows' Node in it, and the programs of test/programs/windows. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { copyAs, removeFolders, temporaryFolder } from '../../support/programs.js';
import { describeWith, needsBuild } from '../../support/tools.js';
import {
  compileWindows,
  needsWine,
  runWindowsNode,
  runWindowsProgram,
  startWindowsProgram,
  stopWindows,
  unixPath,
  windowsApp,
  windowsPath,
} from '../../support/wine.js';

afterEach(removeFolders);
afterAll(stopWindows);

/** Command lines of this machine's processes whose environment names a Wine prefix of this test file. */
function processesOf(prefix: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
        if (!environment.includes(`WINEPREFIX=${prefix}`)) return [];
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      } catch {
        return [];
      }
    });
}

const script = (name: string, text: string): string => {
  const path = join(windowsApp(), name);
  writeFileSync(path, text);
  return path;
};

describeWith([...needsWine, needsBuild], 'Windows under Wine', () => {
  it('runs Windows Node with koffi and this package', async () => {
    const path = script(
      'facts.mjs',
      `import koffi from 'koffi';
       import os from 'node:os';
       import { MINIDUMP_TYPE } from 'mdmp/dbghelp';
       const kernel = koffi.load('kernel32.dll');
       const pid = kernel.func('uint32_t __stdcall GetCurrentProcessId()');
       console.log(JSON.stringify({
         platform: process.platform, version: process.version, release: os.release(), argv: process.argv.slice(2),
         pids: [process.pid, pid()], full: Number(MINIDUMP_TYPE.MiniDumpWithFullMemory),
       }));
       console.error('to stderr');
       process.exitCode = 7;`,
    );
    const result = await runWindowsNode(path, ['a b', 'c"d', 'Z:\\x\\']);
    expect(result.stderr.trim()).toBe('to stderr');
    expect(result.status).toBe(7);
    const facts = JSON.parse(result.stdout);
    expect(facts).toMatchObject({
      platform: 'win32',
      version: 'v20.20.2',
      argv: ['a b', 'c"d', 'Z:\\x\\'],
      full: 2,
    });
    expect(facts.release).toMatch(/^10\.0\./);
    expect(facts.pids[0]).toBe(facts.pids[1]);
  });

  it('maps paths both ways', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'in'), 'text of the test');
    const path = script(
      'copy.mjs',
      `import { readFileSync, writeFileSync } from 'node:fs';
       writeFileSync(process.argv[3], readFileSync(process.argv[2]) + ' copied');
       console.log(process.argv[3]);`,
    );
    const out = join(folder, 'out');
    const result = await runWindowsNode(path, [windowsPath(join(folder, 'in')), windowsPath(out)]);
    expect(result.stderr).toBe('');
    expect(unixPath(result.stdout.trim())).toBe(out);
    expect(readFileSync(out, 'utf8')).toBe('text of the test copied');
  });

  it('ends everything when a program takes too long', async () => {
    const path = script(
      'hang.mjs',
      `import { spawn } from 'node:child_process';
       spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
       console.log('started');
       setInterval(() => {}, 1000);`,
    );
    const prefix = join(windowsApp(), '..', 'prefix');
    await expect(runWindowsNode(path, [], { timeoutMs: 4000 })).rejects.toThrow(
      /waited 4000 ms in vain .*started/s,
    );
    expect(processesOf(prefix)).toEqual([]);
    expect(existsSync(prefix)).toBe(false);
  });

  it('starts a program with threads, memory and a DLL of known contents', async () => {
    const extra = copyAs(await compileWindows('mdmp_extra.c', ['-shared']), 'mdmp_extra.dll');
    const program = await startWindowsProgram(await compileWindows('target.c'), [windowsPath(extra)]);
    expect(program.values.get('answer')).toBe('42');
    expect(program.values.get('named')).toBe('1');
    const ids = ['main', 'thread1', 'thread2', 'thread3'].map((name) => program.number(name));
    expect(new Set(ids).size).toBe(4);

    // Another Windows process sees it by that pid, and reads the memory that it told.
    const path = script(
      'read.mjs',
      `import koffi from 'koffi';
       const kernel = koffi.load('kernel32.dll');
       const open = kernel.func('void *__stdcall OpenProcess(uint32_t, bool, uint32_t)');
       const read = kernel.func('bool __stdcall ReadProcessMemory(void *, uint64_t, _Out_ uint8_t *, size_t, _Out_ size_t *)');
       const process_ = open(0x410, false, Number(process.argv[2]));
       for (const address of process.argv.slice(3)) {
         const bytes = Buffer.alloc(20), count = [0];
         if (!read(process_, BigInt(address), bytes, bytes.length, count)) throw new Error('unread');
         console.log(bytes.toString('latin1').replace(/\\0.*/s, ''));
       }`,
    );
    const addresses = [program.number('global'), program.number('heap') + 0x100n, program.number('secret')];
    const read = await runWindowsNode(path, [String(program.pid), ...addresses.map(String)]);
    expect(read.stderr).toBe('');
    expect(read.stdout.trim().split(/\r?\n/)).toEqual([
      'global data of mdmp',
      'heap data of mdmp',
      'secret of mdmp',
    ]);
    expect(program.exited).toBe(false);
    await program.stop();
    expect(program.exited).toBe(true);
  });

  it('starts the program that crashes without frame pointers, and lets it crash', async () => {
    const exe = await compileWindows('crash.c', ['-fomit-frame-pointer', '-fno-optimize-sibling-calls']);
    const symbols = execFileSync('x86_64-w64-mingw32-nm', [exe], { encoding: 'utf8' });
    const go = join(temporaryFolder(), 'go');
    const program = await startWindowsProgram(exe, [windowsPath(go)]);
    for (const name of program.values.get('chain')!.split(','))
      expect(symbols).toMatch(new RegExp(` T ${name}$`, 'm'));
    expect(program.exited).toBe(false);
    writeFileSync(go, '');
    await program.end();
    // Asked of Windows: of the status that Linux sees Wine loses the exit code now and then (0 in place of 5, seen twice), as a thread that is told to quit
    // may be the one that ends the process.
    const path = script(
      'status.mjs',
      `import { spawnSync } from 'node:child_process';
       console.log(spawnSync(process.argv[2], process.argv.slice(3), { stdio: 'ignore' }).status);`,
    );
    const { stdout } = await runWindowsNode(path, [windowsPath(exe), windowsPath(go)]);
    expect(Number(stdout)).toBe(0xc000_0005);
  });

  it('leaves no process', async () => {
    const program = await startWindowsProgram(await compileWindows('target.c'));
    const prefix = join(windowsApp(), '..', 'prefix');
    expect(processesOf(prefix).join('\n')).toContain('target');
    stopWindows();
    expect(processesOf(prefix)).toEqual([]);
    await program.end();
    const result = await runWindowsProgram('reg', ['query', 'HKCU\\Software\\Wine', '/v', 'Version']);
    expect(result.stdout).toContain('win10');
    expect(readlinkSync(join(windowsApp(), '..', 'prefix', 'dosdevices', 'z:'))).toBe('/');
  });
});
