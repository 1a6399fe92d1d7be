/**
 * The process that is dumped on Windows goes on as it was, whatever becomes of the dump. The stand-in for DbgHelp suspends its threads as
 * DbgHelp does; the process itself tells how far its threads have counted and how often they are suspended.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { needsLayouts } from '../../format/layouts-json.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { waitFor } from '../../support/run.js';
import { describeWith, needsBuild, requireTool, root } from '../../support/tools.js';
import { WindowsSession } from '../../support/windows-session.js';
import {
  compileWindows,
  needsWine,
  runWindowsProgram,
  startWindowsProgram,
  stopWindows,
  type WindowsProgram,
  windowsApp,
  windowsPath,
} from '../../support/wine.js';
import { compileStandin } from './standin.js';

interface HeldDump {
  act?: 'loop' | 'throw' | number;
  words?: string;
  /** The dumper cannot start programs. */
  alone?: boolean;
  options?: Record<string, unknown>;
}

interface Held {
  report?: { warnings: string[]; pauseMs: number };
  error?: { code: string; message: string };
  ms: number;
}

/** A line of the process about itself. */
interface Tick {
  tick: number;
  counts: number[];
  suspended: number[];
}

/** Two run; one had been suspended from the beginning. */
const AS_BEFORE = [0, 0, 1];

