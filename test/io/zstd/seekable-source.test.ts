import { randomBytes } from 'node:crypto';
import { decompress as fzstd } from 'fzstd';
import { describe, expect, it } from 'vitest';
import {
  BytesSource,
  type Decompress,
  fzstdDecompressor,
  MinidumpError,
  runAsync,
  runSync,
  SeekableZstdSource,
  type Source,
} from '../../../src/io/index.js';
import { libraryDecompressor } from '../../../src/node/zstd/libzstd.js';
import { describeWith } from '../../support/tools.js';
import { withSeekTable, zstd } from './zstd-files.js';

/** Six frames of different sizes, as tools other than mdmp would make them. */
const parts = [
  randomBytes(70_000),
  Buffer.alloc(300_000),
  Buffer.from('some text and again '.repeat(9_000)),
  Buffer.from('x'),
  Buffer.concat([Buffer.alloc(200_000, 'abc'), randomBytes(1000), Buffer.alloc(50_000)]),
  randomBytes(255),
];
const content = Buffer.concat(parts);
const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

const decompressors: [string, Decompress][] = [
  ['fzstd', fzstdDecompressor(fzstd)],
  ['libzstd', libraryDecompressor()!],
];

function open(bytes: Uint8Array, decompress: Decompress = decompressors[0]![1]) {
  return runSync(SeekableZstdSource.openTask(new BytesSource(bytes), decompress));
}

