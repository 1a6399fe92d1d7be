import { existsSync, lstatSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { MINIDUMP_TYPE } from '../../src/format/index.js';
import { BytesSink } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { Turns } from '../../src/targets/linux/attached/turns.js';
import { scratchFolder } from '../cli/command.js';
import { compile, stopPrograms } from '../support/programs.js';
import { waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';
import { childrenOf, socketOf, startApart, tracerOf } from './watcher.js';

// The built package: the threads that trace are files of it.
const { Watch, listWatchers, releaseWatched, requestDump, resumeWatched, runWatched, watchProcess } =
  (await import(join(root, 'dist', 'watch', 'index.js'))) as typeof import('../../src/watch/index.js');
const { writeMinidump } = (await import(
  join(root, 'dist', 'index.js')
)) as typeof import('../../src/index.js');

const folder = scratchFolder();
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );
let files = 0;
const fresh = (ending = '.dmp') => join(folder, `${++files}${ending}`);

afterEach(stopPrograms);

describe('turns', () => {
  it('are given one after the other, first to those in a hurry', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const first = await turns.take();
    const others = ['a', 'b', 'urgent'].map(async (name) => {
      const turn = await turns.take(name === 'urgent');
      order.push(name);
      turn();
      turn();
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual([]);
    first();
    await Promise.all(others);
    expect(order).toEqual(['urgent', 'a', 'b']);
  });
});

describeWith([needsBuild, needsLinux, 'gcc'], 'requestDump and the like', () => {
  const start = async () => await startApart(await compile('target'));

  it('one socket serves all watches of a program, and goes with the last', async () => {
    await using one = await start();
    await using other = await start();
    const watches = [one, other].map(({ pid }) => watchProcess(pid, { dumps: { folder: fresh('') } }));
    const [first, second] = await Promise.all(watches);
    expect(first).toBeInstanceOf(Watch);
    const socket = socketOf(process.pid)!;
    for (const { pid } of [one, other]) {
      expect(tracerOf(pid)).toBe(process.pid);
      const error = await failure(writeMinidump(pid, fresh()));
      expect(error).toMatchObject({ code: 'already-traced', advice: expect.stringContaining('requestDump') });
      const report = await requestDump(pid, fresh(), { comment: 'by request' });
      expect(report.file && lstatSync(report.file).size).toBe(report.size);
    }
    const mine = (await listWatchers()).find(({ pid }) => pid === process.pid);
    expect(new Set(mine?.processes.map(({ pid }) => pid))).toEqual(new Set([one.pid, other.pid]));
    await first!.close();
    expect(existsSync(socket)).toBe(true);
    expect(await failure(releaseWatched(one.pid))).toMatchObject({ code: 'not-watched' });
    await second!.close();
    expect(existsSync(socket)).toBe(false);
    expect(await requestDump(other.pid, fresh())).toMatchObject({ pid: other.pid });
    const again = await watchProcess(one.pid, { dumps: { folder: fresh('') } });
    expect(existsSync(socket)).toBe(true);
    // One ends while the other begins.
    const [, last] = await Promise.all([
      again.close(),
      watchProcess(other.pid, { dumps: { folder: fresh('') } }),
    ]);
    expect(existsSync(socket)).toBe(true);
    expect(await requestDump(other.pid, fresh())).toMatchObject({ pid: other.pid });
    await last.close();
    expect(existsSync(socket)).toBe(false);
  });

  it('sends all options that are no functions, and tells of progress', async () => {
    await using program = await start();
    await using _watch = await watchProcess(program.pid, { dumps: { folder: fresh('') } });
    const sink = new BytesSink();
    const seen: number[] = [];
    const bytes = Uint8Array.of(0, 1, 254, 255);
    await requestDump(program.pid, sink, {
      type: MINIDUMP_TYPE.MiniDumpWithFullMemory,
      userStreams: [{ type: 0x12345, bytes }],
      comment: 'ü',
      spool: folder,
      onProgress: ({ written }) => seen.push(written),
    });
    const dump = Minidump.openSync(sink.bytes());
    expect(dump.bytesSync(dump.entry(0x12345)!)).toEqual(bytes);
    expect(seen.length).toBeGreaterThan(0);
    const large = failure(
      requestDump(program.pid, fresh(), { userStreams: [{ type: 0x12345, bytes: new Uint8Array(4 << 20) }] }),
    );
    expect(await large).toMatchObject({ code: 'invalid-argument' });
    expect(await failure(requestDump(program.pid, fresh(), { spool: join(folder, 'absent') }))).toMatchObject(
      {
        code: 'output-folder',
      },
    );
    expect(await failure(requestDump(program.pid, fresh(), { maxPause: -1 }))).toMatchObject({
      code: 'invalid-argument',
    });
  });

  it('can be given up, and the process runs on', async () => {
    await using program = await startApart(await compile('large'), ['--touch', '64']);
    await using _watch = await watchProcess(program.pid, { dumps: { folder: fresh('') } });
    const file = fresh();
    const controller = new AbortController();
    const error = await failure(
      requestDump(program.pid, file, {
        type: MINIDUMP_TYPE.MiniDumpWithFullMemory,
        signal: controller.signal,
        onProgress: () => controller.abort(),
      }),
    );
    expect(error).toMatchObject({ code: 'cancelled' });
    expect(existsSync(file)).toBe(false);
    expect(await failure(requestDump(program.pid, file, { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'cancelled',
    });
    expect(await requestDump(program.pid, file)).toMatchObject({ pid: program.pid });
    expect(childrenOf(program.pid)).toEqual([]);
  });

  it('a callback that writes the dump by itself does so in the watcher', async () => {
    await using program = await start();
    await using _watch = await watchProcess(program.pid, { dumps: { folder: fresh('') } });
    const written = fresh();
    const callback = fresh('.mjs');
    writeFileSync(
      callback,
      `import { openSync, writeSync, closeSync } from 'node:fs';
       let fd;
       export const callbacks = {
         ioStart: () => { fd = openSync(${JSON.stringify(written)}, 'w'); return true; },
         ioWriteAll: ({ bytes, offset }) => { writeSync(fd, bytes, 0, bytes.length, Number(offset)); },
         ioFinish: () => closeSync(fd),
       };`,
    );
    const file = fresh();
    const report = await requestDump(program.pid, file, { callback });
    expect(report.writtenByCallback).toBe(true);
    expect(existsSync(file)).toBe(false);
    expect(lstatSync(written).size).toBe(report.size);
  });

  it('refuses what is no request, and whoever says too much', async () => {
    await using program = await start();
    await using _watch = await watchProcess(program.pid, { dumps: { folder: fresh('') } });
    const say = async (text: string) =>
      await new Promise<string>((resolve) => {
        const socket = connect(socketOf(process.pid)!);
        let answer = '';
        socket.on('data', (piece) => {
          answer += piece.toString('latin1');
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve(answer));
        socket.write(text);
      });
    const dump = (options: object) =>
      `${JSON.stringify({ protocol: 1, want: 'dump', pid: program.pid, options })}\n`;
    for (const [text, code] of [
      ['hello\n', 'invalid-argument'],
      ['null\n', 'invalid-argument'],
      ['{"protocol":99,"want":"list"}\n', 'unsupported'],
      ['{"protocol":1,"want":"everything"}\n', 'unsupported'],
      ['{"protocol":1,"want":"dump","pid":1,"options":{}}\n', 'not-watched'],
      ['{"protocol":1,"want":"release","pid":"x"}\n', 'invalid-argument'],
      ['{"protocol":1,"want":"release","pid":1}\n', 'not-watched'],
      [dump({ type: 'full' }), 'invalid-argument'],
      [dump({ callback: 'relative.js' }), 'invalid-argument'],
      [dump({ force: true }), 'invalid-argument'],
      [dump({ userStreams: [{ type: -1 }] }), 'invalid-argument'],
      ['{"protocol":1,"want":"dump","pid":1}\n', 'invalid-argument'],
      ['x'.repeat(5 << 20), 'invalid-argument'],
    ] as const) {
      expect(await say(text), text.slice(0, 80)).toMatch(new RegExp(`^E.*"code":"${code}"`, 's'));
    }
    expect(await requestDump(program.pid, fresh())).toMatchObject({ pid: program.pid });
  });

  it('release and resume in code; a watch that ends while released', async () => {
    const watch = await runWatched(['sleep', '1000'], { dumps: { folder: fresh('') } });
    const { pid } = watch;
    await releaseWatched(pid);
    expect(watch.attached).toBe(false);
    expect(tracerOf(pid)).toBe(0);
    await resumeWatched(pid);
    expect(tracerOf(pid)).toBe(process.pid);
    await watch.release();
    expect(await failure(watch.release())).toMatchObject({ code: 'watch-state' });
    process.kill(pid, 'SIGTERM');
    expect(await watch.ended).toEqual({ reason: 'ended', exit: { code: 0, signal: 15 } });
    await waitFor('no zombie', () => !existsSync(`/proc/${pid}`));
  });
});
