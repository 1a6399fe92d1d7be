/** That the stand-in for DbgHelp does what the other tests take for granted. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { MINIDUMP_CALLBACK_TYPE as Type } from '../../../src/format/index.js';
import { Minidump } from '../../../src/reader/index.js';
import { needsLayouts } from '../../format/layouts-json.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { describeWith } from '../../support/tools.js';
import { WindowsSession } from '../../support/windows-session.js';
import { needsWine, stopWindows, windowsPath } from '../../support/wine.js';
import { measured } from './abi/measured.js';
import { compileStandin, readRecord, type StandinRecord, x64 } from './standin.js';

const session = new WindowsSession('call-standin.mjs');

afterAll(() => {
  stopWindows();
  removeFolders();
});

interface Answer {
  answer?: number;
  /** What goes where in the output, in hexadecimal. */
  bytes?: [number, string][];
  /** Where in the input the pointer to a buffer is, how many bytes of that buffer, and what with. */
  fill?: [number, number, number];
}

interface Call {
  result: { done: number; error: number };
  record: StandinRecord;
  /** The file that the stand-in was to write to. */
  output: string;
}

async function callStandin(
  compiler: 'msvc' | 'gcc',
  answers: Partial<Record<number, Answer[]>> | null,
  { words = '', type = 0 } = {},
): Promise<Call> {
  const folder = temporaryFolder();
  const recordPath = join(folder, 'record');
  const output = join(folder, 'out.dmp');
  const offsets = {
    CallbackType: measured(x64(compiler), 'MINIDUMP_CALLBACK_INPUT').fields.CallbackType!.offset,
  };
  const dll = windowsPath(await compileStandin(compiler));
  const environment = { MDMP_STANDIN_RECORD: windowsPath(recordPath), MDMP_STANDIN: words };
  const plan = { dll, environment, offsets, type, output: windowsPath(output), answers };
  const result = JSON.parse(await session.ask(JSON.stringify(plan)));
  return { result, record: readRecord(recordPath), output };
}

const typesOf = ({ callbacks }: StandinRecord) => callbacks.map(({ type }) => type);
const TRUE: Answer = { answer: 1 };
const S_FALSE = '01000000';

