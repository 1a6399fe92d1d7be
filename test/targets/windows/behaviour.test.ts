import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { copyAs, removeFolders, temporaryFolder } from '../../support/programs.js';
import { describeWith, needsBuild, root } from '../../support/tools.js';
import {
  compileWindows,
  needsWine,
  runWindowsNode,
  startWindowsProgram,
  stopWindows,
  WITHOUT_DEBUG,
  windowsApp,
  windowsPath,
} from '../../support/wine.js';
import { type BehaviourPlan, expected, PROMISED, UNDER_WINE } from '../behaviour.js';

afterEach(removeFolders);
afterAll(stopWindows);

describeWith([...needsWine, needsBuild], "what a callback makes of a dump, by Wine's DbgHelp", () => {
  it('is as promised, but for what is known', { timeout: 300_000 }, async () => {
    const folder = temporaryFolder();
    const library = copyAs(await compileWindows('mdmp_extra.c', ['-shared']), 'mdmp_extra.dll');
    await using program = await startWindowsProgram(await compileWindows('target.c', WITHOUT_DEBUG), [
      windowsPath(library),
    ]);
    const threads = ['main', 'thread1', 'thread2', 'thread3'].map((name) => Number(program.number(name)));
    const plan: BehaviourPlan = {
      pid: program.pid,
      threads,
      leftOut: threads[3]!,
      module: 'mdmp_extra.dll',
      moduleBase: program.values.get('extra')!,
      heap: `0x${(program.number('heap') + 0x100n).toString(16)}`,
      known: 'heap data of mdmp',
      folder: windowsPath(folder),
      options: {
        dbghelp: windowsPath(await compileWindows('quick_dbghelp.c', ['-shared'])),
        // A dump of Node takes seconds all the same on a busy machine.
        maxPause: 120_000,
      },
    };
    writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan));
    const script = join(windowsApp(), 'behaviour.mjs');
    copyFileSync(join(root, 'test', 'programs', 'behaviour.mjs'), script);
    const done = await runWindowsNode(
      script,
      ['plan.json', 'result.json'].map((name) => windowsPath(join(folder, name))),
      { timeoutMs: 250_000, env: { MDMP_DBGHELP_ABI: 'gcc' } },
    );
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'))).toEqual(expected(UNDER_WINE));
  });

  it('differs in nothing that is not told apart', () => {
    for (const [name, { outcome, why }] of Object.entries(UNDER_WINE)) {
      expect(PROMISED).toHaveProperty(name);
      expect(outcome, name).not.toEqual(PROMISED[name]);
      expect(why).not.toBe('');
    }
  });
});