describeWith([...needsWine, needsLayouts, needsBuild], 'a process that is dumped on Windows', () => {
  let target: WindowsProgram;
  let standin: string;
  const session = new WindowsSession('dump-held.mjs');
  let script: string;

  beforeAll(async () => {
    standin = windowsPath(await compileStandin('msvc'));
    target = await startWindowsProgram(await compileWindows('counting.c'));
    script = join(windowsApp(), 'dump-held.mjs');
    copyFileSync(join(root, 'test', 'programs', 'windows', 'dump-held.mjs'), script);
  });
  afterAll(() => {
    stopWindows();
    removeFolders();
  });

  const lastTick = (program = target): Tick => {
    const line = program.output.stdout
      .split(/\r?\n/)
      .filter((line) => /^\d+( \d+){6}$/.test(line))
      .at(-1);
    const [tick, ...rest] = line!.split(' ').map(Number);
    return { tick: tick!, counts: rest.slice(0, 3), suspended: rest.slice(3) };
  };

  function plan(dumps: readonly HeldDump[], program = target): string {
    const folder = temporaryFolder();
    const all = dumps.map(({ act, alone, words = 'suspend', options = {} }, i) => ({
      pid: program.pid,
      file: windowsPath(join(folder, `${i}.dmp`)),
      act,
      alone,
      environment: { MDMP_STANDIN: words },
      options: { dbghelp: standin, abi: 'msvc', ...options },
    }));
    return JSON.stringify({ dumps: all });
  }

  async function dumped(dumps: readonly HeldDump[], program = target): Promise<Held[]> {
    return JSON.parse(await session.ask(plan(dumps, program)));
  }

  /** A dumper that is in its callback now. */
  function dumping(dump: HeldDump): Promise<WindowsProgram> {
    const path = join(temporaryFolder(), 'plan.json');
    writeFileSync(path, plan([dump]));
    return startWindowsProgram(requireTool('node.exe'), [script, path].map(windowsPath));
  }

  async function expectStandsStill(): Promise<void> {
    const { tick, counts } = lastTick();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(lastTick()).toMatchObject({ tick, counts });
  }

  /** All threads go on that ran before, and no other. */
  async function expectGoesOn(suspended = AS_BEFORE, program = target): Promise<void> {
    const from = lastTick(program);
    await waitFor(
      'the process to go on',
      () => {
        const now = lastTick(program);
        return (
          now.tick > from.tick + 5 &&
          now.counts.every((count, i) => (suspended[i] === 0 ? count > from.counts[i]! : true)) &&
          now.suspended.join() === suspended.join()
        );
      },
      30_000,
    );
    // Nothing comes behind.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const now = lastTick(program);
    expect(now.suspended).toEqual(suspended);
    expect(now.counts[2]).toBe(0);
  }

  it('goes on after a dump, and the report says who stood still before', async () => {
    const [first, second] = await dumped([{}, {}]);
    for (const { report, error } of [first!, second!]) {
      expect(error).toBeUndefined();
      expect(report!.warnings).toEqual([
        expect.stringMatching(
          new RegExp(`^threads ${target.number('suspended')} of .* suspended before the dump`),
        ),
      ]);
    }
    await expectGoesOn();
  });

  it('goes on when the callback throws', async () => {
    const [failed] = await dumped([{ act: 'throw' }]);
    expect(failed!.error).toMatchObject({ code: 'callback-failed' });
    await expectGoesOn();
  });

  it('goes on when a callback takes too long, and the dump fails', async () => {
    const [failed] = await dumped([{ act: 2500, options: { maxPause: 300 } }]);
    expect(failed!.error).toMatchObject({ code: 'max-pause' });
    await expectGoesOn();
  });

  it('goes on when a callback never returns', async () => {
    await using dumper = await dumping({ act: 'loop', options: { maxPause: 4000 } });
    await expectStandsStill();
    await expectGoesOn([0, 0, 2]);
    expect(dumper.exited).toBe(false);
    // DbgHelp would have resumed that one; now nobody does.
    await dumper.stop();
    await expectGoesOn();
  });

  it.each(['its process is killed', 'it is ended by taskkill'])(
    'goes on when the dumper dies: %s',
    async (how) => {
      await using dumper = await dumping({ act: 'loop', options: { maxPause: 300_000 } });
      await expectStandsStill();
      if (how.includes('killed')) await dumper.stop();
      else {
        const killed = await runWindowsProgram('taskkill', ['/f', '/pid', String(dumper.pid)]);
        expect(killed.status).toBe(0);
        await dumper.end();
      }
      await expectGoesOn();
      await waitFor('the guard to say so', () =>
        dumper.output.stderr.includes(`dumped process ${target.pid} has ended`),
      );
    },
  );

  it('goes on when DbgHelp leaves threads suspended', async () => {
    const [one, all] = await dumped([{ words: 'suspend left=1' }, { words: 'suspend left=99' }]);
    for (const { report } of [one!, all!])
      expect(report!.warnings.at(-1)).toMatch(
        /^DbgHelp left threads [\d, ]+ suspended; mdmp has resumed them$/,
      );
    await expectGoesOn();
  });

  it('does what it can without a guard, and says so', async () => {
    const [plain, left] = await dumped([{ alone: true }, { alone: true, words: 'suspend left=1' }]);
    for (const { report } of [plain!, left!]) {
      expect(report!.warnings.slice(0, 2)).toEqual([
        expect.stringContaining('no guard could be started (this program is a single executable file)'),
        expect.stringContaining(`threads ${target.number('suspended')} of the process had been suspended`),
      ]);
    }
    expect(plain!.report!.warnings).toHaveLength(2);
    expect(left!.report!.warnings[2]).toContain(`DbgHelp left threads `);
    await expectGoesOn();
  });

  it('says what a layout is that does not fit', async () => {
    const gcc = windowsPath(await compileStandin('gcc'));
    const [one, other] = await dumped([
      { options: { abi: 'gcc' } },
      { options: { dbghelp: gcc, abi: 'msvc' } },
    ]);
    expect(one!.error).toMatchObject({ code: 'unsupported' });
    expect(one!.error!.message).toContain('has the layout of the other compiler: abi msvc, not gcc');
    expect(other!.error).toMatchObject({ code: 'unsupported' });
    expect(other!.error!.message).toContain('has the layout of the other compiler: abi gcc, not msvc');
    await expectGoesOn();
  });
});
