import { describe, expect, it } from 'vitest';
import { type MinidumpError, WebStreamSink } from '../../src/io/index.js';

const code = (expected: string) => expect.objectContaining({ code: expected, name: 'MinidumpError' });

/** Bytes that tell their place. */
function pattern(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => ((from + i) * 2654435761) >>> 13);
}

function joined(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('WebStreamSink', () => {
  it('writes all bytes in order, once, from a buffer that is used again, and closes the stream', async () => {
    const parts: Uint8Array[] = [];
    let closed = false;
    const sink = new WebStreamSink(
      new WritableStream({
        async write(chunk) {
          await turn();
          parts.push(chunk);
        },
        close() {
          closed = true;
        },
      }),
    );
    const buffer = new Uint8Array(200_000);
    for (let i = 0; i < 3; i++) {
      buffer.set(pattern(200_000, i * 200_000));
      await sink.write(buffer);
    }
    buffer.fill(0);
    expect(closed).toBe(false);
    await sink.close();
    expect(closed).toBe(true);
    expect(joined(parts).equals(pattern(600_000))).toBe(true);
  });

  it('hands over no more than the stream asks for', async () => {
    let taken = 0;
    let go = () => {};
    const stuck = new Promise<void>((resolve) => {
      go = resolve;
    });
    const sink = new WebStreamSink(
      new WritableStream(
        {
          async write(chunk) {
            taken += chunk.length;
            await stuck;
          },
        },
        { highWaterMark: 100_000, size: (chunk) => chunk.length },
      ),
    );
    let done = false;
    const writing = sink.write(new Uint8Array(10_000_000)).then(() => {
      done = true;
    });
    await turn();
    expect(done).toBe(false);
    expect(taken).toBe(64 * 1024); // one piece is with the stream, one more waits in it at most
    go();
    await writing;
    await sink.close();
    expect(taken).toBe(10_000_000);
  });

  it('through a TransformStream to a reader that stops in the middle', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const sink = new WebStreamSink(writable);
    const reader = readable.getReader();
    const first = reader.read();
    const writing = sink.write(pattern(1_000_000));
    writing.catch(() => {});
    expect((await first).value!.length).toBe(64 * 1024);
    await reader.cancel(new Error('seen enough'));
    await expect(writing).rejects.toThrow(code('write-failed'));
    await expect(writing).rejects.toThrow(/seen enough/);
    await sink.abort();
  });

  it('fails with what the stream fails with, and is no unhandled rejection', async () => {
    let writes = 0;
    const sink = new WebStreamSink(
      new WritableStream({
        write() {
          if (++writes === 3) throw Object.assign(new Error('ENOSPC: full'), { code: 'ENOSPC' });
        },
      }),
    );
    await expect(sink.write(new Uint8Array(1_000_000))).rejects.toThrow(code('disk-full'));
    await expect(sink.close()).rejects.toThrow();
    await sink.abort();
    expect(writes).toBe(3);
    await turn();
  });

  it('fails at the close if the stream does', async () => {
    const sink = new WebStreamSink(
      new WritableStream({
        close() {
          throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
        },
      }),
    );
    await sink.write(new Uint8Array(10));
    await expect(sink.close()).rejects.toThrow(code('output-closed'));
  });

  it('aborts the stream of a dump that fails', async () => {
    let reason: unknown;
    const sink = new WebStreamSink(
      new WritableStream({
        abort(why) {
          reason = why;
        },
      }),
    );
    await sink.write(new Uint8Array(10));
    await sink.abort();
    expect((reason as MinidumpError).message).toMatch(/given up/);
  });

  it('refuses a stream that is locked', () => {
    const stream = new WritableStream();
    stream.getWriter();
    expect(() => new WebStreamSink(stream)).toThrow(code('invalid-argument'));
  });
});
