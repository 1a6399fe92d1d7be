import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import {
  compile,
  Program,
  statusField,
  stopPrograms,
  temporaryFolder,
  threadIds,
  threadState,
} from '../support/programs.js';
import { run, waitFor } from '../support/run.js';
import { describeWith, type Need, needsBuild, needsLinux, root } from '../support/tools.js';
import {
  compileFatal,
  endStarted,
  isTraced,
  livingIn,
  runAlone,
  runUnder,
  runWords,
  Started,
  said,
  Watcher,
} from '../support/watching.js';

afterEach(() => {
  endStarted();
  return stopPrograms();
});

const needsRoot: Need = { missing: process.getuid?.() === 0 ? undefined : 'root' };

/** What a program goes through, and who crashes: the process that was started, or a child that `--children` follows. */
const lives = [
  { life: ['exec', 'null'], crashes: 'program' },
  { life: ['exec-in-thread', 'null'], crashes: 'program' },
  { life: ['leader-exits', 'null'], crashes: 'program' },
  { life: ['threads', 'null'], crashes: 'program' },
  { life: ['thread-killed', 'null'], crashes: 'program' },
  { life: ['fork', 'null'], crashes: 'child' },
  { life: ['vfork', 'null'], crashes: 'child' },
  { life: ['fork', 'exec', 'null'], crashes: 'child' },
  { life: ['vfork', 'fork', 'null'], crashes: 'child' },
  { life: ['fork', 'exit-7'], crashes: 'nobody' },
  { life: ['thread-killed', 'exit-7'], crashes: 'nobody' },
] as const;

describeWith([needsBuild, needsLinux, 'g++'], 'what becomes of a watched program', () => {
  let program: string;
  beforeAll(async () => {
    program = await compileFatal();
  });

  it.each(lives)('$life, started by mdmp', async ({ life, crashes }) => {
    const alone = await runAlone([program, ...life]);
    for (const children of [false, true]) {
      const ending = await runUnder([program, ...life], children ? ['--children'] : []);
      expect({ code: ending.code, signal: ending.signal }).toEqual({
        code: alone.code,
        signal: alone.signal,
      });
      expect(said(ending.stdout, 'child')).toBe(said(alone.stdout, 'child'));
      const dumped = crashes === 'program' || (crashes === 'child' && children);
      expect(ending.dumps).toHaveLength(dumped ? 1 : 0);
      expect(ending.told.filter((line) => line.includes('.dmp'))).toHaveLength(dumped ? 1 : 0);
      if (dumped)
        expect(ending.told.join()).toContain(`SIGSEGV at 0x18 in thread ${said(ending.stdout, 'thread')}`);
    }
  });

  it.each(lives)('$life, attached to', async ({ life, crashes }) => {
    const alone = await runAlone([program, 'ask', ...life], { input: 'go\n' });
    const started = new Started([program, 'ask', ...life]);
    await started.line(/^READY$/m);
    const watcher = await Watcher.attach(started.pid, ['--children']);
    started.child.stdin!.write('go\n');
    const ending = await started.end();
    expect({ code: ending.code, signal: ending.signal }).toEqual({ code: alone.code, signal: alone.signal });
    expect(said(ending.stdout, 'child')).toBe(said(alone.stdout, 'child'));
    expect(await watcher.started.end()).toMatchObject({ code: 0, stderr: '' });
    expect(watcher.dumps).toHaveLength(crashes === 'nobody' ? 0 : 1);
  });

  it('a process whose first thread has ended can be attached to', async () => {
    const started = await Program.start(await compile('exited-leader'));
    const watcher = await Watcher.attach(started.pid);
    process.kill(started.pid, 'SIGABRT');
    expect(await started.end()).toBe('SIGABRT');
    const { told } = await watcher.started.end();
    expect(watcher.dumps).toHaveLength(1);
    expect(told).toEqual([expect.stringMatching(/SIGABRT in thread \d+/)]);
  });

  it('a program that executes itself anew among 400 threads is followed', async () => {
    const execs = await compile('execs');
    // Its first life ends in the middle of being attached to, or after.
    for (const after of [100, 20_000, 200_000]) {
      const started = Started.underRun([execs, String(after)]);
      await waitFor(
        'the second life',
        () => {
          const pid = programsIn(started.cwd)[0];
          return pid !== undefined && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('again');
        },
        30_000,
      );
      const [pid] = programsIn(started.cwd);
      await waitFor('its threads', () => threadIds(pid!).length === 1 && isTraced(pid!), 30_000);
      process.kill(pid!, 'SIGABRT');
      expect(await started.end()).toMatchObject({ code: null, signal: 'SIGABRT' });
      expect(started.dumps).toHaveLength(1);
    }
  });

  it.each(['', '--children'])('a daemon is let go when the program has ended: %s', async (flag) => {
    const started = Started.underRun([program, 'daemon', 'wait'], flag === '' ? [] : [flag]);
    const ended = once(started.child, 'exit');
    const daemon = Number(await started.line(/^daemon=(\d+)$/m));
    try {
      expect(await ended).toEqual([0, null]);
      expect(statusField(daemon, 'TracerPid')).toBe('0');
      expect(threadState(daemon, daemon)).toBe('S');
    } finally {
      process.kill(daemon, 'SIGKILL');
    }
    expect((await started.end()).told.filter((line) => !line.includes('is watched'))).toEqual([]);
  });
});

