import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decompress } from 'fzstd';
import { afterEach, expect, it } from 'vitest';
import {
  BytesSink,
  convertCore,
  FileSource,
  filterMinidump,
  fzstdDecompressor,
  MINIDUMP_TYPE,
  Minidump,
  openSource,
  type Source,
  writeMinidump,
} from '../../dist/index.js';
import { gcore } from '../support/cores.js';
import { minidumpDump } from '../support/judges.js';
import { RawMemory64 } from '../support/live.js';
import { compile, Program, statusField, stopPrograms, temporaryFolder } from '../support/programs.js';
import { waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, requireTool, root } from '../support/tools.js';

const FULL = MINIDUMP_TYPE.MiniDumpWithFullMemory;
const main = join(root, 'dist/cli/main.js');
const needs = ['gcc', 'zstd', 'node-22', needsLinux, needsBuild] as const;

const started = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of started) {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {} // it has ended
  }
  started.clear();
  await stopPrograms();
});

interface Way {
  node: string;
  env: NodeJS.ProcessEnv;
}

/** A machine without libzstd; `zstd` is what its folder of programs has. */
function withoutLibrary(program?: string): Way {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'libzstd.so.1'), 'none');
  if (program !== undefined) {
    writeFileSync(
      join(folder, 'zstd'),
      `#!/bin/sh\nPATH=${process.env.PATH}\nunset LD_LIBRARY_PATH\n${program}\n`,
    );
    chmodSync(join(folder, 'zstd'), 0o755);
  }
  return { node: process.execPath, env: { LD_LIBRARY_PATH: folder, PATH: folder } };
}

const ways: [string, () => Way][] = [
  ['libzstd', () => ({ node: process.execPath, env: {} })],
  ['the program zstd', () => withoutLibrary(`exec ${requireTool('zstd')} "$@"`)],
  ['node:zlib of Node 22', () => ({ node: requireTool('node-22'), env: {} })],
];

