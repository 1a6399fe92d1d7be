/**
 * Dumps on Windows by a DLL that issues every callback (test/programs/windows/standin.c): what the routine sees, what the DLL gets back, and what
 * the caller is told. The DLL records the bytes; where they belong is known from layouts.json. It puts each of its structures at the end of
 * a page after which nothing can be touched, so reading or writing too far ends the process.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HRESULT, MINIDUMP_CALLBACK_TYPE as Type } from '../../../src/format/index.js';
import { Minidump } from '../../../src/reader/index.js';
import { needsLayouts } from '../../format/layouts-json.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { describeWith, needsBuild } from '../../support/tools.js';
import { WindowsSession } from '../../support/windows-session.js';
import {
  compileWindows,
  needsWine,
  startWindowsProgram,
  stopWindows,
  type WindowsProgram,
  windowsPath,
} from '../../support/wine.js';
import { measured, pattern, put, type Values } from './abi/measured.js';
import { compileStandin, readRecord, type StandinRecord, x64 } from './standin.js';

const { S_OK, S_FALSE } = HRESULT;

interface Answer {
  answer?: unknown;
  output?: Record<string, unknown>;
  /** What goes into the buffer of a read. */
  fill?: { size: number; value: number };
  throws?: string;
}
type Answers = Partial<Record<number, Answer[]>>;

interface Seen {
  type: number;
  param: unknown;
  input: Record<string, unknown>;
  output: Record<string, unknown>;
}

interface Dumped {
  report?: { size: number; writtenByCallback: boolean; file?: string };
  error?: { code: string; message: string; hresult?: number; cause?: string };
  calls: Seen[];
  record: StandinRecord;
  /** The file that was asked for. */
  file: string;
}

let target: WindowsProgram;
const session = new WindowsSession('dump-by-standin.mjs');

const pack = (_name: string, value: unknown) => {
  if (typeof value === 'bigint') return { bigint: value.toString() };
  return value instanceof Uint8Array ? { hex: Buffer.from(value).toString('hex') } : value;
};
const unpack = (_name: string, value: Record<string, unknown> | null) => {
  if (typeof value?.bigint === 'string') return BigInt(value.bigint);
  return typeof value?.hex === 'string' ? new Uint8Array(Buffer.from(value.hex, 'hex')) : value;
};

interface DumpSettings {
  /** What the DLL is told, see there. */
  words?: string;
  compiler?: 'msvc' | 'gcc';
  toFile?: boolean;
  options?: Record<string, unknown>;
}

async function dump(answers: Answers | null, settings: DumpSettings = {}): Promise<Dumped> {
  return (await dumpAll([[answers, settings]]))[0]!;
}

/** Several dumps, one after the other, in one Node. */
async function dumpAll(all: readonly [Answers | null, DumpSettings?][]): Promise<Dumped[]> {
  const folders = all.map(() => temporaryFolder());
  const plans = await Promise.all(
    all.map(async ([answers, settings = {}], i) => {
      const { words = '', compiler = 'msvc', toFile = true, options = {} } = settings;
      return {
        pid: target.pid,
        destination: toFile ? windowsPath(join(folders[i]!, 'out.dmp')) : null,
        options: { dbghelp: windowsPath(await compileStandin(compiler)), abi: compiler, ...options },
        environment: { MDMP_STANDIN_RECORD: windowsPath(join(folders[i]!, 'record')), MDMP_STANDIN: words },
        answers,
      };
    }),
  );
  const results: Omit<Dumped, 'record' | 'file'>[] = JSON.parse(
    await session.ask(JSON.stringify(plans, pack)),
    unpack,
  );
  return results.map((result, i) => ({
    ...result,
    record: readRecord(join(folders[i]!, 'record')),
    file: join(folders[i]!, 'out.dmp'),
  }));
}

