import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { gdbLive } from './judges.js';
import {
  compile,
  copyAs,
  Program,
  readProcessMemory,
  stopPrograms,
  threadIds,
  threadState,
  waitUntilStill,
} from './programs.js';
import { waitFor } from './run.js';
import { describeWith, needsLinux, root } from './tools.js';

afterEach(stopPrograms);

// The test programs are tested themselves: each is what the tests that use it take it for.
describeWith([needsLinux, 'gcc'], 'the test programs', () => {
  it('threads100 has 100 threads with names of their own, all blocked', async () => {
    const program = await Program.start(await compile('threads100'));
    await waitUntilStill(program.pid);
    const tids = threadIds(program.pid);
    expect(tids).toHaveLength(100);
    const names = tids.map((tid) => readFileSync(`/proc/${program.pid}/task/${tid}/comm`, 'utf8'));
    expect(new Set(names).size).toBe(100);
    expect(tids.map((tid) => threadState(program.pid, tid))).toEqual(tids.map(() => 'S'));
    expect(program.lines.filter((line) => line.startsWith('thread='))).toHaveLength(99);
    await program.stop();
    expect(await program.end()).toBe(0);
  });

  it('target prints where its bytes are', async () => {
    for (const flags of [[], ['-static'], ['-no-pie']]) {
      const program = await Program.start(await compile('target', flags));
      const { address, length } = program.range('rodata');
      expect(length).toBe(256);
      expect(readProcessMemory(program.pid, address, 34).toString('latin1')).toBe(
        'read-only data of the test program',
      );
      await program.stop();
    }
  });

  it('secret holds the secret everywhere', async () => {
    const secret = 'correct horse battery staple';
    const program = await Program.start(await compile('secret'), [], { env: { MDMP_TEST_SECRET: secret } });
    for (const name of ['environment', 'heap', 'static', 'stack', 'thread-stack']) {
      const { address, length } = program.range(name);
      expect(readProcessMemory(program.pid, address, length).toString('latin1')).toBe(secret);
    }
    const { address, length } = program.range('heap16');
    expect(readProcessMemory(program.pid, address, length).toString('utf16le')).toBe(secret);
  });

  it('runs under a path with spaces, quotes, non-ASCII and a newline', async () => {
    const program = await Program.start(copyAs(await compile('target'), 'a "näme"\n\'with\' 空白'));
    expect(readFileSync(`/proc/${program.pid}/cmdline`, 'utf8')).toContain('\n');
  });

  it('crash calls its dumper with a pid, a thread and two addresses, and dies of its signal', async () => {
    const program = await Program.start(await compile('crash'), [
      'null',
      'thread',
      '/nowhere',
      'echo',
      'called',
    ]);
    program.send('go');
    expect(await program.end()).toBe('SIGSEGV');
    expect(await program.rest()).toEqual(['dumper=0']);
    const words = program.stderr.trim().split(' ');
    expect(words.slice(0, 4)).toEqual(['called', 'dump', String(program.pid), '--exception']);
    expect(words[4]).toMatch(/^\d+,0x[0-9a-f]+,0x[0-9a-f]+$/);
    expect(words.slice(5)).toEqual(['-o', '/nowhere']);
  });

  for (const [how, signal] of [
    ['write-readonly', 'SIGSEGV'],
    ['overflow', 'SIGSEGV'],
    ['divide', 'SIGFPE'],
    ['illegal', 'SIGILL'],
    ['abort', 'SIGABRT'],
    ['execute', 'SIGSEGV'],
  ] as const) {
    it(`crash dies of ${signal} by ${how}`, async () => {
      const program = await Program.start(await compile('crash'), [how, 'main', '/nowhere', 'true']);
      program.send('go');
      expect(await program.end()).toBe(signal);
      expect((await program.rest()).at(-1)).toBe('dumper=0');
    });
  }

  it('busy finds no errors when it is left alone', async () => {
    const program = await Program.start(await compile('busy'));
    await waitFor('every task to go round', async () =>
      [...(await program.command('report')).values()].every((text) => Number(text.split(' ')[0]) >= 5),
    );
    const report = await program.command('report');
    expect(report.size).toBe(50);
    for (const [name, text] of report) {
      const [, eintrs, errors, early, shorts] = text.split(' ').map(Number);
      expect({ name, eintrs, errors, early, shorts }).toEqual({
        name,
        eintrs: 0,
        errors: 0,
        early: 0,
        shorts: 0,
      });
    }
  });

  it('vfork-parent stands in vfork', async () => {
    for (const where of ['main', 'thread']) {
      const program = await Program.start(await compile('vfork-parent'), [where]);
      const waiting = Number(program.values.get('waiting'));
      expect(waiting === program.pid).toBe(where === 'main');
      await waitFor('state D', () => threadState(program.pid, waiting) === 'D');
      await program.stop();
    }
  });

  it('exited-leader has a zombie for its main thread', async () => {
    const program = await Program.start(await compile('exited-leader'));
    expect(threadState(program.pid, program.pid)).toBe('Z');
    expect(threadIds(program.pid)).toContain(Number(program.values.get('worker')));
    await program.stop();
  });

  it('churn makes threads all the time', async () => {
    const program = await Program.start(await compile('churn'), ['2']);
    await waitFor('1,000 threads', async () => Number((await program.command('report')).get('made')) > 1000);
    expect((await program.command('report')).get('errors')).toBe('0');
  });

  it('signals loses none', async () => {
    const program = await Program.start(await compile('signals'));
    for (let i = 0; i < 50; i++) {
      process.kill(program.pid, 'SIGUSR1');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const report = await program.command('report');
    expect(Number(report.get('sent'))).toBeGreaterThan(10);
    expect(report.get('received')).toBe(report.get('sent'));
    expect(report.get('out_of_order')).toBe('0');
    expect(Number(report.get('usr1'))).toBeGreaterThan(0);
    expect(report.get('eintr_without_handler')).toBe('0');
  });

  it('kinds prints its mappings', async () => {
    const program = await Program.start(await compile('kinds'));
    const { address } = program.range('touched');
    expect(readProcessMemory(program.pid, address + 4096n, 3).toString()).toBe('AbA');
    expect(program.values.size).toBeGreaterThanOrEqual(13);
  });

  it('pausewatch sees pauses', async () => {
    for (const probe of ['spin', 'sleep']) {
      const program = await Program.start(await compile('pausewatch'), ['--probe', probe, '--threads', '4']);
      expect(threadIds(program.pid)).toHaveLength(4);
      await program.command('reset');
      await pauseTwice(program);
      const report = await program.command('report');
      expect(Number(report.get('longest_us'))).toBeGreaterThan(390_000);
      expect(Number(report.get('second_us'))).toBeGreaterThan(290_000);
      expect(Number(report.get('still_us'))).toBeGreaterThan(680_000);
      await program.stop();
    }
  });

  it('pausewatch has its memory in the pages that it is asked for', async () => {
    const args = ['--touch', '8', '--reserve', '1'];
    const small = await Program.start(await compile('pausewatch'), [...args, '--pages', '4k']);
    const { address, length } = small.range('touched');
    expect(length).toBe(8 << 20);
    expect(small.range('reserved').length).toBe(1 << 30);
    const regions = readFileSync(`/proc/${small.pid}/smaps`, 'utf8').split(/\n(?=[0-9a-f]+-)/);
    const region = regions.find((text) => text.startsWith(`${address.toString(16)}-`));
    expect(region).toMatch(/^AnonHugePages: +0 kB$/m);
    // nh: MADV_NOHUGEPAGE, hg: MADV_HUGEPAGE.
    expect(region).toMatch(/^VmFlags:.* nh/m);
    // What is reserved is not touched.
    expect(readFileSync(`/proc/${small.pid}/status`, 'utf8')).toMatch(/^VmRSS:\s+\d{4,5} kB$/m);
    const large = await Program.start(await compile('pausewatch'), [...args, '--pages', '2m']);
    const start = large.range('touched').address.toString(16);
    expect(readFileSync(`/proc/${large.pid}/smaps`, 'utf8')).toMatch(
      new RegExp(`^${start}-[^]*?^VmFlags:.* hg`, 'm'),
    );
  });

  it('rewriter counts what it gets done', async () => {
    const program = await Program.start(await compile('rewriter'), ['--memory', '16']);
    const began = process.hrtime.bigint();
    await program.command('reset');
    await pauseFor(program, 300);
    await waitFor('two rounds', async () => Number((await program.command('since 0')).get('rounds')) > 2);
    const seen = await program.command(`since ${began}`);
    const pages = seen.get('pages')!.split(',').map(Number);
    expect(BigInt(seen.get('first')!) * 10_000_000n).toBeLessThanOrEqual(began);
    // It stood still for 30 slots, and was back at work behind them.
    expect(pages.filter((count) => count === 0).length).toBeGreaterThanOrEqual(28);
    expect(pages.filter((count) => count > 0).length).toBeGreaterThan(0);
    expect(seen.get('errors')).toBe('0');
  });

  it('node-target --idle sees a pause', async () => {
    const path = join(root, 'test/programs/node-target.js');
    const idle = await Program.start(process.execPath, [path, '--idle']);
    await waitFor('turns', async () => Number((await idle.command('report')).get('turns')) > 10);
    await pauseFor(idle, 300);
    const report = await idle.command('report');
    const [longest, second, still] = ['longest_us', 'second_us', 'still_us'].map((name) =>
      Number(report.get(name)),
    );
    expect(longest).toBeGreaterThan(290_000);
    expect(second).toBeLessThanOrEqual(longest!);
    expect(still).toBeGreaterThanOrEqual(longest!);
    expect(report.get('requests')).toBe('0');
  });

  it('node-target sees a pause, and answers requests', async () => {
    const program = await Program.start(process.execPath, [join(root, 'test/programs/node-target.js')]);
    await program.command('reset');
    await pauseFor(program, 300);
    await waitFor('requests', async () => Number((await program.command('report')).get('requests')) > 10);
    await program.command('reset');
    await pauseFor(program, 300);
    const report = await program.command('report');
    expect(Number(report.get('longest_us'))).toBeGreaterThan(290_000);
    expect(report.get('errors')).toBe('0');
  });

  it('node-target --quiet stands still', async () => {
    const program = await Program.start(process.execPath, [
      join(root, 'test/programs/node-target.js'),
      '--quiet',
    ]);
    await waitUntilStill(program.pid);
  });
});

describeWith([needsLinux, 'gcc', 'gdb'], 'gdb as a judge of live processes', () => {
  it('finds the values that threads100 keeps in its registers', async () => {
    const program = await Program.start(await compile('threads100'));
    await waitUntilStill(program.pid);
    const threads = await gdbLive(program.pid);
    expect(threads.map(({ id }) => id).sort((a, b) => a - b)).toEqual(threadIds(program.pid));
    let checked = 0;
    for (const line of program.lines) {
      const [tid, name, kind, , seedText] = line.replace('thread=', '').split('|');
      if (kind !== 'raw') continue;
      const thread = threads.find(({ id }) => id === Number(tid))!;
      const seed = BigInt(seedText!);
      expect(thread.name).toBe(name);
      expect(thread.registers).toMatchObject({
        rbx: seed | 1n,
        rbp: seed | 2n,
        r12: seed | 12n,
        r15: seed | 15n,
        mxcsr: 0x3f80n,
      });
      for (let i = 0n; i < 16n; i++) {
        const low = seed | (16n + i);
        expect(thread.registers[`xmm${i}`]).toBe((BigInt.asUintN(64, ~low) << 64n) | low);
      }
      checked++;
    }
    expect(checked).toBe(75);
  });

  it('disturbs busy, and busy notices', async () => {
    const program = await Program.start(await compile('busy'), ['epoll_wait', 'sigtimedwait', 'semtimedop']);
    await waitFor('an EINTR in each task', async () => {
      await gdbLive(program.pid);
      return [...(await program.command('report')).values()].every((text) => Number(text.split(' ')[1]) > 0);
    });
  });
});

/** Stops the process by signals for a while. */
async function pauseFor(program: Program, ms: number): Promise<void> {
  process.kill(program.pid, 'SIGSTOP');
  await waitFor('the stop', () => threadState(program.pid, program.pid) === 'T');
  await new Promise((resolve) => setTimeout(resolve, ms));
  process.kill(program.pid, 'SIGCONT');
  await waitFor('the end of the stop', () => threadState(program.pid, program.pid) !== 'T');
}

/** 400 ms and 300 ms, and the program runs between them: its first thread uses a millisecond of a processor. */
async function pauseTwice(program: Program): Promise<void> {
  const used = () => Number(readFileSync(`/proc/${program.pid}/schedstat`, 'utf8').split(' ')[0]);
  await pauseFor(program, 400);
  const before = used();
  await waitFor('some work', () => used() > before + 1e6);
  await pauseFor(program, 300);
}
