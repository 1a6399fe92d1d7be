import { expect, it } from 'vitest';
import { Minidump } from '../../src/reader/index.js';
import { run } from '../support/run.js';
import { describeWith, needsCorpus, requireTool } from '../support/tools.js';
import { corpusBytes, corpusDumps, corpusPath, corpusText } from './corpus.js';
import { compare, parsePrinted, type Section } from './printed-dump.js';

describeWith([needsCorpus], 'the reader agrees with what was printed of a dump', () => {
  it('by Breakpad', () => {
    const dump = Minidump.openSync(corpusBytes('breakpad/minidump2.dmp'));
    const result = compare(dump, parsePrinted(corpusText('breakpad/minidump2.dump.out')));
    expect(result.differences).toEqual([]);
    expect(result.compared).toBeGreaterThan(500);
  });

  it.each([
    ['dump.snap', 500],
    // The same without what memory holds.
    ['dump-brief.snap', 400],
  ])('by rust-minidump: %s', (name, least) => {
    const dump = Minidump.openSync(corpusBytes('rust-minidump/test.dmp'));
    const result = compare(dump, parsePrinted(corpusText(`rust-minidump/expected/${name}`)));
    expect(result.differences).toEqual([]);
    expect(result.compared).toBeGreaterThan(least);
  });
});

/** Where Breakpad says less than the reader on purpose. */
function ignored({ title }: Section, key: string, printed: string): boolean {
  // Breakpad has no identifier but a build id for what is not Windows; rust-minidump and the reader have one.
  if (key === '(code_identifier)' && printed === '"id"') return true;
  // Breakpad looks for the vendor on 32-bit x86 only, though its own writer stores it on x86-64 too.
  return title === 'MDRawSystemInfo' && key === '(cpu_vendor)' && printed === '(null)';
}

describeWith([needsCorpus, 'minidump_dump'], 'the reader agrees with minidump_dump', () => {
  it.each(corpusDumps().filter((name) => !name.includes('invalid-r')))('on %s', async (name) => {
    const printed = await run(requireTool('minidump_dump'), [corpusPath(name)]);
    const sections: Section[] = parsePrinted(printed.stdout.toString());
    const dump = Minidump.openSync(corpusBytes(name));
    const result = compare(dump, sections, ignored);
    expect(result.differences).toEqual([]);
    expect(result.compared).toBeGreaterThan(100);
  });
});
