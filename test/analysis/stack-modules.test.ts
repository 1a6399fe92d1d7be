import { expect, it } from 'vitest';
import { analyzeTask, modulesOnStacks } from '../../src/analysis/index.js';
import { runSync } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { corpusBytes } from '../reader/corpus.js';
import { describeWith, needsCorpus } from '../support/tools.js';

describeWith([needsCorpus], 'the modules that stacks may come through', () => {
  it.each([
    ['rust-minidump/test.dmp', false],
    ['rust-minidump/linux-mini.dmp', false],
    ['rust-minidump/linux-mini.dmp', true],
    ['symbolicator/windows.dmp', false],
    ['symbolicator/linux.dmp', false],
  ])('are those of the frames and not all: %s, of the crashed thread only: %s', (name, crashedThreadOnly) => {
    const dump = Minidump.openSync(corpusBytes(name));
    const { threads, world } = runSync(analyzeTask(dump, { crashedThreadOnly }));
    const found = runSync(modulesOnStacks(dump, crashedThreadOnly));
    const framed = new Set(
      threads.flatMap(({ stack }) => stack.frames.flatMap(({ module }) => module?.module ?? [])),
    );
    expect(framed.size).toBeGreaterThan(0);
    for (const module of framed) expect(found).toContain(module);
    expect(found.length).toBeLessThan(world.modules.all.length);
  });
});
