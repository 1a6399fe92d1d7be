import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { parseMounts } from '../../../src/linux/mounts.js';
import { watchConditions } from '../../../src/watch/triggers/index.js';
import { compile, Program, statusField, stopPrograms } from '../../support/programs.js';
import { waitFor } from '../../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../../support/tools.js';
import { expectSoon, polls, told, Watched } from './watched.js';

const MIB = 1 << 20;
const python = '/usr/bin/python3';
const needsPython = { missing: existsSync(python) ? undefined : python };
const needsRoot = { missing: process.getuid?.() === 0 ? undefined : 'root' };

afterEach(stopPrograms);

const start = async () => Program.start(await compile('conditions'));

describeWith([needsLinux, 'gcc'], 'conditions of a process', () => {
  it('CPU above: after seconds in a row, once, and again when it was below', async () => {
    const program = await start();
    // A share that a burning program has on a busy machine, too.
    using watched = new Watched(program.pid, [{ kind: 'cpu-above', percent: 15, seconds: 2 }]);
    await polls(program.pid, 3);
    expect(watched.firings).toEqual([]);
    for (const round of [1, 2]) {
      // Half a second that was busy for a part counts as a whole.
      const { from, at } = told(await program.command('burn 1'), 2000);
      const firing = await watched.count('cpu-above', round);
      expectSoon(firing, { from: from - 500, at });
      expect(firing.value).toBeGreaterThanOrEqual(14);
      expect(firing.limit).toBe(15);
      expect(firing.text).toMatch(/^CPU \d+ % for 2 s \(limit 15 %\)$/);
      await polls(program.pid, 3);
      expect(watched.firings).toHaveLength(round);
      await program.command('rest');
      await polls(program.pid, 2.5);
    }
  });

  it('CPU above: not for a shorter time than asked for', async () => {
    const program = await start();
    using watched = new Watched(program.pid, [{ kind: 'cpu-above', percent: 15, seconds: 4 }]);
    for (let round = 0; round < 3; round++) {
      await program.command('burn 1');
      await polls(program.pid, 1.5);
      await program.command('rest');
      await polls(program.pid, 2.5);
    }
    expect(watched.firings).toEqual([]);
  });

  it('CPU below', async () => {
    const program = await start();
    await program.command('burn 1');
    using watched = new Watched(program.pid, [{ kind: 'cpu-below', percent: 5, seconds: 1 }]);
    await polls(program.pid, 3);
    expect(watched.firings).toEqual([]);
    const { from, at } = told(await program.command('rest'), 1000);
    expectSoon(await watched.count('cpu-below', 1), { from: from - 500, at });
  });

  it.each(['rss', 'private', 'commit', 'pss'] as const)('memory above: %s', async (measure) => {
    const program = await start();
    using watched = new Watched(program.pid, [
      { kind: 'memory-above', measure, bytes: 100 * MIB },
      { kind: 'memory-above', measure, bytes: 200 * MIB },
    ]);
    await polls(program.pid, 1.2);
    expect(watched.firings).toEqual([]);
    for (const round of [1, 2]) {
      const allocated = told(await program.command('allocate 150'));
      const firing = await watched.count('memory-above', round);
      expectSoon(firing, allocated);
      expect(firing.value).toBeGreaterThan(100 * MIB);
      expect(firing.value).toBeLessThan(170 * MIB);
      expect(firing.limit).toBe(100 * MIB);
      await program.command('free');
      await polls(program.pid, 1.5);
      expect(watched.firings).toHaveLength(round);
    }
  });

  it('memory below', async () => {
    const program = await start();
    await program.command('allocate 150');
    using watched = new Watched(program.pid, [
      { kind: 'memory-below', measure: 'rss', bytes: 100 * MIB },
      { kind: 'memory-below', measure: 'pss', bytes: 100 * MIB },
    ]);
    await polls(program.pid, 1.2);
    expect(watched.firings).toEqual([]);
    const freed = told(await program.command('free'));
    await watched.count('memory-below', 2);
    for (const firing of watched.firings) expectSoon(firing, freed);
  });

  it('several memory limits fire one each', async () => {
    const program = await start();
    using watched = new Watched(
      program.pid,
      [50, 100, 5000].map((n) => ({ kind: 'memory-above', measure: 'commit', bytes: n * MIB })),
    );
    await program.command('allocate 150');
    await polls(program.pid, 1.2);
    expect(watched.firings.map(({ limit }) => limit / MIB)).toEqual([50, 100]);
  });

  it('threads and descriptors', async () => {
    const program = await start();
    const few = readdirSync(`/proc/${program.pid}/fd`).length;
    using watched = new Watched(program.pid, [
      { kind: 'threads-above', count: 21 },
      { kind: 'descriptors-above', count: few + 20 },
    ]);
    await program.command('threads 19');
    await program.command('open 19');
    await polls(program.pid, 1.2);
    expect(watched.firings).toEqual([]);
    await program.command('join');
    await program.command('close');
    for (const round of [1, 2]) {
      const more = told(await program.command('threads 20'));
      const threads = await watched.count('threads-above', round);
      expectSoon(threads, more);
      expect(threads).toMatchObject({ value: 21, limit: 21, text: '21 threads (limit 21)' });
      const opened = told(await program.command('open 20'));
      const descriptors = await watched.count('descriptors-above', round);
      expectSoon(descriptors, opened);
      expect(descriptors.value).toBe(readdirSync(`/proc/${program.pid}/fd`).length);
      await program.command('join');
      await program.command('close');
      await polls(program.pid, 1.2);
    }
    expect(watched.firings).toHaveLength(4);
  });

  it('a limit that stays exceeded fires again only where that is asked for', async () => {
    const program = await start();
    await program.command('threads 20');
    const specs = [{ kind: 'threads-above', count: 10 }] as const;
    using once = new Watched(program.pid, specs);
    using again = new Watched(program.pid, specs, { rearmMs: 700 });
    await again.count('threads-above', 4);
    expect(once.firings).toHaveLength(1);
    const times = again.firings.map(({ at }) => at);
    for (const [i, at] of times.slice(1).entries()) expect(at - times[i]!).toBeGreaterThanOrEqual(699);
  });

  it('a hang: the main thread runs without a system call', async () => {
    const program = await start();
    using watched = new Watched(program.pid, [{ kind: 'hang', milliseconds: 1500 }]);
    await polls(program.pid, 2.5);
    expect(watched.firings).toEqual([]);
    for (const round of [1, 2]) {
      const began = told(await program.command('spin 5000'), 1500);
      expect(watched.firings).toHaveLength(round);
      const firing = watched.firings.at(-1)!;
      expectSoon(firing, began);
      expect(firing.text).toMatch(/^the main thread has run without a pause for 1\.\d s \(limit 1\.5 s\)$/);
      await polls(program.pid, 1.2);
    }
  });

  it('a hang: an uninterruptible wait', async () => {
    const program = await start();
    using watched = new Watched(program.pid, [{ kind: 'hang', milliseconds: 1000 }]);
    const began = told(await program.command('vfork 4000'), 1000);
    expect(watched.firings).toHaveLength(1);
    expectSoon(watched.firings[0]!, began);
    expect(watched.firings[0]!.text).toContain('uninterruptible wait');
  });

  it.each(['spin 300', 'getppid 3000', 'write 3000', 'sleep 3000'])('no hang: %s', async (command) => {
    const program = await start();
    using watched = new Watched(program.pid, [{ kind: 'hang', milliseconds: 1000 }]);
    await program.command(command);
    await polls(program.pid, 1.2);
    expect(watched.firings).toEqual([]);
    expect(watched.problems).toEqual([]);
  });

  it('no hang: stopped, or other threads are busy', async () => {
    const program = await start();
    using watched = new Watched(program.pid, [{ kind: 'hang', milliseconds: 500 }]);
    await program.command('burn 1');
    await polls(program.pid, 2);
    program.kill('SIGSTOP');
    await polls(program.pid, 2);
    program.kill('SIGCONT');
    await program.command('rest');
    expect(watched.firings).toEqual([]);
  });

  it('timers', async () => {
    const program = await start();
    const now = () => Number(process.hrtime.bigint()) / 1e6;
    const from = now();
    using watched = new Watched(program.pid, [
      { kind: 'every', seconds: 0.8 },
      { kind: 'after', seconds: 1.3 },
    ]);
    const at = now();
    const since = (ms: number) => ({ from: from + ms, at: at + ms });
    for (const round of [1, 2, 3]) expectSoon(await watched.count('every', round), since(round * 800));
    expectSoon(await watched.count('after', 1), since(1300));
    expect(watched.of('after')).toHaveLength(1);
  });

  it('tells once when the process has gone, and nothing afterwards', async () => {
    const program = await start();
    using watched = new Watched(program.pid, [{ kind: 'every', seconds: 0.1 }]);
    await watched.count('every', 1);
    program.kill('SIGKILL');
    await waitFor('the end', () => watched.ended);
    const { length } = watched.firings;
    const other = await start();
    await polls(other.pid, 1);
    expect(watched.firings).toHaveLength(length);
  });

  it('goes on with the program that takes the place of the first one', async () => {
    const path = await compile('conditions');
    const program = await Program.start('/bin/sh', ['-c', `echo READY; read x; exec ${path}`]);
    using watched = new Watched(program.pid, [
      { kind: 'hang', milliseconds: 1000 },
      { kind: 'memory-above', measure: 'pss', bytes: 50 * MIB },
      { kind: 'threads-above', count: 20 },
      { kind: 'descriptors-above', count: 50 },
    ]);
    await polls(program.pid, 1.2);
    program.send('go');
    await program.command('threads 30');
    await program.command('allocate 100');
    await program.command('open 60');
    await polls(program.pid, 2.2);
    await program.command('spin 3500');
    expect(watched.firings.map(({ trigger }) => trigger).sort()).toEqual([
      'descriptors-above',
      'hang',
      'memory-above',
      'threads-above',
    ]);
    expect(watched.problems).toEqual([]);
  });

  it('a process whose first thread has ended goes on', async () => {
    const program = await Program.start(await compile('exited-leader'));
    await waitFor('the end of the first thread', () => statusField(program.pid, 'State').startsWith('Z'));
    using watched = new Watched(program.pid, [{ kind: 'every', seconds: 0.5 }]);
    await watched.count('every', 3);
    expect(watched.ended).toBe(false);
    program.kill('SIGKILL');
    await waitFor('the end', () => watched.ended);
  });

  it('disposed of, it is silent, and leaves no descriptor', async () => {
    const program = await start();
    const openOnes = () =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).includes(`/${program.pid}/`);
        } catch {
          return false;
        }
      });
    const watched = new Watched(program.pid, [
      { kind: 'every', seconds: 0.1 },
      { kind: 'hang', milliseconds: 1000 },
      { kind: 'memory-above', measure: 'rss', bytes: 1 },
    ]);
    await watched.count('every', 2);
    expect(openOnes().length).toBeGreaterThan(0);
    watched[Symbol.dispose]();
    const { length } = watched.firings;
    expect(openOnes()).toEqual([]);
    await polls(program.pid, 1);
    expect(watched.firings).toHaveLength(length);
  });

  it('refuses what is not there and what cannot be', async () => {
    const on = { fire() {}, ended() {}, problem() {} };
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    expect(() => watchConditions(0x7ffffff0, [], on)).toThrow(code('no-such-process'));
    expect(() => watchConditions(process.pid, [{ kind: 'threads-above', count: 0 }], on)).toThrow(
      code('invalid-argument'),
    );
    expect(() => watchConditions(process.pid, [], on, { pollMs: 0 })).toThrow(code('invalid-argument'));
    const ended = spawn('true', { stdio: 'ignore' });
    // It is not waited for while this turn of the event loop lasts.
    const { pid } = ended;
    const until = performance.now() + 10_000;
    while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')) && performance.now() < until);
    expect(() => watchConditions(pid!, [], on)).toThrow(code('zombie'));
  });
});