describeWith([needsBuild, needsLinux, needsRoot, 'g++'], 'a program that changes its user', () => {
  it('is dumped by root all the same', async () => {
    const ending = await runUnder([await compileFatal(), 'nobody', 'null']);
    expect(ending).toMatchObject({ code: null, signal: 'SIGSEGV' });
    expect(ending.dumps).toHaveLength(1);
  });
});

const setpriv = spawnSync('setpriv', ['--version']).status === 0 ? undefined : 'setpriv';

describeWith(
  [needsBuild, needsLinux, needsRoot, { missing: setpriv }],
  'a program that gains a user by its file',
  () => {
    it('has its privilege under root, and not under a tracer that may not give it', async () => {
      const folder = temporaryFolder();
      const id = join(folder, 'id');
      copyFileSync('/usr/bin/id', id);
      chmodSync(id, 0o4755);
      chmodSync(folder, 0o777);
      const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
      const as = { cwd: folder, env: { HOME: folder, TMPDIR: folder } };
      expect((await runAlone([...nobody, id, '-u'], as)).stdout).toBe('0\n');
      expect(await runAlone([...nobody, ...runWords([id, '-u'], folder)], as)).toMatchObject({
        code: 0,
        stdout: '65534\n',
        told: [],
      });
      expect((await runUnder([...nobody, id, '-u'], [], as)).stdout).toBe('0\n');
    });
  },
);

/** Ids of the processes that stand in a folder, but for Node's: programs that were started there. */
function programsIn(cwd: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return (
          readlinkSync(`/proc/${pid}/cwd`) === cwd && readlinkSync(`/proc/${pid}/exe`) !== process.execPath
        );
      } catch {
        return false;
      }
    });
}

