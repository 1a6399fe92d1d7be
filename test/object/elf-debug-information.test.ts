import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { decompress as zstd } from 'fzstd';
import { expect, it } from 'vitest';
import { BytesSource, runSync } from '../../src/io/index.js';
import { elfDebugInformation } from '../../src/object/elf-debug-information.js';
import { ElfFile } from '../../src/object/elf-file.js';
import { corpusFolder, describeWith, needsCorpus } from '../support/tools.js';

const symbolic = join(corpusFolder() ?? '', 'symbolic');
const decompress = {
  inflate: (bytes: Uint8Array) => inflateSync(bytes),
  zstd: (bytes: Uint8Array) => zstd(bytes),
};
const open = (name: string) =>
  runSync(ElfFile.open(new BytesSource(readFileSync(join(symbolic, 'linux', name))), { decompress }));

describeWith([needsCorpus], 'what an ELF file and its debug file tell together', () => {
  /** Lines of symbolic's list: address, file name and line, with the function or the inlined call that they are in. */
  function expectedLines() {
    const text = readFileSync(join(symbolic, 'expected', 'elf_functions.snap'), 'utf8');
    const lines: { address: number; name: string; depth: number; file: string; line: number }[] = [];
    const open: string[] = [];
    for (const row of text.split('\n')) {
      const depth = row.search(/\S/) / 2;
      const begin = /^ *> 0x[0-9a-f]+: (.*) \(0x[0-9a-f]+\)$/.exec(row);
      const line = /^ *0x([0-9a-f]+): (\S+):(\d+) /.exec(row);
      if (begin) {
        open.length = depth;
        open.push(begin[1]!);
      } else if (line) {
        const name = open.at(-1)!;
        const address = Number.parseInt(line[1]!, 16);
        lines.push({ address, name, depth: open.length - 1, file: line[2]!, line: Number(line[3]) });
      }
    }
    return lines;
  }

  it.each(['crash.debug', 'crash.debug-zlib', 'crash.debug-zstd'])(
    'functions and lines of %s are those of symbolic',
    (name) => {
      const information = elfDebugInformation({ module: open('crash'), debug: open(name) });
      const lines = expectedLines();
      expect(lines.length).toBeGreaterThan(300);
      // symbolic takes names from the symbol table: of the two that a constructor or destructor has there, another one.
      const kind = (mangled: string | undefined) =>
        mangled?.replace(/([CD])[12]E/, '$1xE').replace(/\.isra\.\d+|\.part\.\d+/g, '');
      const differing = lines.filter(({ address, name: wanted, depth, file, line }) => {
        const found = runSync(information.functionAt(address));
        const frame = found && [...found.inlines, found].reverse()[depth];
        return (
          !frame ||
          kind(frame.name) !== kind(wanted) ||
          frame.line !== line ||
          !frame.file?.endsWith(`/${file}`)
        );
      });
      expect(differing.slice(0, 5)).toEqual([]);
      expect(information.problems).toEqual([]);
    },
  );

  it('has call frames of the module, whose bytes a debug file does not have', () => {
    expect(runSync(elfDebugInformation({ module: open('crash.debug') }).cfiAt(0x1dc0))).toBeUndefined();
    const both = elfDebugInformation({ module: open('crash'), debug: open('crash.debug') });
    expect(runSync(both.cfiAt(0x1dc0))?.outermost).toBe(true);
  });

  it('has names where there is no DWARF, and says what could not be read', () => {
    const file = runSync(
      ElfFile.open(new BytesSource(readFileSync(join(symbolic, 'linux', 'crash.debug-zstd')))),
    );
    const information = elfDebugInformation({ module: file });
    expect(runSync(information.functionAt(0x1c75))).toMatchObject({
      name: 'main',
      start: 0x1c70,
      inlines: [],
    });
    expect(information.problems.map(({ code }) => code)).toContain('unsupported');
  });
});
