import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { decompress as zstd } from 'fzstd';
import { expect, it } from 'vitest';
import { BytesSource, runSync } from '../../src/io/index.js';
import { crc32, crc32Of } from '../../src/object/crc32.js';
import { ElfFile } from '../../src/object/elf-file.js';
import { ElfFunctions } from '../../src/object/elf-functions.js';
import { corpusFolder, describeWith, needsCorpus } from '../support/tools.js';

const symbolic = join(corpusFolder() ?? '', 'symbolic');
const bytesOf = (name: string) => readFileSync(join(symbolic, 'linux', name));
const decompress = {
  inflate: (bytes: Uint8Array) => inflateSync(bytes),
  zstd: (bytes: Uint8Array) => zstd(bytes),
};
const open = (name: string) => runSync(ElfFile.open(new BytesSource(bytesOf(name)), { decompress }));
const wholeSection = (file: ElfFile, name: string) => {
  const data = runSync(file.data(name));
  return data && Buffer.from(runSync(data.read(0, data.size)));
};
const functionsOf = (file: ElfFile, table: '.symtab' | '.dynsym') =>
  runSync(runSync(ElfFunctions.open(file, table))!.all());

describeWith([needsCorpus], 'an ELF file', () => {
  it('has the build id of its debug file', () => {
    const id = Buffer.from(runSync(open('crash').buildId())!).toString('hex');
    expect(id).toMatch(/^f1c3bcc0/);
    for (const name of ['crash.debug', 'crash.debug-zlib', 'crash.debug-zstd']) {
      expect(Buffer.from(runSync(open(name).buildId())!).toString('hex')).toBe(id);
    }
  });

  it.each(['crash.debug-zlib', 'crash.debug-zstd'])('has the sections of the plain file in %s', (name) => {
    const packed = open(name);
    const plain = open('crash.debug');
    let compressed = 0;
    for (const section of plain.sections) {
      if (!section.name.startsWith('.debug_')) continue;
      if (packed.compression(packed.section(section.name)!)) compressed++;
      expect(wholeSection(packed, section.name)!.equals(wholeSection(plain, section.name)!)).toBe(true);
    }
    expect(compressed).toBeGreaterThan(4);
  });

  it('says what it cannot unpack', () => {
    for (const [name, format] of [
      ['crash.debug-zlib', 'zlib'],
      ['crash.debug-zstd', 'zstd'],
    ] as const) {
      const file = runSync(ElfFile.open(new BytesSource(bytesOf(name))));
      expect(() => runSync(file.data('.debug_info'))).toThrow(
        expect.objectContaining({ code: 'unsupported', message: expect.stringContaining(format) }),
      );
    }
  });

  it('reads both kinds of compressed sections', () => {
    const gnu = open('elf_compressed_gnu');
    const shf = open('elf_compressed_shf');
    const names = (file: ElfFile) =>
      file.sections.map(({ name }) => name).filter((name) => /debug/.test(name));
    expect(names(gnu).length + names(shf).length).toBeGreaterThan(1);
    for (const name of names(gnu)) {
      const plain = name.replace('.z', '.');
      expect(wholeSection(gnu, plain)?.length).toBeGreaterThan(0);
      expect(wholeSection(gnu, plain)).toEqual(wholeSection(shf, plain));
    }
  });

  it('names the debug file beside it, with its checksum', () => {
    const crc = crc32(bytesOf('debuglink/elf_with_debuglink'));
    expect(runSync(crc32Of(new BytesSource(bytesOf('debuglink/elf_with_debuglink'))))).toBe(crc);
    const stored = readFileSync(join(symbolic, 'linux', 'debuglink', 'debug_info.txt.crc'));
    for (const name of ['elf_with1_debuglink', 'elf_with_compressed_debuglink', 'elf_with_debuglink']) {
      const link = runSync(open(`debuglink/${name}`).debugLink());
      expect(link?.name, name).toMatch(/^debug_info\d?\.txt$/);
      expect(stored.toString().toLowerCase()).toContain(link!.crc.toString(16).padStart(8, '0'));
    }
    expect(runSync(open('debuglink/elf_without_debuglink').debugLink())).toBeUndefined();
  });

  it('has the checksum of zlib', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });

  it('has the functions that symbolic lists', () => {
    const expected = [
      ...readFileSync(join(symbolic, 'expected', 'elf_symbols.snap'), 'utf8').matchAll(
        /^ +([0-9a-f]+) (\S+)$/gm,
      ),
    ].map(([, at, name]) => `${at} ${name}`);
    const file = open('crash.debug');
    const ours = functionsOf(file, '.symtab').map(({ name, start }) => `${start.toString(16)} ${name}`);
    expect(expected.length).toBeGreaterThan(100);
    expect(expected.filter((line) => !ours.includes(line))).toEqual([]);
  });

  it('has functions where there is only .dynsym', () => {
    const file = open('dynsyms_only');
    expect(runSync(ElfFunctions.open(file, '.symtab'))).toBeUndefined();
    expect(functionsOf(file, '.dynsym').length).toBeGreaterThan(0);
  });

  it('is refused where it is big-endian, or none', () => {
    const bytes = Uint8Array.from(bytesOf('crash'));
    bytes[5] = 2;
    expect(() => runSync(ElfFile.open(new BytesSource(bytes)))).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
    expect(() => runSync(ElfFile.open(new BytesSource(new Uint8Array(100))))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
    expect(() => runSync(ElfFile.open(new BytesSource(new Uint8Array(3))))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });
});
