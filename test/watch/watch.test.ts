import { existsSync, statSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import {
  FileSource,
  MINIDUMP_TYPE,
  Minidump,
  openSource,
  runWatched,
  type StoredDump,
  type Watch,
  type WatchEvent,
  type WatchOptions,
  watchProcess,
} from '../../dist/index.js';
import { runAsync, runSync } from '../../dist/io/index.js';
import { compile, Program, statusField, stopPrograms, temporaryFolder } from '../support/programs.js';
import { waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux } from '../support/tools.js';
import { startApart } from './watcher.js';

const needs = ['gcc', needsLinux, needsBuild] as const;
const watches = new Set<Watch>();
afterEach(async () => {
  for (const watch of watches) await watch.close();
  watches.clear();
  await stopPrograms();
});

/** A watch whose events are kept. */
class Seen {
  readonly events: WatchEvent[] = [];
  readonly folder = temporaryFolder();

  options(more: WatchOptions = {}): WatchOptions {
    return {
      ...more,
      dumps: { folder: this.folder, ...more.dumps },
      onEvent: (event) => this.events.push(event),
    };
  }

  async attach(pid: number, more: WatchOptions = {}): Promise<Watch> {
    const watch = await watchProcess(pid, this.options(more));
    watches.add(watch);
    return watch;
  }

  async run(words: readonly string[], more: WatchOptions = {}): Promise<Watch> {
    const watch = await runWatched(words, this.options(more));
    watches.add(watch);
    return watch;
  }

  get dumps(): StoredDump[] {
    return this.events.flatMap((event) => (event.event === 'dump' ? [event.dump] : []));
  }

  async dump(count = 1): Promise<StoredDump> {
    await waitFor(`dump ${count}`, () => this.dumps.length >= count || undefined, 30_000);
    return this.dumps[count - 1]!;
  }
}

/** The program of conditions: its shell, which takes its commands, and its id. */
const start = async () => {
  const { shell: program, pid } = await startApart(await compile('conditions'));
  return { program, pid };
};

/** Of a dump. */
function read(file: string) {
  using source = new FileSource(file);
  const dump = Minidump.openSync(source);
  return { exception: runSync(dump.tryTask('exception')), threads: runSync(dump.tryTask('threads'))! };
}

describeWith(needs, 'a watch', () => {
  it('dumps a process that goes on, when a condition comes true, attached or not', async () => {
    for (const crash of [true, false]) {
      const { program, pid } = await start();
      const seen = new Seen();
      const watch = await seen.attach(pid, {
        crash,
        triggers: [{ kind: 'threads-above', count: 20 }],
        pollMs: 100,
      });
      expect(watch.attached).toBe(crash);
      expect(statusField(pid, 'TracerPid') !== '0').toBe(crash);
      await program.command('threads 30');
      const { file, occasion, pause } = await seen.dump();
      expect(occasion).toMatchObject({ pid, trigger: 'threads-above' });
      expect(occasion.name).toMatch(/^conditions/);
      expect(pause).toBeGreaterThan(0);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const { exception, threads } = read(file);
      expect(exception).toBeUndefined();
      expect(threads).toHaveLength(31);
      await program.command('join');
      await watch.close();
      expect(statusField(pid, 'TracerPid')).toBe('0');
      expect(seen.dumps).toHaveLength(1);
      await program.command('threads 2');
      await program.stop();
    }
  });

  it('ends after as many dumps as were wanted; a program that it has started runs to its end', async () => {
    const { program, pid } = await start();
    const attached = new Seen();
    const watch = await attached.attach(pid, {
      triggers: [{ kind: 'every', seconds: 0.2 }],
      pollMs: 50,
      dumps: { limit: 2, backOff: false },
    });
    expect(await watch.ended).toEqual({ reason: 'limit', exit: undefined });
    expect(attached.dumps).toHaveLength(2);
    expect(statusField(pid, 'TracerPid')).toBe('0');
    await program.command('threads 1');

    const launched = new Seen();
    const run = await launched.run(['/bin/sh', '-c', 'sleep 1; exit 3'], {
      triggers: [{ kind: 'every', seconds: 0.1 }],
      pollMs: 50,
      dumps: { limit: 1, backOff: false },
    });
    expect(await run.ended).toEqual({ reason: 'ended', exit: { code: 3, signal: 0 } });
    expect(launched.dumps).toHaveLength(1);
  });

  it('dumps for an exit code, and for a signal that the program handles, before they take effect', async () => {
    const exits = new Seen();
    const folder = temporaryFolder();
    const exit = await exits.run(['/bin/sh', '-c', `kill -USR1 $$; exit 3`], {
      exitCodes: [3],
      signals: [10],
      crash: false,
      dumps: { folder, template: '{trigger}.{n}.dmp' },
    });
    expect(await exit.ended).toEqual({ reason: 'ended', exit: { code: 0, signal: 10 } });
    expect(exits.dumps.map(({ occasion }) => occasion.trigger)).toEqual(['signal']);
    expect(read(exits.dumps[0]!.file).exception).toMatchObject({ ExceptionRecord: { ExceptionCode: 10 } });

    const handled = new Seen();
    const run = await handled.run(['/bin/sh', '-c', 'trap : USR1; kill -USR1 $$; exit 3'], {
      exitCodes: 'other',
      signals: [10],
    });
    expect(await run.ended).toEqual({ reason: 'ended', exit: { code: 3, signal: 0 } });
    expect(handled.dumps.map(({ occasion }) => [occasion.trigger, occasion.text])).toEqual([
      ['signal', 'the process gets SIGUSR1'],
      ['exit', 'the process ends with the code 3'],
    ]);

    const well = new Seen();
    const fine = await well.run(['/bin/true'], { exitCodes: 'other' });
    expect((await fine.ended).exit).toEqual({ code: 0, signal: 0 });
    expect(well.dumps).toEqual([]);
  });

  it('tells of the fault that all began with, whatever a handler does about it', async () => {
    for (const words of [[], ['alt']]) {
      const seen = new Seen();
      const run = await seen.run([await compile('nested-faults'), ...words]);
      expect((await run.ended).exit).toEqual({ code: 0, signal: 6 });
      const [dump] = seen.dumps;
      expect(seen.dumps).toHaveLength(1);
      expect(dump!.occasion.text).toBe(`SIGSEGV at 0x4242 in thread ${run.pid}, then SIGABRT`);
      expect(read(dump!.file).exception).toMatchObject({
        ExceptionRecord: { ExceptionCode: 11, ExceptionAddress: 0x4242n },
      });
    }
  });

  it('follows children where that is wanted: each is watched, and dumped by its own name', async () => {
    const seen = new Seen();
    const crash = 'import os; os.kill(os.getpid(), 11)';
    const run = await seen.run(['/bin/sh', '-c', `python3 -c '${crash}'; exit 4`], { children: true });
    expect((await run.ended).exit).toEqual({ code: 4, signal: 0 });
    expect(seen.events.map(({ event }) => event)).toContain('child');
    const [dump] = seen.dumps;
    expect(seen.dumps).toHaveLength(1);
    expect(dump!.occasion).toMatchObject({ name: 'python3', trigger: 'crash', crash: { signal: 11 } });
    expect(dump!.occasion.pid).not.toBe(run.pid);

    const alone = new Seen();
    const other = await alone.run(['/bin/sh', '-c', `python3 -c '${crash}'; exit 4`]);
    expect((await other.ended).exit).toEqual({ code: 4, signal: 0 });
    expect(alone.dumps).toEqual([]);
  });

  it('is told to let others in, and to come back', async () => {
    const { program, pid } = await start();
    const seen = new Seen();
    const watch = await seen.attach(pid);
    await watch.release();
    expect(watch.attached).toBe(false);
    expect(statusField(pid, 'TracerPid')).toBe('0');
    const asked = await watch.dump();
    expect(asked!.occasion.trigger).toBe('request');
    await watch.resume();
    expect(statusField(pid, 'TracerPid')).not.toBe('0');
    process.kill(pid, 'SIGSEGV');
    expect(await watch.ended).toEqual({ reason: 'ended', exit: { code: 0, signal: 11 } });
    expect(await program.end()).toBe(128 + 11);
    expect(seen.dumps.map(({ occasion }) => occasion.trigger)).toEqual(['request', 'crash']);
  });

  it('knows the end of a released program, its child or not', async () => {
    const { program, pid } = await start();
    const attached = await new Seen().attach(pid);
    await attached.release();
    await program.stop();
    expect(await attached.ended).toEqual({ reason: 'ended', exit: undefined });

    const launched = await new Seen().run(['/bin/sh', '-c', 'sleep 0.5; exit 9']);
    await launched.release();
    expect(await launched.ended).toEqual({ reason: 'ended', exit: { code: 9, signal: 0 } });
    expect(existsSync(`/proc/${launched.pid}`)).toBe(false);
  });

  it('what the callback keeps out stays out, and the hook gets the file', async () => {
    const seen = new Seen();
    const hooked: string[] = [];
    const run = await seen.run(['/bin/sh', '-c', 'kill -SEGV $$'], {
      type: MINIDUMP_TYPE.MiniDumpNormal,
      callbacks: { module: ({ path }) => !path.includes('libc') },
      onDump: (dump) => void hooked.push(dump.file),
      dumps: { compress: 'zstd', template: 'app.dmp.zst' },
    });
    await run.ended;
    expect(hooked).toEqual([seen.dumps[0]!.file]);
    expect(hooked[0]).toMatch(/app\.dmp\.zst$/);
    using source = await openSource(hooked[0]!);
    const dump = await Minidump.open(source);
    const paths = ((await runAsync(dump.tryTask('modules'))) ?? []).map(({ name }) => name);
    expect(paths.length).toBeGreaterThan(1);
    expect(paths.filter((path) => path?.includes('libc'))).toEqual([]);
  });

  it('a callback that takes too long, or throws, costs the dump and not the end of the program', async () => {
    for (const [module, code] of [
      [slow, 'max-pause'],
      [fails, 'callback-failed'],
    ] as const) {
      const seen = new Seen();
      const run = await seen.run(['/bin/sh', '-c', 'kill -SEGV $$'], {
        maxCrashPause: 1000,
        callbacks: { module },
      });
      expect((await run.ended).exit).toEqual({ code: 0, signal: 11 });
      const failed = seen.events.find(({ event }) => event === 'failed') as { error: { code: string } };
      expect(failed.error.code).toBe(code);
    }
  });

  it('refuses what cannot be, in one line', async () => {
    const seen = new Seen();
    await expect(seen.run(['/nonexistent'])).rejects.toThrow('there is no such program');
    await expect(seen.run([])).rejects.toThrow('there is no such program');
    await expect(seen.attach(999_999_999)).rejects.toThrow('there is no process 999999999');
    await expect(seen.attach(process.pid)).rejects.toThrow('cannot stop and dump itself');
    const child = await Program.start(await compile('conditions'));
    await expect(seen.attach(child.pid)).rejects.toThrow('is a child of this program');
    await expect(
      seen.attach(process.ppid, { triggers: [{ kind: 'threads-above', count: -1 }] }),
    ).rejects.toThrow('threads-above');
    const { pid } = await start();
    const first = await seen.attach(pid);
    await expect(new Seen().attach(pid)).rejects.toThrow('already traced');
    await first.close();
    expect(statusField(pid, 'State')).toMatch(/^S/);
  });
});

/** Longer than the process may be held. */
function slow(): boolean {
  const end = performance.now() + 3000;
  while (performance.now() < end);
  return true;
}

function fails(): boolean {
  throw new Error('no');
}
