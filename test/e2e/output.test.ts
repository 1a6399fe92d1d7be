import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import * as dbghelp from '../../dist/dbghelp.js';
import {
  BytesSink,
  type Destination,
  FileSource,
  MINIDUMP_TYPE,
  Minidump,
  MinidumpError,
  type Sink,
  writeMinidump,
} from '../../dist/index.js';
import { reader, socketPair } from '../node/pipes.js';
import { lldbDump, minidumpDump } from '../support/judges.js';
import { RawMemory64 } from '../support/live.js';
import { compile, Program, statusField, stopPrograms, temporaryFolder } from '../support/programs.js';
import { waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

const needs = ['gcc', needsLinux, needsBuild] as const;
const FULL = MINIDUMP_TYPE.MiniDumpWithFullMemory;
const MIB = 1024 * 1024;
const TEXT = 'the last bytes of a large block, 64 of them, before the end ...\0';
const main = join(root, 'dist/cli/main.js');

const dumpers = new Set<ChildProcess>();
afterEach(async () => {
  for (const dumper of dumpers) dumper.kill('SIGKILL');
  dumpers.clear();
  await stopPrograms();
});

const large = async (...words: string[]) => Program.start(await compile('large'), words);

/** Nobody traces the process, and it answers. */
async function expectUntouched(program: Program): Promise<void> {
  expect(program.exited).toBe(false);
  expect(statusField(program.pid, 'TracerPid')).toBe('0');
  await program.command('anything');
}

/** The known text at the end of a block, and the bytes before it. */
function tailOf({ address, length }: { address: bigint; length: number }) {
  return { address: address + BigInt(length - 4 - TEXT.length), length: TEXT.length };
}

async function expectWhole(bytes: Uint8Array, program: Program, block: string): Promise<void> {
  const dump = await Minidump.open(bytes);
  const { address, length } = tailOf(program.range(block));
  const memory = await dump.memory();
  expect(Buffer.from(await memory.read(address, length)).toString('latin1')).toBe(TEXT);
}

/** `mdmp dump` with a pipe for its output. A shell makes it: a `pipe` of Node's is a socket. */
function dumpToPipe(pid: number, words: readonly string[], then = 'cat'): ChildProcess {
  const command = `{ "$0" "$@"; echo "exit $?" >&2; } | ${then}`;
  const child = spawn(
    'bash',
    ['-c', command, process.execPath, main, 'dump', String(pid), '-o', '-', ...words],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  dumpers.add(child);
  return child;
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  return (await bytesOf(stream)).toString('utf8');
}

async function bytesOf(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Descriptors of a process that lead to a file in the folder, which has no name there. */
function spoolsOf(pid: number, folder: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
      .map((fd) => {
        try {
          return readlinkSync(`/proc/${pid}/fd/${fd}`);
        } catch {
          return '';
        }
      })
      .filter((path) => path.startsWith(folder));
  } catch {
    return [];
  }
}

/** The dumper holds the target no more, and waits for whoever reads its output. */
async function untilItStreams(program: Program, dumper: number, spool: string): Promise<void> {
  await waitFor('the dump to be spooled and the process to run again', () => {
    const [path] = spoolsOf(dumper, spool);
    if (path === undefined || statusField(program.pid, 'TracerPid') !== '0') return false;
    const fd = readdirSync(`/proc/${dumper}/fd`).find((one) => {
      try {
        return readlinkSync(`/proc/${dumper}/fd/${one}`) === path;
      } catch {
        return false;
      }
    });
    return fd !== undefined && statSync(`/proc/${dumper}/fd/${fd}`).size > 10 * MIB;
  });
}

/** A shell has started the dumper: the process that has the target's id among its arguments and is node. */
async function dumperOf(shell: number, program: Program): Promise<number> {
  return await waitFor('the dumper', () => {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        if (words[1] !== main || words[3] !== String(program.pid)) continue;
        const group = Number(readFileSync(`/proc/${name}/stat`, 'latin1').split(') ')[1]!.split(' ')[2]);
        if (group === shell) return Number(name);
      } catch {} // it has ended
    }
    return undefined;
  });
}

