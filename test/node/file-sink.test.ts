import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MinidumpError } from '../../src/io/index.js';
import { FileSink } from '../../src/node/file-sink.js';
import { describeWith } from '../support/tools.js';

/** What this machine is made to lack, for one test. */
const lacks = vi.hoisted(() => ({ koffi: false, hardLinks: false }));

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

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return {
    ...real,
    linkSync: (...names: Parameters<typeof real.linkSync>) => {
      if (lacks.hardLinks) throw Object.assign(new Error('EPERM: link'), { code: 'EPERM' });
      real.linkSync(...names);
    },
  };
});

const root = mkdtempSync(join(tmpdir(), 'mdmp-sink-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, 'folder-'));
  file = join(folder, 'a.dmp');
});

const bytes = (text: string) => new TextEncoder().encode(text);
const code = (expected: string) => expect.objectContaining({ code: expected, name: 'MinidumpError' });
const linux = process.platform === 'linux';
const asRoot = linux && process.getuid?.() === 0;

const ways = [
  { way: 'a file without a name', koffi: false, hardLinks: false },
  { way: 'a hidden file', koffi: true, hardLinks: false },
  { way: 'a hidden file, no hard links', koffi: true, hardLinks: true },
].slice(linux ? 0 : 1);

describe.each(ways)('FileSink through $way', ({ koffi, hardLinks }) => {
  beforeEach(() => Object.assign(lacks, { koffi, hardLinks }));
  afterEach(() => Object.assign(lacks, { koffi: false, hardLinks: false }));

  it('shows the file when it is complete, and not before', () => {
    const sink = new FileSink(file);
    sink.write(bytes('MD'));
    // An empty folder now is what makes kill -9 leave nothing.
    const visible = readdirSync(folder);
    expect(visible).not.toContain('a.dmp');
    expect(visible).toHaveLength(koffi ? 1 : 0);
    sink.write(bytes('MP'));
    sink.close();
    sink.close();
    expect(readdirSync(folder)).toEqual(['a.dmp']);
    expect(readFileSync(file, 'latin1')).toBe('MDMP');
  });

  it('gives mode 0600 whatever the umask', () => {
    for (const umask of [0, 0o022, 0o777]) {
      const before = process.umask(umask);
      try {
        const sink = new FileSink(`${file}.${umask}`);
        sink.write(bytes('x'));
        sink.close();
      } finally {
        process.umask(before);
      }
      expect(lstatSync(`${file}.${umask}`).mode & 0o7777).toBe(0o600);
    }
  });

  it('leaves nothing when it is given up', () => {
    const sink = new FileSink(file);
    sink.write(bytes('x'));
    sink.abort();
    sink.abort();
    expect(readdirSync(folder)).toEqual([]);
    expect(() => sink.write(bytes('x'))).toThrow(code('write-failed'));
    sink.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not replace a file, neither an old one nor one that appears meanwhile', () => {
    const sink = new FileSink(file);
    writeFileSync(file, 'theirs');
    sink.write(bytes('ours'));
    expect(() => sink.close()).toThrow(code('output-exists'));
    expect(() => new FileSink(file)).toThrow(code('output-exists'));
    expect(readFileSync(file, 'utf8')).toBe('theirs');
    expect(readdirSync(folder)).toEqual(['a.dmp']);
  });

  it('takes the next name that is free, also where the name was free when it began', () => {
    writeFileSync(join(folder, 'a-3.dmp'), 'theirs');
    const names = ['first', 'second', 'third'].map((text) => {
      const sink = new FileSink(file, { unique: true });
      sink.write(bytes(text));
      return sink;
    });
    for (const sink of names) sink.close();
    expect(names.map((sink) => sink.file)).toEqual(
      ['a.dmp', 'a-2.dmp', 'a-4.dmp'].map((name) => join(folder, name)),
    );
    expect(names.map((sink) => readFileSync(sink.file, 'utf8'))).toEqual(['first', 'second', 'third']);
    expect(readFileSync(join(folder, 'a-3.dmp'), 'utf8')).toBe('theirs');
    expect(readdirSync(folder)).toHaveLength(4);

    // A link or a folder of that name is no way out.
    symlinkSync(join(folder, 'elsewhere'), `${file}.zst`);
    mkdirSync(join(folder, 'a.dmp-2'));
    for (const [name, taken] of [
      ['a.dmp.zst', 'a-2.dmp.zst'],
      ['a.dmp-2', 'a.dmp-2-2'],
    ] as const) {
      const sink = new FileSink(join(folder, name), { unique: true });
      sink.close();
      expect(sink.file).toBe(join(folder, taken));
    }
    expect(lstatSync(`${file}.zst`).isSymbolicLink()).toBe(true);

    const forced = new FileSink(file, { unique: true, force: true });
    forced.write(bytes('by force'));
    forced.close();
    expect(readFileSync(file, 'utf8')).toBe('by force');
  });

  it('replaces a file by force, and a symbolic link rather than what it points to', () => {
    const other = join(folder, 'other');
    writeFileSync(other, 'theirs');
    symlinkSync(other, file);
    expect(() => new FileSink(file)).toThrow(code('output-exists'));
    for (const text of ['first', 'second']) {
      const sink = new FileSink(file, { force: true });
      sink.write(bytes(text));
      expect(lstatSync(other).size).toBe(6);
      sink.close();
      expect(lstatSync(file).isFile()).toBe(true);
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
    expect(readFileSync(other, 'utf8')).toBe('theirs');
    expect(readdirSync(folder).sort()).toEqual(['a.dmp', 'other']);
  });

  it('keeps the old file when a forced dump is given up', () => {
    writeFileSync(file, 'old');
    const sink = new FileSink(file, { force: true });
    sink.write(bytes('new'));
    sink.abort();
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['a.dmp']);
  });

  it('does not follow a link that dangles', () => {
    symlinkSync(join(folder, 'elsewhere'), file);
    expect(() => new FileSink(file)).toThrow(code('output-exists'));
    expect(readlinkSync(file)).toBe(join(folder, 'elsewhere'));
    expect(readdirSync(folder)).toEqual(['a.dmp']);
  });
});