describeWith([needsBuild, needsLinux, 'gcc', 'g++'], 'a watcher that is killed', () => {
  let program: string;
  beforeAll(async () => {
    program = await compileFatal();
  });

  it('while it starts a program leaves it running, or not begun', async () => {
    let born = 0;
    for (let ms = 120; ms <= 400 || born === 0; ms += 20) {
      const started = Started.underRun([program, 'wait']);
      const ended = once(started.child, 'exit');
      await new Promise((done) => setTimeout(done, ms));
      started.child.kill('SIGKILL');
      await ended;
      // A child that has not executed the program yet does it now.
      const pids = await waitFor('the program to run', () => {
        const pids = livingIn(started.cwd);
        return pids.every((pid) => runsAlone(pid, program)) && pids;
      });
      born += pids.length;
      for (const pid of pids) process.kill(pid, 'SIGKILL');
    }
    expect(born).toBeGreaterThan(0);
  });

  it('while it watches a busy program leaves it undisturbed', async () => {
    const signals = await Program.start(await compile('signals'));
    for (let ms = 0; ms < 60; ms += 5) {
      const watcher = await Watcher.attach(signals.pid);
      await new Promise((done) => setTimeout(done, ms));
      const ended = once(watcher.started.child, 'exit');
      watcher.started.child.kill('SIGKILL');
      await ended;
    }
    expect(threadIds(signals.pid).every((tid) => statusField(tid, 'TracerPid') === '0')).toBe(true);
    const report = await signals.command('report');
    expect(report.get('received')).toBe(report.get('sent'));
    expect(report.get('out_of_order')).toBe('0');
  });

  it.each([
    ['thread', undefined, 'SIGSEGV'],
    ['abort', undefined, 'SIGABRT'],
    ['wait', 'SIGQUIT', 'SIGQUIT'],
  ] as const)(
    'while a crash is dumped (%s, %s): the program ends by its signal',
    async (kind, sent, signal) => {
      const callback = join(temporaryFolder(), 'slow.mjs');
      writeFileSync(
        callback,
        `import { writeFileSync } from 'node:fs';
export const callbacks = { module() {
  writeFileSync(${JSON.stringify(`${callback}.reached`)}, '');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000);
  return true;
} };`,
      );
      const started = new Started([program, 'ask', kind]);
      await started.line(/^READY$/m);
      const watcher = await Watcher.attach(started.pid, ['--callback', callback]);
      started.child.stdin!.write('go\n');
      if (sent !== undefined) {
        await started.line(/^thread=/m);
        process.kill(started.pid, sent);
      }
      await waitFor('the dump', () => readdirSync(join(callback, '..')).includes('slow.mjs.reached'));
      expect(
        threadIds(started.pid)
          .map((tid) => threadState(started.pid, tid))
          .join(''),
      ).toMatch(/^t+$/);
      const ended = once(watcher.started.child, 'exit');
      watcher.started.child.kill('SIGKILL');
      await ended;
      expect(await started.end()).toMatchObject({ code: null, signal });
      expect(watcher.dumps).toEqual([]);
    },
  );

  it('ended in good order it lets the program go, as often as one likes', async () => {
    const signals = await Program.start(await compile('signals'));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const watcher = await Watcher.attach(signals.pid);
      watcher.started.child.kill(signal);
      expect(await watcher.started.end()).toMatchObject({ code: 0, told: [] });
      expect(threadIds(signals.pid).every((tid) => statusField(tid, 'TracerPid') === '0')).toBe(true);
    }
    const report = await signals.command('report');
    expect(report.get('received')).toBe(report.get('sent'));
    expect(report.get('eintr_without_handler')).toBe('0');
  });
});

/** Whether a process is that program, and runs it with nobody's help. */
function runsAlone(pid: number, program: string): boolean {
  try {
    return (
      readlinkSync(`/proc/${pid}/exe`) === realpathSync(program) &&
      statusField(pid, 'TracerPid') === '0' &&
      threadState(pid, pid) === 'S'
    );
  } catch {
    return false;
  }
}

const needsPython: Need = {
  missing: spawnSync('python3', ['--version']).status === 0 ? undefined : 'python3',
};