describeWith(needs, 'a dump to a pipe', () => {
  it('while nobody reads, the target runs; then it is whole; the dumper stays small', async () => {
    const program = await large('--touch', '150');
    const spool = temporaryFolder();
    const shell = dumpToPipe(program.pid, ['--type', 'full', '--spool', spool]);
    const told = textOf(shell.stderr!);
    const dumper = await dumperOf(shell.pid!, program);
    await untilItStreams(program, dumper, spool);
    await program.command('are you there');
    expect(readdirSync(spool)).toEqual([]);
    const peak = Number(statusField(dumper, 'VmHWM').split(' ')[0]) / 1024;
    const bytes = await bytesOf(shell.stdout!);
    expect(await told).toMatch(/^dump +standard output\n[\s\S]*\nexit 0\n$/);
    expect(bytes.length).toBeGreaterThan(150 * MIB);
    await expectWhole(bytes, program, 'touched');
    expect(peak).toBeGreaterThan(10);
    expect(peak).toBeLessThan(100);
    await expectUntouched(program);
  });

  it('to a reader that takes 1 MB a second', async () => {
    const program = await large('--touch', '9');
    const shell = dumpToPipe(
      program.pid,
      ['--type', 'full', '--json'],
      // 50 kB, then a twentieth of a second.
      `"$0" -e '
        const { readSync, writeSync } = require("node:fs");
        const buffer = Buffer.alloc(50_000);
        const wait = new Int32Array(new SharedArrayBuffer(4));
        for (let n; (n = readSync(0, buffer)) > 0; Atomics.wait(wait, 0, 0, n / 1000))
          for (let done = 0; done < n; ) done += writeSync(1, buffer, done, n - done);'`.replace(
        '"$0"',
        `'${process.execPath}'`,
      ),
    );
    const told = textOf(shell.stderr!);
    await expectWhole(await bytesOf(shell.stdout!), program, 'touched');
    const report = JSON.parse((await told).replace(/exit 0\n$/, ''));
    expect(report.size).toBeGreaterThan(9 * MIB);
    expect(report).not.toHaveProperty('file');
    // It took nine seconds and more; the process stood still while 9 MiB were copied.
    expect(report.pauseMs).toBeLessThan(4000);
    await expectUntouched(program);
  });

  it.each(['true', 'head -c 100 > /dev/null'])(
    'that `%s` closes: one line, and an exit code',
    async (reading) => {
      const program = await large('--touch', '20');
      const spool = temporaryFolder();
      const shell = dumpToPipe(program.pid, ['--type', 'full', '--spool', spool], reading);
      expect(await textOf(shell.stderr!)).toMatch(
        /^mdmp: the reader of the output has gone [^\n]*\nexit 45\n$/,
      );
      expect(readdirSync(spool)).toEqual([]);
      await expectUntouched(program);
    },
  );

  it('through gzip to a file', async () => {
    const program = await large('--touch', '20');
    const file = join(temporaryFolder(), 'a.dmp.gz');
    const shell = dumpToPipe(program.pid, ['--type', 'full'], `gzip -1 > ${file}`);
    expect(await textOf(shell.stderr!)).toMatch(/\nexit 0\n$/);
    await expectWhole(execFileSync('gzip', ['-dc', file], { maxBuffer: 1 << 30 }), program, 'touched');
  });

  it('that the target itself reads', async () => {
    const file = join(temporaryFolder(), 'self.dmp');
    const script = join(temporaryFolder(), 'self.mjs');
    // More memory than a pipe takes, and than a dump keeps in memory.
    writeFileSync(
      script,
      `import { spawn } from 'node:child_process';
       import { createWriteStream } from 'node:fs';
       const block = Buffer.alloc(100 << 20, 'a block of the reader ');
       const words = ['-c', 'exec "$0" "$@" | cat', process.execPath, ...process.argv.slice(2), 'dump', String(process.pid), '-o', '-', '-t', 'full'];
       const child = spawn('sh', words, { stdio: ['ignore', 'pipe', 'inherit'] });
       child.stdout.pipe(createWriteStream('${file}')).on('close', () => console.log(block.length));`,
    );
    const target = spawn(process.execPath, [script, main], { stdio: ['ignore', 'pipe', 'pipe'] });
    dumpers.add(target);
    const [printed, told] = await Promise.all([textOf(target.stdout), textOf(target.stderr)]);
    expect(printed).toBe(`${100 * MIB}\n`);
    expect(told).toMatch(/^size .*\n[\s\S]*^pause/m);
    const whole = readFileSync(file);
    expect(whole.length).toBeGreaterThan(100 * MIB);
    expect(whole.indexOf('a block of the reader '.repeat(1000))).toBeGreaterThan(0);
    const threads = await (await Minidump.open(whole)).get('threads');
    expect(threads!.length).toBeGreaterThan(3);
  });

  it('killed while it streams, the dumper leaves nothing and the target runs', async () => {
    const program = await large('--touch', '50');
    const spool = temporaryFolder();
    const asRoot = process.getuid?.() === 0;
    if (asRoot) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'none', spool]);
    try {
      const free = statfsSync(spool).bfree;
      const shell = dumpToPipe(program.pid, ['--type', 'full', '--spool', spool], 'sleep 1000');
      const dumper = await dumperOf(shell.pid!, program);
      await untilItStreams(program, dumper, spool);
      if (asRoot) expect(statfsSync(spool).bfree).toBeLessThan(free);
      process.kill(dumper, 'SIGKILL');
      await waitFor('its end', () => !existsSync(`/proc/${dumper}`));
      process.kill(-shell.pid!, 'SIGKILL');
      await once(shell, 'close');
      expect(readdirSync(spool)).toEqual([]);
      if (asRoot) expect(statfsSync(spool).bfree).toBe(free);
      await expectUntouched(program);
    } finally {
      if (asRoot) execFileSync('umount', ['-l', spool]);
    }
  });

  it.runIf(process.getuid?.() === 0)(
    'where the spool is full: says which, gives the space back',
    async () => {
      const program = await large('--touch', '50');
      const spool = temporaryFolder();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'none', spool]);
      try {
        const free = statfsSync(spool).bfree;
        const shell = dumpToPipe(program.pid, ['--type', 'full', '--spool', spool], 'wc -c');
        const told = textOf(shell.stderr!);
        expect(await textOf(shell.stdout!)).toBe('0\n');
        expect(await told).toMatch(
          new RegExp(`^mdmp: no space left [^\\n]*${spool}[^\\n]*--spool[^\\n]*\\nexit 43\\n$`),
        );
        expect(statfsSync(spool).bfree).toBe(free);
        await expectUntouched(program);
      } finally {
        execFileSync('umount', ['-l', spool]);
      }
    },
  );

  it('that takes longer to spool than the process may stand still: given up, nothing left', async () => {
    const program = await large('--touch', '600');
    const spool = temporaryFolder();
    const shell = dumpToPipe(
      program.pid,
      ['-t', 'full', '--snapshot', 'never', '--max-pause', '0.02', '--spool', spool],
      'wc -c',
    );
    const told = textOf(shell.stderr!);
    expect(await textOf(shell.stdout!)).toBe('0\n');
    expect(await told).toMatch(/^mdmp: [^\n]*0\.02 s[^\n]*\nexit 33\n$/);
    expect(readdirSync(spool)).toEqual([]);
    await expectUntouched(program);
  });

  it('by MiniDumpWriteDump, which blocks until it is read', async () => {
    const program = await large('--touch', '20');
    const { read, write } = socketPair();
    const file = join(temporaryFolder(), 'a.dmp');
    // Not back to us: we do not read while we write.
    const { output } = reader(read, `sleep 0.5; cat > ${file}`);
    const handle = dbghelp.OpenProcess(program.pid);
    expect(dbghelp.MiniDumpWriteDump(handle, program.pid, write, FULL)).toBe(true);
    closeSync(write);
    await output;
    await expectWhole(readFileSync(file), program, 'touched');
    await expectUntouched(program);
  });
});