/** Answers after which the stand-in goes on to its end, also where it is told to issue everything. */
const GO_ON: Answers = {
  [Type.ReadMemoryFailureCallback]: [{ answer: true, output: { Status: S_OK } }],
};
const TAKES_OUTPUT: Answers = {
  [Type.IoStartCallback]: [{ answer: true, output: { Status: S_FALSE } }],
  [Type.IoWriteAllCallback]: [{ answer: true, output: { Status: S_OK } }],
  [Type.IoFinishCallback]: [{ answer: true, output: { Status: S_OK } }],
};

describeWith([...needsWine, needsLayouts, needsBuild], 'dumps by the stand-in for DbgHelp', () => {
  beforeAll(async () => {
    target = await startWindowsProgram(await compileWindows('target.c'));
  });
  afterAll(() => {
    stopWindows();
    removeFolders();
  });

  const of = (calls: readonly Seen[], type: number) => calls.filter((call) => call.type === type);
  const recorded = ({ callbacks }: StandinRecord, type: number) =>
    callbacks.filter((callback) => callback.type === type);

  it.each(['msvc', 'gcc'] as const)('the routine sees every input as it is (%s)', async (compiler) => {
    const { calls, report, error, record } = await dump(
      { ...GO_ON, ...TAKES_OUTPUT, [Type.VmStartCallback]: [{ answer: true, output: { Status: S_FALSE } }] },
      { words: 'every', compiler, toFile: false },
    );
    expect(error).toBeUndefined();
    expect(report).toMatchObject({ writtenByCallback: true });
    expect(record.result).toBe(S_OK);
    // All that the DLL knows; the handles are what the caller knows the process and the file by.
    const all = Object.values(Type).filter((type) => typeof type === 'number');
    expect([...new Set(calls.map(({ type }) => type))].sort()).toEqual(all.sort());
    expect(calls.every(({ param }) => (param as { mine?: boolean }).mine)).toBe(true);
    const nobody = new Set<number>([Type.IoStartCallback, Type.WriteKernelMinidumpCallback]);
    const withoutPid = new Set<number>([
      ...nobody,
      ...[Type.IsProcessSnapshotCallback, Type.VmStartCallback, Type.VmQueryCallback],
      ...[Type.VmPreReadCallback, Type.VmPostReadCallback],
    ]);
    for (const { type, input } of calls) {
      expect(input.ProcessId).toBe(withoutPid.has(type) ? 0 : target.pid);
      expect(input.ProcessHandle).toBe(nobody.has(type) ? null : target.pid);
    }
    const inputs = (type: number) =>
      of(calls, type).map(
        ({ input: { ProcessId: _, ProcessHandle: __, CallbackType: ___, ...rest } }) => rest,
      );

    expect(inputs(Type.IncludeThreadCallback)).toEqual([
      { IncludeThread: { ThreadId: 0x1001 } },
      { IncludeThread: { ThreadId: 0xfffffffe } },
    ]);
    expect(inputs(Type.IncludeModuleCallback)).toEqual([
      { IncludeModule: { BaseOfImage: 0x140000000n } },
      { IncludeModule: { BaseOfImage: 0x7fff12340000n } },
    ]);
    const version = Buffer.alloc(52);
    for (let i = 0; i < 13; i++) version.writeUInt32LE(i === 0 ? 0xfeef04bd : 0x01010101 * i, 4 * i);
    const cv = Buffer.from('52534453' + '0123456789abcdef1032547698badcfe' + '03000000', 'hex');
    expect(inputs(Type.ModuleCallback)).toEqual([
      {
        Module: {
          FullPath: 'C:\\stand in\\mödul😀.dll',
          BaseOfImage: 0x140000000n,
          SizeOfImage: 0x23000,
          CheckSum: 0x12345,
          TimeDateStamp: 0x5f5e0ff0,
          VersionInfo: new Uint8Array(version),
          CvRecord: new Uint8Array(Buffer.concat([cv, Buffer.from('stand in.pdb\0')])),
          SizeOfCvRecord: 37,
          MiscRecord: new Uint8Array(Buffer.from('misc record\0')),
          SizeOfMiscRecord: 12,
        },
      },
      {
        Module: {
          FullPath: 'x',
          BaseOfImage: 0xffff800012340000n,
          SizeOfImage: 0xfffff000,
          CheckSum: 0x12346,
          TimeDateStamp: 0x5f5e0ff1,
          VersionInfo: undefined,
          CvRecord: undefined,
          SizeOfCvRecord: 0,
          MiscRecord: undefined,
          SizeOfMiscRecord: 0,
        },
      },
    ]);
    const context = pattern(measured(x64(compiler), 'CONTEXT').size, 3);
    put(x64(compiler), context, 0, 'CONTEXT', { ContextFlags: 0x10001f, Rip: 0x140001234n, Rsp: 0x12fe10n });
    const thread = {
      ThreadId: 0x1001,
      ThreadHandle: 0x244n,
      Context: context,
      SizeOfContext: 1232,
      StackBase: 0x12fe10n,
      StackEnd: 0x130000n,
    };
    expect(inputs(Type.ThreadCallback)).toEqual([{ Thread: thread }]);
    const backing = { BackingStoreBase: 0xe000000000001000n, BackingStoreEnd: 0xe000000000002000n };
    expect(inputs(Type.ThreadExCallback)).toEqual([{ ThreadEx: { ...thread, ...backing } }]);
    expect(inputs(Type.ReadMemoryFailureCallback)).toEqual([
      { ReadMemoryFailure: { Offset: 0x7fff00002000n, Bytes: 0xfffff000n, FailureStatus: 0x8007012b } },
    ]);
    expect(inputs(Type.VmQueryCallback)).toEqual([{ VmQuery: { Offset: 0x7ffe0123n } }]);
    expect(inputs(Type.VmPreReadCallback)).toEqual([
      { VmPreRead: { Offset: 0x7fff00000010n, Buffer: new Uint8Array(4000).fill(0x11), Size: 4000 } },
    ]);
    expect(inputs(Type.VmPostReadCallback)).toEqual([
      {
        VmPostRead: {
          Offset: 0x7fff00000010n,
          Buffer: new Uint8Array(4000).fill(0x22),
          Size: 4000,
          Completed: 3992,
          Status: S_OK,
        },
      },
    ]);
    expect(inputs(Type.SecondaryFlagsCallback)).toEqual([{ SecondaryFlags: 0 }]);
    expect(inputs(Type.KernelMinidumpStatusCallback)).toEqual([{ Status: 0x80070005 }]);
    expect(inputs(Type.CompressedMemoryStreamFinishCallback)).toEqual([
      { CompressedMemoryStreamFinish: { CompressedStreamSize: 0x123456789an, StreamCompressionRate: 37 } },
    ]);
    for (const type of [Type.IoStartCallback, Type.IoFinishCallback])
      expect(inputs(type)).toEqual([{ Io: { Handle: null } }]);
    const writes = inputs(Type.IoWriteAllCallback).map(({ Io }) => Io as Record<string, unknown>);
    expect(writes.map(({ Offset, BufferBytes }) => [Offset, BufferBytes])).toEqual([
      [0n, 44],
      [44n, 36],
      [0n, 44],
    ]);
    expect(writes[1]!.Buffer).toEqual(new Uint8Array(Buffer.from('written by the stand-in for DbgHelp\0')));
    // The routine had no way to change what it was asked.
    expect(record.callbacks.every(({ inputKept }) => inputKept === 1)).toBe(true);
  });

  /** What the routine answers, and which fields of the output have to be there then. No other byte may change. */
  const region = {
    BaseAddress: 0x11000n,
    AllocationBase: 0xf000n,
    AllocationProtect: 4,
    RegionSize: 0x2000n,
    State: 0x1000,
    Protect: 2,
    Type: 0x20000,
  };
  const answered: [number, Record<string, unknown>, Values][] = [
    [Type.ModuleCallback, { ModuleWriteFlags: 0x5 }, { ModuleWriteFlags: 0x5 }],
    [Type.ThreadCallback, { ThreadWriteFlags: 0x33 }, { ThreadWriteFlags: 0x33 }],
    [Type.ThreadExCallback, { ThreadWriteFlags: 0x1 }, { ThreadWriteFlags: 0x1 }],
    [Type.IncludeThreadCallback, { ThreadWriteFlags: 0x3 }, { ThreadWriteFlags: 0x3 }],
    [Type.IncludeModuleCallback, { ModuleWriteFlags: 0x9 }, { ModuleWriteFlags: 0x9 }],
    [
      Type.MemoryCallback,
      { MemoryBase: 0x7ffdeadb0000n, MemorySize: 0x1234 },
      { MemoryBase: 0x7ffdeadb0000n, MemorySize: 0x1234 },
    ],
    [
      Type.RemoveMemoryCallback,
      { MemoryBase: 0x1000n, MemorySize: 16n },
      { MemoryBase: 0x1000n, MemorySize: 16 },
    ],
    [Type.WriteKernelMinidumpCallback, { Handle: 0xabcd1234n }, { Handle: 0xabcd1234n }],
    [Type.ReadMemoryFailureCallback, { Status: S_OK }, { Status: S_OK }],
    [Type.SecondaryFlagsCallback, { SecondaryFlags: 1 }, { SecondaryFlags: 1 }],
    [Type.VmStartCallback, { Status: S_FALSE }, { Status: S_FALSE }],
    [
      Type.VmPreReadCallback,
      { VmReadStatus: S_OK, VmReadBytesCompleted: 100 },
      { VmReadStatus: S_OK, VmReadBytesCompleted: 100 },
    ],
    [
      Type.VmPostReadCallback,
      { VmReadStatus: 0x8007012b, VmReadBytesCompleted: 8 },
      { VmReadStatus: 0x8007012b, VmReadBytesCompleted: 8 },
    ],
    [Type.CancelCallback, { CheckCancel: false, Cancel: false }, { CheckCancel: 1, Cancel: 0 }],
    [Type.IncludeVmRegionCallback, { VmRegion: region, Continue: true }, { Continue: 1 }],
    [
      Type.VmQueryCallback,
      { VmQueryStatus: S_OK, VmQueryResult: { ...region, BaseAddress: 0x7ffe0000n, RegionSize: 0x1000n } },
      { VmQueryStatus: S_OK },
    ],
    [
      Type.CompressedMemoryStreamStartCallback,
      {
        CompressedMemoryStreamStart: {
          MaxParallelism: 3,
          MaxTransferSize: 0x10000,
          NumaNodeInfoArray: null,
          NumaNodeInfoArraySize: 0,
          Reserved: 0,
        },
      },
      {},
    ],
  ];
  /** Fields that are structures themselves: what is in them. */
  const inside: Record<number, [string, string, Values]> = {
    [Type.IncludeVmRegionCallback]: ['VmRegion', 'MINIDUMP_MEMORY_INFO', { ...region }],
    [Type.VmQueryCallback]: [
      'VmQueryResult',
      'MINIDUMP_MEMORY_INFO',
      { ...region, BaseAddress: 0x7ffe0000n, RegionSize: 0x1000n },
    ],
    [Type.CompressedMemoryStreamStartCallback]: [
      'CompressedMemoryStreamStart',
      'MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK',
      { MaxParallelism: 3, MaxTransferSize: 0x10000 },
    ],
  };

  it('the DLL gets every answer, where it belongs, and no other byte changes', async () => {
    const answers: Answers = Object.fromEntries(
      answered.map(([type, output]) => {
        const fill = type === Type.VmPreReadCallback ? { size: 100, value: 0x77 } : undefined;
        return [type, [{ answer: true, output, ...(fill && { fill }) }, { answer: true }]];
      }),
    );
    // Asked again, these end.
    for (const type of [Type.MemoryCallback, Type.RemoveMemoryCallback])
      answers[type]![1] = { answer: false };
    const { record, error } = await dump(answers, { words: 'every' });
    expect(error).toBeUndefined();
    for (const [type, , expected] of answered) {
      const { before, after, answer } = recorded(record, type)[0]!;
      const bytes = new Uint8Array(before);
      put(x64('msvc'), bytes, 0, 'MINIDUMP_CALLBACK_OUTPUT', expected);
      if (inside[type]) {
        const [field, structure, values] = inside[type];
        const at = measured(x64('msvc'), 'MINIDUMP_CALLBACK_OUTPUT').fields[field]!.offset;
        put(x64('msvc'), bytes, at, structure, values);
      }
      expect([type, Buffer.from(after).toString('hex')]).toEqual([type, Buffer.from(bytes).toString('hex')]);
      expect([type, answer]).toEqual([type, 1]);
    }
    const [post] = recorded(record, Type.VmPostReadCallback);
    expect(post!.blockBefore!.subarray(0, 101)).toEqual(
      Buffer.concat([Buffer.alloc(100, 0x77), Buffer.alloc(1, 0x22)]),
    );
  });

  it('FALSE leaves every output as the DLL had made it', async () => {
    const answers: Answers = { ...GO_ON };
    for (const [type] of answered)
      if (type !== Type.ReadMemoryFailureCallback) answers[type] = [{ answer: false }];
    const { record, error, calls } = await dump(answers, { words: 'every' });
    expect(error).toBeUndefined();
    // CancelCallback is answered by mdmp itself, which wants to go on being asked.
    const own = new Set<number>([Type.CancelCallback, Type.ReadMemoryFailureCallback]);
    for (const { type, before, after, answer } of record.callbacks.filter(
      (callback) => !own.has(callback.type),
    )) {
      expect([type, answer]).toEqual([type, 0]);
      expect([type, after.toString('hex')]).toEqual([type, before.toString('hex')]);
    }
    expect(of(calls, Type.ThreadCallback)[0]!.output.ThreadWriteFlags).toBe(0x77);
  });

  it('what the DLL writes is the file', async () => {
    const { report, file, record } = await dump({}, { options: { type: 0x1002 } });
    expect(report!.size).toBe(80);
    expect(record.call.type).toBe(0x1002);
    expect(record.call.pid).toBe(target.pid);
    expect(record.call.file).not.toBe(0n);
    const made = await Minidump.open(readFileSync(file));
    expect(made.header.Flags).toBe(0x1002n);
  });

  it('without a callback the DLL has one all the same, that asks for nothing', async () => {
    const { report, record, error } = await dump(null);
    expect(error).toBeUndefined();
    expect(report!.size).toBe(80);
    for (const { type, after, before } of record.callbacks) {
      if (type !== Type.CancelCallback) expect([type, after]).toEqual([type, before]);
    }
  });

  it('user streams go into the dump as they are', async () => {
    const userStreams = [
      { type: 0x10001, bytes: pattern(1001, 5) },
      { type: 0x10002, bytes: new Uint8Array(0) },
      { type: 0xfffffffe, bytes: new Uint8Array([9]) },
    ];
    const { file, record } = await dump({}, { options: { userStreams } });
    expect(record.streams.map(({ type, bytes }) => ({ type, bytes: new Uint8Array(bytes) }))).toEqual(
      userStreams,
    );
    const bytes = readFileSync(file);
    const { directory } = await Minidump.open(bytes);
    for (const { type, bytes: wanted } of userStreams) {
      const { rva, dataSize } = directory.find(({ streamType }) => streamType === type)!;
      expect(new Uint8Array(bytes.subarray(rva, rva + dataSize))).toEqual(wanted);
    }
  });

  it('an exception of the caller arrives with its record and context', async () => {
    const exceptionRecord = pattern(152, 11);
    put(x64('msvc'), exceptionRecord, 0, 'EXCEPTION_RECORD', {
      ExceptionCode: 0xc0000005,
      ExceptionAddress: 0x140001234n,
      ExceptionRecord: 0n,
      NumberParameters: 2,
    });
    const context = pattern(1232, 13);
    const { record } = await dump(
      {},
      { options: { exception: { threadId: 77, pointers: { record: exceptionRecord, context } } } },
    );
    expect(record.exception).toMatchObject({ threadId: 77, clientPointers: 0 });
    expect(new Uint8Array(record.exception!.record!)).toEqual(exceptionRecord);
    expect(new Uint8Array(record.exception!.context!)).toEqual(context);
  });

  it('an exception in the process is named by its address', async () => {
    const { record } = await dump(
      {},
      { options: { exception: { threadId: 77, pointers: 0x7ff612345678n } } },
    );
    expect(record.exception).toEqual({ threadId: 77, pointers: 0x7ff612345678n, clientPointers: 1 });
  });

  const nothingLeft = ({ file }: Dumped) =>
    expect(readdirSync(join(file, '..')).filter((name) => name.includes('dmp'))).toEqual([]);

  it('Cancel ends the dump, and no file is left', async () => {
    const failed = await dump({ [Type.CancelCallback]: [{ answer: true, output: { Cancel: true } }] });
    expect(failed.error!.code).toBe('cancelled');
    expect(failed.record.result).toBe(HRESULT.ERROR_CANCELLED);
    nothingLeft(failed);
  });

  it('what the routine throws surfaces, and cancels the dump, whichever callback it was', async () => {
    const types = Object.values(Type).filter((type) => typeof type === 'number');
    const io = new Set<number>([Type.IoStartCallback, Type.IoWriteAllCallback, Type.IoFinishCallback]);
    const failed = await dumpAll(
      types.map((type) => {
        const others = { ...GO_ON, ...(io.has(type) ? TAKES_OUTPUT : {}) };
        return [
          { ...others, [type]: [{ throws: 'my own mistake' }] },
          { words: 'every', toFile: !io.has(type) },
        ];
      }),
    );
    for (const [i, type] of types.entries()) {
      const { error, calls, record } = failed[i]!;
      expect([type, error?.code]).toEqual([type, 'callback-failed']);
      expect(`${error!.message} ${error!.cause}`).toContain('my own mistake');
      // It is not asked again, and the dump that DbgHelp has is none, or it comes to nothing.
      expect([type, calls.at(-1)!.type]).toEqual([type, type]);
      expect(calls.filter((call) => call.type === type).length).toBe(1);
      const late = type === Type.WriteKernelMinidumpCallback || type === Type.KernelMinidumpStatusCallback;
      expect([type, record.result === S_OK]).toEqual([type, late]);
      nothingLeft(failed[i]!);
    }
  });

  it('an HRESULT of the DLL becomes an error that names it', async () => {
    const [partial, invalid, unknown] = (await dumpAll([
      [{}, { words: 'fail=8007012B' }],
      [{}, { words: 'fail=80070057' }],
      [{}, { words: 'fail=88990012' }],
    ])) as [Dumped, Dumped, Dumped];
    expect(partial.error).toMatchObject({ code: 'memory-unreadable', hresult: 0x8007012b });
    expect(partial.error!.message).toContain('ERROR_PARTIAL_COPY');
    nothingLeft(partial);
    expect(invalid.error).toMatchObject({ code: 'invalid-argument', hresult: 0x80070057 });
    expect(unknown.error!.hresult).toBe(0x88990012);
    expect(unknown.error!.message).toContain('88990012');
  });

  it('a routine that takes the output gets all of it, and a failed write fails the dump', async () => {
    const done = await dump(TAKES_OUTPUT, { toFile: false });
    expect(done.report).toMatchObject({ writtenByCallback: true, size: 80 });
    expect(done.record.call.file).toBe(0n);

    const broken = { ...TAKES_OUTPUT, [Type.IoWriteAllCallback]: [{ answer: false }] };
    const failed = await dump(broken, { toFile: false });
    expect(failed.error).toMatchObject({ code: 'write-failed' });
    expect(failed.record.result).not.toBe(S_OK);
  });

  it('a file has its size, and nothing else is left beside it', async () => {
    const { file, report } = await dump({});
    expect(existsSync(file)).toBe(true);
    expect(statSync(file).size).toBe(report!.size);
    expect(readdirSync(join(file, '..')).sort()).toEqual(['out.dmp', 'record']);
  });
});