function failureOf(action: () => unknown): MinidumpError {
  try {
    action();
  } catch (error) {
    if (error instanceof MinidumpError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describeWith(['zstd'], 'a zstd file with a seek table', () => {
  const frames = parts.map((part) => zstd(part));
  const entries = frames.map((frame, i): [number, number] => [frame.length, parts[i]!.length]);
  const whole = withSeekTable(frames, entries);

  describe.each(decompressors)('by %s', (_name, decompress) => {
    it('gives any range of what it holds', () => {
      const source = open(whole, decompress)!;
      expect(source.size).toBe(content.length);
      expect(source.compressedSize).toBe(whole.length);
      const edges = parts.map((_, i) => parts.slice(0, i).reduce((sum, { length }) => sum + length, 0));
      for (const edge of [...edges, content.length]) {
        for (const [from, to] of [
          [edge - 1, edge + 1],
          [edge, edge + 5],
          [edge - 100_000, edge],
          [0, edge],
          [edge, content.length],
        ]) {
          const offset = Math.max(0, from!);
          const bytes = source.read(offset, to! - offset) as Uint8Array;
          expect(Buffer.from(bytes).equals(content.subarray(offset, to))).toBe(true);
        }
      }
      expect(source.read(content.length, 10)).toHaveLength(0);
      expect(source.read(content.length - 3, 10)).toHaveLength(3);
      expect(source.read(5, 0)).toHaveLength(0);
    });

    it.each<[string, string[]]>([
      ['without checksums', ['--no-check']],
      ['at the highest level', ['-19']],
      ['without compression of literals', ['--fast=20']],
    ])('takes frames %s', (_what, options) => {
      const others = parts.map((part) => zstd(part, ...options));
      const source = open(
        withSeekTable(
          others,
          others.map((frame, i) => [frame.length, parts[i]!.length]),
        ),
        decompress,
      )!;
      expect(Buffer.from(source.read(0, source.size) as Uint8Array).equals(content)).toBe(true);
    });

    it('refuses frames that hold more or less than the table says, or something else', () => {
      for (const [i, part] of parts.entries()) {
        for (const size of [part.length - 1, part.length + 1, 1, part.length + 100_000]) {
          if (size === 0 || size === part.length) continue;
          const source = open(withSeekTable([frames[i]!], [[frames[i]!.length, size]]), decompress);
          expect(failureOf(() => source!.read(0, 1)).code, `${i}: ${part.length} as ${size}`).toBe(
            'malformed',
          );
        }
      }
    });

    it('fails with an error of ours for whatever is damaged, or gives what is there', () => {
      // A small generator, so that a failure can be seen again.
      let state = 4711;
      const random = (below: number) => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
      };
      for (let round = 0; round < 400; round++) {
        const damaged = Buffer.from(whole);
        for (let n = random(3); n >= 0; n--) {
          // Half of them in the table.
          const at =
            random(2) === 0 ? random(whole.length) : whole.length - 1 - random(17 + entries.length * 8);
          damaged[at] = random(2) === 0 ? random(256) : damaged[at]! ^ (1 << random(8));
        }
        try {
          const source = open(
            damaged.subarray(0, damaged.length - (random(10) === 0 ? random(100) : 0)),
            decompress,
          );
          if (source === undefined) continue;
          for (const offset of [0, 100_000, 400_000, source.size - 300]) {
            if (offset >= 0) expect(source.read(offset, 100).constructor).toBe(Uint8Array);
          }
        } catch (error) {
          if (!(error instanceof MinidumpError)) throw error;
        }
      }
    });
  });

  it('decompresses what is asked for, and keeps some of it', () => {
    let frameCount = 0;
    const big = Array.from({ length: 30 }, () => zstd(Buffer.alloc(1 << 20, 'q')));
    const source = open(
      withSeekTable(
        big,
        big.map(({ length }) => [length, 1 << 20]),
      ),
      (frame, size) => {
        frameCount++;
        return decompressors[1]![1](frame, size);
      },
    )!;
    expect(frameCount).toBe(0);
    source.read(17 << 20, 100);
    source.read((17 << 20) + 500_000, 100);
    expect(frameCount).toBe(1);
    source.read((18 << 20) - 50, 100);
    expect(frameCount).toBe(2);
    source.read(0, source.size);
    // The two were the oldest of eight by the time they were wanted again.
    expect(frameCount).toBe(32);
    // The last frames are there, the first ones are not any more.
    source.read(29 << 20, 100);
    expect(frameCount).toBe(32);
    source.read(0, 1);
    expect(frameCount).toBe(33);
  });

  it('answers later where the source does, with each frame read once for ranges that are wanted together', async () => {
    const reads: number[] = [];
    const later: Source = {
      size: whole.length,
      read: async (offset, length) => {
        reads.push(offset);
        return new Uint8Array(whole.subarray(offset, offset + length));
      },
    };
    const source = (await runAsync(SeekableZstdSource.openTask(later, decompressors[0]![1])))!;
    reads.length = 0;
    const ranges = [0, 10, 60_000, 69_999, 380_000].map((offset) => source.read(offset, 3));
    const bytes = await Promise.all(ranges);
    expect(bytes.map((one) => Buffer.from(one).toString('hex'))).toEqual(
      [0, 10, 60_000, 69_999, 380_000].map((offset) => content.subarray(offset, offset + 3).toString('hex')),
    );
    expect(reads).toHaveLength(3);
    // What is kept is there at once.
    expect(source.read(0, 3)).toBeInstanceOf(Uint8Array);
  });

  it('forgets a frame whose reading failed', async () => {
    let broken = true;
    const later: Source = {
      size: whole.length,
      read: async (offset, length) => {
        if (broken && offset === 0) throw new Error('no network');
        return new Uint8Array(whole.subarray(offset, offset + length));
      },
    };
    const source = (await runAsync(SeekableZstdSource.openTask(later, decompressors[0]![1])))!;
    await expect(source.read(0, 3)).rejects.toThrow('no network');
    broken = false;
    expect(Buffer.from(await source.read(0, 3)).equals(content.subarray(0, 3))).toBe(true);
  });

  it('may have checksums in its table, skippable and empty frames', () => {
    const source = open(
      withSeekTable(
        [skippable, frames[0]!, zstd(Buffer.alloc(0)), frames[3]!, skippable],
        [
          [skippable.length, 0],
          entries[0]!,
          [zstd(Buffer.alloc(0)).length, 0],
          entries[3]!,
          [skippable.length, 0],
        ],
        { checksums: true },
      ),
    )!;
    expect(source.size).toBe(70_001);
    expect(Buffer.from(source.read(69_999, 9) as Uint8Array).toString('latin1')).toBe(
      `${parts[0]!.subarray(69_999).toString('latin1')}x`,
    );
  });

  it.each<[string, () => Uint8Array]>([
    ['a file of zstd', () => Buffer.concat(frames)],
    ['a footer without a frame', () => Buffer.concat([frames[0]!, whole.subarray(-9)])],
    ['a table of another size', () => withSeekTable(frames, entries, { frameSize: 33 })],
    ['a count that does not fit', () => withSeekTable(frames, entries, { count: entries.length - 1 })],
    ['a count beyond the file', () => withSeekTable(frames, entries, { count: 0xffff_ffff })],
    ['one byte less', () => whole.subarray(0, -1)],
    ['a few bytes', () => Uint8Array.of(1, 2, 3)],
    ['nothing', () => new Uint8Array()],
  ])('is not seen in %s', (_what, make) => {
    expect(open(make())).toBeUndefined();
  });

  it.each<[string, () => Uint8Array, RegExp]>([
    ['of a later version', () => withSeekTable(frames, entries, { descriptor: 0x40 }), /later version/],
    ['that ends early', () => withSeekTable(frames, entries.slice(0, -1)), /ends \d+ bytes before/],
    [
      'that overlaps itself',
      () => withSeekTable(frames, [...entries, [entries[0]![0], 5]]),
      /frame 6 reach into the table/,
    ],
    [
      'that lets a frame reach beyond the file',
      () => withSeekTable(frames, [[0xffff_ffff, 5], ...entries.slice(1)]),
      /frame 0 reach into the table/,
    ],
    [
      'that lets 70 bytes hold 4 GiB',
      () => withSeekTable([frames[1]!], [[frames[1]!.length, 0xffff_ffff]]),
      /hold 4294967295 bytes/,
    ],
    ['that lets nothing hold a byte', () => withSeekTable([], [[0, 1]]), /hold 1 bytes in 0/],
  ])('is refused with a table %s', (_what, make, message) => {
    const failure = failureOf(() => open(make()));
    expect(failure.code).toBe('malformed');
    expect(failure.message).toMatch(message);
    expect(failure.advice).toContain('zstd -dc');
  });

  it.each<[string, () => Uint8Array, number, string]>([
    ['two frames in one', () => Buffer.concat([frames[0]!, frames[3]!]), 70_001, 'malformed'],
    ['a skippable frame', () => Buffer.concat([skippable, frames[0]!]), 70_000, 'malformed'],
    ['half a frame', () => frames[0]!.subarray(0, 40_000), 70_000, 'malformed'],
    ['rubbish behind a frame', () => Buffer.concat([frames[0]!, Buffer.alloc(9)]), 70_000, 'malformed'],
    ['no frame', () => Buffer.alloc(500), 500, 'malformed'],
    [
      'a frame with a window of 2 GiB',
      () => zstd(parts[4]!, '--ultra', '--long=31'),
      parts[4]!.length,
      'unsupported',
    ],
    [
      'a frame that needs a dictionary',
      () => {
        const frame = Buffer.from(frames[0]!);
        frame[4]! |= 1;
        return frame;
      },
      70_000,
      'unsupported',
    ],
  ])('refuses %s where it is read', (_what, make, size, code) => {
    const frame = make();
    for (const [, decompress] of decompressors) {
      const source = open(withSeekTable([frame], [[frame.length, size]]), decompress)!;
      expect(failureOf(() => source.read(0, 10)).code).toBe(code);
    }
  });

  it('does not decompress gigabytes because of a few bytes', () => {
    // 48 KiB of blocks that each repeat a byte: 1.5 GiB, and rightly so.
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38]);
    const blocks = Buffer.alloc(12_000 * 4);
    for (let i = 0; i < 12_000; i++)
      blocks.writeUIntLE(((128 * 1024) << 3) | 2 | (i === 11_999 ? 1 : 0), i * 4, 3);
    const bomb = Buffer.concat([header, blocks]);
    const source = open(withSeekTable([bomb], [[bomb.length, 12_000 * 128 * 1024]]))!;
    expect(failureOf(() => source.read(0, 1))).toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('too many at once'),
    });
    expect(failureOf(() => source.read(0, 600 << 20)).code).toBe('unsupported');
  });
});
