import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { BytesSource, MinidumpError, type Source } from '../../src/io/index.js';
import { Spool } from '../../src/node/spool.js';
import { openBelow } from '../../src/node/sysroot.js';
import { unpack } from '../../src/node/unpack.js';
import { describeWith, requireTool } from '../support/tools.js';

const folder = mkdtempSync(join(tmpdir(), 'mdmp-unpack-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What does not shrink, what shrinks, and much that is zero: about 6 MB. */
const content = Buffer.concat([
  randomBytes(300_000),
  Buffer.alloc(5_000_000),
  Buffer.from('the quick brown fox '.repeat(30_000)),
  randomBytes(100_001),
]);

function zstd(bytes: Uint8Array, ...options: string[]): Buffer {
  const { stdout, status } = spawnSync(requireTool('zstd'), ['-q', '-c', ...options], {
    input: bytes,
    maxBuffer: 1 << 28,
  });
  expect(status).toBe(0);
  return stdout;
}

function all(source: Source): Buffer {
  return Buffer.from(source.read(0, source.size) as Uint8Array);
}

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function unpacked(bytes: Uint8Array): Promise<{ bytes: Buffer; notes: string[] }> {
  using result = await unpack(new BytesSource(bytes), folder);
  return { bytes: all(result.source), notes: result.notes };
}

describe('a source that is not compressed', () => {
  it('is given back as it is', async () => {
    const source = new BytesSource(Buffer.from('\x7fELF and so on'));
    using result = await unpack(source, '/no/such/folder');
    expect(result.source).toBe(source);
  });

  it.each([
    ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 'xz -d'],
    ['lz4', [4, 0x22, 0x4d, 0x18], 'lz4 -d'],
    ['bzip2', [0x42, 0x5a, 0x68, 0x39], 'bzip2 -d'],
  ])('is refused where it is %s', async (name, magic, command) => {
    const failed = await unpack(new BytesSource(Uint8Array.from(magic)), folder).catch((error) => error);
    expect(failed).toBeInstanceOf(MinidumpError);
    expect(failed.code).toBe('unsupported');
    expect(failed.message).toContain(name);
    expect(failed.advice).toContain(command);
  });
});

describe('gzip', () => {
  it('is decompressed, several members too', async () => {
    const members = Buffer.concat([
      gzipSync(content.subarray(0, 1_000_000)),
      gzipSync(content.subarray(1_000_000)),
    ]);
    for (const bytes of [gzipSync(content), members]) {
      const result = await unpacked(bytes);
      expect(hash(result.bytes)).toBe(hash(content));
      expect(result.notes).toEqual([]);
    }
  });

  it('cut short gives what it has, and says so', async () => {
    const whole = gzipSync(content);
    const result = await unpacked(whole.subarray(0, 200_000));
    expect(result.bytes.length).toBeGreaterThan(100_000);
    expect(result.bytes.equals(content.subarray(0, result.bytes.length))).toBe(true);
    expect(result.notes.join()).toMatch(/damaged .*unexpected end of file/);
  });

  it('of nothing but damage is an error', async () => {
    const failed = await unpack(new BytesSource(Buffer.from('\x1f\x8bnonsense', 'latin1')), folder).catch(
      (error) => error,
    );
    expect(failed).toMatchObject({ code: 'malformed' });
  });
});

describeWith(['zstd'], 'zstd', () => {
  it.each<[string, () => Buffer]>([
    ['as systemd-coredump writes it', () => zstd(content)],
    ['without a checksum', () => zstd(content, '--no-check')],
    ['at the highest level', () => zstd(content, '-19')],
    ['with a long window', () => zstd(content, '--long=27')],
    ['of two frames', () => Buffer.concat([zstd(content.subarray(0, 999)), zstd(content.subarray(999))])],
    [
      'with skippable frames before and between',
      () => {
        const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
        return Buffer.concat([
          skippable,
          zstd(content.subarray(0, 500_000)),
          skippable,
          zstd(content.subarray(500_000)),
        ]);
      },
    ],
    ['with empty frames', () => Buffer.concat([zstd(Buffer.alloc(0)), zstd(content), zstd(Buffer.alloc(0))])],
    [
      'of a file whose size is known',
      () => {
        const file = join(folder, 'known');
        writeFileSync(file, content);
        const { stdout } = spawnSync(requireTool('zstd'), ['-q', '-c', file], { maxBuffer: 1 << 28 });
        return stdout;
      },
    ],
  ])('%s is decompressed', async (_what, make) => {
    const result = await unpacked(make());
    expect(hash(result.bytes)).toBe(hash(content));
    expect(result.notes).toEqual([]);
  });

  it('cut short anywhere gives what it has, and says so', async () => {
    const whole = zstd(content);
    for (const size of [200_000, 300_100, whole.length - 5, whole.length - 1]) {
      const result = await unpacked(whole.subarray(0, size));
      expect(result.bytes.length).toBeGreaterThan(100_000);
      expect(result.bytes.equals(content.subarray(0, result.bytes.length))).toBe(true);
      expect(result.notes.join(), String(size)).toMatch(/damaged/);
    }
  });

  it('with rubbish behind it gives what it has, and says so', async () => {
    const result = await unpacked(Buffer.concat([zstd(content), Buffer.from('rubbish rubbish')]));
    expect(hash(result.bytes)).toBe(hash(content));
    expect(result.notes.join()).toMatch(/what follows a zstd frame is none/);
  });

  it('that wants 2 GiB of memory is refused', async () => {
    const whole = zstd(content, '--ultra', '--long=31');
    const failed = await unpack(new BytesSource(whole), folder).catch((error) => error);
    expect(failed).toMatchObject({ code: 'unsupported', advice: expect.stringContaining('--long=31') });
    // Also in a frame that is not the first.
    const second = Buffer.concat([zstd(Buffer.from('small')), whole]);
    expect(await unpack(new BytesSource(second), folder).catch((error) => error)).toMatchObject({
      code: 'unsupported',
    });
  });
});

describe('the spool', () => {
  it('has no name, and takes no space for zeros', () => {
    const before = statfsSync(folder).bfree;
    using spool = new Spool(folder);
    const part = Buffer.concat([Buffer.from('a'), Buffer.alloc(9_999), Buffer.from('z')]);
    let written = 0;
    for (; written < 300; written++) {
      spool.write(part);
      spool.write(Buffer.alloc(1 << 20));
    }
    spool.close();
    expect(spool.size).toBe(300 * (part.length + (1 << 20)));
    expect(readdirSync(folder).filter((name) => name.startsWith('.mdmp'))).toEqual([]);
    expect((before - statfsSync(folder).bfree) * statfsSync(folder).bsize).toBeLessThan(200 << 20);
    const at = 150 * (part.length + (1 << 20));
    expect(Buffer.from(spool.read(at, part.length)).equals(part)).toBe(true);
    expect(spool.read(spool.size - 10, 100)).toEqual(new Uint8Array(10));
  });

  it('that cannot be is an error that names the option', () => {
    const error = (path: string) => {
      try {
        new Spool(path);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(error('/no/such/folder')).toMatchObject({
      code: 'output-folder',
      advice: expect.stringContaining('--spool'),
    });
    expect(error('/proc')).toMatchObject({ advice: expect.stringContaining('--spool') });
  });
});

describe('files below a root', () => {
  it('are regular files only', () => {
    expect(openBelow('/')('/dev/null')).toBeUndefined();
    expect(openBelow('/')('/tmp')).toBeUndefined();
    expect(openBelow('/')('/no/such/file')).toBeUndefined();
    writeFileSync(join(folder, 'plain'), 'content');
    using source = openBelow(folder)('/../../plain')!;
    expect(Buffer.from(source.read(0, 7)).toString()).toBe('content');
    expect(readFileSync(join(folder, 'plain'), 'utf8')).toBe('content');
  });
});
