import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MinidumpError } from '../../../src/io/index.js';
import { decompressXz } from '../../../src/object/xz/xz.js';
import { generator } from '../../reader/mutations.js';
import { describeWith } from '../../support/tools.js';

const xz = (bytes: Uint8Array, ...options: string[]): Uint8Array => {
  const { stdout, status, stderr } = spawnSync('xz', ['-c', ...options], {
    input: bytes,
    maxBuffer: 1 << 28,
  });
  expect(status, String(stderr)).toBe(0);
  return stdout;
};

const same = (bytes: Uint8Array, packed: Uint8Array) => Buffer.compare(decompressXz(packed), bytes) === 0;

describeWith(['xz'], 'the xz file format', () => {
  const program = readFileSync(process.execPath).subarray(0, 1_000_000);

  it.each([
    ['-6'],
    ['-0'],
    ['-9e'],
    ['--check=crc32'],
    ['--check=none'],
    ['--check=sha256'],
    ['--block-size=100000'],
    ['--lzma2=preset=6,lc=0,lp=3,pb=1'],
    ['--lzma2=preset=6,lc=4,lp=0,pb=4'],
  ])('of a program, made with %s', (option) => {
    expect(same(program, xz(program, option))).toBe(true);
  });

  it('of nothing, of one byte, of what cannot be compressed, and of what can be compressed best', () => {
    const zeros = new Uint8Array(3_000_000);
    for (const bytes of [
      new Uint8Array(),
      Uint8Array.of(7),
      randomBytes(1_000_000),
      program.subarray(0, 1000),
    ])
      expect(same(bytes, xz(bytes))).toBe(true);
    // It is seven thousand times as large as packed: no symbol table is.
    expect(() => decompressXz(xz(zeros))).toThrow(/at most/);
  });

  it('with a filter of its own for code is not read, and said so', () => {
    expect(() => decompressXz(xz(program.subarray(0, 10_000), '--x86', '--lzma2'))).toThrow(/LZMA2 alone/);
  });

  it('damaged anywhere, gives an error of ours or wrong bytes, and ends', () => {
    const packed = xz(program.subarray(100_000, 130_000), '--check=crc32');
    const random = generator(1);
    let noticed = 0;
    for (let i = 0; i < 2000; i++) {
      const broken = Uint8Array.from(packed).subarray(
        0,
        random(3) === 0 ? random(packed.length) : packed.length,
      );
      for (let n = random(4); n >= 0; n--) broken[random(broken.length)] = random(256);
      try {
        decompressXz(broken);
      } catch (error) {
        expect(error).toBeInstanceOf(MinidumpError);
        noticed++;
      }
    }
    expect(noticed).toBeGreaterThan(1000);
  });
});
