import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { BytesSource, MinidumpError, runSync } from '../../../src/io/index.js';
import { elfDebugInformation } from '../../../src/object/elf-debug-information.js';
import { ElfFile } from '../../../src/object/elf-file.js';
import { generator } from '../../reader/mutations.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';

const linux = join(corpusFolder() ?? '', 'symbolic', 'linux');

/** Asks a file for everything; only MinidumpErrors may come out. */
function askAll(bytes: Uint8Array): void {
  try {
    const decompress = {
      inflate: (packed: Uint8Array, size: number) =>
        inflateSync(packed, { maxOutputLength: Math.max(1, size) }),
    };
    const file = runSync(ElfFile.open(new BytesSource(bytes), { decompress }));
    runSync(file.buildId());
    runSync(file.debugLink());
    runSync(file.supplementaryLink());
    const information = elfDebugInformation({ module: file });
    for (let rva = 0x1558; rva < 0x14000; rva += 3001) {
      runSync(information.functionAt(rva));
      const row = runSync(information.cfiAt(rva));
      const view = { register: () => 0x1000n, read: () => 0x2000n };
      const cfa = row?.cfa(view, undefined);
      row?.returnAddress(view, cfa);
      for (const rule of row?.registers.values() ?? []) rule(view, cfa);
    }
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
  }
}

describeWith([needsCorpus], 'damaged ELF files', () => {
  it.each(['crash', 'crash.debug', 'crash.debug-zlib', 'arm64/cfi_test', 'dynsyms_only'])(
    '%s: nothing but MinidumpErrors, whatever is changed',
    { timeout: 300_000 },
    (name) => {
      const original = readFileSync(join(linux, name));
      const file = runSync(ElfFile.open(new BytesSource(original)));
      // Small sections as often as large ones: most of what can go wrong is in headers and tables.
      const places = file.sections.filter(
        ({ name: section, size, type }) =>
          type !== 8 && size > 0 && /^\.z?debug|^\.eh_frame|tab$|^\.dyn|^\.note/.test(section),
      );
      const random = generator(20251125);
      for (let round = 0; round < 60; round++) {
        const bytes = Uint8Array.from(original);
        for (let change = 0; change < 1 + random(20); change++) {
          const section = places[random(places.length)]!;
          const inHeaders = random(6) === 0;
          const at = inHeaders
            ? random(64)
            : section.offset + random(Math.min(section.size, random(2) ? 64 : section.size));
          const values = [0, 1, 0x7f, 0x80, 0xff, random(256)];
          const length = random(3) === 0 ? 8 : 1;
          bytes.fill(values[random(values.length)]!, at, at + length);
        }
        askAll(round % 10 === 9 ? bytes.subarray(0, random(bytes.length)) : bytes);
      }
      expect(places.length).toBeGreaterThan(0);
    },
  );
});
