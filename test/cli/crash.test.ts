import { join } from 'node:path';
import { expect, it } from 'vitest';
import { crashFacts } from '../../src/cli/crash.js';
import { MinidumpError, runSync } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { corpusBytes, corpusDumps } from '../reader/corpus.js';
import { generator, mutate } from '../reader/mutations.js';
import { describeWith, needsCorpus } from '../support/tools.js';
import { scratchFolder } from './command.js';

const folder = scratchFolder();
const file = join(folder, 'app.dmp');

describeWith([needsCorpus], 'the crash in mdmp info', () => {
  it('has a reason, however damaged the dump is', async () => {
    const random = generator(11);
    let crashes = 0;
    for (const name of corpusDumps().filter((path) => !path.includes('exhaustion'))) {
      const bytes = corpusBytes(name);
      const places = [0, ...Minidump.openSync(bytes).directory.map(({ rva }) => rva)];
      for (let i = 0; i < 12; i++) {
        let dump: Minidump;
        try {
          dump = Minidump.openSync(mutate(bytes, places, random));
        } catch (error) {
          expect(error).toBeInstanceOf(MinidumpError);
          continue;
        }
        const exception = runSync(dump.tryTask('exception'));
        if (exception === undefined) continue;
        const problems: MinidumpError[] = [];
        const { reason } = await crashFacts(dump, exception, file, [folder], problems);
        expect(reason).not.toBe('');
        crashes++;
      }
    }
    expect(crashes).toBeGreaterThan(100);
  });
});