describeWith(needs, 'writeMinidump to', () => {
  const collecting = () => {
    const parts: Buffer[] = [];
    return {
      parts,
      writable: new Writable({
        write(chunk: Buffer, _encoding, done) {
          parts.push(chunk);
          setImmediate(done);
        },
      }),
    };
  };

  it.each<[string, () => Promise<{ destination: Destination; bytes: () => Promise<Uint8Array> }>]>([
    [
      'a file descriptor',
      async () => {
        const file = join(temporaryFolder(), 'a.dmp');
        const fd = openSync(file, 'w', 0o600);
        return {
          destination: fd,
          bytes: async () => {
            closeSync(fd); // fails if it was closed
            return readFileSync(file);
          },
        };
      },
    ],
    [
      'the descriptor of a pipe',
      async () => {
        const { read, write } = socketPair();
        const { output } = reader(read, 'cat');
        return {
          destination: write,
          bytes: async () => {
            closeSync(write);
            return await output;
          },
        };
      },
    ],
    [
      'a Node stream',
      async () => {
        const { parts, writable } = collecting();
        return {
          destination: writable,
          bytes: async () => {
            expect(writable.writableFinished).toBe(true);
            return Buffer.concat(parts);
          },
        };
      },
    ],
    [
      'a Node stream that compresses',
      async () => {
        const gzip = createGzip({ level: 1 });
        const all = bytesOf(gzip.pipe(createGunzip()));
        return { destination: gzip, bytes: () => all };
      },
    ],
    [
      'a WritableStream',
      async () => {
        const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
        const all = new Response(readable).arrayBuffer();
        return { destination: writable, bytes: async () => new Uint8Array(await all) };
      },
    ],
    [
      'a sink in memory',
      async () => {
        const sink = new BytesSink();
        return { destination: sink, bytes: async () => sink.bytes() };
      },
    ],
  ])(
    '%s: small and large dumps come whole, and the process runs while they are written',
    async (_what, make) => {
      const program = await large('--touch', '20');
      for (const type of [0, FULL]) {
        const { destination, bytes } = await make();
        const phases: [number, string][] = [];
        const report = await writeMinidump(program.pid, destination, {
          type,
          onProgress: ({ written }) => phases.push([written, statusField(program.pid, 'TracerPid')]),
        });
        expect('file' in report).toBe(false);
        const all = await bytes();
        expect(all.length).toBe(report.size);
        expect((await (await Minidump.open(all)).get('threads'))!.length).toBe(1);
        if (type === FULL) await expectWhole(all, program, 'touched');
        for (const [, tracer] of phases) expect(tracer).toBe('0');
      }
      await expectUntouched(program);
    },
  );

  it('a stream that nobody reads: the event loop is free, and the process runs', async () => {
    const program = await large('--touch', '20');
    const stream = new PassThrough();
    const spool = temporaryFolder();
    let done = false;
    const dumping = writeMinidump(program.pid, stream, { type: FULL, spool }).then(() => {
      done = true;
    });
    // The threads that fill it have it open, too.
    expect(spoolsOf(process.pid, spool).length).toBeGreaterThan(0);
    await program.command('are you there');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(done).toBe(false);
    expect(stream.writableLength + stream.readableLength).toBeLessThanOrEqual(
      stream.writableHighWaterMark + stream.readableHighWaterMark + 2 * 64 * 1024,
    );
    await expectWhole(await bytesOf(stream), program, 'touched');
    await dumping;
    expect(spoolsOf(process.pid, spool)).toEqual([]);
  });

  it('a stream that fails half-way, or is destroyed: an error, and the spool is gone', async () => {
    const program = await large('--touch', '20');
    const spool = temporaryFolder();
    let taken = 0;
    const failing = new Writable({
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        done(taken > 5 * MIB ? new Error('the store said no') : null);
      },
    });
    await expect(writeMinidump(program.pid, failing, { type: FULL, spool })).rejects.toMatchObject({
      code: 'write-failed',
      message: expect.stringContaining('the store said no'),
    });
    const destroyed = new PassThrough();
    setTimeout(() => destroyed.destroy(), 50);
    await expect(writeMinidump(program.pid, destroyed, { type: FULL, spool })).rejects.toMatchObject({
      code: 'output-closed',
    });
    expect(spoolsOf(process.pid, spool)).toEqual([]);
    await expectUntouched(program);
  });

  it('the response of an HTTP server: whole to who reads it, an error if he leaves', async () => {
    const program = await large('--touch', '20');
    const results: unknown[] = [];
    const server = createServer((_request, response) => {
      const dumping = writeMinidump(program.pid, response, { type: FULL });
      dumping.then(
        () => results.push('whole'),
        (error: MinidumpError) => results.push(error.code),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    try {
      await expectWhole(new Uint8Array(await (await fetch(url)).arrayBuffer()), program, 'touched');
      const leaving = new AbortController();
      const body = (await fetch(url, { signal: leaving.signal })).body!.getReader();
      await body.read();
      leaving.abort();
      await waitFor('the server to notice', () => results.length === 2);
      expect(results).toEqual(['whole', 'output-closed']);
    } finally {
      server.closeAllConnections();
      server.close();
    }
    await expectUntouched(program);
  });

  it('a stream, and the dump fails: it is destroyed', async () => {
    const program = await large('--touch', '20');
    for (const [pid, callbacks] of [
      [999_999_999, {}],
      [program.pid, { cancel: () => true }],
    ] as const) {
      const { writable } = collecting();
      await expect(writeMinidump(pid, writable, { callbacks })).rejects.toBeInstanceOf(MinidumpError);
      expect(writable.destroyed).toBe(true);
      expect(writable.writableFinished).toBe(false);
    }
    await expectUntouched(program);
  });

  it('nothing: only where the callback writes by itself', async () => {
    const program = await large('--touch', '20');
    for (const type of [0, FULL]) {
      await expect(writeMinidump(program.pid, null, { type })).rejects.toMatchObject({
        code: 'invalid-argument',
        message: expect.stringContaining('nowhere to write'),
      });
      await expectUntouched(program);
      const sink = new BytesSink();
      const tracers = new Set<string>();
      const report = await writeMinidump(program.pid, undefined, {
        type,
        callbacks: {
          ioWriteAll: ({ bytes }) => {
            sink.write(bytes);
            tracers.add(statusField(program.pid, 'TracerPid'));
          },
        },
      });
      expect(sink.bytes().length).toBe(report.size);
      expect([...tracers]).toEqual(['0']);
      if (type === FULL) await expectWhole(sink.bytes(), program, 'touched');
    }
    expect(dbghelp.MiniDumpWriteDump(dbghelp.OpenProcess(program.pid), program.pid, null, 0)).toBe(false);
    expect(dbghelp.GetLastError()).toBe(dbghelp.HRESULT.E_INVALIDARG);
    await expectUntouched(program);
  });

  it('a spool folder that is not there: refused before the process is touched', async () => {
    const program = await large();
    await expect(
      writeMinidump(program.pid, new PassThrough(), {
        spool: '/no/such/folder',
        callbacks: { includeThread: () => expect.fail('it was touched') },
      }),
    ).rejects.toMatchObject({ code: 'output-folder' });
  });
});

/** A file whose zeros take no room, written in order. */
class SparseSink implements Sink {
  readonly mayWait = false;
  readonly #fd: number;
  #size = 0;

  constructor(file: string) {
    this.#fd = openSync(file, 'w', 0o600);
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 65536) {
      const piece = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(65536, bytes.length - at));
      if (!ZEROS.subarray(0, piece.length).equals(piece)) {
        writeSync(this.#fd, piece, 0, piece.length, this.#size + at);
      }
    }
    this.#size += bytes.length;
  }

  close(): void {
    ftruncateSync(this.#fd, this.#size);
    closeSync(this.#fd);
  }

  abort(): void {
    closeSync(this.#fd);
  }
}
const ZEROS = Buffer.alloc(65536);

describeWith([...needs, 'lldb-19', 'minidump_dump'], 'a dump above 4 GiB', () => {
  const GIB = 1024 * MIB;

  describe.each([
    { what: 'of full memory', type: FULL, added: false },
    { what: 'by memory that a callback added', type: 0, added: true },
  ])('$what', ({ type, added }) => {
    it('is right at its end', async () => {
      const program = await large('--spread', '4608', '--touch', '1');
      const file = join(temporaryFolder(), 'large.dmp');
      const spread = program.range('spread');
      const memory = () => [{ address: spread.address, size: spread.length }];
      const report = await writeMinidump(program.pid, new SparseSink(file), {
        type,
        maxPause: 100_000,
        ...(added && { callbacks: { memory } }),
      });
      expect(report.size).toBeGreaterThan(4.5 * GIB);
      expect(statSync(file).size).toBe(report.size);
      expect(report.streams.map(({ name }) => name)).toContain('Memory64ListStream');
      expect(report.streams.map(({ name }) => name)).not.toContain('MemoryListStream');

      const tail = tailOf(spread);
      const raw = new RawMemory64(file);
      try {
        const range = raw.ranges.find(({ end }) => end === spread.address + BigInt(spread.length))!;
        expect(range.offset + Number(range.end - range.start)).toBeGreaterThan(4 * GIB);
        expect(raw.read(tail.address, tail.length)!.toString('latin1')).toBe(TEXT);
        const last = raw.ranges.at(-1)!;
        expect(last.offset + Number(last.end - last.start)).toBeLessThanOrEqual(report.size);
      } finally {
        raw.close();
      }
      using source = new FileSource(file);
      const dump = await Minidump.open(source);
      const bytes = await (await dump.memory()).read(tail.address, tail.length);
      expect(Buffer.from(bytes).toString('latin1')).toBe(TEXT);

      const seen = await lldbDump(file, [tail]);
      expect(seen.reads[0]?.toString('latin1')).toBe(TEXT);
      expect(seen.threads.map(({ id }) => id)).toEqual([program.pid]);
      expect((await minidumpDump(file)).threads.map(({ id }) => id)).toEqual([program.pid]);
      await expectUntouched(program);
    });
  });
});