describeWith([needsBuild, needsLinux, needsPython, 'gcc', 'g++'], 'job control', () => {
  it('Ctrl-Z of mdmp run gives the terminal back to the shell, and fg goes on', async () => {
    const program = await compileFatal();
    const words = runWords([program, 'wait'], temporaryFolder());
    const { status, stdout, stderr } = await run(
      'python3',
      [join(root, 'test/support/pty_job.py'), words.join(' ')],
      {
        env: { MARK: program },
      },
    );
    expect(stderr.toString()).toBe('');
    expect(status).toBe(0);
    const report = JSON.parse(stdout.toString());
    expect(report.stopped).toMatch(/Stopped/);
    expect(Object.keys(report['while stopped']).sort()).toEqual(['mdmp', 'program']);
    expect(report).toMatchObject({ status: 130, left: {} });
    expect(Object.keys(report['in the background']).sort()).toEqual(['mdmp', 'program']);
  });

  it('SIGSTOP stops a watched program until SIGCONT; it can be dumped meanwhile', async () => {
    const signals = await Program.start(await compile('signals'));
    const watcher = await Watcher.attach(signals.pid);
    const stopped = () => threadIds(signals.pid).every((tid) => /[tT]/.test(threadState(signals.pid, tid)));
    for (let i = 0; i < 5; i++) {
      process.kill(signals.pid, 'SIGSTOP');
      await waitFor('the stop', stopped);
      if (i === 3) {
        watcher.started.child.kill('SIGUSR2');
        await waitFor('the dump', () => watcher.dumps.length === 1);
      }
      expect(stopped()).toBe(true);
      process.kill(signals.pid, 'SIGCONT');
      await waitFor('the program to go on', () => !stopped());
    }
    watcher.started.child.kill('SIGTERM');
    expect(await watcher.started.end()).toMatchObject({ code: 0 });
    const report = await signals.command('report');
    expect(report.get('received')).toBe(report.get('sent'));
    expect(report.get('out_of_order')).toBe('0');
  });

  it('a stopped program stays so when its watcher goes, however that goes', async () => {
    const signals = await Program.start(await compile('signals'));
    for (const end of ['SIGTERM', 'SIGKILL'] as const) {
      const watcher = await Watcher.attach(signals.pid);
      process.kill(signals.pid, 'SIGSTOP');
      const states = () =>
        threadIds(signals.pid)
          .map((tid) => threadState(signals.pid, tid))
          .join('');
      await waitFor('the stop', () => /^[tT]+$/.test(states()));
      watcher.started.child.kill(end);
      await watcher.started.end();
      await waitFor('a stop without a tracer', () => /^T+$/.test(states()));
      process.kill(signals.pid, 'SIGCONT');
      await waitFor('the program to go on', () => !states().includes('T'));
    }
    const report = await signals.command('report');
    expect(report.get('received')).toBe(report.get('sent'));
  });
});

describeWith([needsBuild, needsLinux], 'what mdmp run starts a program with', () => {
  // The shell blocks signals now and then: what grep has of it is steady.
  const script = `cd /proc/self
for fd in 0 1 2; do grep flags fdinfo/$fd; done
ls fd | wc -l
grep -E '^(Sig(Blk|Ign|Cgt)|Umask|Cpus_allowed_list|NoNewPrivs|CapEff|Groups)' /proc/self/status
umask; env -u _ | sort; cat coredump_filter oom_score_adj; tr '\\0' ' ' < cmdline
kill -WINCH $$; for fd in 0 1 2; do grep flags fdinfo/$fd; done`;

  it('is what it would have: streams, descriptors, signals, environment, limits of its own', async () => {
    const cwd = temporaryFolder();
    const words = ['/bin/sh', '-c', script];
    const alone = await runAlone(words, { cwd });
    const ending = await runUnder(words, ['--signal', 'SIGWINCH'], { cwd });
    expect(ending.dumps).toHaveLength(1);
    expect(ending.stderr).toBe(alone.stderr);
    expect(ending.stdout).toBe(alone.stdout);
    expect(alone.stdout).toContain('SigBlk');
  });

  it('a pipe that is full makes the program wait, and not lose what it says', async () => {
    const size = 1 << 20;
    const started = Started.underRun(
      ['/bin/sh', '-c', `kill -WINCH $$; head -c ${size} /dev/zero | tr '\\0' x >&2; echo done`],
      ['--signal', 'SIGWINCH'],
    );
    started.child.stderr!.pause();
    await waitFor('the dump', () => started.dumps.length === 1);
    started.child.stderr!.resume();
    const ending = await started.end();
    expect(ending).toMatchObject({ code: 0, stdout: 'done\n' });
    expect(started.stderr.match(/x/g)!.length).toBeGreaterThanOrEqual(size);
  });
});
