import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DumpOccasion } from '../../../src/watch/dumps/occasion.js';
import { BACK_OFF, Pace, type PaceOptions } from '../../../src/watch/dumps/pace.js';
import { PACE_FILE, PaceFile } from '../../../src/watch/dumps/pace-file.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';

afterEach(removeFolders);

const START = Date.UTC(2026, 0, 31);

function at(seconds: number, trigger = 'crash', pid = 1, name = 'app'): DumpOccasion {
  return { pid, name, trigger, text: '', time: new Date(START + seconds * 1000) };
}

function pace(options: Partial<PaceOptions> = {}): Pace {
  const all = { spacing: 0, limit: Number.POSITIVE_INFINITY, backOff: BACK_OFF, file: undefined };
  return new Pace({ ...all, ...options });
}

/** What was left out before the dump, or undefined if there is none. */
function take(pace: Pace, occasion: DumpOccasion): number | undefined {
  if (pace.refusal(occasion) !== undefined) {
    pace.leaveOut(occasion);
    return undefined;
  }
  pace.begin(occasion);
  return pace.finish(occasion);
}

/** The seconds, of `from` to `to`, at which there was a dump. */
function taken(pace: Pace, from: number, to: number, trigger?: string): number[] {
  const times: number[] = [];
  for (let s = from; s < to; s++) if (take(pace, at(s, trigger, s + 1)) !== undefined) times.push(s);
  return times;
}

describe('the pace', () => {
  it('of a service that crashes each second: five, then ever more slowly, once an hour in the end', () => {
    const times = taken(pace(), 0, 24 * 3600);
    expect(times.slice(0, 9)).toEqual([0, 1, 2, 3, 4, 14, 34, 74, 154]);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    expect(Math.max(...gaps)).toBe(3600);
    expect(gaps.slice(-10)).toEqual(Array(10).fill(3600));
    expect(times.length).toBeLessThan(40);
  });

  it('says how many were left out, once', () => {
    const one = pace();
    for (let s = 0; s < 14; s++) take(one, at(s));
    expect(one.refusal(at(13))).toMatch(/5 of crash in a short time.*less than 10 s old/);
    expect(take(one, at(14))).toBe(9);
    expect(take(one, at(1000))).toBe(0);
  });

  it('begins again after ten quiet minutes, and not after ten with crashes in them', () => {
    const one = pace();
    expect(taken(one, 0, 100)).toHaveLength(8);
    expect(taken(one, 100 + 600, 100 + 605)).toHaveLength(5);
    let dumps = 0;
    for (let i = 0; i < 100; i++) if (take(one, at(705 + i * 599)) !== undefined) dumps++;
    expect(dumps).toBeLessThan(30);
  });

  it('keeps kinds apart, and leaves what was asked for alone', () => {
    const one = pace();
    taken(one, 0, 100);
    expect(one.refusal(at(100, 'cpu-above'))).toBeUndefined();
    expect(one.refusal(at(100, 'crash', 1, 'other'))).toBeUndefined();
    expect(one.refusal(at(100, 'crash', 99))).toBeDefined();
    for (const trigger of ['request', 'every', 'after']) {
      expect(taken(one, 100, 200, trigger)).toHaveLength(100);
    }
    expect(taken(pace({ backOff: undefined }), 0, 100)).toHaveLength(100);
  });

  it('has its figures from the options', () => {
    const backOff = { burst: 1, first: 2000, most: 5000, calm: 60_000 };
    expect(taken(pace({ backOff }), 0, 20)).toEqual([0, 2, 6, 11, 16]);
  });

  it('spaces the dumps of one process and trigger', () => {
    const one = pace({ spacing: 10_000 });
    expect(take(one, at(0, 'cpu-above'))).toBe(0);
    expect(one.refusal(at(9.9, 'cpu-above'))).toMatch(/less than 10 s old/);
    expect(one.refusal(at(9.9, 'memory-above'))).toBeUndefined();
    expect(one.refusal(at(9.9, 'cpu-above', 2))).toBeUndefined();
    expect(one.refusal(at(9.9, 'request'))).toBeUndefined();
    expect(one.refusal(at(10, 'cpu-above'))).toBeUndefined();
    // A little out of order.
    expect(one.refusal(at(-0.1, 'cpu-above'))).toBeDefined();
    expect(pace().refusal(at(-0.1, 'cpu-above'))).toBeUndefined();
    // The clock was set back.
    expect(one.refusal(at(-3600, 'cpu-above'))).toBeUndefined();
  });

  it('ends at the limit, also for what was asked for', () => {
    const one = pace({ limit: 3 });
    expect(taken(one, 0, 4)).toEqual([0, 1, 2]);
    expect(one.exhausted).toBe(true);
    expect(one.refusal(at(9, 'request'))).toBe('there are 3 dumps');
  });

  it('an attempt that fails counts for the back-off, and not for the limit', () => {
    const one = pace({ limit: 1 });
    for (let s = 0; s < 5; s++) one.begin(at(s));
    expect(one.exhausted).toBe(false);
    expect(one.refusal(at(5))).toMatch(/in a short time/);
  });
});

