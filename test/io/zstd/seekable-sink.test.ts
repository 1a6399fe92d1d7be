import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  BytesSink,
  BytesSource,
  type Compressor,
  MinidumpError,
  runSync,
  SeekableZstdSink,
  SeekableZstdSource,
  type Sink,
} from '../../../src/io/index.js';
import { libraryCompressor, libraryDecompressor } from '../../../src/node/zstd/libzstd.js';
import { programCompressor } from '../../../src/node/zstd/program.js';
import { describeWith } from '../../support/tools.js';
import { compressed, framesIn, unzstd } from './zstd-files.js';

const MIB = 1 << 20;
/** What does not shrink, what shrinks, and much that is zero; not a whole number of frames. */
const content = Buffer.concat([
  randomBytes(1_300_000),
  Buffer.from('the quick brown fox '.repeat(70_000)),
  Buffer.alloc(6 * MIB),
  randomBytes(100_001),
]);

/** A compressor whose frames are ready when the test says so. They are stored, not compressed. */
class ByHand implements Compressor {
  readonly waiting: { bytes: Uint8Array; ready: () => void; fail: (error: Error) => void }[] = [];
  total = 0;
  closed = 0;

  compress(bytes: Uint8Array): Promise<Uint8Array> {
    this.total++;
    return new Promise((resolve, reject) => {
      const ready = () => resolve(bytes.slice());
      this.waiting.push({ bytes, ready, fail: reject });
    });
  }

  close(): void {
    this.closed++;
    for (const { fail } of this.waiting) fail(new Error('given up'));
  }
}

/** All that can happen by itself has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const isSettled = async (promise: void | Promise<void>): Promise<boolean> => {
  let done = promise === undefined;
  Promise.resolve(promise).then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  await settled();
  return done;
};

describeWith(['zstd'], 'what a compressing sink writes', () => {
  const makers: [string, () => Promise<Compressor | undefined>][] = [
    ['libzstd', async () => libraryCompressor()],
    ['the program zstd', () => programCompressor()],
  ];
  for (const [name, make] of makers) {
    it.each([0, 1, MIB - 1, MIB, MIB + 1, content.length])(
      `of %d bytes is zstd, by ${name}`,
      async (size) => {
        const compressor = (await make())!;
        expect(compressor).toBeDefined();
        const bytes = await compressed(content.subarray(0, size), compressor);
        expect(unzstd(bytes).equals(content.subarray(0, size))).toBe(true);
        expect(framesIn(bytes)).toBe(Math.ceil(size / MIB));

        const source = runSync(SeekableZstdSource.openTask(new BytesSource(bytes), libraryDecompressor()!))!;
        expect(source.size).toBe(size);
        expect(Buffer.from(source.read(0, size) as Uint8Array).equals(content.subarray(0, size))).toBe(true);
      },
    );
  }

  it('has a checksum in each frame: what was damaged is told', async () => {
    const bytes = await compressed(content.subarray(0, MIB), libraryCompressor()!);
    bytes[600_000]! ^= 1;
    const source = runSync(SeekableZstdSource.openTask(new BytesSource(bytes), libraryDecompressor()!))!;
    expect(() => source.read(0, 10)).toThrow(/checksum|cannot be decompressed/);
  });
});

describe('a compressing sink', () => {
  it('may wait, whatever it writes to', () => {
    expect(new BytesSink().mayWait).toBe(false);
    expect(new SeekableZstdSink(new BytesSink(), new ByHand()).mayWait).toBe(true);
  });

  it('compresses two frames at once, takes a third, and then waits', async () => {
    const inner = new BytesSink();
    const compressor = new ByHand();
    const sink = new SeekableZstdSink(inner, compressor);
    const frame = (value: number) => new Uint8Array(MIB).fill(value);
    expect(await isSettled(sink.write(frame(1)))).toBe(true);
    expect(await isSettled(sink.write(frame(2)))).toBe(true);
    const third = sink.write(frame(3));
    expect(await isSettled(third)).toBe(false);
    expect(compressor.total).toBe(2);

    // In order, though the second one is ready first.
    compressor.waiting[1]!.ready();
    expect(await isSettled(third)).toBe(false);
    expect(inner.bytes()).toHaveLength(0);
    compressor.waiting[0]!.ready();
    await third;
    expect(compressor.total).toBe(3);
    expect(inner.bytes()[0]).toBe(1);
    const end = sink.close();
    await settled();
    compressor.waiting[2]!.ready();
    await end;
    const bytes = inner.bytes();
    expect([bytes[0], bytes[MIB], bytes[2 * MIB]]).toEqual([1, 2, 3]);
    expect(compressor.closed).toBe(1);
  });

  it('waits for a slow sink below', async () => {
    let take = (): void => {};
    let taken = 0;
    const inner: Sink = {
      mayWait: true,
      write: (bytes) =>
        new Promise((resolve) => {
          take = () => {
            taken += bytes.length;
            resolve();
          };
        }),
      close: () => {},
      abort: () => {},
    };
    const sink = new SeekableZstdSink(inner, {
      compress: async (bytes) => bytes.slice(0, 9),
      close: () => {},
    });
    const writing = sink.write(new Uint8Array(20 * MIB).fill(7));
    expect(await isSettled(writing)).toBe(false);
    for (let i = 0; i < 18; i++) {
      expect(taken).toBe(9 * i);
      take();
      await settled();
    }
    await writing;
  });

  it('compresses a frame of zeros once', async () => {
    const compressor = libraryCompressor()!;
    let total = 0;
    const counting: Compressor = {
      compress: (bytes) => {
        total++;
        return compressor.compress(bytes);
      },
      close: () => compressor.close(),
    };
    const zeros = new Uint8Array(20 * MIB);
    zeros[10 * MIB] = 1;
    const bytes = await compressed(zeros, counting);
    expect(total).toBe(2);
    expect(unzstd(bytes).equals(zeros)).toBe(true);
    const source = runSync(SeekableZstdSource.openTask(new BytesSource(bytes), libraryDecompressor()!))!;
    expect(source.read(10 * MIB - 1, 3)).toEqual(Uint8Array.of(0, 1, 0));
  });

  it('leaves nothing behind after a failure of the compressor', async () => {
    const events: string[] = [];
    const inner: Sink = {
      mayWait: false,
      write: () => void events.push('write'),
      close: () => void events.push('close'),
      abort: () => void events.push('abort'),
    };
    const compressor = new ByHand();
    const sink = new SeekableZstdSink(inner, compressor);
    await sink.write(new Uint8Array(2 * MIB).fill(1));
    const write = Promise.resolve(sink.write(new Uint8Array(MIB).fill(2))).catch((error) => error);
    compressor.waiting[0]!.fail(new MinidumpError('write-failed', 'out of order'));
    expect(await write).toMatchObject({ message: 'out of order' });
    await sink.abort();
    expect(events).toEqual(['abort']);
    expect(compressor.closed).toBe(1);
  });

  it('passes on that the sink below is full', async () => {
    const full = new MinidumpError('disk-full', 'full');
    const inner: Sink = {
      mayWait: false,
      write: () => {
        throw full;
      },
      close: () => {},
      abort: () => {},
    };
    const sink = new SeekableZstdSink(inner, libraryCompressor()!);
    const failed = await Promise.resolve(sink.write(new Uint8Array(5 * MIB).fill(1))).catch((error) => error);
    expect(failed).toBe(full);
    await sink.abort();
    const small = new SeekableZstdSink(inner, libraryCompressor()!);
    await small.write(Uint8Array.of(1, 2, 3));
    expect(await small.close().catch((error) => error)).toBe(full);
    await small.abort();
  });
});
