import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { corpusFolder, describeWith, needsBuild, needsCorpus, root } from '../support/tools.js';
import { mdmp, mdmpJson } from './command.js';

const corpus = (path: string) => join(corpusFolder() ?? '', path);
const linux = corpus('symbolicator/linux.dmp');
const windows = corpus('breakpad/minidump2.dmp');

const folder = mkdtempSync(join(tmpdir(), 'mdmp-read-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeWith([needsBuild, needsCorpus], 'the reading commands', () => {
  it('info of a Linux crash', () => {
    const { exit, stdout, stderr } = mdmp(['info', linux]);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toMatch(/^system {3}Linux 4\.9\.60-linuxkit-aufs .* x86_64; 4 × amd64 GenuineIntel$/m);
    expect(stdout).toMatch(/^crash {4}SIGSEGV in thread 1304, address 0x45$/m);
    expect(stdout).toMatch(/^ +instruction 0x401d72, \/work\/linux\/build\/crash \+ 0x1d72$/m);
    expect(stdout).toMatch(/^memory {3}12 KiB in 2 ranges$/m);
    expect(mdmpJson(['info', linux])).toMatchObject({
      file: linux,
      size: 26928,
      flags: '0x0',
      system: { platform: 'Linux', cpu: 'amd64', processors: 4 },
      process: { commandLine: ['./crash'] },
      crash: { thread: 1304, code: 11, reason: 'SIGSEGV', address: '0x45', moduleOffset: '0x1d72' },
      threads: { count: 1 },
      modules: { count: 8, main: '/work/linux/build/crash' },
      memory: { ranges: 2, bytes: 12544 },
      problems: [],
    });
  });

  it('info of a Windows crash', () => {
    const { stdout } = mdmp(['info', windows]);
    expect(stdout).toMatch(/^system {3}Windows 5\.1\.2600, Service Pack 2; 1 × x86 GenuineIntel$/m);
    expect(stdout).toMatch(/^process {2}3932, started 2007-02-14 19:13:55 UTC, 0 s user, 0 s kernel time$/m);
    expect(stdout).toMatch(/^crash {4}EXCEPTION_ACCESS_VIOLATION_WRITE in thread 3060, address 0x45$/m);
  });

  it('info of a damaged dump says what is broken', () => {
    const bytes = readFileSync(windows);
    const entry = bytes.readUInt32LE(12) + 12; // ModuleList
    bytes.writeUInt32LE(0x7fff_ffff, entry + 8);
    const file = join(folder, 'damaged.dmp');
    writeFileSync(file, bytes);
    const { exit, stdout } = mdmp(['info', file]);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^threads {2}2$/m);
    expect(stdout).toMatch(/^broken: ModuleList/m);
    expect(mdmp(['modules', file])).toMatchObject({ exit: 12, stdout: '' });
  });

  it('threads', () => {
    const file = corpus('breakpad/thread_name_list.dmp');
    const { stdout } = mdmp(['threads', file]);
    expect(stdout.split('\n')[1]).toBe(' 6564  0x0000778106ac  0x00000061fcdc  808 bytes  main thread');
    const threads = mdmpJson(['threads', file]);
    expect(threads).toHaveLength(6);
    expect(threads[4]).toMatchObject({
      id: 8820,
      name: 'sleep thread',
      stack: { address: '0x1a8fed8', size: 296 },
    });
  });

  it('modules', () => {
    const { stdout } = mdmp(['modules', windows]);
    expect(stdout.split('\n')[2]).toBe(
      '0x00007c900000  0x00007c9b0000  36515FB5D04345E491F672FA2E2878C02  5.1.2600.2180  C:\\WINDOWS\\system32\\ntdll.dll',
    );
    expect(mdmpJson(['modules', linux])[2]).toMatchObject({
      name: '/lib/x86_64-linux-gnu/libc-2.23.so',
      base: '0x7f514015d000',
      codeId: 'b5381a457906d279073822a5ceb24c4bfef94ddb',
      debugId: '451A38B5067979D2073822A5CEB24C4B0',
    });
  });

  describe('show', () => {
    it('lists the streams', () => {
      expect(mdmp(['show', windows]).stdout).toMatch(/^5 +15 +0xc4 +24 bytes {2}MiscInfoStream$/m);
      const streams = mdmpJson(['show', linux]);
      expect(streams).toHaveLength(13);
      expect(streams[0]).toMatchObject({ index: 0, type: 3, name: 'ThreadListStream' });
    });

    it.each(['SystemInfoStream', 'systeminfo', 'system-info', '7', '0x7', '#4'])(
      'finds a stream by %s',
      (name) => {
        expect(mdmp(['show', windows, name]).stdout).toMatch(/^BuildNumber +2600 \(0xa28\)$/m);
        expect(mdmpJson(['show', windows, name])).toMatchObject({ type: 7, value: { BuildNumber: 2600 } });
      },
    );

    it('shows texts as they are, and lists line by line', () => {
      expect(mdmp(['show', linux, 'LinuxMaps']).stdout).toMatch(/^00400000-0041a000 r-xp .*\/build\/crash$/m);
      expect(mdmp(['show', linux, 'LinuxCmdLine']).stdout).toBe('./crash\n');
      expect(mdmp(['show', linux, 'linux-status']).stdout).toMatch(/^Name:\tcrash$/m);
    });

    it('writes raw bytes', () => {
      const main = join(root, 'dist', 'cli', 'main.js');
      const child = spawn(process.execPath, [main, 'show', windows, '3', '--raw'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const parts: Buffer[] = [];
      child.stdout.on('data', (part) => parts.push(part));
      return once(child, 'close').then(() => {
        expect(Buffer.concat(parts).equals(readFileSync(windows).subarray(0x184, 0x184 + 100))).toBe(true);
      });
    });

    it('lists the memory', () => {
      expect(mdmpJson(['show', linux, 'memory'])).toEqual([
        { start: '0x401cf2', end: '0x401df2', size: 256, rva: expect.any(Number) },
        { start: '0x7fff5ae4a000', end: '0x7fff5ae4d000', size: 12288, rva: expect.any(Number) },
      ]);
    });

    it('every stream of every dump of the corpus can be shown', () => {
      for (const file of [linux, windows, corpus('breakpad/minidump_crashpad_annotation.dmp')]) {
        for (const { index } of mdmpJson(['show', file])) {
          expect(mdmp(['show', file, `#${index}`])).toMatchObject({ exit: 0, stderr: '' });
          mdmpJson(['show', file, `#${index}`]);
        }
      }
    });

    it('says when there is no such stream', () => {
      for (const name of ['Memory64List', '9', '#99', 'nonsense']) {
        const answer = mdmp(['show', windows, name]);
        expect(answer).toMatchObject({ exit: 14, stdout: '' });
        expect(answer.stderr).toMatch(/^mdmp: the dump has no stream .*\. `mdmp show FILE` lists/);
      }
    });
  });

  describe('memory', () => {
    it('dumps as hexdump -C', () => {
      expect(mdmp(['memory', linux, '0x7fff5ae4a000', '32']).stdout).toMatch(
        /^7fff5ae4a000( {2}([0-9a-f]{2} ){7}[0-9a-f]{2}){2} {2}\|.{16}\|\n7fff5ae4a010 /,
      );
    });

    it('gives JSON and raw bytes', () => {
      const [part] = mdmpJson(['memory', linux, '0x401d72', '16']);
      expect(part).toMatchObject({ address: '0x401d72', size: 16 });
      const raw = mdmp(['memory', linux, '0x401d72', '16', '--raw']);
      expect(raw.exit).toBe(0);
      expect(part.hex).toMatch(/^[0-9a-f]{32}$/);
    });

    it('names what is not there', () => {
      const { exit, stdout } = mdmp(['memory', linux, '0x401ce2', '32']);
      expect(exit).toBe(0);
      expect(stdout).toMatch(/^000000401cf2 /);
      expect(stdout).toMatch(/^16 bytes of 32 bytes are in the dump$/m);
      expect(mdmp(['memory', linux, '0x401ce2', '32', '--raw'])).toMatchObject({ exit: 15, stdout: '' });
      expect(mdmp(['memory', linux, '0x1000', '16'])).toMatchObject({ exit: 15, stdout: '' });
      expect(mdmp(['memory', linux, 'main', '16'])).toMatchObject({ exit: 2, stdout: '' });
      expect(mdmp(['memory', linux, '0x1000', '0'])).toMatchObject({ exit: 2, stdout: '' });
    });
  });

  it.each(['info', 'threads', 'modules', 'show', 'stack', 'gaps'])('%s of what is no dump', (command) => {
    const text = join(folder, 'text');
    writeFileSync(text, 'not a dump at all, but longer than a header is');
    expect(mdmp([command, join(folder, 'missing')])).toMatchObject({ exit: 10, stdout: '' });
    expect(mdmp([command, folder])).toMatchObject({ exit: 10, stdout: '' });
    expect(mdmp([command, '/dev/null'])).toMatchObject({ exit: 10, stdout: '' });
    const answer = mdmp([command, text]);
    expect(answer).toMatchObject({ exit: 11, stdout: '' });
    expect(answer.stderr).toMatch(/^mdmp: .*text: this is not a minidump\. Expected MDMP.*\n$/);
    writeFileSync(text, readFileSync(windows).subarray(0, 40));
    expect(mdmp([command, text])).toMatchObject({ exit: 12, stdout: '' });
  });

  it('a hostile dump does not drive the terminal', () => {
    const bytes = readFileSync(linux);
    const name = Buffer.from('/work/linux/build/crash', 'utf16le');
    const hostile = Buffer.from('\x1b]0;\x07\x9b31m\u202e/build/crash\n', 'utf16le');
    for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1)) {
      hostile.copy(bytes, at, 0, Math.min(hostile.length, name.length));
    }
    const maps = bytes.indexOf('r-xp');
    bytes.write('\x1b[2J', maps, 'latin1');
    const file = join(folder, 'hostile.dmp');
    writeFileSync(file, bytes);
    for (const words of [
      ['info', file],
      ['modules', file],
      ['show', file, 'modules'],
      ['show', file, 'LinuxMaps'],
      ['modules', file, '--json'],
      ['gaps', file, '--json'],
      ['gaps', file],
      ['stack', file],
    ]) {
      const { stdout, stderr } = mdmp(words);
      // The report of a crash has the last part of paths only. A line break in it makes no line.
      if (words[0] === 'stack') expect(stdout).toMatch(/^ 0 {2}crash\\n \+ 0x1d72$/m);
      else expect(stdout + stderr).toMatch(/\\u001b/);
      expect(stdout + stderr).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
    }
  });
});

