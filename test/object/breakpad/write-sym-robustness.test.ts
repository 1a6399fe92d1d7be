import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BytesSink, BytesSource, MinidumpError, runSync } from '../../../src/io/index.js';
import { writeSym } from '../../../src/object/breakpad/index.js';
import { ElfFile, ElfSymbolListing } from '../../../src/object/index.js';
import { generator } from '../../reader/mutations.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';

function list(bytes: Uint8Array): number | MinidumpError {
  try {
    const lister = new ElfSymbolListing({ module: runSync(ElfFile.open(new BytesSource(bytes))) });
    const identity = { os: 'Linux', cpu: 'x86_64', debugIdentifier: '0', name: 'x' };
    return runSync(writeSym(identity, lister, new BytesSink())).bytes;
  } catch (error) {
    if (error instanceof MinidumpError) return error;
    throw error;
  }
}

describeWith([needsCorpus], 'damaged ELF files', () => {
  it.each(['crash.debug', 'crash', 'arm64/cfi_test'])(
    '%s: no other error comes, and no more than ten times the text',
    (name) => {
      const whole = readFileSync(join(corpusFolder()!, 'symbolic/linux', name));
      const usual = list(whole) as number;
      const random = generator(1);
      let listed = 0;
      for (let round = 0; round < 40; round++) {
        const bytes = new Uint8Array(whole);
        for (let i = 0; i < 1 + round * 10; i++) bytes[64 + random(bytes.length - 64)] = random(256);
        const result = list(round % 8 === 7 ? bytes.subarray(0, random(bytes.length)) : bytes);
        if (typeof result !== 'number') continue;
        listed++;
        expect(result).toBeLessThan(usual * 10);
      }
      expect(listed).toBeGreaterThan(10);
    },
  );
});