describeWith([needsLinux, needsPython], 'conditions of programs that others wrote', () => {
  const run = (script: string) => Program.start(python, ['-u', '-c', script]);

  it('python3: memory, threads, descriptors, CPU', async () => {
    const program = await run(
      [
        'import os, sys, threading',
        'print("READY")',
        'sys.stdin.readline(); kept = bytearray(os.urandom(1 << 20)) * 120',
        'print("END"); sys.stdin.readline()',
        'threads = [threading.Thread(target=threading.Event().wait, daemon=True) for _ in range(12)]',
        '[t.start() for t in threads]; files = [open("/dev/null") for _ in range(40)]',
        'print("END"); sys.stdin.readline()',
        'while True: pass',
      ].join('\n'),
    );
    using watched = new Watched(program.pid, [
      { kind: 'memory-above', measure: 'private', bytes: 100 * MIB },
      { kind: 'threads-above', count: 10 },
      { kind: 'descriptors-above', count: 40 },
      { kind: 'cpu-above', percent: 15, seconds: 1 },
      { kind: 'hang', milliseconds: 2000 },
    ]);
    await polls(program.pid, 3);
    expect(watched.firings).toEqual([]);
    await program.command('memory');
    await watched.count('memory-above', 1);
    await program.command('threads');
    await watched.count('threads-above', 1);
    await watched.count('descriptors-above', 1);
    expect(watched.of('hang')).toEqual([]);
    program.send('spin');
    await watched.count('cpu-above', 1);
    program.kill('SIGKILL');
    await waitFor('the end', () => watched.ended);
  });

  it('python3: a loop of its own is a hang, time.sleep is none', async () => {
    const program = await run(
      'import sys, time\nprint("READY")\ntime.sleep(2.5)\nprint("END"); sys.stdin.readline()\nwhile True: pass',
    );
    using watched = new Watched(program.pid, [{ kind: 'hang', milliseconds: 1000 }]);
    await program.command('');
    expect(watched.firings).toEqual([]);
    await watched.count('hang', 1);
    program.kill('SIGKILL');
    await program.end();
  });
});