describeWith([...needsWine, needsLayouts], 'the stand-in for DbgHelp', () => {
  it('issues what DbgHelp issues for a plain dump, and writes the file', async () => {
    const { result, record, output } = await callStandin('msvc', {});
    expect(result).toEqual({ done: 1, error: 0 });
    expect(record.call).toMatchObject({ process: 0xabcdef0123n, pid: 4711, param: 0x1122334455667788n });
    const { IncludeThreadCallback, IncludeModuleCallback, ModuleCallback } = Type;
    expect(typesOf(record)).toEqual([
      ...[Type.IsProcessSnapshotCallback, Type.VmStartCallback, Type.IoStartCallback],
      ...[Type.SecondaryFlagsCallback, Type.CancelCallback],
      ...[IncludeThreadCallback, IncludeThreadCallback, IncludeModuleCallback, IncludeModuleCallback],
      ...[ModuleCallback, ModuleCallback, Type.ThreadCallback],
      ...[Type.MemoryCallback, Type.RemoveMemoryCallback, Type.WriteKernelMinidumpCallback],
    ]);
    for (const { input, before, after, inputKept } of record.callbacks) {
      expect(inputKept).toBe(1);
      expect(after).toEqual(before);
      expect(input.length).toBe(1312);
      expect(before.length).toBe(52);
    }
    const dump = await Minidump.open(readFileSync(output));
    expect(dump.header.Flags).toBe(0n);
    expect(dump.directory.map(({ streamType }) => streamType)).toEqual([10]);
  });

  it('calls nothing without a callback', async () => {
    const { result, record, output } = await callStandin('msvc', null);
    expect(result).toEqual({ done: 1, error: 0 });
    expect(record.callbacks).toEqual([]);
    expect(readFileSync(output).toString('latin1', 0, 4)).toBe('MDMP');
  });

  it('issues every callback type where it is told to', async () => {
    const answers = { [Type.ReadMemoryFailureCallback]: [{ answer: 1, bytes: [[0, '00000000']] } as Answer] };
    const { result, record } = await callStandin('msvc', answers, { words: 'every' });
    expect(result).toEqual({ done: 1, error: 0 });
    const types = new Set(typesOf(record));
    const missing = Object.values(Type).filter((type) => typeof type === 'number' && !types.has(type));
    // These come where IoStart took the output over.
    expect(missing.sort()).toEqual([Type.IoWriteAllCallback, Type.IoFinishCallback].sort());
  });

  it.each(['msvc', 'gcc'] as const)('lays structures out as %s does', async (compiler) => {
    const { record } = await callStandin(compiler, {});
    const thread = record.callbacks.find(({ type }) => type === Type.ThreadCallback)!;
    // layouts.json: the input is 1312 or 1296 bytes, its union starts at 16, Context in MINIDUMP_THREAD_CALLBACK is at 16 or 12.
    expect(thread.input.length).toBe(compiler === 'msvc' ? 1312 : 1296);
    const context = thread.input.subarray(16 + (compiler === 'msvc' ? 16 : 12));
    expect(context.readUInt32LE(0x30)).toBe(0x10001f);
    expect(context.readBigUInt64LE(0xf8)).toBe(0x140001234n);
  });

  it('hands the output to the callback, with offsets that do not only grow', async () => {
    const { result, record, output } = await callStandin('msvc', {
      [Type.IoStartCallback]: [{ answer: 1, bytes: [[0, S_FALSE]] }],
      [Type.IoWriteAllCallback]: [{ answer: 1, bytes: [[0, '00000000']] }],
      [Type.IoFinishCallback]: [{ answer: 1, bytes: [[0, '00000000']] }],
    });
    expect(result).toEqual({ done: 1, error: 0 });
    expect(readFileSync(output).length).toBe(0);
    const offset = measured(x64('msvc'), 'MINIDUMP_IO_CALLBACK').fields.Offset!.offset;
    const writes = record.callbacks.filter(({ type }) => type === Type.IoWriteAllCallback);
    const at = writes.map(({ input }) => Number(input.readBigUInt64LE(16 + offset)));
    expect(at).toEqual([0, 44, 0]);
    const dump = Buffer.alloc(1000);
    for (const [i, { blockBefore }] of writes.entries()) blockBefore!.copy(dump, at[i]);
    expect((await Minidump.open(dump)).directory.length).toBe(1);
    expect(typesOf(record)).toContain(Type.IoFinishCallback);
  });

  it('fails where a write or the end of the output fails', async () => {
    const start = { [Type.IoStartCallback]: [{ answer: 1, bytes: [[0, S_FALSE]] as [number, string][] }] };
    const unwritten = await callStandin('msvc', start);
    expect(unwritten.result).toEqual({ done: 0, error: 0x80004005 });
    const unfinished = await callStandin('msvc', {
      ...start,
      [Type.IoWriteAllCallback]: [{ answer: 1, bytes: [[0, '00000000']] }],
      [Type.IoFinishCallback]: [{ answer: 1, bytes: [[0, '05000780']] }],
    });
    expect(unfinished.result).toEqual({ done: 0, error: 0x80004005 });
    expect(unfinished.record.result).toBe(0x80004005);
  });

  it('stops at Cancel, and asks again while CheckCancel says so', async () => {
    const check: Answer = { answer: 1, bytes: [[0, '01000000']] };
    const cancel: Answer = { answer: 1, bytes: [[0, '0000000001000000']] };
    const { result, record } = await callStandin('msvc', { [Type.CancelCallback]: [check, check, cancel] });
    expect(result).toEqual({ done: 0, error: 0x800704c7 });
    expect(typesOf(record).filter((type) => type === Type.CancelCallback).length).toBe(3);
    expect(typesOf(record)).not.toContain(Type.IncludeThreadCallback);
  });

  it('fails with the HRESULT that it is told', async () => {
    const { result } = await callStandin('msvc', {}, { words: 'fail=8007012B' });
    expect(result).toEqual({ done: 0, error: 0x8007012b });
  });

  it('reads through the callback, and sees the bytes that it put into the buffer', async () => {
    const buffer = 16 + measured(x64('msvc'), 'MINIDUMP_VM_PRE_READ_CALLBACK').fields.Buffer!.offset;
    const { record } = await callStandin('msvc', {
      [Type.VmStartCallback]: [{ answer: 1, bytes: [[0, S_FALSE]] }],
      [Type.VmPreReadCallback]: [{ answer: 1, bytes: [[0, '0000000064000000']], fill: [buffer, 100, 0x77] }],
      [Type.VmPostReadCallback]: [
        { answer: 1, bytes: [[0, '00000000a00f0000']], fill: [buffer, 4000, 0x99] },
      ],
    });
    const [pre, post] = [Type.VmPreReadCallback, Type.VmPostReadCallback].map(
      (wanted) => record.callbacks.find(({ type }) => type === wanted)!,
    );
    const filled = (...parts: [number, number][]) =>
      Buffer.concat(parts.map(([size, value]) => Buffer.alloc(size, value)));
    expect(pre!.blockBefore).toEqual(filled([4000, 0x11]));
    expect(pre!.blockAfter).toEqual(filled([100, 0x77], [3900, 0x11]));
    expect(post!.blockBefore).toEqual(filled([100, 0x77], [3900, 0x22]));
    expect(post!.blockAfter).toEqual(filled([4000, 0x99]));
  });

  it('asks for regions only in a full dump, as long as it is told to go on', async () => {
    const on: Answer = { answer: 1, bytes: [[48, '01000000']] };
    const { record } = await callStandin(
      'msvc',
      { [Type.IncludeVmRegionCallback]: [on, on, on, TRUE] },
      { type: 2 },
    );
    const asked = typesOf(record);
    expect(asked.filter((type) => type === Type.IncludeVmRegionCallback).length).toBe(4);
    expect(asked).not.toContain(Type.MemoryCallback);
  });

  it('is made anew where its layout changes', async () => {
    const [msvc, gcc] = [await compileStandin('msvc'), await compileStandin('gcc')];
    expect(msvc).not.toBe(gcc);
    expect(existsSync(msvc) && existsSync(gcc)).toBe(true);
  });
});
