import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { LineReader, MAX_LINE } from '../../../src/watch/triggers/line-reader.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { waitFor } from '../../support/run.js';
import { describeWith, needsLinux } from '../../support/tools.js';
import { polls, Watched } from './watched.js';

afterEach(removeFolders);

describe('lines', () => {
  const read = (...pieces: (string | Buffer)[]) => {
    const lines: string[] = [];
    const reader = new LineReader((line) => lines.push(line));
    for (const piece of pieces) reader.add(Buffer.from(piece as string));
    return { lines, reader };
  };

  it.each<[string, (string | Buffer)[], string[]]>([
    ['whole ones', ['a\nb\n\n'], ['a', 'b', '']],
    ['in pieces', ['a', 'b', 'c\nd', '\n'], ['abc', 'd']],
    ['with \\r\\n', ['a\r', '\nb\r\n'], ['a', 'b']],
    ['a character cut in two', [Buffer.from([0xc3]), Buffer.from([0xa4, 0x0a])], ['ä']],
    ['not before their end', ['a\nb'], ['a']],
  ])('%s', (_, pieces, expected) => expect(read(...pieces).lines).toEqual(expected));

  it('of any length, of which a part is kept', () => {
    const { lines } = read('x'.repeat(MAX_LINE - 1), 'yz', 'z'.repeat(5 * MAX_LINE), '\nnext\n');
    expect(lines).toEqual([`${'x'.repeat(MAX_LINE - 1)}y`, 'next']);
    expect(read(`${'x'.repeat(2 * MAX_LINE)}\n`).lines[0]).toHaveLength(MAX_LINE);
  });

  it('the last one, where it is known to be over', () => {
    const { lines, reader } = read('a\nb');
    reader.finish();
    reader.finish();
    expect(lines).toEqual(['a', 'b']);
  });
});

describeWith([needsLinux], 'a log', () => {
  const watch = (file: string, pattern = /ERROR/) =>
    new Watched(process.pid, [{ kind: 'log', file, pattern }]);
  const texts = (watched: Watched) => watched.firings.map(({ text }) => text);

  it('fires for lines from now on', async () => {
    const file = join(temporaryFolder(), 'app.log');
    writeFileSync(file, 'ERROR of yesterday\nhalf');
    using watched = watch(file);
    appendFileSync(file, ' a line\nfine\n');
    await polls(process.pid, 1.2);
    expect(watched.firings).toEqual([]);
    appendFileSync(file, 'ERROR 1\n');
    const firing = await watched.count('log', 1);
    expect(firing).toMatchObject({ text: `${file}: ERROR 1`, value: 1 });
    appendFileSync(file, 'an ERR');
    await polls(process.pid, 1.2);
    expect(watched.firings).toHaveLength(1);
    appendFileSync(file, 'OR 2\nfine\nERROR 3\n');
    await watched.count('log', 2);
    expect(texts(watched)[1]).toBe(`${file}: an ERROR 2 (and 1 more)`);
  });

  it('of which each line is looked at, though the expression has the flag g', async () => {
    const file = join(temporaryFolder(), 'app.log');
    writeFileSync(file, '');
    using watched = watch(file, /ERROR/g);
    appendFileSync(file, 'a long way to the ERROR\nERROR\nERROR\n');
    expect((await watched.count('log', 1)).value).toBe(3);
  });

  it('that comes up later', async () => {
    const folder = join(temporaryFolder(), 'logs');
    const file = join(folder, 'app.log');
    using watched = watch(file);
    await polls(process.pid, 0.6);
    mkdirSync(folder);
    writeFileSync(file, 'ERROR 1\n');
    await watched.count('log', 1);
    expect(texts(watched)).toEqual([`${file}: ERROR 1`]);
    expect(watched.problems).toEqual([]);
  });

  it('that is rotated: the old file until the program has noticed, and the new one', async () => {
    const file = join(temporaryFolder(), 'app.log');
    writeFileSync(file, '');
    using watched = watch(file);
    appendFileSync(file, 'ERROR 1\n');
    renameSync(file, `${file}.1`);
    await watched.count('log', 1);
    writeFileSync(file, 'ERROR 2\n');
    await watched.count('log', 2);
    appendFileSync(`${file}.1`, 'ERROR 3\n');
    await watched.count('log', 3);
    appendFileSync(file, 'ERROR 4\n');
    await watched.count('log', 4);
    expect(texts(watched).map((text) => text.at(-1))).toEqual(['1', '2', '3', '4']);
  });

  it('that is emptied and begun anew', async () => {
    const file = join(temporaryFolder(), 'app.log');
    writeFileSync(file, 'something long that was there before\n');
    using watched = watch(file);
    truncateSync(file, 0);
    await polls(process.pid, 0.7);
    appendFileSync(file, 'ERROR 1\n');
    await watched.count('log', 1);
    expect(texts(watched)).toEqual([`${file}: ERROR 1`]);
  });

  it('of which much is written at once', async () => {
    const file = join(temporaryFolder(), 'app.log');
    writeFileSync(file, '');
    using watched = watch(file);
    for (let i = 0; i < 32; i++) appendFileSync(file, `${'fine '.repeat(100)}\n`.repeat(2000));
    appendFileSync(file, `ERROR ${'x'.repeat(1000)}\n`);
    const { text } = await watched.count('log', 1);
    expect(text).toBe(`${file}: ERROR ${'x'.repeat(194)}…`);
  });

  it.each([
    ['a folder', (path: string) => mkdirSync(path)],
    ['a named pipe that nobody writes', (path: string) => execFileSync('mkfifo', [path])],
  ])('that is none: %s', async (_, make) => {
    const path = join(temporaryFolder(), 'app.log');
    make(path);
    using watched = watch(path);
    await polls(process.pid, 1.2);
    expect(watched.problems).toEqual([`the log ${path} cannot be followed: it is no regular file`]);
    rmSync(path, { recursive: true });
    writeFileSync(path, 'ERROR\n');
    await watched.count('log', 1);
  });
});

describeWith([needsLinux], 'a file', () => {
  it('fires when it appears, each time anew', async () => {
    const path = join(temporaryFolder(), 'dump-now');
    writeFileSync(path, '');
    using watched = new Watched(process.pid, [{ kind: 'file', path }]);
    await polls(process.pid, 1.2);
    appendFileSync(path, 'more');
    await polls(process.pid, 0.7);
    expect(watched.firings).toEqual([]);
    rmSync(path);
    await polls(process.pid, 0.7);
    writeFileSync(path, '');
    expect(await watched.count('file', 1)).toMatchObject({ text: `${path} appeared`, value: 1, limit: 1 });
    await polls(process.pid, 1.2);
    expect(watched.firings).toHaveLength(1);
    // Between two looks.
    rmSync(path);
    writeFileSync(path, '');
    await watched.count('file', 2);
    expect(watched.problems).toEqual([]);
  });

  it('that stands where none may look is told of', async () => {
    const path = join(temporaryFolder(), 'x'.repeat(300));
    using watched = new Watched(process.pid, [{ kind: 'file', path }]);
    await waitFor('the problem', () => watched.problems.length > 0);
    await polls(process.pid, 1.2);
    expect(watched.problems).toEqual([`${path} cannot be looked for (ENAMETOOLONG)`]);
  });
});