describe('the pace of crashes, beyond the end of a watcher', () => {
  const next = (folder: string) => pace({ file: new PaceFile(folder) });

  it('goes on where the last watcher was, each of which sees one crash', () => {
    const folder = temporaryFolder();
    const times: number[] = [];
    let leftOut = 0;
    for (let s = 0; s < 3600; s++) {
      const before = take(next(folder), at(s, 'crash', s + 1));
      if (before === undefined) continue;
      times.push(s);
      leftOut += before;
    }
    expect(times).toEqual(taken(pace(), 0, 3600));
    expect(leftOut).toBe(times.at(-1)! + 1 - times.length);
    const file = join(folder, PACE_FILE);
    expect(lstatSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8')).kinds).toHaveLength(1);
  });

  it('is not kept for anything else', () => {
    const folder = temporaryFolder();
    take(next(folder), at(0, 'cpu-above'));
    expect(() => lstatSync(join(folder, PACE_FILE))).toThrow(/ENOENT/);
  });

  it('forgets names that come no more', () => {
    const folder = temporaryFolder();
    for (let s = 0; s < 1000; s++) take(next(folder), at(s, 'crash', 1, `app\n${s}`));
    const { kinds } = JSON.parse(readFileSync(join(folder, PACE_FILE), 'utf8'));
    expect(kinds).toHaveLength(100);
    take(next(folder), at(5000));
    expect(JSON.parse(readFileSync(join(folder, PACE_FILE), 'utf8')).kinds).toHaveLength(1);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['other JSON', 'null'],
    ['other kinds', '{"kinds":[null,1,{"name":"app","trigger":"crash","last":"x"}]}'],
    [
      'figures that are none',
      '{"kinds":[{"name":"app","trigger":"crash","last":-1,"seen":1e999,"dumps":9,"leftOut":0}]}',
    ],
    ['far too much', `{"kinds":[],"x":"${'x'.repeat(1e5)}"}`],
  ])('a file with %s in it is as none', (_, text) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, PACE_FILE), text);
    expect(taken(next(folder), 0, 20)).toEqual([0, 1, 2, 3, 4, 14]);
  });

  it('follows no link, and lives where nothing can be kept', () => {
    const folder = temporaryFolder();
    const victim = join(temporaryFolder(), 'victim');
    writeFileSync(victim, 'theirs');
    symlinkSync(victim, join(folder, PACE_FILE));
    expect(take(next(folder), at(0))).toBe(0);
    expect(readFileSync(victim, 'utf8')).toBe('theirs');
    expect(lstatSync(join(folder, PACE_FILE)).isFile()).toBe(true);

    rmSync(join(folder, PACE_FILE));
    mkdirSync(join(folder, PACE_FILE));
    expect(taken(next(folder), 0, 20)).toEqual([0, 1, 2, 3, 4, 14]);
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true });
    expect(taken(next(folder), 0, 20)).toEqual([0, 1, 2, 3, 4, 14]);
  });
});
