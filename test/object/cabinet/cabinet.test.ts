import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { constants, deflateRawSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { BytesSink, BytesSource, runAsync, runSync } from '../../../src/io/index.js';
import { cabinetFiles, isCabinet, openCabinet } from '../../../src/object/cabinet/index.js';
import { inflateInto } from '../../../src/object/cabinet/inflate.js';
import { PdbFile } from '../../../src/object/pdb/index.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { needsPrograms } from '../demangle/judges.js';

const bytesOf = (source: { size: number; read(offset: number, length: number): unknown }) =>
  Buffer.from(source.read(0, source.size) as Uint8Array);
const pdb = join(corpusFolder() ?? '', 'symbolic/windows/crash.pdb');

afterAll(removeFolders);

/** A cabinet that gcab makes. */
function make(path: string, options: readonly string[], ...files: readonly string[]): BytesSource {
  execFileSync('gcab', ['-c', '-n', ...options, path, ...files]);
  return new BytesSource(readFileSync(path));
}

describeWith([needsCorpus], 'a cabinet of a symbol server', () => {
  it('is stored, with checksums: the .sym file in it', () => {
    const id = '3249D99D0C4049318610F4E4FB0B69361';
    const path = join(corpusFolder()!, 'symbolicator/symbols/crash.pdb', id, 'crash.pdb');
    const source = new BytesSource(readFileSync(path));
    expect(isCabinet(readFileSync(path))).toBe(true);
    expect(isCabinet(readFileSync(pdb))).toBe(false);
    const file = runSync(openCabinet(source));
    const listed = runSync(cabinetFiles(source));
    expect(listed).toEqual([{ name: expect.any(String), size: file.size }]);
    expect(bytesOf(file).toString()).toBe(execFileSync('cabextract', ['-q', '-p', path]).toString());
  });
});

describeWith([needsCorpus, needsPrograms('gcab', 'cabextract')], 'cabinets that gcab makes', () => {
  it('of a PDB with MSZIP, over many blocks: the same bytes, and cabextract agrees', () => {
    const path = join(temporaryFolder(), 'crash.pd_');
    const source = make(path, ['-z'], pdb);
    expect(source.size).toBeLessThan(readFileSync(pdb).length / 2);
    const file = runSync(openCabinet(source));
    expect(bytesOf(file).equals(readFileSync(pdb))).toBe(true);
    expect(execFileSync('cabextract', ['-q', '-p', path], { maxBuffer: 1 << 24 }).equals(bytesOf(file))).toBe(
      true,
    );
    expect(runSync(PdbFile.open(file)).debugIdentifier).toBe('3249D99D0C4049318610F4E4FB0B69361');
  });

  it('with several files in a folder: the one of that name, to a spool', async () => {
    const folder = join(temporaryFolder(), 'several');
    mkdirSync(folder);
    const texts = ['first', 'second '.repeat(20_000), 'x'.repeat(70_000)];
    const paths = texts.map((text, i) => {
      writeFileSync(join(folder, `file${i}.txt`), text);
      return join(folder, `file${i}.txt`);
    });
    const source = make(join(folder, 'several.cab'), ['-z'], ...paths);
    expect(runSync(cabinetFiles(source)).map(({ name }) => basename(name))).toEqual(
      paths.map((path) => basename(path)),
    );
    for (const [i, text] of texts.entries()) {
      const sink = new BytesSink();
      const spool = { sink, source: () => new BytesSource(sink.bytes()) };
      const file = await runAsync(openCabinet(source, { name: `FILE${i}.TXT`, spool }));
      expect(bytesOf(file).toString()).toBe(text);
    }
    expect(() => runSync(openCabinet(source, { name: 'another' }))).toThrow(/expected another/);
    expect(() => runSync(openCabinet(source, { name: 'file1.txt', limit: 1000 }))).toThrow(
      /the limit is 1000/,
    );
  });

  it('that were damaged or cut off are told so', () => {
    const path = join(temporaryFolder(), 'damaged.cab');
    make(path, ['-z'], pdb);
    const bytes = readFileSync(path);
    const flipped = Buffer.from(bytes);
    flipped[bytes.length >> 1]! ^= 1;
    expect(() => runSync(openCabinet(new BytesSource(flipped)))).toThrow(/its checksum|CK|MSZIP/);
    const cut = new BytesSource(bytes.subarray(0, bytes.length >> 1));
    expect(() => runSync(openCabinet(cut))).toThrow(expect.objectContaining({ code: 'truncated' }));
    const lzx = Buffer.from(bytes);
    lzx.writeUInt16LE(0x1503, 42);
    expect(() => runSync(openCabinet(new BytesSource(lzx)))).toThrow(/compressed with LZX/);
  });
});

describe('deflate with a dictionary', () => {
  const text = Buffer.from('a cabinet of cabinets, '.repeat(700)).subarray(0, 15_000);
  const noise = Buffer.from(Array.from({ length: 9_000 }, (_, i) => (i * i * 2654435761) >>> 24));
  it.each([
    ['dynamic codes', { level: 9 }],
    ['fixed codes', { strategy: constants.Z_FIXED }],
    ['Huffman codes only', { strategy: constants.Z_HUFFMAN_ONLY }],
    ['stored', { level: 0 }],
  ])("is what zlib's is: %s", (_, options) => {
    const dictionary = text.subarray(0, 5_000);
    for (const wanted of [text, noise, Buffer.concat([noise, text]), Buffer.from('x'), Buffer.alloc(0)]) {
      const packed = deflateRawSync(wanted, { ...options, dictionary });
      const output = new Uint8Array(dictionary.length + wanted.length);
      output.set(dictionary);
      inflateInto(packed, output, dictionary.length, output.length);
      expect(Buffer.from(output.subarray(dictionary.length)).equals(wanted)).toBe(true);
      if (wanted.length > 0) {
        expect(() => inflateInto(packed, output, dictionary.length, output.length - 1)).toThrow(
          /malformed|expected/,
        );
      }
    }
  });
});
