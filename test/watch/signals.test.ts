import { afterEach, beforeAll, expect, it } from 'vitest';
import { compile, stopPrograms } from '../support/programs.js';
import { describeWith, needsBuild, needsLinux } from '../support/tools.js';
import {
  compileFatal,
  endStarted,
  runAlone,
  runUnder,
  Started,
  said,
  Watcher,
  withoutNumbers,
} from '../support/watching.js';

afterEach(() => {
  endStarted();
  return stopPrograms();
});

/** What comes, and how much of it. */
const kinds = [
  ['faults', 20_000],
  ['barriers', 20_000],
  ['raised', 100_000],
  ['raised-by-two', 10_000],
  ['queued', 5_000],
  ['waited', 2_000],
  ['ignored', 4_000],
  ['children-ignored', 300],
  ['children-handled', 300],
  ['timer', 20],
] as const;

describeWith([needsBuild, needsLinux, 'gcc'], 'signals that a program handles', () => {
  let program: string;
  beforeAll(async () => {
    program = await compile('handled');
  });

  it.each(kinds)('%s come as without a watcher, and bring no dump', async (kind, count) => {
    const alone = await runAlone([program, kind, String(count)], { input: 'go\n' });
    expect(alone).toMatchObject({ code: 0, stderr: '' });
    const started = await runUnder([program, kind, String(count)], ['--exit-code', 'other'], {
      input: 'go\n',
    });
    expect(started).toMatchObject({ code: 0, stderr: '', told: [], dumps: [] });
    for (const { stdout } of [alone, started]) {
      expect(said(stdout, 'wrong')).toBe('0');
      if (kind === 'children-handled') expect(Number(said(stdout, 'interrupted'))).toBeGreaterThan(0);
    }
    const lines = kind === 'children-handled' ? withoutNumbers : (text: string) => text;
    expect(lines(started.stdout)).toBe(lines(alone.stdout));
  });

  it.each(['raised-by-two', 'ignored', 'queued'])('%s: the same, attached to', async (kind) => {
    const alone = await runAlone([program, kind, '2000'], { input: 'go\n' });
    const started = new Started([program, kind, '2000']);
    await started.line(/^READY$/m);
    const watcher = await Watcher.attach(started.pid, ['--exit-code', 'other']);
    started.child.stdin!.write('go\n');
    const ending = await started.end();
    expect(ending).toMatchObject({ code: 0, stdout: alone.stdout });
    expect(await watcher.started.end()).toMatchObject({ code: 0, stderr: '', told: [] });
    expect(watcher.dumps).toEqual([]);
  });
});

describeWith([needsBuild, needsLinux, 'g++'], 'ends that are no crashes', () => {
  let program: string;
  beforeAll(async () => {
    program = await compileFatal();
  });

  it.each([
    ['exit', 0],
    ['exit-7', 7],
    ['handler-exits', 42],
  ] as const)('%s ends with its code', async (kind, code) => {
    expect(await runUnder([program, kind])).toMatchObject({ code, signal: null, told: [], dumps: [] });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGHUP', 'SIGUSR1', 'SIGPIPE', 'SIGALRM', 'SIGVTALRM'] as const)(
    'killed by %s from outside it ends by that signal, without a dump',
    async (signal) => {
      const watched = Started.underRun([program, 'wait'], ['--exit-code', 'other']);
      const pid = Number(await watched.line(/^thread=(\d+)$/m));
      process.kill(pid, signal);
      expect(await watched.end()).toMatchObject({ code: null, signal, told: [], cores: [] });
      expect(watched.dumps).toEqual([]);
    },
  );

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const)(
    '%s to mdmp is passed on to the program',
    async (signal) => {
      const watched = Started.underRun([program, 'wait']);
      await watched.line(/^thread=(\d+)$/m);
      watched.child.kill(signal);
      expect(await watched.end()).toMatchObject({ code: null, signal, told: [] });
    },
  );

  it('SIGQUIT from outside is a crash: it has a core by default', async () => {
    const watched = Started.underRun([program, 'wait']);
    const pid = Number(await watched.line(/^thread=(\d+)$/m));
    process.kill(pid, 'SIGQUIT');
    const ending = await watched.end();
    expect(ending).toMatchObject({ code: null, signal: 'SIGQUIT' });
    expect(ending.told).toEqual([expect.stringContaining(`SIGQUIT in thread ${pid}`)]);
    expect(watched.dumps).toHaveLength(1);
  });

  it('exit codes that are asked for bring a dump, of the process and not of a thread that ends', async () => {
    const ending = await runUnder([program, 'threads', 'exit-7'], ['--exit-code', '0,7']);
    expect(ending).toMatchObject({ code: 7 });
    expect(ending.told).toEqual([expect.stringContaining('the process ends with the code 7')]);
    const leader = await runUnder([program, 'leader-exits', 'exit'], ['--exit-code', '0']);
    expect(leader).toMatchObject({ code: 0 });
    expect(leader.dumps).toHaveLength(1);
  });
});
