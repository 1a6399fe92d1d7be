import { expect, it } from 'vitest';
import { type CodeView, guidText } from '../../src/format/index.js';
import { BytesSource, MinidumpError, type Source } from '../../src/io/index.js';
import { decodeContext, Minidump, streamKeys, toJson } from '../../src/reader/index.js';
import { describeWith, needsCorpus } from '../support/tools.js';
import { corpusBytes, corpusDumps, corpusText } from './corpus.js';
import { toBigEndian } from './swap.js';

function open(name: string): Minidump {
  return Minidump.openSync(corpusBytes(name));
}

function failure(act: () => unknown): MinidumpError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(MinidumpError);
    return error as MinidumpError;
  }
  throw new Error('it did not fail');
}

const damaged = ['rust-minidump/invalid-range.dmp', 'rust-minidump/invalid-record-count.dmp'];

describeWith([needsCorpus], 'dumps of the corpus', () => {
  it.each(corpusDumps().filter((name) => !damaged.includes(name)))(
    '%s: every stream is read whole',
    (name) => {
      const dump = open(name);
      for (const entry of dump.directory) {
        const json = JSON.stringify(toJson(dump.readSync(entry)));
        expect(json, entry.name).not.toContain('"problems":[{');
      }
      for (const thread of dump.getSync('threads')!) {
        expect(thread.context!.cpu).toBe(dump.getSync('systemInfo')!.cpu);
        const stack = dump
          .memorySync()
          .readSync(thread.Stack.StartOfMemoryRange, thread.Stack.Memory.DataSize);
        expect(stack).toHaveLength(thread.Stack.Memory.DataSize);
      }
      for (const module of dump.getSync('modules')!) expect(module.name).toBeTruthy();
    },
  );

  it.each(corpusDumps())('%s: promises give the same', async (name) => {
    const bytes = corpusBytes(name);
    const later: Source = {
      size: bytes.length,
      read: async (offset, length) => bytes.slice(offset, offset + length),
    };
    const slow = await Minidump.open(later);
    const fast = open(name);
    for (const key of streamKeys) {
      const settled = await slow.get(key).catch((error: MinidumpError) => error.message);
      let atOnce: unknown;
      try {
        atOnce = fast.getSync(key);
      } catch (error) {
        atOnce = (error as MinidumpError).message;
      }
      expect(toJson(settled), key).toEqual(toJson(atOnce));
    }
    expect((await slow.memory()).ranges()).toEqual(fast.memorySync().ranges());
    expect(failure(() => Minidump.openSync(later)).code).toBe('async-source');
  });

  it('invalid-range.dmp: the header is read, the maps are an error', () => {
    const dump = open('rust-minidump/invalid-range.dmp');
    expect(dump.littleEndian).toBe(true);
    expect(dump.header.NumberOfStreams).toBe(4);
    expect(failure(() => dump.getSync('linuxMaps')).code).toBe('malformed');
    expect(failure(() => dump.readSync(dump.directory[0]!)).code).toBe('truncated');
    expect(dump.bytesSync(dump.entry('linuxMaps')!)).toHaveLength(258);
  });

  it('invalid-record-count.dmp: the header is read, the records are an error', () => {
    const dump = open('rust-minidump/invalid-record-count.dmp');
    expect(dump.header.NumberOfStreams).toBe(16);
    const records = dump.directory.filter(({ key }) => key === 'macCrashInfo');
    expect(records.map((entry) => failure(() => dump.readSync(entry)).code)).toEqual([
      'truncated',
      'malformed',
    ]);
    expect(dump.memorySync().ranges()).toEqual([]);
  });

  it('simple-crashpad.dmp', () => {
    const dump = open('rust-minidump/simple-crashpad.dmp');
    const info = dump.getSync('crashpadInfo')!;
    expect(info.version).toBe(1);
    expect(info.reportId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(info.clientId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(info.simpleAnnotations).toEqual({ hello: 'world' });
    expect(info.modules.find(({ moduleIndex }) => moduleIndex === 16)?.listAnnotations).toEqual([
      'abort() called',
    ]);
    expect(info.addressMask).toBe(0n);
    expect(info.problems).toEqual([]);
  });

  it('invalid-parameter.dmp', () => {
    const dump = open('rust-minidump/invalid-parameter.dmp');
    const info = dump.getSync('assertionInfo')!;
    expect(info).toMatchObject({
      expression: 'format != nullptr',
      function: 'common_vfprintf',
      line: 32,
      type: 1,
    });
    expect(info.file).toMatch(/output\.cpp$/);
  });

  it('thread_name_list.dmp', () => {
    const dump = open('breakpad/thread_name_list.dmp');
    const names = new Map(dump.getSync('threadNames')!.map(({ ThreadId, name }) => [ThreadId, name]));
    expect([...names]).toEqual([
      [0x19a4, 'main thread'],
      [0x2274, 'sleep thread'],
      [0x2ae0, 'overflow thread'],
    ]);
    for (const thread of dump.getSync('threads')!) expect(thread.name).toBe(names.get(thread.ThreadId));
  });

  it('tiny-exe-with-cet-xsave*.dmp: what follows the contexts is kept', () => {
    const narrow = open('breakpad/tiny-exe-with-cet-xsave-x86.dmp');
    const wide = open('breakpad/tiny-exe-with-cet-xsave.dmp');
    for (const { context } of narrow.getSync('threads')!) {
      expect([context!.kind, context!.bytes.length, context!.extended.length]).toEqual([
        'x86',
        1147,
        1147 - 716,
      ]);
    }
    for (const { context } of wide.getSync('threads')!) {
      expect(context!.kind).toBe('amd64');
      expect(context!.extended.length).toBeGreaterThan(0);
    }
    expect(narrow.getSync('miscInfo')!.XStateData!.ContextSize).toBe(1147);
  });

  it('minidump_32bit_crash_addr.dmp: what a 32-bit process cannot have goes', () => {
    const exception = open('breakpad/minidump_32bit_crash_addr.dmp').getSync('exception')!;
    expect(exception.ExceptionRecord.ExceptionInformation[1]).toBe(0xffffffff00000045n);
    expect(exception.information).toEqual([1n, 0x45n]);
    expect(exception.address).toBe(0x40429en);
  });

  it('tiny-exe-fastfail.dmp: four threads', () => {
    const dump = open('breakpad/tiny-exe-fastfail.dmp');
    expect(dump.getSync('threads')).toHaveLength(4);
    expect(dump.getSync('exception')!.ExceptionRecord).toMatchObject({ ExceptionCode: 0xc0000409 });
    expect(dump.getSync('exception')!.ExceptionRecord.ExceptionInformation[0]).toBe(7n);
  });

  it('minidump_crashpad_annotation.dmp', () => {
    const dump = open('breakpad/minidump_crashpad_annotation.dmp');
    expect(dump.getSync('systemInfo')).toMatchObject({ platformName: 'MD_OS_IOS', cpu: 'amd64' });
    const objects = dump.getSync('crashpadInfo')!.modules[0]!.annotationObjects;
    expect(objects.map(({ name, type }) => [name, type])).toContainEqual(['CounterAnnotation', 32810]);
    expect(objects.find(({ name }) => name === 'exceptionName')!.value).toBe('NSRangeException');
    expect(objects.find(({ type }) => type === 32810)!.value).toEqual(Uint8Array.of(1, 0, 0, 0));
  });

  it('linux.dmp: the texts of /proc', () => {
    const dump = open('symbolicator/linux.dmp');
    expect(dump.getSync('linuxCommandLine')).toEqual(['./crash']);
    expect(dump.getSync('linuxEnvironment')).toContain('_=/usr/bin/make');
    expect(dump.getSync('linuxStatus')).toMatch(/^Name:\tcrash\n/);
    expect(dump.getSync('linuxCpuInfo')).toContain('vendor_id\t: GenuineIntel');
    const maps = dump.getSync('linuxMaps')!;
    expect(maps[0]).toMatchObject({ start: 0x400000n, end: 0x41a000n, permissions: 'r-xp', offset: 0n });
    expect(maps[0]!.path).toMatch(/crash$/);
    const auxv = new Map(dump.getSync('linuxAuxv')!.map(({ name, value }) => [name, value]));
    expect(auxv.get('AT_PAGESZ')).toBe(4096n);
    expect(auxv.get('AT_ENTRY')).toBeGreaterThan(0x400000n);
    const dso = dump.getSync('linuxDsoDebug')!;
    expect(dso.ldbase).toBe(auxv.get('AT_BASE'));
    expect(dso.objects.map(({ name }) => name)).toContain('/lib/x86_64-linux-gnu/libc.so.6');
    expect(dump.getSync('systemInfo')!.csdVersion).toMatch(/^Linux 4\.9\.60-linuxkit-aufs #1 SMP/);
  });

  it('linux-mini.dmp: soft errors are JSON', () => {
    const errors = open('rust-minidump/linux-mini.dmp').getSync('softErrors');
    expect(Array.isArray(errors)).toBe(true);
  });

  it('tiny-exe-with-cet-xsave.dmp: handles, unloaded modules, regions', () => {
    const dump = open('breakpad/tiny-exe-with-cet-xsave.dmp');
    const handles = dump.getSync('handles')!;
    expect(handles.map(({ typeName }) => typeName)).toContain('Event');
    expect(dump.getSync('unloadedModules')).toHaveLength(1);
    const regions = dump.getSync('memoryInfo')!;
    expect(regions).toHaveLength(557);
    for (const [i, region] of regions.entries()) {
      if (i > 0) expect(region.BaseAddress).toBeGreaterThan(regions[i - 1]!.BaseAddress);
    }
  });

  it.each([
    ['rust-minidump/test.dmp', 'rust-minidump/expected/json-pretty.snap'],
    ['rust-minidump/linux-mini.dmp', 'rust-minidump/expected/linux_json_pretty.snap'],
  ])('%s: modules as rust-minidump has them', (name, snapshot) => {
    const text = corpusText(snapshot);
    const report = JSON.parse(text.slice(text.indexOf('\n{'))) as {
      modules: Record<
        'base_addr' | 'end_addr' | 'code_id' | 'debug_file' | 'debug_id' | 'filename' | 'version',
        string
      >[];
    };
    const base = (path: string | undefined) => path?.split(/[\\/]/).at(-1) ?? '';
    const modules = open(name).getSync('modules')!;
    expect(
      modules.map((module) => ({
        base: module.BaseOfImage,
        end: module.BaseOfImage + BigInt(module.SizeOfImage),
        code_id: module.codeIdentifier ?? '',
        debug_id: module.debugIdentifier ?? '',
        debug_file: base(module.debugFile),
        filename: base(module.name),
        version: module.version ?? null,
      })),
    ).toEqual(
      report.modules.map((module) => ({
        base: BigInt(module.base_addr),
        end: BigInt(module.end_addr),
        code_id: module.code_id,
        debug_id: module.debug_id,
        debug_file: base(module.debug_file),
        filename: base(module.filename),
        version: module.version,
      })),
    );
  });

  it.each([
    ['symbolicator/linux.dmp', 'symbolicator/expected/minidump_linux.snap'],
    ['symbolicator/windows.dmp', 'symbolicator/expected/minidump_windows.snap'],
  ])('%s: modules and registers as symbolicator has them', (name, snapshot) => {
    const text = corpusText(snapshot);
    const dump = open(name);
    const [, ...images] = text.split(/^ {4}type: (?:elf|pe)$/m);
    const wanted = images.map((image) => ({
      base: BigInt(/image_addr: "(0x[0-9a-f]+)"/.exec(image)![1]!),
      code: /code_id: "?([0-9a-f]+)"?/.exec(image)?.[1],
      size: Number(/image_size: (\d+)/.exec(image)![1]),
    }));
    expect(wanted.length).toBeGreaterThan(5);
    const modules = dump.getSync('modules')!;
    for (const { base, code, size } of wanted) {
      const module = modules.find(({ BaseOfImage }) => BaseOfImage === base)!;
      expect([module.codeIdentifier, module.SizeOfImage]).toEqual([code, size]);
    }
    const threads = text
      .slice(0, text.indexOf('\nmodules:'))
      .split(/^ {2}- thread_id: /m)
      .slice(1);
    expect(threads).toHaveLength(dump.getSync('threads')!.length);
    for (const thread of threads) {
      const id = Number(/^\d+/.exec(thread)![0]);
      const exception = dump.getSync('exception')!;
      const context =
        exception.ThreadId === id
          ? exception.context!
          : dump.getSync('threads')!.find(({ ThreadId }) => ThreadId === id)!.context!;
      const registers = [...thread.matchAll(/^ {6}(\w+): "(0x[0-9a-f]+)"$/gm)];
      expect(registers.length).toBeGreaterThan(8);
      for (const [, register, value] of registers)
        expect(context.register(register!), register).toBe(BigInt(value!));
    }
  });
});

describeWith([needsCorpus], 'a dump with its bytes the other way round', () => {
  it('is read as before', () => {
    const original = open('breakpad/minidump2.dmp');
    const swapped = Minidump.openSync(toBigEndian(corpusBytes('breakpad/minidump2.dmp')));
    expect(swapped.littleEndian).toBe(false);
    expect(swapped.header).toEqual(original.header);
    for (const key of ['miscInfo', 'memoryList'] as const) {
      expect(swapped.getSync(key), key).toEqual(original.getSync(key));
    }
    // Of CPU_INFORMATION only the arm that was swapped: 64-bit numbers over 32-bit ones cannot be the same.
    const system = (dump: Minidump) => {
      const { Cpu, ...rest } = dump.getSync('systemInfo')!;
      return { ...rest, cpu: Cpu.X86CpuInfo };
    };
    expect(system(swapped)).toEqual(system(original));
    const plain = (view: CodeView | undefined) => view?.kind === 'pdb70' && guidText(view.Signature);
    expect(swapped.getSync('modules')!.map(({ name, debugIdentifier }) => [name, debugIdentifier])).toEqual(
      original.getSync('modules')!.map(({ name, debugIdentifier }) => [name, debugIdentifier]),
    );
    expect(swapped.getSync('modules')!.map(({ codeView }) => plain(codeView))).toEqual(
      original.getSync('modules')!.map(({ codeView }) => plain(codeView)),
    );
    const contexts = (dump: Minidump) =>
      [...dump.getSync('threads')!, dump.getSync('exception')!].map(({ context }) =>
        toJson(context!.registers),
      );
    expect(contexts(swapped)).toEqual(contexts(original));
    expect(swapped.getSync('exception')!.context!.instructionPointer).toBe(0x40429en);
    expect(swapped.memorySync().ranges()).toEqual(original.memorySync().ranges());
  });
});

describeWith([needsCorpus], 'reading is lazy', () => {
  class CountingSource extends BytesSource {
    reads = 0;
    bytes = 0;

    override read(offset: number, length: number): Uint8Array {
      this.reads++;
      this.bytes += length;
      return super.read(offset, length);
    }
  }

  it('opening reads the header and the directory', () => {
    const source = new CountingSource(corpusBytes('breakpad/stack_exhaustion.dmp'));
    const dump = Minidump.openSync(source);
    expect(source).toMatchObject({ reads: 1, bytes: 1024 });
    dump.getSync('breakpadInfo');
    expect(source).toMatchObject({ reads: 2, bytes: 1036 });
    dump.getSync('breakpadInfo');
    expect(source.reads).toBe(2);
  });

  it('a list is read in few pieces, and memory only where it is asked for', () => {
    const source = new CountingSource(corpusBytes('breakpad/stack_exhaustion.dmp'));
    const dump = Minidump.openSync(source);
    expect(dump.getSync('modules')).toHaveLength(26);
    expect(source.reads).toBeLessThan(10);
    const memory = dump.memorySync();
    expect(source.bytes).toBeLessThan(20_000);
    const [range] = memory.ranges();
    memory.readSync(range!.start, 16);
    expect(source.bytes).toBeLessThan(20_000);
  });

  it('a dump far away can be read in part', () => {
    const bytes = corpusBytes('rust-minidump/test.dmp');
    const cut: Source = {
      size: bytes.length,
      read: (offset, length) => bytes.subarray(offset, Math.min(offset + length, 0x300)),
    };
    const dump = Minidump.openSync({
      size: cut.size,
      read: (offset, length) => bytes.subarray(offset, offset + length),
    });
    expect(dump.getSync('miscInfo')!.ProcessId).toBe(3932);
    expect(failure(() => Minidump.openSync(cut)).code).toBe('truncated');
  });
});

describeWith([needsCorpus], 'contexts without a system', () => {
  it.each(['breakpad/minidump2.dmp', 'symbolicator/linux.dmp', 'breakpad/tiny-exe-with-cet-xsave-x86.dmp'])(
    'are told by their flags: %s',
    (name) => {
      for (const { context } of open(name).getSync('threads')!) {
        expect(decodeContext(context!.bytes, undefined).kind).toBe(context!.kind);
      }
    },
  );
});
