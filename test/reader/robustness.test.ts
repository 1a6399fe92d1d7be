import { expect, it } from 'vitest';
import { BytesSource, MinidumpError } from '../../src/io/index.js';
import { Minidump, toJson } from '../../src/reader/index.js';
import { describeWith, needsCorpus } from '../support/tools.js';
import { corpusBytes, corpusDumps } from './corpus.js';
import { fuzzSeeds, generator, mutate } from './mutations.js';

/** Mutations in all for each seed; `npm run fuzz` takes many more. */
const total = Number(process.env.MDMP_FUZZ ?? 3000);

/** Counts what is read: what a reader asks for is what it holds in memory. */
class CountingSource extends BytesSource {
  bytes = 0;

  override read(offset: number, length: number): Uint8Array {
    this.bytes += length;
    return super.read(offset, length);
  }
}

/** Reads all that can be read, and fails at anything but a MinidumpError. */
function readAll(source: CountingSource): void {
  const tolerate = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof MinidumpError)) throw error;
    }
  };
  tolerate(() => {
    const dump = Minidump.openSync(source);
    for (const entry of dump.directory.slice(0, 64)) tolerate(() => toJson(dump.readSync(entry)));
    tolerate(() => {
      const memory = dump.memorySync();
      let last = 0n;
      for (const { start, end } of memory.ranges()) {
        if (start < last || end <= start || end > 1n << 64n) throw new Error(`ranges: ${start}-${end}`);
        last = end;
      }
      for (const { start } of memory.ranges().slice(0, 4)) memory.readSync(start, 64);
    });
  });
}

describeWith([needsCorpus], 'damaged dumps', () => {
  const names = corpusDumps();
  const each = Math.ceil(total / names.length);

  it.each(fuzzSeeds.flatMap((seed) => names.map((name) => ({ name, seed }))))(
    `$name, seed $seed: ${each} mutations give MinidumpErrors only, in bounded time and memory`,
    ({ name, seed }) => {
      const bytes = corpusBytes(name);
      const random = generator((name.length * 7919 + bytes.length) ^ seed);
      const { directory } = Minidump.openSync(bytes);
      const places = [
        0,
        0,
        0x20,
        0x20,
        0x60,
        ...directory.flatMap(({ rva }) => [rva, rva, rva + 64, rva + random(4096)]),
      ];
      for (let i = 0; i < each; i++) {
        const source = new CountingSource(mutate(bytes, places, random));
        const started = performance.now();
        try {
          readAll(source);
        } catch (error) {
          throw new Error(`mutation ${i}`, { cause: error });
        }
        expect(performance.now() - started, `mutation ${i}: milliseconds`).toBeLessThan(5000);
        // A stream at a time, each with parts that may be as long as the file a few times over.
        expect(source.bytes / bytes.length, `mutation ${i}: times the file`).toBeLessThan(64 * 20);
      }
    },
    120_000 + total * 100,
  );
});