/** A folder for a memory cgroup of our own, where this machine lets us have one. */
function cgroupParent(): string | undefined {
  const mounts = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  const first = mounts.find(({ type, options }) => type === 'cgroup' && options.includes('memory'));
  const found = first ?? mounts.find(({ type }) => type === 'cgroup2');
  if (found === undefined || process.getuid?.() !== 0) return undefined;
  const folder = join(found.mountPoint, `mdmp-test-${process.pid}`);
  try {
    mkdirSync(folder);
    const limit = readdirSync(folder).some((name) => /^memory\.(limit_in_bytes|max)$/.test(name));
    rmdirSync(folder);
    return limit ? folder : undefined;
  } catch {
    return undefined;
  }
}
const cgroup = cgroupParent();
const needsCgroup = { missing: cgroup ? undefined : 'a memory cgroup that may be made' };

describeWith([needsLinux, 'gcc', needsCgroup], 'the share of a cgroup', () => {
  it('fires at the share of its limit', async () => {
    const program = await start();
    mkdirSync(cgroup!);
    try {
      const limit = readdirSync(cgroup!).find((name) => /^memory\.(limit_in_bytes|max)$/.test(name))!;
      writeFileSync(join(cgroup!, limit), String(200 * MIB));
      writeFileSync(join(cgroup!, 'cgroup.procs'), String(program.pid));
      using watched = new Watched(program.pid, [{ kind: 'memory-above', measure: 'cgroup', percent: 60 }]);
      await program.command('allocate 80');
      await polls(program.pid, 1.2);
      expect(watched.firings).toEqual([]);
      await program.command('free');
      const allocated = told(await program.command('allocate 150'));
      const firing = await watched.count('memory-above', 1);
      expectSoon(firing, allocated);
      expect(firing.value).toBeGreaterThan(60);
      expect(firing.value).toBeLessThan(100);
      expect(firing.text).toMatch(/^cgroup memory \d+ % of 200 MiB \(limit 60 %\)$/);
      expect(watched.problems).toEqual([]);
    } finally {
      await program.stop();
      await waitFor('an empty cgroup', () => readFileSync(join(cgroup!, 'cgroup.procs'), 'utf8') === '');
      rmdirSync(cgroup!);
    }
  });
});

