import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BytesSource, MinidumpError, runSync } from '../../../src/io/index.js';
import { parseSymFile, SymIndex, windowsProgram, writeSymIndex } from '../../../src/object/breakpad/index.js';
import { checksumOf, HEADER, HEADER_SIZE } from '../../../src/object/breakpad/index-layout.js';
import { fuzzSeeds, generator } from '../../reader/mutations.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';

const texts = [
  '0',
  '-1',
  'ffffffff',
  '100000000',
  '20000000000000',
  'ffffffffffffffff',
  '\n',
  ' ',
  '\0',
  '\r\n',
  ':',
];
const words = [
  'FUNC ',
  '\nINLINE 0 1 1 1 1000 ',
  '\nSTACK CFI INIT 0 ffffffff ',
  '\nSTACK CFI ',
  '\nSTACK WIN 4 ',
  'm ',
];

/** Looks at everything that can be asked; only MinidumpErrors may come. */
function lookUp(index: SymIndex, random: (below: number) => number): void {
  const view = { register: () => 8n, read: () => 16n };
  const input = { eip: 1, esp: 2, ebp: 3, calleeParameterSize: 4, isContextFrame: true, read: () => 5 };
  for (let i = 0; i < 40; i++) {
    const rva = i === 0 ? Number.MAX_SAFE_INTEGER : random(i % 2 === 0 ? 0x40000 : 0xffff_ffff);
    only(() => {
      const found = runSync(index.functionAt(rva));
      expect(found === undefined || found.start <= rva).toBe(true);
    });
    only(() => {
      const row = runSync(index.cfiAt(rva));
      if (row) for (const rule of [row.cfa, row.returnAddress, ...row.registers.values()]) rule(view, 1n);
    });
    only(() => {
      const frame = runSync(index.windowsFrameAt(rva));
      if (frame) windowsProgram(frame, input);
    });
  }
}

function only(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
  }
}

describeWith([needsCorpus], 'damaged symbol files', () => {
  const files = [
    'breakpad/symbols/test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym',
    'symbolic/macos/crash.inlines.sym',
    'symbolic/linux/crash.sym',
  ].map((file) => readFileSync(join(corpusFolder()!, file)));

  for (const seed of fuzzSeeds) {
    it(`text, seed ${seed}`, () => {
      const random = generator(seed);
      for (let round = 0; round < 60; round++) {
        const file = files[round % files.length]!;
        const from = random(file.length);
        let text = file.subarray(from, from + 40_000).toString('latin1');
        for (let n = 1 + random(30); n > 0; n--) {
          const at = random(text.length);
          const pool = random(3) === 0 ? words : texts;
          const put = random(4) === 0 ? String.fromCharCode(random(256)) : pool[random(pool.length)]!;
          text = text.slice(0, at) + put + text.slice(at + random(12));
        }
        const tables = runSync(parseSymFile(new BytesSource(Buffer.from(text, 'latin1'))));
        const bytes = writeSymIndex(tables);
        // What it grows to is bounded by what was there.
        expect(bytes.length).toBeLessThan(text.length * 4 + 1000);
        lookUp(runSync(SymIndex.open(new BytesSource(bytes))), random);
      }
    });

    it(`index, seed ${seed}`, () => {
      const random = generator(seed);
      const indexes = files.map((file) => writeSymIndex(runSync(parseSymFile(new BytesSource(file)))));
      for (let round = 0; round < 150; round++) {
        const bytes = indexes[round % indexes.length]!.slice();
        const view = new DataView(bytes.buffer);
        for (let n = 1 + random(200); n > 0; n--) {
          const at = random(bytes.length - 4);
          if (random(2) === 0) bytes[at] = random(256);
          else view.setUint32(at & ~3, [0, 1, 0xffff_ffff, random(bytes.length)][random(4)]!, true);
        }
        if (random(2) === 0) {
          const at = HEADER.texts + 4 * random((HEADER_SIZE - HEADER.texts) / 4);
          view.setUint32(at, random(bytes.length), true);
        }
        // As by someone who wants it to be believed.
        for (let i = 0; i < 12; i++) bytes[i] = indexes[round % indexes.length]![i]!;
        view.setUint32(HEADER.size, bytes.length, true);
        view.setUint32(HEADER.checksum, checksumOf(bytes), true);
        only(() => lookUp(runSync(SymIndex.open(new BytesSource(bytes))), random));
      }
    });
  }
});
