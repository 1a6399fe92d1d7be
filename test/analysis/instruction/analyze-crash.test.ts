import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { analyzeCrash } from '../../../src/analysis/instruction/index.js';
import { MinidumpError, runSync } from '../../../src/io/index.js';
import { Minidump } from '../../../src/reader/index.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { loadDisassembler, randomNumbers } from './disassembly.js';

/** Windows tells in an access violation what was accessed: its word against ours. */
describeWith([needsCorpus], 'crashes of 32-bit Windows programs', () => {
  it.each([
    ['breakpad/ascii_read_av.dmp', 'mov eax, dword ptr [eax]', 'read', 0x41414141n],
    ['breakpad/ascii_read_av_block_write.dmp', 'mov eax, dword ptr [edi]', 'read', 0x41414141n],
    ['breakpad/ascii_write_av.dmp', 'mov dword ptr [eax], eax', 'write', 0x41414141n],
    ['breakpad/null_read_av.dmp', 'mov eax, dword ptr [eax]', 'read', 0n],
    ['breakpad/read_av_conditional.dmp', 'mov ebx, dword ptr [eax]', 'read', 0x4e3c9n],
    ['breakpad/thread_name_list.dmp', 'mov eax, dword ptr [eax + 0x14]', 'read', 0xf1004n],
    ['symbolicator/windows.dmp', 'mov dword ptr [0x45], 5', 'write', 0x45n],
  ])('%s: %s', async (name, text, access, address) => {
    const dump = Minidump.openSync(readFileSync(join(corpusFolder()!, name)));
    const crash = runSync(analyzeCrash(dump, await loadDisassembler()))!;
    expect(crash.instruction?.text).toBe(text);
    expect(crash.accesses).toMatchObject([{ address, access, size: 4 }]);
    expect(crash.address).toBe(address);
    expect(crash.exception.information[0]).toBe(access === 'write' ? 1n : 0n);
    expect(crash.inconsistencies).toEqual([]);
  });

  it('a stack overflow is in the page that the stack probe touched', async () => {
    const dump = Minidump.openSync(readFileSync(join(corpusFolder()!, 'breakpad/stack_exhaustion.dmp')));
    const crash = runSync(analyzeCrash(dump, await loadDisassembler()))!;
    expect(crash.accesses).toMatchObject([{ address: crash.exception.information[1], access: 'read' }]);
  });

  it('without a disassembler there is still the address', () => {
    const dump = Minidump.openSync(readFileSync(join(corpusFolder()!, 'breakpad/null_read_av.dmp')));
    const crash = runSync(analyzeCrash(dump, undefined))!;
    expect(crash).toMatchObject({ address: 0n, instruction: undefined, accesses: null });
  });
});

describeWith([needsCorpus], 'damaged dumps', () => {
  it.each([
    ['rust-minidump/linux-mini.dmp', 11],
    ['breakpad/thread_name_list.dmp', 12],
    ['rust-minidump/invalid-parameter.dmp', 13],
  ])('%s gives an analysis, none, or an error of its own', async (name, seed) => {
    const disassembler = await loadDisassembler();
    const original = readFileSync(join(corpusFolder()!, name));
    const directory = Minidump.openSync(original).directory.filter(({ dataSize }) => dataSize > 0);
    const random = randomNumbers(seed);
    let analysed = 0;
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(original);
      for (let i = 0; i < 6; i++) {
        // In a stream of which something is read, or anywhere.
        const { rva, dataSize } = directory[random(directory.length)]!;
        const at =
          random(2) === 0 ? rva + random(Math.max(1, Math.min(dataSize, 512))) : random(bytes.length);
        if (at < bytes.length) bytes[at] = random(256);
      }
      try {
        if (runSync(analyzeCrash(Minidump.openSync(bytes), disassembler))) analysed++;
      } catch (error) {
        expect(error).toBeInstanceOf(MinidumpError);
      }
    }
    expect(analysed).toBeGreaterThan(100);
  });
});
