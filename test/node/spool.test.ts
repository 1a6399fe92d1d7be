import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BytesSink, runSync } from '../../src/io/index.js';
import { Spool } from '../../src/node/spool.js';

/** What this machine is made to lack, for one test. */
const lacks = vi.hoisted(() => ({ unnamedFiles: false }));

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return {
    ...real,
    openSync: (...given: Parameters<typeof real.openSync>) => {
      if (lacks.unnamedFiles && typeof given[1] === 'number' && (given[1] & 0o20000000) !== 0) {
        throw Object.assign(new Error('EOPNOTSUPP: open'), { code: 'EOPNOTSUPP' });
      }
      return real.openSync(...given);
    },
  };
});

const root = mkdtempSync(join(tmpdir(), 'mdmp-spool-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, 'folder-'));
});

const code = (expected: string) => expect.objectContaining({ code: expected, name: 'MinidumpError' });
const linux = process.platform === 'linux';
const asRoot = linux && process.getuid?.() === 0;

/** The descriptors of this process that lead to a deleted file in the folder. */
function openInside(): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  });
}

describe.each([{ unnamedFiles: false }, { unnamedFiles: true }])('Spool, $unnamedFiles', (lacking) => {
  beforeEach(() => Object.assign(lacks, lacking));
  afterEach(() => Object.assign(lacks, { unnamedFiles: false }));

  it('gives back what was written, in order, from a file that nobody sees', () => {
    const before = process.umask(0);
    const spool = new Spool(folder);
    process.umask(before);
    const buffer = new Uint8Array(700_000);
    const expected: Buffer[] = [];
    for (let i = 0; i < 5; i++) {
      for (let k = 0; k < buffer.length; k++) buffer[k] = (k * 31 + i * 7) >>> 3;
      expected.push(Buffer.from(buffer));
      spool.write(buffer);
    }
    expect(readdirSync(folder)).toEqual([]);
    if (linux) {
      const [fd, ...more] = openInside();
      expect(more).toEqual([]);
      const stat = statSync(`/proc/self/fd/${fd}`);
      expect(stat.mode & 0o777).toBe(0o600);
      expect(stat.nlink).toBe(0);
    }
    const sink = new BytesSink();
    const progress: number[] = [];
    runSync(spool.copyTo(sink, (bytes) => progress.push(bytes)));
    expect(Buffer.concat(expected).equals(sink.bytes())).toBe(true);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(3_500_000);
    spool[Symbol.dispose]();
    spool.abort();
    if (linux) expect(openInside()).toEqual([]);
    expect(() => spool.write(buffer)).toThrow(code('write-failed'));
  });

  it('says which folder is not there', () => {
    expect(() => new Spool(join(folder, 'missing'))).toThrow(code('output-folder'));
    expect(() => new Spool(join(folder, 'missing'))).toThrow(/missing/);
  });

  it.runIf(linux)('says which folder may not be used', () => {
    // Modes do not stop root; a file system that is read-only does.
    if (asRoot) execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=1m', 'none', folder]);
    else chmodSync(folder, 0o500);
    try {
      expect(() => new Spool(folder)).toThrow(code('output-denied'));
    } finally {
      if (asRoot) execFileSync('umount', [folder]);
    }
  });

  it.runIf(asRoot)('says where the space has run out, and gives it back', () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', folder]);
    try {
      const free = statfsSync(folder).bfree;
      const spool = new Spool(folder);
      const fill = () => {
        for (;;) spool.write(new Uint8Array(100_000).fill(1)); // zeros may take no space
      };
      expect(fill).toThrow(code('disk-full'));
      expect(fill).toThrow(folder);
      expect(fill).toThrow(expect.objectContaining({ advice: expect.stringContaining('--spool') }));
      spool.abort();
      expect(statfsSync(folder).bfree).toBe(free);
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});
