import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lldbDump, minidumpDump, minidumpStackwalk, obj2yaml } from './judges.js';
import { corpusFolder, describeWith, needsCorpus, needsLinux } from './tools.js';

const corpus = (path: string) => join(corpusFolder() ?? '', path);

// The judges are judged themselves: on dumps whose content is known, and on damaged ones.
describeWith([needsLinux, needsCorpus, 'minidump_dump'], 'minidump_dump is understood', () => {
  it('reads a Linux dump', async () => {
    const dump = await minidumpDump(corpus('symbolicator/linux.dmp'));
    expect(dump.complaints).toEqual([]);
    expect(dump.absent).toEqual(['GetMiscInfo', 'GetMemoryInfoList']);
    expect(dump.streams.map(({ type }) => type)).toEqual([
      3, 4, 5, 6, 7, 0x47670003, 0x47670004, 0x47670005, 0x47670006, 0x47670007, 0x47670008, 0x47670009,
      0x4767000a,
    ]);
    expect(dump.threads).toHaveLength(1);
    expect(dump.threads[0]!.id).toBe(1304);
    expect(dump.threads[0]!.registers.rip).toBe(0x401d72n);
    expect(dump.threads[0]!.stack).toHaveLength(0x3000);
    expect(dump.memory.map(({ start, size, bytes }) => [start, size, bytes?.length])).toEqual([
      [0x7fff5ae4a000n, 0x3000, 0x3000],
      [0x401cf2n, 0x100, 0x100],
    ]);
    expect(dump.modules).toHaveLength(8);
    expect(dump.modules[2]).toEqual({
      base: 0x7f514015d000n,
      size: 0x1c0000n,
      codeFile: '/lib/x86_64-linux-gnu/libc-2.23.so',
      codeIdentifier: 'b5381a457906d279073822a5ceb24c4bfef94ddb',
      debugFile: '/lib/x86_64-linux-gnu/libc-2.23.so',
      debugIdentifier: '451A38B5067979D2073822A5CEB24C4B0',
      buildId: 'b5381a457906d279073822a5ceb24c4bfef94ddb',
      version: '',
    });
    expect(dump.exception).toMatchObject({ threadId: 1304, code: 11, address: 0x45n });
    expect(dump.systemInfo.processor_architecture).toBe('0x9 (x86-64)');
    expect(dump.texts.get('MD_LINUX_CMD_LINE')?.trim()).toBe('./crash\\0');
    expect(dump.texts.get('MD_LINUX_MAPS')).toMatch(/^00400000-0041a000 r-xp .*crash\n/);
  });

  it('reads thread names', async () => {
    const dump = await minidumpDump(corpus('breakpad/thread_name_list.dmp'));
    expect([...dump.threadNames]).toEqual([
      [0x19a4, 'main thread'],
      [0x2274, 'sleep thread'],
      [0x2ae0, 'overflow thread'],
    ]);
    expect(dump.complaints).toEqual([]);
  });

  it('reads memory information', async () => {
    const dump = await minidumpDump(corpus('breakpad/tiny-exe-with-cet-xsave.dmp'));
    expect(dump.memoryInfo).toHaveLength(557);
    expect(dump.memoryInfo[1]).toEqual({
      base: 0x7ffe0000n,
      size: 0x1000n,
      protection: 2,
      state: 0x1000,
      type: 0x20000,
    });
  });

  it('complains of a damaged dump', async () => {
    const dump = await minidumpDump(corpus('rust-minidump/invalid-record-count.dmp'));
    expect(dump.complaints).not.toEqual([]);
  });
});