function mdmp({ node, env }: Way, words: readonly (string | number)[], cwd?: string) {
  const { status, stdout, stderr, error } = spawnSync(node, [main, ...words.map(String)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  if (error) throw error;
  return { exit: status, stdout, stderr };
}

const here: Way = { node: process.execPath, env: {} };

/** What `zstd -d` makes of a file that `zstd -t` is content with. */
function unpacked(file: string): string {
  const plain = file.replace(/\.zst$/, '');
  execFileSync(requireTool('zstd'), ['-q', '-t', file]);
  execFileSync(requireTool('zstd'), ['-q', '-d', '-f', file, '-o', plain]);
  return plain;
}

const node = () =>
  Program.start(process.execPath, [join(root, 'test/programs/node-target.js'), '--heap', '12']);

async function expectUntouched(program: Program): Promise<void> {
  expect(program.exited).toBe(false);
  expect(statusField(program.pid, 'TracerPid')).toBe('0');
}

describeWith(needs, 'a compressed dump of a live process', () => {
  for (const [name, make] of ways) {
    it(`is written and read by ${name}`, async () => {
      const way = make();
      const program = await node();
      const file = join(temporaryFolder(), 'app.dmp.zst');
      const { exit, stdout, stderr } = mdmp(way, ['dump', program.pid, '-t', 'full', '-o', file, '--json']);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
      await expectUntouched(program);
      const report = JSON.parse(stdout);
      expect(report.compressedSize).toBe(statSync(file).size);
      expect(report.compressedSize).toBeLessThan(report.size / 2);
      expect(statSync(file).mode & 0o777).toBe(0o600);

      const plain = unpacked(file);
      expect(statSync(plain).size).toBe(report.size);
      const { threads } = await minidumpDump(plain);
      expect(threads.map(({ id }) => id)).toContain(program.pid);

      // Every command says the same of both.
      const raw = new RawMemory64(plain);
      const [range] = raw.ranges;
      raw.close();
      for (const words of [
        ['threads'],
        ['modules'],
        ['show'],
        ['show', 'LinuxMaps'],
        ['show', 'memory'],
        ['memory', `0x${range!.start.toString(16)}`, '4096'],
      ]) {
        const [command, ...more] = words;
        const one = mdmp(way, [command!, file, ...more]);
        expect({ ...one, words }).toEqual({ ...mdmp(way, [command!, plain, ...more]), words });
        expect(one.exit).toBe(0);
      }
      const info = JSON.parse(mdmp(way, ['info', file, '--json']).stdout);
      expect(info).toEqual({
        ...JSON.parse(mdmp(way, ['info', plain, '--json']).stdout),
        file,
        compressedSize: report.compressedSize,
      });
      expect(mdmp(way, ['info', file]).stdout).toMatch(
        /^file {5}.*app\.dmp\.zst, \S+ MiB \(\S+ MiB compressed\)$/m,
      );
    });
  }

  it('without anything that compresses is refused in one line, before the process is touched', async () => {
    const program = await Program.start(await compile('target'));
    const folder = temporaryFolder();
    const { exit, stdout, stderr } = mdmp(
      withoutLibrary(),
      // It could not be dumped anyhow: that this is not what it fails with shows that nobody tried.
      ['dump', 2 ** 22 + 1, '--compress', 'zstd'],
      folder,
    );
    expect({ exit, stdout }).toEqual({ exit: 53, stdout: '' });
    expect(stderr).toMatch(
      /^mdmp: nothing compresses with zstd here: .*libzstd.*program zstd.*Node 22\.15.*\n$/,
    );
    expect(readdirSync(folder)).toEqual([]);
    await expectUntouched(program);
  });

  it('is read by fzstd where there is nothing else', async () => {
    const program = await Program.start(await compile('target'));
    const file = join(temporaryFolder(), 'app.dmp.zst');
    expect(mdmp(here, ['dump', program.pid, '-o', file]).exit).toBe(0);
    const plain = unpacked(file);
    const way = withoutLibrary();
    expect(mdmp(way, ['threads', file])).toEqual(mdmp(here, ['threads', plain]));
  });

  it('has the name that one expects', async () => {
    const program = await Program.start(await compile('target'));
    const folder = temporaryFolder();
    const isZstd = (name: string) => readFileSync(join(folder, name)).readUInt32LE(0) === 0xfd2fb528;
    const dump = (...words: string[]) => {
      const answer = mdmp(here, ['dump', program.pid, ...words], folder);
      expect(answer.stderr).toBe('');
      return answer.stdout;
    };
    expect(dump('--compress', 'zstd')).toMatch(
      /^dump {5}.*\.dmp\.zst\nsize {5}\S+ \S+, \S+ \S+ compressed\n/,
    );
    const [name] = readdirSync(folder);
    expect(name).toMatch(/^target.*\.\d+\.\d+T\d+\.dmp\.zst$/);
    expect(isZstd(name!)).toBe(true);
    dump('-o', 'a.dmp.zst');
    expect(isZstd('a.dmp.zst')).toBe(true);
    dump('-o', 'b.dmp', '--compress', 'zstd');
    expect(isZstd('b.dmp')).toBe(true);
    expect(dump('-o', 'c.dmp.zst', '--compress', 'none')).not.toContain('compressed');
    expect(isZstd('c.dmp.zst')).toBe(false);
    expect(mdmp(here, ['threads', 'b.dmp'], folder).exit).toBe(0);
    expect(mdmp(here, ['threads', 'c.dmp.zst'], folder).exit).toBe(0);
    const wrong = mdmp(here, ['dump', program.pid, '--compress', 'lz4'], folder);
    expect(wrong).toMatchObject({ exit: 2, stderr: expect.stringMatching(/'lz4' is invalid.*zstd, none/) });
  });

  it('goes to a pipe, and a full device is told', async () => {
    const program = await Program.start(await compile('large'), ['--touch', '20']);
    const file = join(temporaryFolder(), 'piped.dmp.zst');
    const shell = (script: string) =>
      spawnSync('bash', ['-c', script, process.execPath, main, String(program.pid), file], {
        encoding: 'utf8',
      });
    const piped = shell('set -o pipefail; "$0" "$1" dump "$2" -t full --compress zstd -o - | cat > "$3"');
    expect(piped.status).toBe(0);
    expect(piped.stderr).toMatch(/^dump {5}standard output\nsize {5}\S+ MiB, \S+ \S+ compressed\n/);
    expect(statSync(unpacked(file)).size).toBeGreaterThan(20 << 20);
    const full = shell('"$0" "$1" dump "$2" -t full --compress zstd -o - > /dev/full');
    expect(full).toMatchObject({ status: 43, stderr: expect.stringMatching(/^mdmp: no space left.*\n$/) });
    const gone = shell(
      'set -o pipefail; "$0" "$1" dump "$2" -t full --compress zstd -o - | head -c 1 > /dev/null',
    );
    expect(gone).toMatchObject({ status: 45, stderr: expect.stringMatching(/^mdmp: .*reader.*\n$/) });
    await expectUntouched(program);
  });

  it('is not waited for by the process, and its compressors end with the dumper', async () => {
    const program = await Program.start(await compile('large'), ['--touch', '20']);
    const folder = temporaryFolder();
    // The trial succeeds; what comes then takes for ever.
    const way = withoutLibrary(
      `[ -e ${folder}/tried ] && exec sleep 1000\n: > ${folder}/tried\nexec ${requireTool('zstd')} "$@"`,
    );
    const child = spawn(
      way.node,
      [main, 'dump', String(program.pid), '-t', 'full', '-o', join(folder, 'x.dmp.zst')],
      { env: { ...process.env, ...way.env }, detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    started.add(child);
    const compressors = () =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ').filter(Boolean);
    await waitFor(
      'the compressors to hang',
      () => existsSync(join(folder, 'tried')) && compressors().length === 2,
      30_000,
    );
    await expectUntouched(program);
    await program.command('anything');
    // One that is killed is an error, and takes the others along.
    const [one, other] = compressors().map(Number);
    let said = '';
    child.stderr!.on('data', (part) => {
      said += part;
    });
    process.kill(one!, 'SIGKILL');
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(44);
    expect(said).toMatch(/^mdmp: compressing the dump failed: \S+zstd: killed by SIGKILL\.\n$/);
    expect(existsSync(`/proc/${other}`)).toBe(false);
    expect(readdirSync(folder)).toEqual(['tried']);
    await expectUntouched(program);
  });

  it('by the library: to a path, a sink, and not by a callback that writes', async () => {
    const program = await Program.start(await compile('large'), ['--touch', '20']);
    const file = join(temporaryFolder(), 'a.dmp.zst');
    const report = await writeMinidump(program.pid, file, { type: FULL, compress: 'zstd' });
    expect(report).toMatchObject({ file, compressedSize: statSync(file).size });
    expect(report.compressedSize).toBeLessThan(report.size / 10);
    const sink = new BytesSink();
    const other = await writeMinidump(program.pid, sink, { compress: 'zstd' });
    expect(other.compressedSize).toBe(sink.bytes().length);

    // The last of what it touched is where the program has it.
    using source = await openSource(file);
    expect(source.compressedSize).toBe(report.compressedSize);
    const { address, length } = program.range('touched');
    const memory = Minidump.openSync(source).memorySync();
    const text = memory.readSync(address + BigInt(length - 4 - 64), 64);
    expect(Buffer.from(text).toString('latin1')).toMatch(/^the last bytes of a large block/);

    const written: Uint8Array[] = [];
    const callbacks = {
      ioWriteAll: ({ bytes }: { bytes: Uint8Array }) => {
        written.push(bytes.slice());
        return true;
      },
    };
    const byCallback = await writeMinidump(program.pid, null, { compress: 'zstd', callbacks });
    expect(byCallback.warnings.join()).toMatch(/not compressed: the callback/);
    expect(byCallback.compressedSize).toBeUndefined();
    expect(Buffer.concat(written).subarray(0, 4).toString()).toBe('MDMP');
    await expect(writeMinidump(program.pid, file, { compress: 'gzip' as 'zstd' })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });

  it('is opened in a browser, too: by fzstd, from a Blob, and only as far as it is read', async () => {
    const program = await Program.start(await compile('large'), ['--touch', '40']);
    const file = join(temporaryFolder(), 'a.dmp.zst');
    await writeMinidump(program.pid, file, { type: FULL, compress: 'zstd' });
    const browser = await import('../../dist/browser.js');
    const bytes = readFileSync(file);
    let frames = 0;
    const counting = browser.fzstdDecompressor((frame, into) => {
      frames++;
      return decompress(frame, into);
    });
    const dump = await browser.Minidump.open(new Blob([bytes]), { decompress: counting });
    expect((await dump.get('threads'))!.map(({ ThreadId }) => ThreadId)).toEqual([program.pid]);
    expect((await dump.get('modules'))!.length).toBeGreaterThan(2);
    expect(frames).toBeLessThanOrEqual(2);
    await expect(browser.Minidump.open(new Blob([bytes]))).rejects.toMatchObject({
      code: 'not-a-minidump',
      message: 'this is compressed with zstd',
    });
    const plain = execFileSync(requireTool('zstd'), ['-q', '-c', unpacked(file)], { maxBuffer: 1 << 28 });
    const decompressor = fzstdDecompressor(decompress);
    await expect(browser.Minidump.open(plain, { decompress: decompressor })).rejects.toMatchObject({
      message: 'this is zstd without a seek table',
    });
  });
});

describeWith(needs, 'a compressed file that is read', () => {
  it('is filtered into the same as the one that is not compressed', async () => {
    const program = await Program.start(await compile('large'), ['--touch', '20']);
    const folder = temporaryFolder();
    const file = join(folder, 'a.dmp.zst');
    await writeMinidump(program.pid, file, { type: FULL, compress: 'zstd' });
    const plain = unpacked(file);
    const words = ['--scrub', 'a large block', '--drop-stream', 'LinuxEnviron', '--json'];
    const one = mdmp(here, ['filter', plain, join(folder, 'one.dmp'), ...words]);
    const other = mdmp(here, ['filter', file, join(folder, 'other.dmp.zst'), ...words]);
    expect({ exit: other.exit, stderr: other.stderr }).toEqual({ exit: 0, stderr: '' });
    const size = statSync(join(folder, 'other.dmp.zst')).size;
    expect(JSON.parse(other.stdout)).toEqual({
      ...JSON.parse(one.stdout),
      file: join(folder, 'other.dmp.zst'),
      compressedSize: size,
    });
    expect(
      readFileSync(unpacked(join(folder, 'other.dmp.zst'))).equals(readFileSync(join(folder, 'one.dmp'))),
    ).toBe(true);
    // In place.
    const report = await filterMinidump(file, file, { force: true, compress: 'zstd' });
    expect(report.compressedSize).toBe(statSync(file).size);
    expect(readFileSync(unpacked(file)).length).toBe(report.size);
  });

  it('may have no seek table, or be gzip, or end early', async () => {
    const program = await Program.start(await compile('target'));
    const folder = temporaryFolder();
    const plain = join(folder, 'a.dmp');
    await writeMinidump(program.pid, plain, { type: FULL });
    execFileSync(requireTool('zstd'), ['-q', plain, '-o', `${plain}.zst`]);
    execFileSync('gzip', ['-k', plain]);
    for (const file of [`${plain}.zst`, `${plain}.gz`]) {
      expect(mdmp(here, ['threads', file])).toEqual(mdmp(here, ['threads', plain]));
    }
    const cut = readFileSync(`${plain}.zst`);
    writeFileSync(join(folder, 'cut.dmp.zst'), cut.subarray(0, cut.length - 5));
    const short = mdmp(here, ['threads', join(folder, 'cut.dmp.zst')]);
    expect(short.stdout).toBe(mdmp(here, ['threads', plain]).stdout);
    expect(short.stderr).toMatch(/^warning: the compressed file is damaged .*bytes could be decompressed\n$/);
    const report = await filterMinidump(join(folder, 'cut.dmp.zst'), new BytesSink());
    expect(report.warnings.join()).toMatch(/damaged/);
  });

  it('with a lying seek table is refused in one line that names it', async () => {
    const program = await Program.start(await compile('target'));
    const file = join(temporaryFolder(), 'a.dmp.zst');
    await writeMinidump(program.pid, file, { compress: 'zstd' });
    const bytes = readFileSync(file);
    bytes.writeUInt32LE(0xffff_fff0, bytes.length - 9 - 4);
    writeFileSync(file, bytes);
    for (const words of [
      ['info', file],
      ['filter', file, `${file}.dmp`],
      ['convert', file, `${file}.dmp`],
    ]) {
      const { exit, stdout, stderr } = mdmp(here, words);
      expect({ exit, stdout }).toEqual({ exit: 13, stdout: '' });
      expect(stderr).toMatch(/^mdmp: \S+a\.dmp\.zst: the seek table of the zstd file .*zstd -dc.*\n$/);
    }
    expect(readdirSync(dirname(file))).toEqual(['a.dmp.zst']);
  });

  it('of a dump is read in parts: what is not asked for is not read', async () => {
    const program = await Program.start(await compile('large'), ['--touch', '64']);
    const folder = temporaryFolder();
    const file = join(folder, 'a.dmp.zst');
    await writeMinidump(program.pid, file, { type: FULL, compress: 'zstd' });
    using inner = new FileSource(file);
    let read = 0;
    const counting: Source = {
      size: inner.size,
      read: (offset, length) => {
        read += length;
        return inner.read(offset, length);
      },
    };
    using source = await openSource(counting, { spool: '/no/such/folder' });
    const dump = Minidump.openSync(source);
    for (const key of ['systemInfo', 'miscInfo', 'threads', 'modules', 'memory64List'] as const) {
      expect(dump.getSync(key)).toBeDefined();
    }
    // Of 65 frames, the first, perhaps the second, and the table.
    expect(read).toBeLessThan(inner.size / 3);
    expect(readdirSync(folder)).toEqual(['a.dmp.zst']);
  });
});

describeWith([...needs, 'gcore'], 'a core', () => {
  it('is converted into a compressed dump, and may be compressed in frames itself', async () => {
    const program = await Program.start(await compile('target'));
    const folder = temporaryFolder();
    const core = await gcore(program.pid, folder);
    const packed = join(folder, 'core.zst');
    await convertCore(core, join(folder, 'one.dmp'), { type: FULL });
    // A core with a seek table: made by the same sink, as the program zstd makes none.
    const { SeekableZstdSink } = await import('../../dist/index.js');
    const { findCompressor } = await import('../../dist/node/zstd/index.js');
    const bytes = new BytesSink();
    const sink = new SeekableZstdSink(bytes, await findCompressor());
    await sink.write(readFileSync(core));
    await sink.close();
    writeFileSync(packed, bytes.bytes());
    const { exit, stdout, stderr } = mdmp(here, [
      'convert',
      packed,
      join(folder, 'two.dmp.zst'),
      '-t',
      'full',
      '--json',
      '--spool',
      '/no/such/folder',
    ]);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(JSON.parse(stdout).compressedSize).toBe(statSync(join(folder, 'two.dmp.zst')).size);
    const stable = (file: string) => readFileSync(file).fill(0, 20, 24); // TimeDateStamp
    expect(stable(unpacked(join(folder, 'two.dmp.zst'))).equals(stable(join(folder, 'one.dmp')))).toBe(true);
  });
});
