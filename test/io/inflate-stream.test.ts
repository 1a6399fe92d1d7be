import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BytesSource, inflateStream, runAsync, runSync } from '../../src/io/index.js';
import { ElfFile } from '../../src/object/index.js';
import { corpusFolder, describeWith, needsCorpus } from '../support/tools.js';

describe('inflateStream', () => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 7);

  it('gives what was packed', async () => {
    expect(Buffer.compare(await inflateStream(deflateSync(bytes), bytes.length), bytes)).toBe(0);
  });

  it('stops soon after the size that was to come', async () => {
    const bomb = deflateSync(new Uint8Array(64 << 20));
    const { length } = await inflateStream(bomb, 1000);
    expect(length).toBeGreaterThan(1000);
    expect(length).toBeLessThan(1 << 20);
  });

  it('fails for what is no zlib, or cut off', async () => {
    await expect(inflateStream(bytes, 1000)).rejects.toThrow();
    await expect(inflateStream(deflateSync(bytes).subarray(0, 1000), bytes.length)).rejects.toThrow();
  });
});

describeWith([needsCorpus], 'sections that are compressed, unpacked later', () => {
  const open = () =>
    ElfFile.open(new BytesSource(readFileSync(join(corpusFolder()!, 'symbolic/linux/crash.debug-zlib'))), {
      decompress: { inflate: inflateStream },
    });

  it('are read asynchronously', async () => {
    const file = await runAsync(open());
    const plain = runSync(
      ElfFile.open(new BytesSource(readFileSync(join(corpusFolder()!, 'symbolic/linux/crash.debug')))),
    );
    const [data, wanted] = [await runAsync(file.data('.debug_str')), runSync(plain.data('.debug_str'))];
    expect(data!.size).toBe(wanted!.size);
    const same = Buffer.compare(
      await runAsync(data!.read(0, data!.size)),
      runSync(wanted!.read(0, wanted!.size)),
    );
    expect(same).toBe(0);
  });

  it('are not where nobody can wait', () => {
    const file = runSync(open());
    expect(() => runSync(file.data('.debug_str'))).toThrow(/cannot wait/);
  });
});
