import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CacheFolder } from '../../src/node/cache-folder.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { describeWith, needsBuild, root } from '../support/tools.js';

afterAll(removeFolders);

const bytes = (length: number, value = 7) => new Uint8Array(length).fill(value);
const folder = () => join(temporaryFolder(), 'cache');

describe('a cache folder', () => {
  it('gives back what it keeps, in private files', () => {
    const cache = new CacheFolder(folder());
    expect(cache.open('crash.sym-1')).toBeUndefined();
    cache.store('crash.sym-1', [bytes(3, 1), bytes(2, 2)]);
    using kept = cache.open('crash.sym-1')!;
    expect(kept.size).toBe(5);
    expect(kept.read(0, 10)).toEqual(Uint8Array.of(1, 1, 1, 2, 2));
    expect(statSync(cache.folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(cache.folder).map((name) => statSync(join(cache.folder, name)).mode & 0o777)).toEqual([
      0o600,
    ]);
  });

  it('replaces, and whoever has the old one open goes on reading it', async () => {
    const cache = new CacheFolder(folder());
    cache.store('a', [bytes(4, 1)]);
    using old = cache.open('a')!;
    cache.store('a', [bytes(6, 2)]);
    using fresh = cache.open('a')!;
    expect([await old.read(0, 9), await fresh.read(0, 9)].map((read) => read[0])).toEqual([1, 2]);
  });

  it.each(['../up', 'a/b', '.hidden', 'x'.repeat(400), 'ä', '', '..'])(
    'keeps a key like %j inside',
    (key) => {
      const cache = new CacheFolder(folder());
      cache.store(key, [bytes(1)]);
      using kept = cache.open(key)!;
      expect(kept.size).toBe(1);
      expect(readdirSync(cache.folder)).toHaveLength(1);
      expect(readdirSync(join(cache.folder, '..'))).toEqual(['cache']);
    },
  );

  it('tells keys apart that look alike as names of files', () => {
    const cache = new CacheFolder(folder());
    cache.store('a/b', [bytes(1)]);
    cache.store('a_b', [bytes(2)]);
    cache.store('a?b', [bytes(3)]);
    const sizes = ['a/b', 'a_b', 'a?b'].map((key) => {
      using kept = cache.open(key)!;
      return kept.size;
    });
    expect(sizes).toEqual([1, 2, 3]);
  });

  it('removes what was not used for longest when it is full', () => {
    const cache = new CacheFolder(folder(), { limit: 1000 });
    const day = 86_400;
    const age = (key: string, days: number) => {
      const then = Date.now() / 1000 - days * day;
      utimesSync(join(cache.folder, key), then, then);
    };
    for (const [key, days] of [
      ['old', 3],
      ['used', 4],
      ['young', 1],
    ] as const) {
      cache.store(key, [bytes(300)]);
      age(key, days);
    }
    cache.open('used')!.close();
    cache.store('new', [bytes(300)]);
    expect(readdirSync(cache.folder).sort()).toEqual(['new', 'used']);
  });

  it('clears away what killed processes have left, not what others are writing', () => {
    const cache = new CacheFolder(folder());
    mkdirSync(cache.folder);
    const [left, fresh] = ['.mdmp-1', '.mdmp-2'].map((name) => join(cache.folder, name));
    for (const path of [left!, fresh!]) writeFileSync(path, 'x');
    utimesSync(left!, 1, 1);
    cache.store('a', [bytes(1)]);
    expect(readdirSync(cache.folder).sort()).toEqual(['.mdmp-2', 'a']);
  });

  it('follows no link', () => {
    const cache = new CacheFolder(folder());
    mkdirSync(cache.folder);
    const secret = join(cache.folder, '..', 'secret');
    writeFileSync(secret, 'secret');
    symlinkSync(secret, join(cache.folder, 'a'));
    expect(cache.open('a')).toBeUndefined();
    cache.store('a', [bytes(1)]);
    expect(statSync(secret).size).toBe(6);
    using kept = cache.open('a')!;
    expect(kept.size).toBe(1);
  });

  it('that cannot be written keeps nothing, and says nothing', () => {
    const parent = temporaryFolder();
    writeFileSync(join(parent, 'file'), '');
    const cache = new CacheFolder(join(parent, 'file', 'cache'));
    cache.store('a', [bytes(1)]);
    expect(cache.open('a')).toBeUndefined();
    // Also where the pieces themselves fail half-way.
    const other = new CacheFolder(join(parent, 'other'));
    other.store(
      'b',
      (function* () {
        yield bytes(1);
        throw new Error('no more');
      })(),
    );
    expect(existsSync(other.folder) ? readdirSync(other.folder) : []).toEqual([]);
    chmodSync(parent, 0o700);
  });
});

describeWith([needsBuild], 'a cache folder that several processes use', () => {
  it('gives whole files only, whatever the others add and remove', async () => {
    const path = folder();
    const script = join(temporaryFolder(), 'worker.mjs');
    writeFileSync(
      script,
      `import { CacheFolder } from ${JSON.stringify(join(root, 'dist/node/cache-folder.js'))};
       const cache = new CacheFolder(${JSON.stringify(path)}, { limit: 300_000 });
       const bad = [];
       let hits = 0;
       for (let i = 0; i < 1500; i++) {
         const n = Math.floor(Math.random() * 40);
         const kept = cache.open('key' + n);
         if (kept === undefined) {
           cache.store('key' + n, [new Uint8Array(10_000).fill(n), new Uint8Array(5_000).fill(n)]);
           continue;
         }
         hits++;
         const bytes = kept.read(0, 20_000);
         if (bytes.length !== 15_000 || bytes.some((byte) => byte !== n)) bad.push(n);
         kept.close();
       }
       process.send({ bad, hits });`,
    );
    const answers = await Promise.all(
      [0, 1, 2].map(async () => {
        const child = fork(script);
        const [answer] = (await once(child, 'message')) as [{ bad: number[]; hits: number }];
        return answer;
      }),
    );
    for (const { bad, hits } of answers) {
      expect(bad).toEqual([]);
      expect(hits).toBeGreaterThan(100);
    }
    expect(readdirSync(path).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