describeWith([needsLinux, needsCorpus, 'minidump_stackwalk'], 'minidump_stackwalk is understood', () => {
  it('walks a Linux dump with symbols', async () => {
    const walk = await minidumpStackwalk(corpus('breakpad/linux_overflow.dmp'), [corpus('breakpad/symbols')]);
    expect(walk.complaints).toEqual([]);
    expect(walk.crash).toEqual({ reason: 'SIGABRT', address: 0x3e8000039ben, thread: 0 });
    expect(walk.frames[0]!.slice(0, 7).map((frame) => frame.function)).toEqual([
      'gsignal',
      'abort',
      '__fsetlocking',
      '__fortify_fail',
      '__chk_fail',
      'overflow(char const*)',
      'main',
    ]);
    expect(walk.frames[0]![6]).toMatchObject({
      sourceFile: '/home/mattdr/exploitable-crashes/overflow.cc',
      line: 45,
    });
    expect(walk.modules[0]).toEqual({
      name: 'overflow',
      debugIdentifier: 'B0E1FC01EF48E39CAF5C881D2DF0C3840',
      start: 0x400000n,
      end: 0x414fffn,
      main: true,
    });
  });

  it('complains of a damaged dump', async () => {
    const walk = await minidumpStackwalk(corpus('rust-minidump/invalid-record-count.dmp'));
    expect(walk.complaints).not.toEqual([]);
  });
});

describeWith([needsLinux, needsCorpus, 'lldb-19'], 'LLDB is understood', () => {
  it('reads a Linux dump', async () => {
    const report = await lldbDump(corpus('symbolicator/linux.dmp'), [
      { address: 0x7fff5ae4aa20n, length: 16 },
      { address: 0x10n, length: 16 },
    ]);
    expect(report.complaints).toEqual([]);
    expect(report.pid).toBe(1304);
    expect(report.threads.map(({ id }) => id)).toEqual([1304]);
    expect(report.threads[0]!.registers).toMatchObject({
      rip: 0x401d72n,
      rsp: 0x7fff5ae4aa20n,
      rflags: 0x10206n,
    });
    expect(report.threads[0]!.frames[0]!.pc).toBe(0x401d72n);
    expect(report.modules[2]).toEqual({
      path: '/lib/x86_64-linux-gnu/libc-2.23.so',
      buildId: 'b5381a457906d279073822a5ceb24c4bfef94ddb',
      base: 0x7f514015d000n,
    });
    expect(report.regions.find(({ start }) => start === 0x400000n)).toEqual({
      start: 0x400000n,
      end: 0x41a000n,
      protection: 'r-x',
    });
    expect(report.reads[0]!.toString('hex')).toBe('01000000ffffffff38aae45aff7f0000');
    expect(report.reads[1]).toBeUndefined();
  });

  it('fails on a damaged dump', async () => {
    await expect(lldbDump(corpus('rust-minidump/invalid-range.dmp'))).rejects.toThrow(
      /lldb-19 gave no report/,
    );
  });
});

describeWith([needsLinux, needsCorpus, 'obj2yaml-19'], 'obj2yaml is understood', () => {
  it('reads a Linux dump', async () => {
    const report = await obj2yaml(corpus('symbolicator/linux.dmp'));
    expect(report.complaints).toEqual([]);
    expect(report.streams.slice(0, 5)).toEqual([
      'ThreadList',
      'ModuleList',
      'MemoryList',
      'Exception',
      'SystemInfo',
    ]);
    expect(report.threads).toHaveLength(1);
    expect(report.threads[0]).toMatchObject({ id: 1304, stackStart: 0x7fff5ae4a000n });
    expect(report.threads[0]!.context.readBigUInt64LE(0xf8)).toBe(0x401d72n);
    expect(report.threads[0]!.stack).toHaveLength(0x3000);
    expect(report.modules[2]).toMatchObject({
      base: 0x7f514015d000n,
      size: 0x1c0000n,
      name: '/lib/x86_64-linux-gnu/libc-2.23.so',
    });
    expect(report.modules[2]!.codeView.toString('hex')).toBe(
      '4c457042b5381a457906d279073822a5ceb24c4bfef94ddb',
    );
    expect(report.memory.map(({ start, bytes }) => [start, bytes.length])).toEqual([
      [0x7fff5ae4a000n, 0x3000],
      [0x401cf2n, 0x100],
    ]);
  });

  it('complains of a damaged dump', async () => {
    expect((await obj2yaml(corpus('rust-minidump/invalid-range.dmp'))).complaints).not.toEqual([]);
  });
});
