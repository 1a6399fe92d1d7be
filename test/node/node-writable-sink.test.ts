import { PassThrough, type Readable, Writable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { NodeWritableSink } from '../../src/node/node-writable-sink.js';

const code = (expected: string) => expect.objectContaining({ code: expected, name: 'MinidumpError' });
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

function pattern(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => ((from + i) * 2654435761) >>> 13);
}

async function collect(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const listeners = (stream: Writable) =>
  ['error', 'close', 'drain', 'finish'].map((name) => stream.listenerCount(name));

describe('NodeWritableSink', () => {
  it('writes all bytes in order, once, from a buffer that is used again, and waits for the end', async () => {
    const stream = new PassThrough();
    const all = collect(stream);
    const before = listeners(stream);
    const sink = new NodeWritableSink(stream);
    const buffer = new Uint8Array(200_000);
    for (let i = 0; i < 3; i++) {
      buffer.set(pattern(200_000, i * 200_000));
      await sink.write(buffer);
      buffer.fill(0);
    }
    await sink.close();
    expect(stream.writableFinished).toBe(true);
    expect((await all).equals(pattern(600_000))).toBe(true);
    expect(listeners(stream)).toEqual(before);
  });

  it('through gzip', async () => {
    const gzip = createGzip();
    const all = collect(gzip.pipe(createGunzip()));
    const sink = new NodeWritableSink(gzip);
    await sink.write(pattern(3_000_000));
    await sink.close();
    expect((await all).equals(pattern(3_000_000))).toBe(true);
  });

  it('lets no more than highWaterMark and one piece wait in the stream', async () => {
    let longest = 0;
    let taken = 0;
    const stream = new Writable({
      highWaterMark: 100_000,
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        setImmediate(() => {
          longest = Math.max(longest, stream.writableLength);
          done();
        });
      },
    });
    const sink = new NodeWritableSink(stream);
    await sink.write(new Uint8Array(10_000_000));
    expect(stream.writableLength).toBeLessThan(100_000);
    await sink.close();
    expect(taken).toBe(10_000_000);
    expect(longest).toBeGreaterThan(64 * 1024);
    expect(longest).toBeLessThanOrEqual(100_000 + 64 * 1024);
  });

  it('a stream that never takes anything holds the dump up, not the event loop', async () => {
    let go = () => {};
    const stream = new Writable({
      write(_chunk, _encoding, done) {
        go = done;
      },
    });
    const sink = new NodeWritableSink(stream);
    let done = false;
    const writing = sink.write(new Uint8Array(100_000)).then(() => {
      done = true;
    });
    await turn();
    expect(done).toBe(false);
    go();
    await turn();
    go();
    await writing;
  });

  it('fails with what the stream fails with, in the middle and at the end', async () => {
    let writes = 0;
    const sink = new NodeWritableSink(
      new Writable({
        write(_chunk, _encoding, done) {
          done(++writes < 3 ? null : Object.assign(new Error('ENOSPC: full'), { code: 'ENOSPC' }));
        },
      }),
    );
    await expect(sink.write(new Uint8Array(1_000_000))).rejects.toThrow(code('disk-full'));
    await expect(sink.write(new Uint8Array(1))).rejects.toThrow(code('disk-full'));
    sink.abort();
    const late = new NodeWritableSink(
      new Writable({
        write: (_chunk, _encoding, done) => done(),
        final: (done) => done(new Error('not stored')),
      }),
    );
    await late.write(new Uint8Array(10));
    await expect(late.close()).rejects.toThrow(/not stored/);
    await turn();
  });

  it('fails when the stream is closed before its end', async () => {
    const stream = new PassThrough();
    const sink = new NodeWritableSink(stream);
    const writing = sink.write(new Uint8Array(1_000_000));
    setTimeout(() => stream.destroy(), 5);
    await expect(writing).rejects.toThrow(code('output-closed'));

    const between = new PassThrough();
    const other = new NodeWritableSink(between);
    await other.write(new Uint8Array(10));
    between.destroy();
    await expect(other.close()).rejects.toThrow(code('output-closed'));

    const ended = new PassThrough();
    const third = new NodeWritableSink(ended);
    ended.on('error', () => {});
    ended.end();
    await third.write(new Uint8Array(10)).catch(() => {});
    await expect(third.close()).rejects.toThrow(code('output-closed'));
  });

  it('destroys the stream of a dump that fails, so that its reader does not take a part for the whole', async () => {
    const stream = new PassThrough();
    const reading = collect(stream);
    const sink = new NodeWritableSink(stream);
    await sink.write(new Uint8Array(10));
    sink.abort();
    await expect(reading).rejects.toThrow(/[Pp]remature/);
    expect(stream.destroyed).toBe(true);
  });

  it('neither ends nor destroys process.stdout', async () => {
    const { stdout } = process;
    const parts: Uint8Array[] = [];
    const fake = new Writable({
      write(chunk: Buffer, _encoding, done) {
        parts.push(chunk);
        setTimeout(done, 5);
      },
    });
    Object.defineProperty(process, 'stdout', { value: fake, configurable: true });
    try {
      const sink = new NodeWritableSink(fake);
      await sink.write(pattern(100_000));
      await sink.close();
      expect(Buffer.concat(parts).equals(pattern(100_000))).toBe(true);
      expect(fake.writableEnded).toBe(false);
      new NodeWritableSink(fake).abort();
      expect(fake.destroyed).toBe(false);
    } finally {
      Object.defineProperty(process, 'stdout', { value: stdout, configurable: true });
    }
  });

  it('refuses a stream that has ended, and one of objects', () => {
    const ended = new PassThrough();
    ended.end();
    expect(() => new NodeWritableSink(ended)).toThrow(code('invalid-argument'));
    expect(() => new NodeWritableSink(new PassThrough({ objectMode: true }))).toThrow(
      code('invalid-argument'),
    );
  });
});