describeWith([needsLinux, needsBuild, needsRoot, 'gcc'], "another user's process", () => {
  it('is watched as far as it may be, and one line says what is not seen', async () => {
    const program = await start();
    await program.command('threads 20');
    const url = pathToFileURL(join(root, 'dist', 'watch', 'triggers', 'index.js')).href;
    const script = `
      const { watchConditions } = await import(${JSON.stringify(url)});
      const told = [];
      const watch = watchConditions(${program.pid}, [
        { kind: 'threads-above', count: 10 },
        { kind: 'memory-below', measure: 'pss', bytes: 2 ** 40 },
        { kind: 'hang', milliseconds: 1000 },
        { kind: 'after', seconds: 2.5 },
      ], {
        fire(firing) {
          if (firing.trigger !== 'after') return told.push(firing.trigger);
          watch[Symbol.dispose]();
          console.log(JSON.stringify(told));
        },
        ended() {},
        problem(text) { told.push(text); },
      });`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      uid: 65534,
      gid: 65534,
      cwd: '/',
      timeout: 30_000,
    });
    const told = JSON.parse(output.toString()) as string[];
    expect(told.filter((text) => text === 'threads-above')).toHaveLength(1);
    expect(told.filter((text) => text.startsWith('the PSS of process'))).toHaveLength(1);
    expect(told.filter((text) => text.startsWith('the calls of process'))).toHaveLength(1);
    expect(told).toHaveLength(3);
  });
});
