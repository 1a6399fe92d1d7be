import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { corpusPath } from '../../reader/corpus.js';
import { describeWith, needsCorpus, root } from '../../support/tools.js';

/** Each file of the corpus that says what is expected, and the tests that show it. */
const SHOWN_BY: Readonly<Record<string, readonly string[]>> = {
  'breakpad/minidump2.dump.out': ['reader/agreement.test.ts'],
  'breakpad/minidump2.stackwalk.machine_readable.out': ['analysis/expected/breakpad.test.ts'],
  'breakpad/minidump2.stackwalk.out': ['analysis/expected/breakpad.test.ts'],
  'rust-minidump/expected/dump-brief.snap': ['reader/agreement.test.ts'],
  'rust-minidump/expected/dump.snap': ['reader/agreement.test.ts'],
  'rust-minidump/expected/human-symbols.snap': ['analysis/expected/rust-minidump.test.ts'],
  'rust-minidump/expected/human-unloaded.snap': ['analysis/expected/rust-minidump.test.ts'],
  'rust-minidump/expected/human.snap': ['analysis/expected/rust-minidump.test.ts'],
  'rust-minidump/expected/json-pretty-evil-symbols.snap': ['analysis/expected/rust-minidump.test.ts'],
  'rust-minidump/expected/json-pretty-symbols.snap': ['analysis/expected/rust-minidump.test.ts'],
  'rust-minidump/expected/json-pretty-unloaded.snap': ['analysis/expected/rust-minidump.test.ts'],
  'rust-minidump/expected/json-pretty.snap': ['analysis/expected/rust-minidump.test.ts'],
  'rust-minidump/expected/linux_human.snap': ['analysis/expected/rust-minidump.test.ts'],
  'rust-minidump/expected/linux_json_pretty.snap': ['analysis/expected/rust-minidump.test.ts'],
  'rust-minidump/expected/trace.snap': ['analysis/expected/rust-minidump.test.ts'],
  'symbolic/expected/cfi_elf.snap': ['object/dwarf/frames.test.ts', 'object/symbolic.test.ts'],
  'symbolic/expected/cfi_elf_arm64.snap': ['object/dwarf/frames.test.ts', 'object/symbolic.test.ts'],
  'symbolic/expected/elf_functions.snap': ['object/elf-debug-information.test.ts', 'object/symbolic.test.ts'],
  'symbolic/expected/elf_symbols.snap': ['object/symbolic.test.ts'],
  'symbolic/expected/cfi_macho.snap': [
    'object/macho/compact-unwind.test.ts',
    'object/macho/mach-symbol-listing.test.ts',
  ],
  'symbolic/expected/cfi_pdb_windows.snap': ['object/pdb/expected.test.ts'],
  'symbolic/expected/cfi_pe_arm64.snap': ['object/pe/corpus.test.ts'],
  'symbolic/expected/cfi_pe_windows.snap': ['object/pe/corpus.test.ts'],
  'symbolic/expected/pdb_files.snap': ['object/pdb/expected.test.ts'],
  'symbolic/expected/pdb_functions.snap': ['object/pdb/expected.test.ts'],
  'symbolic/expected/pdb_symbols.snap': ['object/pdb/expected.test.ts'],
  'symbolic/expected/pe_dwarf_functions.snap': ['object/pe/corpus.test.ts'],
  // Of the .sym file that was made from the Mach-O file.
  'symbolic/expected/mach_functions.snap': ['object/symbolic.test.ts'],
  'symbolic/expected/mach_symbols.snap': ['object/macho/mach-functions.test.ts'],
  'symbolic/linux/debuglink/debug_info.txt.crc': ['object/elf-file.test.ts'],
  'symbolicator/expected/minidump_linux.snap': [
    'reader/corpus.test.ts',
    'analysis/expected/symbolicator.test.ts',
  ],
  'symbolicator/expected/minidump_windows.snap': [
    'reader/corpus.test.ts',
    'analysis/expected/symbolicator.test.ts',
  ],
};

describeWith([needsCorpus], 'what the corpus expects', () => {
  it('is shown by a test, every file of it', () => {
    const files = readdirSync(corpusPath(''), { recursive: true, encoding: 'utf8' });
    const expectations = files.filter((path) => /(^|\/)expected\/.*\.snap$|\.out$|\.crc$/.test(path));
    expect(Object.keys(SHOWN_BY).sort()).toEqual(expectations.sort());
    for (const [file, tests] of Object.entries(SHOWN_BY)) {
      for (const test of tests) {
        const source = readFileSync(join(root, 'test', test), 'utf8');
        expect(source.includes(basename(file)), `${test} reads ${file}`).toBe(true);
      }
    }
  });
});
