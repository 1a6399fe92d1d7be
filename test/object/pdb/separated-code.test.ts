import { expect, it } from 'vitest';
import { BytesSource, runSync } from '../../../src/io/index.js';
import { PdbDebugInformation, PdbFile } from '../../../src/object/pdb/index.js';
import { describeWith, needsCorpus } from '../../support/tools.js';
import { corpusPath, listed, openPdb } from './open.js';
import { separatedPdb } from './separated-pdb.js';

const crash = corpusPath('windows/crash.pdb');
const separated = (...chain: string[]) =>
  new PdbDebugInformation(runSync(PdbFile.open(new BytesSource(separatedPdb(crash, ...chain)))));

describeWith([needsCorpus], 'code that lies apart from its function (S_SEPCODE)', () => {
  const before = listed(openPdb(crash).information);
  const was = (rva: number) => runSync(openPdb(crash).information.functionAt(rva))!;
  // Three of exception_handler.cc, the first with calls that were inlined into it.
  const COLD = 'google_breakpad::ExceptionHandler::~ExceptionHandler';
  const COLDER = 'google_breakpad::ExceptionHandler::HandleException';
  const HOT = 'google_breakpad::ExceptionHandler::Initialize';
  const start = (name: string) => before.functions.find((one) => one.name.startsWith(`${name}(`))!;

  it('has the name of its function, and lines and inlined calls of its own', () => {
    const [cold, hot] = [start(COLD), start(HOT)];
    expect(cold.inlines.length).toBeGreaterThan(0);
    const information = separated(COLD, HOT);
    for (const { start: at } of cold.lines)
      expect(runSync(information.functionAt(at))).toEqual({ ...was(at), name: hot.name });
    expect(runSync(information.functionAt(hot.start))).toEqual(was(hot.start));
    const after = listed(information);
    expect(after.functions).toEqual(
      before.functions.map((one) => (one.start === cold.start ? { ...cold, name: hot.name } : one)),
    );
    expect(after.publics).toEqual(before.publics);
    expect(information.problems).toEqual([]);
  });

  it('may be separated again', () => {
    const information = separated(COLDER, COLD, HOT);
    const { name } = start(HOT);
    for (const other of [COLDER, COLD]) {
      expect(runSync(information.functionAt(start(other).start + 4))?.name).toBe(name);
      expect(listed(information).functions.find((one) => one.start === start(other).start)?.name).toBe(name);
    }
  });

  it('of itself, or in a circle, has no function', () => {
    for (const information of [separated(COLD, COLD), separated(COLD, COLDER, COLD)]) {
      const at = start(COLD).start;
      const found = runSync(information.functionAt(at + 4));
      expect(found?.name).not.toBe(start(HOT).name);
      expect(found?.inlines ?? []).toEqual([]);
      expect(listed(information).functions.some((one) => one.start === at)).toBe(false);
    }
  });
});
