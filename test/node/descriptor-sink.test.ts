import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Sink } from '../../src/io/index.js';
import { MinidumpError } from '../../src/io/index.js';
import { AsyncDescriptorSink } from '../../src/node/async-descriptor-sink.js';
import { DescriptorSink } from '../../src/node/descriptor-sink.js';
import { descriptorFlags } from '../../src/node/writable.js';
import { describeWith, needsLinux } from '../support/tools.js';
import { O_NONBLOCK, type Pipe, pipe, reader, socketPair } from './pipes.js';

/** What this machine is made to lack, for one test. */
const lacks = vi.hoisted(() => ({ koffi: false }));

vi.mock('../../src/node/libc.js', async (original) => {
  const real = await original<typeof import('../../src/node/libc.js')>();
  return {
    ...real,
    libc: (declaration: string) => {
      if (lacks.koffi) throw new MinidumpError('koffi-missing', 'not installed');
      return real.libc(declaration);
    },
  };
});

const folder = mkdtempSync(join(tmpdir(), 'mdmp-descriptor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const code = (expected: string) => expect.objectContaining({ code: expected, name: 'MinidumpError' });
const data = Buffer.from(Uint8Array.from({ length: 3_000_001 }, (_, i) => (i * 2654435761) >>> 13));
const digest = createHash('sha256').update(data).digest('hex');

const outputs: [string, () => Pipe][] = [
  ['a pipe', () => pipe()],
  ['a non-blocking pipe', () => pipe(O_NONBLOCK)],
  ['a socket', () => socketPair()],
];
const sinks: [string, (fd: number) => Sink][] = [
  ['DescriptorSink', (fd) => new DescriptorSink(fd)],
  ['AsyncDescriptorSink', (fd) => new AsyncDescriptorSink(fd)],
];
const ways = sinks.flatMap(([sink, open]) => outputs.map(([output, make]) => ({ sink, open, output, make })));

describeWith([needsLinux], 'sinks over a file descriptor', () => {
  describe.each(ways)('$sink over $output', ({ open, make }) => {
    it('waits for a slow reader, without burning time, and gives it all bytes in order', async () => {
      const { read, write } = make();
      const { output } = reader(read, 'sleep 1; sha256sum');
      const before = process.cpuUsage();
      const sink = open(write);
      expect(sink.mayWait).toBe(true);
      const buffer = Buffer.alloc(1_000_000);
      for (let at = 0; at < data.length; at += buffer.length) {
        const length = data.copy(buffer, 0, at);
        await sink.write(buffer.subarray(0, length));
        buffer.fill(0);
      }
      await sink.close();
      const { user, system } = process.cpuUsage(before);
      // Not a measure of speed: a loop around write(2) would have used the whole second.
      expect(user + system).toBeLessThan(600_000);
      fstatSync(write); // still open
      closeSync(write);
      expect((await output).toString('latin1')).toContain(digest);
    });

    it('says that the reader has gone, before and in the middle', async () => {
      const gone = make();
      closeSync(gone.read);
      const sink = open(gone.write);
      await expect(async () => await sink.write(data)).rejects.toThrow(code('output-closed'));
      await sink.abort();
      closeSync(gone.write);

      const { read, write } = make();
      const { output } = reader(read, 'head -c 100000 | wc -c');
      const other = open(write);
      await expect(async () => await other.write(data)).rejects.toThrow(code('output-closed'));
      await other.abort();
      closeSync(write);
      expect((await output).toString()).toBe('100000\n');
    });
  });

  it.each(outputs)('AsyncDescriptorSink leaves the event loop free while %s is full', async (_name, make) => {
    const { read, write } = make();
    const sink = new AsyncDescriptorSink(write);
    const writing = sink.write(data);
    // Nobody reads until this timer has fired.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { output } = reader(read, 'sha256sum');
    await writing;
    sink.close();
    closeSync(write);
    expect((await output).toString('latin1')).toContain(digest);
  });

  it('AsyncDescriptorSink does not make the pipe of others non-blocking', () => {
    const { read, write } = pipe();
    const sink = new AsyncDescriptorSink(write);
    expect(descriptorFlags(write)).toEqual({ writable: true, nonBlocking: false });
    sink.close();
    closeSync(read);
    closeSync(write);
  });

  it('wait without koffi, too', async () => {
    for (const [, open] of sinks) {
      const { read, write } = pipe(O_NONBLOCK);
      const { output } = reader(read, 'sleep 0.2; sha256sum');
      lacks.koffi = true;
      try {
        const sink = open(write);
        await sink.write(data);
        await sink.close();
      } finally {
        lacks.koffi = false;
      }
      closeSync(write);
      expect((await output).toString('latin1')).toContain(digest);
    }
  });

  it('DescriptorSink writes a file from where it stands, and does not wait for it', () => {
    const file = join(folder, 'a.dmp');
    const fd = openSync(file, 'w+', 0o600);
    writeSync(fd, 'before ');
    const sink = new DescriptorSink(fd);
    expect(sink.mayWait).toBe(false);
    sink.write(Buffer.from('and '));
    sink.write(Buffer.from('after'));
    sink.close();
    const byte = Buffer.alloc(1);
    expect(readSync(fd, byte, 0, 1, 0)).toBe(1); // still open
    closeSync(fd);
    expect(readFileSync(file, 'latin1')).toBe('before and after');
  });

  it.each(sinks)('%s refuses what nothing can be written to', (_name, open) => {
    expect(() => open(-1)).toThrow(code('invalid-argument'));
    expect(() => open(1.5)).toThrow(code('invalid-argument'));
    expect(() => open(987_654)).toThrow(/no open file descriptor 987654/);
    const { read, write } = pipe();
    expect(() => open(read)).toThrow(/not open for writing/);
    closeSync(read);
    closeSync(write);
  });

  it('DescriptorSink tells of a full disk', () => {
    const fd = openSync('/dev/full', 'w');
    try {
      expect(() => new DescriptorSink(fd).write(data)).toThrow(code('disk-full'));
    } finally {
      closeSync(fd);
    }
  });
});