describeWith([needsBuild], 'the command', () => {
  it('has help for every command, with examples', () => {
    const { exit, stdout } = mdmp(['--help']);
    expect(exit).toBe(0);
    for (const name of ['dump', 'info', 'show', 'memory', 'threads', 'modules', 'stack', 'gaps']) {
      expect(stdout).toContain(`\n  ${name} `);
      const help = mdmp([name, '--help']);
      expect(help).toMatchObject({ exit: 0, stderr: '' });
      expect(help.stdout).toMatch(/\nExamples:\n {2}mdmp /);
      expect(mdmp(['help', name]).stdout).toBe(help.stdout);
    }
    expect(mdmp(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('lists its exit codes', () => {
    for (const words of [['exit-codes'], ['help', 'exit-codes']]) {
      expect(mdmp(words).stdout).toMatch(/^ {2}43 {2}disk-full +there is no space left/m);
    }
    expect(mdmpJson(['exit-codes'])['max-pause'].exit).toBe(33);
  });

  it.each([[['nonsense']], [['info']], [['show', '--nonsense']], [['memory', 'x']]])(
    'refuses %j',
    (words) => {
      const answer = mdmp(words);
      expect(answer).toMatchObject({ exit: 2, stdout: '' });
      expect(answer.stderr).toMatch(/^mdmp: .*\n$/);
    },
  );

  it('without anything shows its help and fails', () => {
    expect(mdmp([])).toMatchObject({ exit: 2, stdout: '' });
  });

  it('has no colour where there is no terminal, whatever the environment', () => {
    const { stderr } = mdmp(['info', 'missing'], { env: { CI: 'true', FORCE_COLOR: '1' } });
    expect(stderr).toMatch(/^mdmp: there is no file missing/);
  });

  it('ends quietly when its reader has seen enough', async () => {
    const main = join(root, 'dist', 'cli', 'main.js');
    const child = spawn(process.execPath, [main, 'exit-codes', '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (part) => {
      stderr += part;
    });
    const [exit] = await once(child, 'close');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  });

  it('says in one line that what it prints cannot be written', () => {
    const full = openSync('/dev/full', 'w');
    const main = join(root, 'dist', 'cli', 'main.js');
    const { status, stderr } = spawnSync(process.execPath, [main, 'exit-codes'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect({ status, stderr }).toEqual({
      status: 46,
      stderr: 'mdmp: what the command prints cannot be written: ENOSPC: no space left on device, write.\n',
    });
  });
});