describe('FileSink refuses', () => {
  it('a folder that is missing, or is a file', () => {
    expect(() => new FileSink(join(folder, 'no', 'a.dmp'))).toThrow(code('output-folder'));
    writeFileSync(file, '');
    expect(() => new FileSink(join(file, 'b.dmp'))).toThrow(code('output-folder'));
  });

  it('the name of a folder, even by force', () => {
    expect(() => new FileSink(folder)).toThrow(code('output-folder'));
    expect(() => new FileSink(folder, { force: true })).toThrow(code('output-folder'));
    expect(() => new FileSink(`${folder}/new/`)).toThrow(code('output-folder'));
  });

  if (linux) {
    it('to replace a device', () => {
      expect(() => new FileSink('/dev/null', { force: true })).toThrow(code('output-denied'));
    });
  }

  it('a name that is too long', () => {
    expect(() => new FileSink(join(folder, 'x'.repeat(300)))).toThrow(code('write-failed'));
  });

  if (linux) {
    it('a folder that may not be written to', () => {
      mkdirSync(join(folder, 'denied'));
      chmodSync(join(folder, 'denied'), 0o500);
      const nobody = 65534;
      if (asRoot) process.seteuid?.(nobody); // root may write anywhere
      try {
        expect(() => new FileSink(join(folder, 'denied', 'a.dmp'))).toThrow(code('output-denied'));
      } finally {
        if (asRoot) process.seteuid?.(0);
      }
    });
  }
});

const needsMount = { missing: asRoot && mayMount() ? undefined : 'the right to mount a file system' };

describeWith([needsMount], 'FileSink on a file system of its own', () => {
  afterEach(() => execFileSync('umount', [folder]));

  it('tells of a full disk, and leaves nothing', () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'mdmp', folder]);
    const sink = new FileSink(file);
    expect(() => {
      for (let i = 0; i < 100; i++) sink.write(new Uint8Array(4096));
    }).toThrow(code('disk-full'));
    sink.abort();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('tells of a read-only file system', () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'mdmp', folder]);
    expect(() => new FileSink(file)).toThrow(code('output-denied'));
  });
});

function mayMount(): boolean {
  const probe = mkdtempSync(join(tmpdir(), 'mdmp-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'mdmp', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { recursive: true });
  }
}
