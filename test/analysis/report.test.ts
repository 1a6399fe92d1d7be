import { afterAll, describe, expect, it } from 'vitest';
import { reportText, rustMinidumpReport } from '../../src/analysis/index.js';
import { MINIDUMP_SYSTEM_INFO, StreamType } from '../../src/format/index.js';
import { runSync } from '../../src/io/index.js';
import { corpusBytes, corpusPath } from '../reader/corpus.js';
import { removeFolders } from '../support/programs.js';
import { describeWith, needsCorpus } from '../support/tools.js';
import { analyzed } from './expected/analyzed.js';
import { smallDump } from './reports.js';

afterAll(removeFolders);

describeWith([needsCorpus], 'linux-mini.dmp', () => {
  it('with its ELF files: main, and what was inlined into it', async () => {
    for (const debug of ['crash.debug', 'crash.debug-zlib', 'crash.debug-zstd']) {
      const { threads } = await analyzed(
        corpusBytes('rust-minidump/linux-mini.dmp'),
        ['crash', debug].map((file) => corpusPath(`symbolic/linux/${file}`)),
      );
      const [frame] = threads[0]!.stack.frames;
      expect(frame, debug).toMatchObject({
        function: 'main',
        line: 35,
        inlines: [
          { function: 'crash', line: 23 },
          { function: 'start', line: 27 },
        ],
      });
    }
  });

  it('with crash.sym, which was made of them', async () => {
    const { threads } = await analyzed(corpusBytes('rust-minidump/linux-mini.dmp'), [
      corpusPath('symbolic/linux/crash.sym'),
    ]);
    expect(threads[0]!.stack.frames[0]).toMatchObject({ function: 'main' });
  });
});

describe('what the writer of a dump could not do', () => {
  const dumpWith = (text: string) =>
    smallDump({ ...MINIDUMP_SYSTEM_INFO.decode(new Uint8Array(MINIDUMP_SYSTEM_INFO.size)) })
      .stream(StreamType.MozSoftErrors, new TextEncoder().encode(text))
      .build();

  it('is at the end of the text, and in the JSON', async () => {
    const analysis = await analyzed(dumpWith('[{"StopProcessFailed": "EPERM"}]'));
    expect(runSync(rustMinidumpReport(analysis))).toMatchObject({
      soft_errors: [{ StopProcessFailed: 'EPERM' }],
    });
    expect(runSync(reportText(analysis))).toMatch(
      /\n\nSoft errors were encountered when minidump was written:\n\[\n {2}\{\n {4}"StopProcessFailed": "EPERM"\n {2}\}\n\]\n$/,
    );
  });

  it.each([
    ['no JSON', '[{'],
    ['nested too deep', '['.repeat(100_000) + ']'.repeat(100_000)],
  ])('costs no report where it is %s', async (_, text) => {
    const analysis = await analyzed(dumpWith(text));
    expect(runSync(rustMinidumpReport(analysis))).toMatchObject({ soft_errors: null });
    expect(runSync(reportText(analysis))).not.toContain('Soft errors');
  });
});
