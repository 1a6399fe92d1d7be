/**
 * What Wine's own dbghelp.dll does, measured without any code of mdmp that calls it: which compiler's structures it has, which callbacks it
 * issues, what it makes of their answers, and what it does not do. Tests of captures under Wine stand on it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MINIDUMP_CALLBACK_TYPE as Type } from '../../../src/format/index.js';
import { Minidump } from '../../../src/reader/index.js';
import { needsLayouts } from '../../format/layouts-json.js';
import { copyAs, removeFolders, temporaryFolder } from '../../support/programs.js';
import { describeWith } from '../../support/tools.js';
import { WindowsSession } from '../../support/windows-session.js';
import {
  compileWindows,
  needsWine,
  startWindowsProgram,
  stopWindows,
  WITHOUT_DEBUG,
  type WindowsProgram,
  windowsPath,
} from '../../support/wine.js';
import { measured } from './abi/measured.js';
import { x64 } from './standin.js';

interface Call {
  type: number;
  input: Buffer;
  before: Buffer;
  text?: string;
}
type Answers = Record<number, { answer: number; bytes?: [number, string][] }>;

let target: WindowsProgram;
let output: string;
const session = new WindowsSession('call-dbghelp.mjs');

async function dump(
  type: number,
  answers: Answers = {},
): Promise<{ calls: Call[]; dump: Minidump; bytes: Buffer }> {
  const { size } = measured(x64('msvc'), 'MINIDUMP_CALLBACK_INPUT');
  const plan = { pid: target.pid, output: windowsPath(output), type, inputSize: size, answers };
  const { done, calls } = JSON.parse(await session.ask(JSON.stringify(plan))) as {
    done: number;
    calls: { type: number; input: string; before: string; text?: string }[];
  };
  expect(done).toBe(1);
  const bytes = readFileSync(output);
  return {
    calls: calls.map(({ input, before, ...call }) => ({
      ...call,
      input: Buffer.from(input, 'hex'),
      before: Buffer.from(before, 'hex'),
    })),
    dump: await Minidump.open(bytes),
    bytes,
  };
}

/** Whether SizeOfContext, StackBase and StackEnd, where that compiler has them, are what they must be. */
function fits(compiler: 'msvc' | 'gcc', { input }: Call): boolean {
  const abi = x64(compiler);
  const union = measured(abi, 'MINIDUMP_CALLBACK_INPUT').fields.Thread!.offset;
  const { fields } = measured(abi, 'MINIDUMP_THREAD_CALLBACK');
  const place = (name: string) => union + fields[name]!.offset;
  const rsp = input.readBigUInt64LE(place('Context') + measured(abi, 'CONTEXT').fields.Rsp!.offset);
  const size = input.readUInt32LE(place('SizeOfContext'));
  const [base, end] = [input.readBigUInt64LE(place('StackBase')), input.readBigUInt64LE(place('StackEnd'))];
  return size === measured(abi, 'CONTEXT').size && base <= rsp && rsp < end;
}

const little = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
};
const flags = (value: number) => ({ answer: 1, bytes: [[0, little(value)]] as [number, string][] });

