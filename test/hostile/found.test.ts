/**
 * What was found by damaging files and by reading the code that reads them, each as a small file that does it. Where the harm was time,
 * the work is counted: what is read, or how often.
 */
import { describe, expect, it } from 'vitest';
import { analyzeTask } from '../../src/analysis/index.js';
import { BytesSource, type Cache, MinidumpError, runSync } from '../../src/io/index.js';
import { HEADER, SECTIONS } from '../../src/object/breakpad/index-layout.js';
import { FUNCTION } from '../../src/object/breakpad/tables.js';
import { ByteReader } from '../../src/object/bytes.js';
import { Minidump } from '../../src/reader/index.js';
import { SymbolFile, Symbols } from '../../src/symbols/index.js';
import { sharedStack } from './made-up.js';

describe('numbers that are too long', () => {
  /** 2 to the power of 7 * 150. */
  const huge = Uint8Array.from([...new Array(150).fill(0x80), 1]);
  const padded = Uint8Array.from([0x81, ...new Array(150).fill(0x80), 0]);

  it('a ULEB128 of more than 64 bits is broken, whatever it is padded with', () => {
    expect(() => new ByteReader(huge, 'test').uleb()).toThrow(MinidumpError);
    expect(new ByteReader(padded, 'test').uleb()).toBe(1);
  });
});

describe('threads that share one stack', () => {
  /** Bytes that were read. */
  class CountingSource extends BytesSource {
    count = 0;

    override read(offset: number, length: number): Uint8Array {
      this.count += length;
      return super.read(offset, length);
    }
  }

  it('frames are no more than there are words in the dump, and the thread list is whole', () => {
    const bytes = sharedStack(1500, 1024);
    const { threads } = runSync(analyzeTask(Minidump.openSync(bytes)));
    expect(threads.length).toBe(1500);
    const frames = threads.reduce((sum, { stack }) => sum + stack.frames.length, 0);
    expect(frames).toBeLessThan(70_000);
    // The first are walked as ever; the last have what is left, and say so.
    expect(threads[0]!.stack).toMatchObject({ frames: { length: 1024 }, truncated: true });
    const last = threads.findLast(({ stack }) => stack.frames.length > 0);
    expect(last!.stack).toMatchObject({ frames: { length: 1 }, truncated: true });
  });

  it('their memory is not read again for each', () => {
    const source = new CountingSource(sharedStack(2000, 1 << 17));
    runSync(analyzeTask(Minidump.openSync(source)));
    expect(source.count / source.size).toBeLessThan(80);
  });
});

describe('an index of symbols that was damaged in the cache', () => {
  /** Without a MODULE record it is of whatever module it was found for. */
  const sym = `FUNC 100 40 0 spam
100 40 1 0
`;

  it('costs the names, and not the analysis', () => {
    const file = (bytes: Uint8Array) =>
      Object.assign(new BytesSource(bytes), {
        name: 'shared.sym',
        stamp: '',
        close() {},
        [Symbol.dispose]() {},
      });
    let kept: Uint8Array | undefined;
    const cache: Cache = {
      open: () => kept && file(kept),
      store(_key, [bytes]) {
        kept = bytes;
      },
    };
    const namesOf = () => {
      using symbols = new Symbols([new SymbolFile(() => file(new TextEncoder().encode(sym)))], { cache });
      const { threads } = runSync(analyzeTask(Minidump.openSync(sharedStack(1, 8)), { symbols }));
      return threads[0]!.stack.frames.map((frame) => frame.function);
    };
    expect(namesOf()).toContain('spam');
    // The offset of the name: the header has a checksum, the rows have none.
    kept = kept!.slice();
    const view = new DataView(kept.buffer);
    const functions = view.getUint32(HEADER.sections + SECTIONS.indexOf('functions') * 8, true);
    view.setUint32(functions + FUNCTION.name * 4, 0xffff_ff00, true);
    expect(new Set(namesOf())).toEqual(new Set([undefined]));
  });
});
