import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { findProcess, waitForProcess } from '../../../src/watch/triggers/index.js';
import { compile, copyAs, Program, stopPrograms, temporaryFolder } from '../../support/programs.js';
import { describeWith, needsLinux } from '../../support/tools.js';

afterEach(stopPrograms);

describeWith([needsLinux, 'gcc'], 'a process by its name', () => {
  /** Names that no other process of this machine has. */
  const own = (name: string) => `${name}${process.pid}`;

  it('the name of the program, newest first', async () => {
    const program = copyAs(await compile('conditions'), own('mt'));
    expect(findProcess(own('mt'))).toEqual([]);
    const first = await Program.start(program);
    const second = await Program.start(program);
    expect(findProcess(own('mt'))).toEqual([second.pid, first.pid]);
    await second.stop();
    expect(findProcess(own('mt'))).toEqual([first.pid]);
  });

  it('longer than the kernel keeps', async () => {
    const name = own('mdmp-test-with-a-long-name');
    const other = await Program.start(copyAs(await compile('conditions'), `${name}-2`));
    const program = await Program.start(copyAs(await compile('conditions'), name));
    expect(findProcess(name)).toEqual([program.pid]);
    expect(findProcess(`${name}-2`)).toEqual([other.pid]);
  });

  it('with blanks and parentheses', async () => {
    const name = `a) R (${process.pid}`;
    const program = await Program.start(copyAs(await compile('conditions'), name));
    expect(findProcess(name)).toEqual([program.pid]);
  });

  it('the path of the file that it runs, links followed', async () => {
    const path = copyAs(await compile('conditions'), own('mt'));
    const link = join(temporaryFolder(), 'link');
    symlinkSync(path, link);
    const program = await Program.start(path);
    expect(findProcess(path)).toEqual([program.pid]);
    expect(findProcess(link)).toEqual([program.pid]);
    expect(findProcess(`${path}x`)).toEqual([]);
  });

  it('never this one', () => {
    expect(findProcess(process.execPath)).not.toContain(process.pid);
    expect(findProcess('node')).not.toContain(process.pid);
    expect(() => findProcess('')).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  it('is waited for', async () => {
    const path = copyAs(await compile('conditions'), own('mt'));
    const waiting = waitForProcess(own('mt'), new AbortController().signal);
    const program = await Program.start(path);
    expect(await waiting).toBe(program.pid);
    expect(await waitForProcess(own('mt'), new AbortController().signal)).toBe(program.pid);
  });

  it('is waited for also where it is another program at first', async () => {
    const path = copyAs(await compile('conditions'), own('mt'));
    const shell = await Program.start('sh', ['-c', `echo READY; read x; exec ${path}`]);
    const waiting = waitForProcess(own('mt'), new AbortController().signal);
    // A look has passed it over by then.
    await new Promise((resolve) => setTimeout(resolve, 100));
    shell.send('go');
    expect(await waiting).toBe(shell.pid);
  });

  it('is waited for until the wait is ended', async () => {
    const controller = new AbortController();
    const waiting = waitForProcess(own('none'), controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(waitForProcess(own('none'), controller.signal)).rejects.toThrow('enough');
  });
});
