import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BytesSink, type Compressor, SeekableZstdSink } from '../../../src/io/index.js';
import { findCompressor } from '../../../src/node/zstd/index.js';
import { DumpFolder } from '../../../src/watch/dumps/dump-folder.js';
import { NameTemplate } from '../../../src/watch/dumps/name-template.js';
import { freeDisk, keepLimits, makeRoom } from '../../../src/watch/dumps/room.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';

const asRoot = process.geteuid?.() === 0;

let path: string;
let folder: DumpFolder;
beforeEach(() => {
  path = temporaryFolder();
  folder = new DumpFolder(path, new NameTemplate('{name}.dmp', false));
});
afterEach(removeFolders);

/** `age` in seconds. */
function put(name: string, bytes: number | Uint8Array, age: number): string {
  const file = join(path, name);
  const content = typeof bytes === 'number' ? Buffer.alloc(bytes, 'MDMP') : bytes;
  writeFileSync(file, content);
  const time = Date.now() / 1000 - age;
  utimesSync(file, time, time);
  return file;
}

const names = () => readdirSync(path).sort();
const found = () => folder.dumps().map(({ file }) => file.slice(path.length + 1));

async function compressed(bytes: Uint8Array): Promise<Uint8Array> {
  const out = new BytesSink();
  const sink = new SeekableZstdSink(out, (await findCompressor()) as Compressor);
  await sink.write(bytes);
  await sink.close();
  return out.bytes();
}

describe('what is a dump of ours', () => {
  it('a regular file of that name that begins as one; compressed too', async () => {
    put('b.dmp', 100, 10);
    put('a-2.dmp', 100, 20);
    put('c.dmp.zst', await compressed(Buffer.alloc(1000, 'MDMP')), 5);
    expect(found()).toEqual(['a-2.dmp', 'b.dmp', 'c.dmp.zst']);
  });

  it('nothing else, and so nothing else is removed', () => {
    put('ours.dmp', 100, 10);
    put('newest.dmp', 100, 0);
    put('text.dmp', Buffer.from('this only has such a name, and is long enough'), 100);
    put('short.dmp', Buffer.from('MDMP'), 100);
    put('empty.dmp', 0, 100);
    put('other.txt', 100, 100);
    put('.hidden.dmp', 100, 100);
    put('zstd.dmp.zst', Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.alloc(100)]), 100);
    mkdirSync(join(path, 'folder.dmp'));
    writeFileSync(join(path, 'folder.dmp', 'inside.dmp'), Buffer.alloc(100, 'MDMP'));
    const elsewhere = join(temporaryFolder(), 'victim.dmp');
    writeFileSync(elsewhere, Buffer.alloc(100, 'MDMP'));
    symlinkSync(elsewhere, join(path, 'link.dmp'));
    symlinkSync(join(path, 'ours.dmp'), join(path, 'link-2.dmp'));
    execFileSync('mkfifo', [join(path, 'fifo.dmp')]);
    if (asRoot) chownSync(put('theirs.dmp', 100, 100), 65534, 65534);
    const before = names();
    expect(found()).toEqual(['ours.dmp', 'newest.dmp']);
    expect(keepLimits(folder, { maxCount: 1, maxBytes: 1 })).toEqual({
      removed: [join(path, 'ours.dmp')],
      warnings: [],
    });
    expect(names()).toEqual(before.filter((name) => name !== 'ours.dmp'));
    expect(existsSync(elsewhere)).toBe(true);
  });

  it('a file that has taken the name of a dump since is none', () => {
    put('a.dmp', 100, 10);
    const [dump] = folder.dumps();
    renameSync(join(path, 'a.dmp'), join(path, 'moved.dmp'));
    put('a.dmp', 100, 0);
    expect(folder.remove(dump!)).toBe(false);
    expect(names()).toEqual(['a.dmp', 'moved.dmp']);
    unlinkSync(join(path, 'a.dmp'));
    expect(folder.remove(dump!)).toBe(false);
    linkSync(join(path, 'moved.dmp'), join(path, 'a.dmp'));
    expect(folder.remove(dump!)).toBe(true);
    expect(names()).toEqual(['moved.dmp']);
  });

  it('one of the future is from before the clock was set back: the oldest', () => {
    put('future.dmp', 100, -86_400 * 365);
    put('old.dmp', 100, 1000);
    put('soon.dmp', 100, -60);
    put('new.dmp', 100, 1);
    expect(found()).toEqual(['future.dmp', 'old.dmp', 'new.dmp', 'soon.dmp']);
  });
});

describe('room', () => {
  beforeEach(() => {
    for (let age = 1; age <= 5; age++) put(`age${age}.dmp`, 1000, age);
  });

  it('after a dump: the oldest go until the limits hold', () => {
    expect(keepLimits(folder, {}).removed).toEqual([]);
    expect(keepLimits(folder, { maxCount: 5, maxBytes: 5000 }).removed).toEqual([]);
    expect(keepLimits(folder, { maxCount: 4 }).removed).toEqual([join(path, 'age5.dmp')]);
    expect(keepLimits(folder, { maxBytes: 2999 }).removed).toHaveLength(2);
    expect(names()).toEqual(['age1.dmp', 'age2.dmp']);
  });

  it('the newest stays, even if it is too large alone', () => {
    expect(keepLimits(folder, { maxBytes: 10 }).removed).toHaveLength(4);
    expect(names()).toEqual(['age1.dmp']);
  });

  it('before a dump: as much as it will need; the newest stays', () => {
    expect(makeRoom(folder, { maxBytes: 6000 }, undefined).removed).toEqual([]);
    expect(makeRoom(folder, { maxCount: 2 }, 9000).removed).toEqual([]);
    expect(makeRoom(folder, { maxBytes: 6000 }, 1000).removed).toEqual([]);
    expect(makeRoom(folder, { maxBytes: 6000 }, 1001).removed).toEqual([join(path, 'age5.dmp')]);
    expect(makeRoom(folder, { maxBytes: 6000 }, 9000).removed).toHaveLength(3);
    expect(names()).toEqual(['age1.dmp']);
  });

  it('on a full disk: as much as is missing, and one at least', () => {
    expect(freeDisk(folder, 5000, 9000).removed).toEqual([join(path, 'age5.dmp')]);
    // The size is not known: that of the largest.
    expect(freeDisk(folder, undefined, 500).removed).toEqual([join(path, 'age4.dmp')]);
    // The newest would not be enough, so it stays.
    expect(freeDisk(folder, 9000, 500).removed).toHaveLength(2);
    expect(freeDisk(folder, undefined, 0).removed).toEqual([]);
    expect(names()).toEqual(['age1.dmp']);
    expect(freeDisk(folder, 1400, 500).removed).toEqual([join(path, 'age1.dmp')]);
    expect(freeDisk(folder, 1400, 500)).toEqual({ removed: [], warnings: [] });
  });

  it('where the folder is gone: a warning', () => {
    const gone = new DumpFolder(join(path, 'gone'), new NameTemplate('{name}.dmp', false));
    expect(keepLimits(gone, { maxCount: 1 })).toEqual({
      removed: [],
      warnings: [expect.stringMatching(/limits of .*gone cannot be kept: ENOENT/)],
    });
  });
});