describeWith([...needsWine, needsLayouts], "Wine's dbghelp.dll", () => {
  beforeAll(async () => {
    output = join(temporaryFolder(), 'out.dmp');
    const extra = copyAs(await compileWindows('mdmp_extra.c', ['-shared']), 'mdmp_extra.dll');
    target = await startWindowsProgram(await compileWindows('target.c', WITHOUT_DEBUG), [windowsPath(extra)]);
  });
  afterAll(() => {
    stopWindows();
    removeFolders();
  });

  it("has gcc's structures: Context of a thread callback is at 12, not at 16", async () => {
    const { calls } = await dump(0);
    const threads = calls.filter(({ type }) => type === Type.ThreadCallback);
    expect(threads.length).toBe(4);
    expect(threads.map((call) => fits('gcc', call))).toEqual([true, true, true, true]);
    expect(threads.map((call) => fits('msvc', call))).toEqual([false, false, false, false]);
  });

  it('issues the thread callbacks, then the module callbacks, and no other', async () => {
    const { calls, dump: made } = await dump(0);
    const types = calls.map(({ type }) => type);
    const threads = types.lastIndexOf(Type.ThreadCallback) + 1;
    expect(new Set(types.slice(0, threads))).toEqual(new Set([Type.ThreadCallback]));
    expect(new Set(types.slice(threads))).toEqual(new Set([Type.ModuleCallback]));
    expect(calls.every(({ input }) => input.readUInt32LE(0) === target.pid)).toBe(true);
    // It asks for the libraries of the system below, too, and puts these in a stream of its own (0xfff0).
    const names = calls.slice(threads).map(({ text }) => text!);
    expect(names.some((name) => name.endsWith('\\mdmp_extra.dll'))).toBe(true);
    expect(names.some((name) => name.startsWith('/'))).toBe(true);
    const modules = (await made.get('modules'))!.map(({ name }) => name);
    expect(modules.every((name) => /^[A-Z]:\\/.test(String(name)))).toBe(true);
    expect(names.slice(0, modules.length)).toEqual(modules);
  });

  it('offers the documented default flags, and leaves the rest of the output as it happens to be', async () => {
    const { calls } = await dump(0);
    for (const { type, before } of calls)
      expect(before.readUInt32LE(0)).toBe(type === Type.ThreadCallback ? 0x17 : 0x0d);
    expect(calls.some(({ before }) => before.subarray(4).some((byte) => byte !== 0))).toBe(true);
  });

  it('leaves out what the callback refuses, and the parts whose flags it clears', async () => {
    const all = (await (await dump(0)).dump.get('threads'))!;
    expect(all.map(({ ThreadId }) => BigInt(ThreadId)).sort()).toEqual(
      ['main', 'thread1', 'thread2', 'thread3'].map((name) => target.number(name)).sort(),
    );
    expect(all.every((thread) => thread.Stack.Memory.Rva > 0 && thread.ThreadContext.DataSize === 1232)).toBe(
      true,
    );

    const refused = await dump(0, {
      [Type.ThreadCallback]: { answer: 0 },
      [Type.ModuleCallback]: { answer: 0 },
    });
    expect(await refused.dump.get('threads')).toEqual([]);
    expect(await refused.dump.get('modules')).toEqual([]);

    // ThreadWriteThread | ThreadWriteContext; no flag for modules
    const cleared = await dump(0, { [Type.ThreadCallback]: flags(5), [Type.ModuleCallback]: flags(0) });
    const threads = (await cleared.dump.get('threads'))!;
    expect(threads.map(({ ThreadContext }) => ThreadContext.DataSize)).toEqual([1232, 1232, 1232, 1232]);
    // The range is named all the same, with nothing behind it.
    expect(threads.map(({ Stack }) => Stack.Memory.Rva)).toEqual([0, 0, 0, 0]);
    expect(threads.every(({ Stack }) => Stack.Memory.DataSize > 0)).toBe(true);
    expect(await cleared.dump.get('memoryList')).toEqual([]);
    expect(await cleared.dump.get('modules')).toEqual([]);
  });

  it('writes all memory for MiniDumpWithFullMemory, and knows no other flag', async () => {
    const contents = async (type: number) => {
      const { dump: made } = await dump(type);
      return made.directory.map(({ streamType }) => streamType).filter((stream) => stream !== 0);
    };
    const normal = await contents(0);
    expect(normal).toEqual([7, 3, 4, 0xfff0, 5, 15]);
    // Handles, unloaded modules, memory information, thread information: nothing of it.
    expect(await contents(4 | 0x20 | 0x800 | 0x1000)).toEqual(normal);

    const full = await dump(2);
    expect(full.dump.directory.map(({ streamType }) => streamType)).toContain(9);
    expect(full.bytes.includes('secret of mdmp')).toBe(true);
    expect(full.bytes.includes('heap data of mdmp')).toBe(true);
    const { bytes } = await dump(0);
    expect(bytes.includes('global data of mdmp') || bytes.includes('secret of mdmp')).toBe(false);
    expect(bytes.includes('heap data of mdmp')).toBe(false);
  });
});
