import { expect, it } from 'vitest';
import { BytesSource, runSync } from '../../../src/io/index.js';
import { PdbDebugInformation, PdbFile } from '../../../src/object/pdb/index.js';
import { describeWith, needsCorpus } from '../../support/tools.js';
import { corpusPath, listed, openPdb } from './open.js';
import { msfOf, streamsOf } from './rebuild.js';

const crash = corpusPath('windows/crash.pdb');
const PROCEDURES = [0x110f, 0x1110, 0x1146, 0x1147];
const S_SEPCODE = 0x1132;

/** Where the record of a procedure is: the stream of its module, and the place in it. */
function recordOf(streams: readonly (Uint8Array | undefined)[], name: string) {
  const text = Buffer.from(`${name}\0`);
  for (const bytes of streams) {
    if (bytes === undefined) continue;
    const stream = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = stream.indexOf(text); at >= 0; at = stream.indexOf(text, at + 1)) {
      const record = at - 39;
      if (record > 0 && PROCEDURES.includes(stream.readUInt16LE(record + 2))) return { stream, record };
    }
  }
  throw new Error(`no procedure ${name}`);
}

/**
 * crash.pdb, in which a function is code that was separated from another one of its module. What is in its scope stays as it is.
 *
 * @param chain the last is the function, each before it was separated from the next
 */
function separated(...chain: string[]): PdbDebugInformation {
  const streams = streamsOf(crash);
  const all = chain.map((name) => recordOf(streams, name));
  const places = all.map(({ stream, record }) => ({
    offset: stream.readUInt32LE(record + 32),
    section: stream.readUInt16LE(record + 36),
    size: stream.readUInt32LE(record + 16),
  }));
  all.slice(0, -1).forEach(({ stream, record }, i) => {
    expect(stream.buffer).toBe(all[0]!.stream.buffer);
    const { offset, section, size } = places[i]!;
    stream.writeUInt16LE(S_SEPCODE, record + 2);
    stream.writeUInt32LE(size, record + 12);
    stream.writeUInt32LE(0, record + 16);
    stream.writeUInt32LE(offset, record + 20);
    stream.writeUInt32LE(places[i + 1]!.offset, record + 24);
    stream.writeUInt16LE(section, record + 28);
    stream.writeUInt16LE(places[i + 1]!.section, record + 30);
  });
  return new PdbDebugInformation(runSync(PdbFile.open(new BytesSource(msfOf(streams, 4096)))));
}

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
