import { describe, expect, it } from 'vitest';
import * as format from '../../src/format/index.js';
import { encodeString, StreamType } from '../../src/format/index.js';
import { buildIdAsGuid, decodeMaps, identify, Minidump, toJson } from '../../src/reader/index.js';
import { DumpBuilder } from './build-dump.js';

const ascii = (text: string) => new TextEncoder().encode(text);

function withStream(type: number, bytes: Uint8Array): Minidump {
  return Minidump.openSync(new DumpBuilder().stream(type, bytes).build());
}

function linuxSystem(builder: DumpBuilder): DumpBuilder {
  const { Rva } = builder.add(encodeString('Linux 6.1'));
  return builder.stream(
    StreamType.SystemInfoStream,
    format.encodeSystemInfo({
      ProcessorArchitecture: format.ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
      PlatformId: format.PlatformId.MD_OS_LINUX,
      CSDVersionRva: Rva,
    }),
  );
}

describe('opening', () => {
  it.each([
    ['nothing', new Uint8Array(0)],
    ['a short file', ascii('MDMP')],
    ['something else', ascii('\x7fELF'.padEnd(64))],
    ['another version', format.MINIDUMP_HEADER.encode({ Signature: format.MINIDUMP_SIGNATURE, Version: 1 })],
  ])('refuses %s', (_, bytes) => {
    expect(() => Minidump.openSync(bytes)).toThrow(expect.objectContaining({ code: 'not-a-minidump' }));
  });

  it('refuses a directory that is not there', () => {
    const header = {
      Signature: format.MINIDUMP_SIGNATURE,
      Version: 0xa793,
      NumberOfStreams: 3,
      StreamDirectoryRva: 32,
    };
    expect(() => Minidump.openSync(format.MINIDUMP_HEADER.encode(header))).toThrow(
      expect.objectContaining({ code: 'truncated' }),
    );
    const many = format.MINIDUMP_HEADER.encode({ ...header, NumberOfStreams: 0xffffffff });
    expect(() => Minidump.openSync(many)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('takes bytes, a buffer, a Blob and a source', async () => {
    const bytes = new DumpBuilder().stream(StreamType.CommentStreamA, ascii('hello')).build();
    const buffer = bytes.buffer as ArrayBuffer;
    for (const from of [bytes, buffer, new Blob([buffer])]) {
      expect(await (await Minidump.open(from)).get('commentA')).toBe('hello');
    }
  });

  it('reads a directory far behind the header', () => {
    const builder = new DumpBuilder();
    builder.add(new Uint8Array(5000));
    expect(Minidump.openSync(builder.stream(9999, ascii('x')).build()).directory).toHaveLength(1);
  });

  it('lists streams, known and unknown; of two the first one counts', () => {
    const dump = Minidump.openSync(
      new DumpBuilder()
        .entry(0, { Rva: 0, DataSize: 0 })
        .stream(StreamType.CommentStreamA, ascii('first'))
        .stream(StreamType.CommentStreamA, ascii('second'))
        .stream(StreamType.JavaScriptDataStream, ascii('js'))
        .stream(0x10001, ascii('mine'))
        .build(),
    );
    expect(dump.directory.map(({ name, key }) => [name, key])).toEqual([
      ['UnusedStream', undefined],
      ['CommentStreamA', 'commentA'],
      ['CommentStreamA', 'commentA'],
      ['JavaScriptDataStream', undefined],
      [undefined, undefined],
    ]);
    expect(dump.getSync('commentA')).toBe('first');
    expect(dump.readSync(dump.directory[2]!)).toBe('second');
    expect(dump.readSync(dump.directory[3]!)).toEqual(ascii('js'));
    expect(dump.userStreams).toEqual([dump.directory[4]]);
    expect(dump.getSync('threads')).toBeUndefined();
    expect(dump.entry(0x10001)!.dataSize).toBe(4);
  });

  it('keeps a stream that was read', () => {
    const dump = withStream(StreamType.LinuxCmdLine, ascii('a\0b c\0\0'));
    expect(dump.getSync('linuxCommandLine')).toEqual(['a', 'b c', '']);
    expect(dump.getSync('linuxCommandLine')).toBe(dump.getSync('linuxCommandLine'));
  });
});

describe('threads', () => {
  it('have names, contexts and problems of their own', () => {
    const builder = linuxSystem(new DumpBuilder());
    const context = builder.add(
      format.CONTEXT_AMD64.encode({ ContextFlags: 0x10000b, Rip: 5n, Rsp: 6n, R15: 7n }),
    );
    const name = builder.add(encodeString('worker'));
    builder
      .stream(
        StreamType.ThreadListStream,
        format.encodeThreadList([
          { ThreadId: 1, ThreadContext: context },
          { ThreadId: 2, ThreadContext: { Rva: 0x7fffffff, DataSize: 1232 } },
          { ThreadId: 3 },
          { ThreadId: 4, ThreadContext: { Rva: 0, DataSize: 100 } },
        ]),
      )
      .stream(
        StreamType.ThreadNamesStream,
        format.encodeThreadNames([
          { ThreadId: 1, RvaOfThreadName: BigInt(name.Rva) },
          { ThreadId: 3, RvaOfThreadName: 1n << 40n },
        ]),
      );
    const dump = Minidump.openSync(builder.build());
    const [one, two, three, four] = dump.getSync('threads')!;
    expect(one).toMatchObject({ name: 'worker', problems: [] });
    expect(one!.context!.instructionPointer).toBe(5n);
    expect(one!.context!.stackPointer).toBe(6n);
    expect(one!.context!.register('r15')).toBe(7n);
    expect(one!.context!.register('x0')).toBeUndefined();
    expect(one!.context!.is('amd64') && one!.context!.registers.Rip).toBe(5n);
    expect(one!.context!.registerNames).toContain('rax');
    expect([two!.context, two!.problems[0]?.code]).toEqual([undefined, 'truncated']);
    expect([three!.context, three!.problems, three!.name]).toEqual([undefined, [], undefined]);
    expect(four!.problems[0]?.code).toBe('malformed');
    expect(dump.getSync('threadNames')![1]!.problems[0]!.code).toBe('truncated');
  });

  it('do not suffer from broken names', () => {
    const dump = Minidump.openSync(
      new DumpBuilder()
        .stream(StreamType.ThreadListStream, format.encodeThreadList([{ ThreadId: 1 }]))
        .stream(StreamType.ThreadNamesStream, Uint8Array.of(9, 0, 0, 0))
        .build(),
    );
    expect(dump.getSync('threads')).toHaveLength(1);
    expect(() => dump.getSync('threadNames')).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('of Itanium have a backing store', () => {
    const store = { StartOfMemoryRange: 5n, Memory: { Rva: 6, DataSize: 7 } };
    const dump = withStream(
      StreamType.ThreadExListStream,
      format.encodeThreadExList([{ ThreadId: 1, BackingStore: store }]),
    );
    expect(dump.getSync('threadsEx')![0]).toMatchObject({ ThreadId: 1, BackingStore: store });
  });
});

describe('contexts of other CPUs', () => {
  it.each([
    ['ARM of Windows', 5, format.CONTEXT_ARM.encode({ ContextFlags: 0x200007, Pc: 1, Sp: 2 }), 'arm'],
    ['ARM of Breakpad', 5, breakpadArm(), 'arm-breakpad'],
    ['ARM64', 12, format.CONTEXT_ARM64.encode({ ContextFlags: 0x400007, Pc: 1n, Sp: 2n }), 'arm64'],
    ['ARM64 of old Breakpads', 0x8003, arm64Old(), 'arm64-old'],
    [
      'MIPS',
      1,
      format.MDRawContextMIPS.encode({ context_flags: 0x40007, epc: 1n, iregs: at(29, 2n) }),
      'mips',
    ],
    ['PowerPC', 3, format.MDRawContextPPC.encode({ context_flags: 0x20000001, srr0: 1, gpr: [0, 2] }), 'ppc'],
    [
      'PPC64',
      0x8002,
      format.MDRawContextPPC64.encode({ context_flags: 0x1000001n, srr0: 1n, gpr: [0n, 2n] }),
      'ppc64',
    ],
    ['RISC-V', 0x8005, format.MDRawContextRISCV.encode({ context_flags: 0x800001, pc: 1, sp: 2 }), 'riscv'],
    [
      'RISC-V 64',
      0x8006,
      format.MDRawContextRISCV64.encode({ context_flags: 0x8000001, pc: 1n, sp: 2n }),
      'riscv64',
    ],
    [
      'SPARC',
      0x8001,
      format.MDRawContextSPARC.encode({ context_flags: 0x10000001, pc: 1n, g_r: at(14, 2n) }),
      'sparc',
    ],
  ])('%s', (_, architecture, bytes, kind) => {
    for (const given of [architecture, undefined]) {
      const builder = new DumpBuilder();
      if (given !== undefined) {
        const text = builder.add(encodeString(''));
        const info = format.encodeSystemInfo({ ProcessorArchitecture: given, CSDVersionRva: text.Rva });
        builder.stream(StreamType.SystemInfoStream, info);
      }
      const list = format.encodeThreadList([{ ThreadId: 1, ThreadContext: builder.add(bytes) }]);
      const [thread] = Minidump.openSync(builder.stream(StreamType.ThreadListStream, list).build()).getSync(
        'threads',
      )!;
      expect(thread!.problems).toEqual([]);
      const context = thread!.context!;
      expect([context.kind, context.instructionPointer, context.stackPointer]).toEqual([kind, 1n, 2n]);
    }
  });

  function at(index: number, value: bigint): bigint[] {
    const all: bigint[] = new Array(index).fill(0n);
    return [...all, value];
  }
  function breakpadArm(): Uint8Array {
    const iregs = [...new Array<number>(13).fill(0), 2, 0, 1];
    return format.MDRawContextARM.encode({ context_flags: 0x40000007, iregs });
  }
  function arm64Old(): Uint8Array {
    return format.MDRawContextARM64_Old.encode({ context_flags: 0x80000007n, iregs: [...at(31, 2n), 1n] });
  }
});

describe('modules', () => {
  const stamp = { TimeDateStamp: 0xb1054d2a, SizeOfImage: 0xada542bd };
  const windows = { PlatformId: 2 } as format.MINIDUMP_SYSTEM_INFO;
  const apple = { PlatformId: format.PlatformId.MD_OS_MAC_OS_X } as format.MINIDUMP_SYSTEM_INFO;
  const linux = { PlatformId: format.PlatformId.MD_OS_LINUX } as format.MINIDUMP_SYSTEM_INFO;
  const elf = (...bytes: number[]) => format.decodeCodeView(format.encodeBuildId(Uint8Array.from(bytes)));
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
  const guid = (digits: string): format.GUID => ({
    Data1: Number.parseInt(digits.slice(0, 8), 16),
    Data2: Number.parseInt(digits.slice(8, 12), 16),
    Data3: Number.parseInt(digits.slice(12, 16), 16),
    Data4: Uint8Array.from(digits.slice(16).match(/../g)!, (byte) => Number.parseInt(byte, 16)),
  });
  const rsds = (digits: string, age: number): format.CodeView => ({
    kind: 'pdb70',
    CvSignature: format.CodeViewSignature.RSDS,
    Signature: guid(digits),
    Age: age,
    PdbFileName: 'x.pdb',
  });

  it.each([
    [
      'RSDS',
      rsds('abcd1234f00dbeef0102030405060708', 1),
      windows,
      'ABCD1234F00DBEEF01020304050607081',
      'b1054d2aada542bd',
      'x.pdb',
    ],
    ['RSDS of zeros', rsds('0'.repeat(32), 0), windows, undefined, 'b1054d2aada542bd', 'x.pdb'],
    [
      'RSDS of macOS',
      rsds('aabbccddeeff00112233445566778899', 0),
      apple,
      'AABBCCDDEEFF001122334455667788990',
      'aabbccddeeff00112233445566778899',
      'x.pdb',
    ],
    [
      'NB10',
      {
        kind: 'pdb20',
        CvSignature: 0,
        Offset: 0,
        Signature: 0xabcd1234,
        Age: 1,
        PdbFileName: 'y.pdb',
      } as format.CodeView,
      windows,
      'ABCD12341',
      'b1054d2aada542bd',
      'y.pdb',
    ],
    [
      'BpEL',
      elf(...upTo(24)),
      linux,
      '030201000504070608090A0B0C0D0E0F0',
      '000102030405060708090a0b0c0d0e0f1011121314151617',
      'name',
    ],
    ['a short BpEL', elf(...upTo(8)), linux, '030201000504070600000000000000000', '0001020304050607', 'name'],
    ['BpEL of zeros', elf(0, 0), linux, undefined, undefined, 'name'],
    ['an empty BpEL', elf(), linux, undefined, undefined, 'name'],
    ['none on Windows', undefined, windows, undefined, 'b1054d2aada542bd', undefined],
    ['none elsewhere', undefined, linux, undefined, undefined, undefined],
    [
      'another',
      { kind: 'unknown', bytes: Uint8Array.of(1) } as format.CodeView,
      windows,
      undefined,
      undefined,
      undefined,
    ],
  ])('are identified by %s', (_, codeView, system, debugIdentifier, codeIdentifier, debugFile) => {
    expect(identify(stamp, 'name', codeView, system)).toEqual({ debugFile, debugIdentifier, codeIdentifier });
  });

  it('of Breakpad’s and symbolic’s own tests', () => {
    const bytes = (digits: string) =>
      Uint8Array.from(digits.match(/../g)!, (byte) => Number.parseInt(byte, 16));
    expect(buildIdAsGuid(bytes('f1c3bcc0279865fe3058404b2831d9e64135386c'))).toBe(
      'C0BCC3F19827FE653058404B2831D9E60',
    );
    expect(buildIdAsGuid(bytes('5fa9cdb4'))).toBe('B4CDA95F0000000000000000000000000');
  });

  it('keep what is not broken', () => {
    const builder = new DumpBuilder();
    const name = builder.add(encodeString('/bin/x'));
    const cut = builder.add(
      format.CV_INFO_PDB70.encode({ CvSignature: format.CodeViewSignature.RSDS }).subarray(0, 10),
    );
    const misc = builder.add(
      new Uint8Array([...format.IMAGE_DEBUG_MISC.encode({ DataType: 1 }), ...ascii('x.dbg\0')]),
    );
    const list = format.encodeModuleList([
      { BaseOfImage: 1n, ModuleNameRva: name.Rva, CvRecord: cut, MiscRecord: misc },
      { BaseOfImage: 2n, ModuleNameRva: 0xfffffff0 },
      { BaseOfImage: 3n, ModuleNameRva: name.Rva, CvRecord: { Rva: 32, DataSize: 0x20000 } },
    ]);
    const modules = Minidump.openSync(builder.stream(StreamType.ModuleListStream, list).build()).getSync(
      'modules',
    )!;
    expect(
      modules.map(({ name, debugMisc, problems }) => [name, debugMisc, problems.map(({ code }) => code)]),
    ).toEqual([
      ['/bin/x', 'x.dbg', ['malformed']],
      [undefined, undefined, ['truncated']],
      ['/bin/x', undefined, ['truncated']],
    ]);
  });

  it('cannot make a small file into a large one', () => {
    const builder = new DumpBuilder();
    const name = builder.add(encodeString('n'.repeat(20_000)));
    const list = format.encodeModuleList(Array.from({ length: 1000 }, () => ({ ModuleNameRva: name.Rva })));
    const modules = Minidump.openSync(builder.stream(StreamType.ModuleListStream, list).build()).getSync(
      'modules',
    )!;
    const named = modules.filter((module) => module.name !== undefined);
    expect(named.length).toBeGreaterThan(4);
    expect(named.length).toBeLessThan(20);
    expect(modules.at(-1)!.problems[0]!.code).toBe('malformed');
  });

  it('were unloaded', () => {
    const builder = new DumpBuilder();
    const { Rva } = builder.add(encodeString('old.dll'));
    const list = format.encodeUnloadedModuleList([{ ...stamp, ModuleNameRva: Rva }]);
    const dump = Minidump.openSync(builder.stream(StreamType.UnloadedModuleListStream, list).build());
    expect(dump.getSync('unloadedModules')![0]).toMatchObject({
      name: 'old.dll',
      codeIdentifier: 'b1054d2aada542bd',
    });
  });
});

describe('handles', () => {
  function handleDump(next: (rva: number) => number): Minidump {
    const builder = new DumpBuilder();
    const type = builder.add(encodeString('Mutant'));
    const info = format.MINIDUMP_HANDLE_OBJECT_INFORMATION;
    const rva = builder.add(new Uint8Array(0)).Rva;
    const head = info.encode({ NextInfoRva: next(rva), InfoType: 2, SizeOfInfo: 3 });
    builder.add(new Uint8Array([...head, 7, 8, 9]));
    const list = format.encodeHandleData([
      { Handle: 4n, TypeNameRva: type.Rva, ObjectInfoRva: rva },
      { Handle: 8n, ObjectNameRva: 0xffffff00 },
    ]);
    return Minidump.openSync(builder.stream(StreamType.HandleDataStream, list).build());
  }

  it('have names and information', () => {
    const [one, two] = handleDump(() => 0).getSync('handles')!;
    expect(one).toMatchObject({ Handle: 4n, typeName: 'Mutant', objectName: undefined, problems: [] });
    expect(one!.objectInformation).toEqual([
      { InfoType: 2, typeName: 'MiniMutantInformation1', data: Uint8Array.of(7, 8, 9) },
    ]);
    expect(two!.problems[0]!.code).toBe('truncated');
  });

  it('do not go round in a chain that bites its tail', () => {
    const [one] = handleDump((rva) => rva).getSync('handles')!;
    expect(one!.problems[0]!.message).toContain('or a loop');
  });

  it('cannot make a small file into many reads', () => {
    const builder = new DumpBuilder();
    const head = format.MINIDUMP_HANDLE_OBJECT_INFORMATION.encode({ NextInfoRva: 32, SizeOfInfo: 10_000 });
    builder.add(new Uint8Array([...head, ...new Uint8Array(10_000)]));
    const list = format.encodeHandleData(Array.from({ length: 10_000 }, () => ({ ObjectInfoRva: 32 })));
    const bytes = builder.stream(StreamType.HandleDataStream, list).build();
    let read = 0;
    const source = {
      size: bytes.length,
      read: (offset: number, length: number) => {
        read += length;
        return bytes.subarray(offset, offset + length);
      },
    };
    Minidump.openSync(source).getSync('handles');
    expect(read).toBeLessThan(bytes.length * 16);
  });

  it('have operations', () => {
    const head = format.MINIDUMP_HANDLE_OPERATION_LIST.encode({
      SizeOfHeader: 16,
      SizeOfEntry: 288,
      NumberOfEntries: 1,
    });
    const operation = format.AVRF_HANDLE_OPERATION.encode({
      Handle: 4n,
      OperationType: format.HANDLE_TRACE_OPERATIONS.OperationDbCLOSE,
      BackTraceInformation: { Depth: 1, ReturnAddresses: [0x401000n] },
    });
    const dump = withStream(StreamType.HandleOperationListStream, new Uint8Array([...head, ...operation]));
    const [read] = dump.getSync('handleOperations')!;
    expect(read!.BackTraceInformation.ReturnAddresses[0]).toBe(0x401000n);
  });
});

describe('texts', () => {
  it('comments end at a NUL and are UTF-8 or Latin-1', () => {
    expect(withStream(StreamType.CommentStreamA, ascii('né\0rest')).getSync('commentA')).toBe('né');
    expect(withStream(StreamType.CommentStreamA, Uint8Array.of(0x6e, 0xe9)).getSync('commentA')).toBe('né');
    const wide = encodeString('wide').subarray(4);
    expect(withStream(StreamType.CommentStreamW, wide).getSync('commentW')).toBe('wide');
  });

  it('soft errors are JSON or broken', () => {
    expect(withStream(StreamType.MozSoftErrors, ascii('[{"a":1}]')).getSync('softErrors')).toEqual([
      { a: 1 },
    ]);
    expect(() => withStream(StreamType.MozSoftErrors, ascii('[')).getSync('softErrors')).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });

  it('Facebook’s build id is a number', () => {
    expect(withStream(StreamType.FacebookBuildID, Uint8Array.of(1, 2, 0, 0)).getSync('facebookBuildId')).toBe(
      0x201,
    );
    expect(withStream(StreamType.FacebookJavaStack, ascii('at a.b')).getSync('facebookJavaStack')).toBe(
      'at a.b',
    );
    expect(withStream(StreamType.MozLinuxLimits, ascii('Limit')).getSync('linuxLimits')).toBe('Limit');
  });

  it('maps are parsed', () => {
    const text =
      '00400000-0041a000 r-xp 00001000 fd:01 1234 /a b/c (deleted)\n' +
      'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n' +
      '7f0000000000-7f0000001000 rw-s 00000000 00:00 0 \n';
    expect(decodeMaps(ascii(text))).toEqual([
      {
        start: 0x400000n,
        end: 0x41a000n,
        permissions: 'r-xp',
        offset: 0x1000n,
        device: 'fd:01',
        inode: 1234n,
        path: '/a b/c (deleted)',
      },
      expect.objectContaining({ start: 0xffffffffff600000n, path: '[vsyscall]' }),
      expect.objectContaining({ permissions: 'rw-s', path: '' }),
    ]);
    expect(() => decodeMaps(ascii('5-4 r-xp 0 0:0 0 x\n'))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });
});

describe('macOS', () => {
  it.each([
    [1n, {}],
    [4n, { thread: 7n, dialog_mode: 8n }],
    [5n, { thread: 7n, dialog_mode: 8n, abort_cause: 9n }],
  ])('crash information of version %i', (version, fields) => {
    const builder = new DumpBuilder();
    const start = format.MINIDUMP_MAC_CRASH_INFO_RECORD_5.encode({
      version,
      thread: 7n,
      dialog_mode: 8n,
      abort_cause: 9n,
    });
    const texts = ascii('/lib/x\0aborting\0\0frames\0');
    const record = builder.add(new Uint8Array([...start, ...texts]));
    builder.stream(
      StreamType.MozMacosCrashInfoStream,
      format.MINIDUMP_MAC_CRASH_INFO.encode({
        record_count: 2,
        record_start_size: start.length,
        records: [record, { Rva: 0x70000000, DataSize: 40 }],
      }),
    );
    const info = Minidump.openSync(builder.build()).getSync('macCrashInfo')!;
    const strings = {
      module_path: '/lib/x',
      message: 'aborting',
      signature_string: '',
      backtrace: 'frames',
      message2: '',
    };
    expect(info.records).toEqual([{ stream_type: 0n, version, ...fields, ...(version >= 4n && strings) }]);
    expect(info.problems.map(({ code }) => code)).toEqual(['truncated']);
  });

  it('boot arguments', () => {
    const builder = new DumpBuilder();
    const { Rva } = builder.add(encodeString('-v keepsyms=1'));
    builder.stream(
      StreamType.MozMacosBootargsStream,
      format.MINIDUMP_MAC_BOOTARGS.encode({ bootargs: BigInt(Rva) }),
    );
    expect(Minidump.openSync(builder.build()).getSync('macBootArgs')).toBe('-v keepsyms=1');
  });
});

describe('Crashpad', () => {
  it('broken annotations cost only themselves', () => {
    const builder = new DumpBuilder();
    const text = (value: string) =>
      builder.add(
        new Uint8Array([...format.MinidumpUTF8String.encode({ Length: value.length }), ...ascii(value), 0]),
      ).Rva;
    const [key, value] = [text('key'), text('value')];
    const entry = format.MinidumpSimpleStringDictionaryEntry;
    const simple = builder.add(
      format.encodeCountedList(entry, [
        { key, value },
        { key: 0x7fffffff, value },
      ]),
    );
    builder.stream(
      StreamType.CrashpadInfoStream,
      format.MinidumpCrashpadInfo.encode({
        version: 1,
        simple_annotations: simple,
        address_mask: 0xffffffffffn,
      }),
    );
    const info = Minidump.openSync(builder.build()).getSync('crashpadInfo')!;
    expect(info).toMatchObject({
      simpleAnnotations: { key: 'value' },
      modules: [],
      addressMask: 0xffffffffffn,
    });
    expect(info.problems).toHaveLength(1);
  });
});

describe('JSON', () => {
  it('has a form for everything', () => {
    const guid = format.GUID.decode(Uint8Array.from({ length: 16 }, (_, i) => i));
    expect(
      toJson({
        address: 0x7ffe0000n,
        below: -1n,
        bytes: Uint8Array.of(1, 0xab),
        guid,
        left: undefined,
        list: [1n, undefined],
        map: new Map([['a', 1n]]),
        nan: Number.NaN,
      }),
    ).toEqual({
      address: '0x7ffe0000',
      below: '-0x1',
      bytes: { length: 2, hex: '01ab' },
      guid: '03020100-0504-0706-0809-0a0b0c0d0e0f',
      list: ['0x1', null],
      map: { a: '0x1' },
      nan: 'NaN',
    });
  });

  it('is not nested without end', () => {
    const deep = withStream(StreamType.MozSoftErrors, ascii('['.repeat(100_000) + ']'.repeat(100_000)));
    expect(() => toJson(deep.getSync('softErrors'))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('of an annotation called __proto__ is harmless', () => {
    const json = toJson(Object.fromEntries([['__proto__', 'x']])) as Record<string, unknown>;
    expect(Object.getPrototypeOf(json)).toBe(Object.prototype);
    expect(JSON.stringify(json)).toBe('{"__proto__":"x"}');
  });
});
