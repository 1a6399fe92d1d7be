import { describe, expect, it } from 'vitest';
import * as format from '../../src/format/index.js';

const threads = [
  {
    ThreadId: 7,
    SuspendCount: 1,
    PriorityClass: 0x20,
    Priority: 2,
    Teb: 0x7ffdf000n,
    Stack: { StartOfMemoryRange: 0xfffffffffffff000n, Memory: { DataSize: 0x1000, Rva: 0x2000 } },
    ThreadContext: { DataSize: 1232, Rva: 0x400 },
  },
  {
    ThreadId: 8,
    SuspendCount: 0,
    PriorityClass: 0,
    Priority: 0,
    Teb: 0n,
    Stack: { StartOfMemoryRange: 0n, Memory: { DataSize: 0, Rva: 0 } },
    ThreadContext: { DataSize: 0, Rva: 0 },
  },
];

describe('lists', () => {
  it('of threads', () => {
    const bytes = format.encodeThreadList(threads);
    expect(bytes).toHaveLength(4 + 2 * 48);
    expect(format.decodeThreadList(bytes)).toEqual(threads);
  });

  it('are read with four bytes of padding after the count, too', () => {
    const bytes = format.encodeThreadList(threads);
    const padded = new Uint8Array(bytes.length + 4);
    padded.set(bytes.subarray(0, 4));
    padded.set(bytes.subarray(4), 8);
    expect(format.decodeThreadList(padded)).toEqual(threads);
  });

  it('may be longer than they need', () => {
    const bytes = format.encodeThreadList(threads);
    const longer = new Uint8Array(bytes.length + 12);
    longer.set(bytes);
    expect(format.decodeThreadList(longer)).toEqual(threads);
  });

  it.each([
    ['a count that the stream has no room for', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)],
    ['no count', Uint8Array.of(1, 0)],
    ['one element too few', format.encodeThreadList(threads).subarray(0, 4 + 95)],
  ])('are refused with %s', (_, bytes) => {
    expect(() => format.decodeThreadList(bytes)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('of modules', () => {
    const modules = [
      {
        BaseOfImage: 0x7ff600000000n,
        SizeOfImage: 0x1000,
        CheckSum: 1,
        TimeDateStamp: 2,
        ModuleNameRva: 3,
        CvRecord: { DataSize: 24, Rva: 4 },
      },
    ];
    const [read] = format.decodeModuleList(format.encodeModuleList(modules));
    expect(read).toMatchObject(modules[0]!);
    expect(read!.VersionInfo.dwSignature).toBe(0);
  });

  it('of memory', () => {
    const ranges = [{ StartOfMemoryRange: 1n, Memory: { DataSize: 2, Rva: 3 } }];
    expect(format.decodeMemoryList(format.encodeMemoryList(ranges))).toEqual(ranges);
    const ranges64 = [
      { StartOfMemoryRange: 1n, DataSize: 0x1_0000_0000n },
      { StartOfMemoryRange: 0xffff_ffff_ffff_f000n, DataSize: 0x1000n },
    ];
    expect(format.decodeMemory64List(format.encodeMemory64List(0x5_0000_0000n, ranges64))).toEqual({
      BaseRva: 0x5_0000_0000n,
      MemoryRanges: ranges64,
    });
  });

  it('with 64-bit counts are refused before anything is made of the count', () => {
    const memory64 = format.MINIDUMP_MEMORY64_LIST.encode({ NumberOfMemoryRanges: 0xffff_ffff_ffff_ffffn });
    expect(() => format.decodeMemory64List(memory64)).toThrow(expect.objectContaining({ code: 'malformed' }));
    const info = format.MINIDUMP_MEMORY_INFO_LIST.encode({
      SizeOfHeader: 16,
      SizeOfEntry: 48,
      NumberOfEntries: 1n << 60n,
    });
    expect(() => format.decodeMemoryInfoList(info)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('with sizes of their own', () => {
    const info = { ThreadId: 1, DumpFlags: 2, StartAddress: 0x401000n, UserTime: 5n };
    expect(format.decodeThreadInfoList(format.encodeThreadInfoList([info]))[0]).toMatchObject(info);
    const module = { BaseOfImage: 1n, SizeOfImage: 2, CheckSum: 3, TimeDateStamp: 4, ModuleNameRva: 5 };
    expect(format.decodeUnloadedModuleList(format.encodeUnloadedModuleList([module]))).toEqual([module]);
    const region = { BaseAddress: 0x1000n, RegionSize: 0x1000n, State: 0x1000, Protect: 4, Type: 0x20000 };
    expect(format.decodeMemoryInfoList(format.encodeMemoryInfoList([region]))[0]).toMatchObject(region);
    const handle = { Handle: 4n, TypeNameRva: 1, ObjectInfoRva: 2 };
    expect(format.decodeHandleData(format.encodeHandleData([handle]))[0]).toMatchObject(handle);
    const name = { ThreadId: 1, RvaOfThreadName: 0x1234n };
    expect(format.decodeThreadNames(format.encodeThreadNames([name]))).toEqual([name]);
  });

  it('with entries longer than we know, as a newer writer may have them', () => {
    const bytes = new Uint8Array(12 + 2 * 32);
    bytes.set(
      format.MINIDUMP_UNLOADED_MODULE_LIST.encode({ SizeOfHeader: 12, SizeOfEntry: 32, NumberOfEntries: 2 }),
    );
    bytes.set(format.MINIDUMP_UNLOADED_MODULE.encode({ BaseOfImage: 1n }), 12);
    bytes.set(format.MINIDUMP_UNLOADED_MODULE.encode({ BaseOfImage: 2n }), 44);
    expect(format.decodeUnloadedModuleList(bytes).map((one) => one.BaseOfImage)).toEqual([1n, 2n]);
    bytes[4] = 8;
    expect(() => format.decodeUnloadedModuleList(bytes)).toThrow('entries of 24 bytes or more');
  });
});

describe('single structures', () => {
  it('exception', () => {
    const exception = {
      ThreadId: 5,
      ExceptionRecord: { ExceptionCode: 0xc0000005, NumberParameters: 2, ExceptionInformation: [1n, 0x45n] },
      ThreadContext: { DataSize: 716, Rva: 9 },
    };
    const read = format.decodeException(format.encodeException(exception));
    expect(read.ExceptionRecord.ExceptionInformation.slice(0, 3)).toEqual([1n, 0x45n, 0n]);
    expect(read).toMatchObject({ ThreadId: 5, ThreadContext: exception.ThreadContext });
  });

  it('misc info, the version by its size', () => {
    expect(format.decodeMiscInfo(format.encodeMiscInfo({ ProcessId: 3 }))).toEqual({
      version: 1,
      SizeOfInfo: 24,
      Flags1: 0,
      ProcessId: 3,
      ProcessCreateTime: 0,
      ProcessUserTime: 0,
      ProcessKernelTime: 0,
    });
    const five = format.decodeMiscInfo(format.encodeMiscInfo5({ ProcessId: 3, BuildString: 'x' }));
    expect(five).toMatchObject({ version: 5, SizeOfInfo: 1364, BuildString: 'x' });
    const three = format.encodeMiscInfo5({ TimeZoneId: 1 });
    new DataView(three.buffer).setUint32(0, 232, true);
    expect(format.decodeMiscInfo(three)).toMatchObject({ version: 3, TimeZoneId: 1 });
    expect(() => format.decodeMiscInfo(new Uint8Array(24))).toThrow('a SizeOfInfo of 24 or more');
  });

  it('DSO debug', () => {
    const debug = { version: 1, map: 2, dso_count: 3, brk: 4n, ldbase: 5n, dynamic: 6n };
    const dynamic = Uint8Array.of(1, 2, 3);
    const bytes = format.encodeDsoDebug(debug, dynamic, 8);
    expect(format.decodeDsoDebug(bytes, 8)).toEqual({ ...debug, dynamicSection: dynamic });
    const maps = [{ addr: 1n, name: 2, ld: 3n }];
    expect(format.decodeLinkMaps(format.encodeLinkMaps(maps, 8), 1, 8)).toEqual(maps);
    const narrow = format.MDRawDebug32.encode({ version: 1, ldbase: 0xf7fc4000 });
    expect(format.decodeDsoDebug(narrow, 4).ldbase).toBe(0xf7fc4000n);
  });

  it('tokens', () => {
    const bytes = new Uint8Array(16 + 20);
    bytes.set(format.MINIDUMP_TOKEN_INFO_LIST.encode({ TokenListEntries: 1, ListHeaderSize: 16 }));
    bytes.set(format.MINIDUMP_TOKEN_INFO_HEADER.encode({ TokenSize: 20, TokenId: 9, TokenHandle: 8n }), 16);
    bytes[35] = 7;
    expect(format.decodeTokens(bytes)).toEqual([
      { TokenSize: 20, TokenId: 9, TokenHandle: 8n, data: Uint8Array.of(0, 0, 0, 7) },
    ]);
    bytes[16] = 0; // a size of 0 would never end
    expect(() => format.decodeTokens(bytes)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('function tables', () => {
    const head = format.MINIDUMP_FUNCTION_TABLE_STREAM.encode({
      SizeOfHeader: 24,
      SizeOfDescriptor: 32,
      SizeOfNativeDescriptor: 4,
      SizeOfFunctionEntry: 12,
      NumberOfDescriptors: 1,
      SizeOfAlignPad: 4,
    });
    const table = format.MINIDUMP_FUNCTION_TABLE_DESCRIPTOR.encode({ BaseAddress: 5n, EntryCount: 1 });
    const entry = format.RUNTIME_FUNCTION_AMD64.encode({ BeginAddress: 1, EndAddress: 2, UnwindData: 3 });
    const bytes = new Uint8Array([...head, 0, 0, 0, 0, ...table, 1, 2, 3, 4, ...entry]);
    expect(format.decodeFunctionTables(bytes)).toMatchObject({
      SizeOfFunctionEntry: 12,
      tables: [{ BaseAddress: 5n, nativeDescriptor: Uint8Array.of(1, 2, 3, 4), entries: entry }],
    });
    expect(() => format.decodeFunctionTables(bytes.subarray(0, 70))).toThrow('an end inside table 0');
  });

  it('strings', () => {
    expect(Array.from(format.encodeString('aé'))).toEqual([4, 0, 0, 0, 0x61, 0, 0xe9, 0, 0, 0]);
    const lone = 'x\ud800y'.repeat(5000);
    expect(format.decodeUtf16(format.encodeString(lone).subarray(4, -2))).toBe(lone);
  });

  it('auxiliary vectors', () => {
    const words = new BigUint64Array([6n, 4096n, 33n, 0x7fff00000000n, 0n, 0n, 9n, 9n]);
    expect(format.decodeAuxv(new Uint8Array(words.buffer), 8)).toEqual([
      { type: 6, name: 'AT_PAGESZ', value: 4096n },
      { type: 33, name: 'AT_SYSINFO_EHDR', value: 0x7fff00000000n },
    ]);
  });
});

describe('CodeView records', () => {
  it('of a build id', () => {
    const record = format.encodeBuildId(Uint8Array.of(1, 2, 3));
    expect(Array.from(record)).toEqual([0x4c, 0x45, 0x70, 0x42, 1, 2, 3]);
    expect(format.decodeCodeView(record)).toEqual({ kind: 'elf', buildId: Uint8Array.of(1, 2, 3) });
  });

  it('of a PDB', () => {
    const head = format.CV_INFO_PDB70.encode({ CvSignature: format.CodeViewSignature.RSDS, Age: 2 });
    const record = new Uint8Array([...head, ...new TextEncoder().encode('é.pdb\0rest')]);
    expect(format.decodeCodeView(record)).toMatchObject({ kind: 'pdb70', Age: 2, PdbFileName: 'é.pdb' });
    expect(() => format.decodeCodeView(record.subarray(0, 20))).toThrow('is too short');
  });

  it('of nobody', () => {
    expect(format.decodeCodeView(Uint8Array.of(1))).toEqual({ kind: 'unknown', bytes: Uint8Array.of(1) });
  });
});

it('GUIDs have two forms', () => {
  const guid = format.GUID.decode(Uint8Array.from({ length: 16 }, (_, i) => i));
  expect(format.guidDigits(guid)).toBe('030201000504070608090a0b0c0d0e0f');
  expect(format.guidText(guid)).toBe('03020100-0504-0706-0809-0a0b0c0d0e0f');
  expect(format.isZeroGuid(guid)).toBe(false);
  expect(format.isZeroGuid(format.GUID.decode(new Uint8Array(16)))).toBe(true);
});
