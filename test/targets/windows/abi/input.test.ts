/** MINIDUMP_CALLBACK_INPUT of every callback type, from bytes that a measured layout put there. */
import { beforeEach, describe, expect, it } from 'vitest';
import { callbackTypes, MINIDUMP_CALLBACK_TYPE as Type } from '../../../../src/format/index.js';
import { MinidumpError } from '../../../../src/io/index.js';
import { type Abi, decodeInput, encodeInput, inputSize } from '../../../../src/targets/windows/abi/index.js';
import { needsLayouts } from '../../../format/layouts-json.js';
import { describeWith } from '../../../support/tools.js';
import { expectedInput, knownInputs, nativeInput, PATH } from './known-inputs.js';
import { abiName, FakeMemory, measured, measuredAbis, pattern, put, utf16 } from './measured.js';

const types = Object.values(callbackTypes.values);

describeWith([needsLayouts], 'the input of a callback', () => {
  for (const abi of measuredAbis) {
    describe(abiName(abi), () => {
      let memory: FakeMemory;
      beforeEach(() => {
        memory = new FakeMemory(abi);
      });
      const known = (type: number) => knownInputs(abi, memory).find((one) => one.type === type)!;

      it.each(types)('of type %i is decoded, whatever else the structure holds', (type) => {
        for (const fill of [0, 0xa5, 0xff]) {
          const one = known(type);
          expect(decodeInput(nativeInput(abi, one, fill), abi, memory)).toEqual(expectedInput(one));
        }
      });

      it.each(types)('of type %i needs no byte that its type does not use', (type) => {
        const one = known(type);
        const bytes = nativeInput(abi, one);
        const size = inputSize(type, abi)!;
        expect(size).toBeLessThanOrEqual(bytes.length);
        expect(decodeInput(bytes.subarray(0, size), abi, memory)).toEqual(expectedInput(one));
        expect(() => decodeInput(bytes.subarray(0, size - 1), abi, memory)).toThrow(MinidumpError);
      });

      it.each(types)('of type %i is encoded as the compiler lays it out', (type) => {
        const one = known(type);
        const value = expectedInput(one);
        const pointed: Uint8Array[] = [];
        const addressOf = (bytes: Uint8Array) => {
          pointed.push(bytes);
          return memory.addressOf(bytes);
        };
        const { bytes, keep } = encodeInput(value, abi, addressOf);
        expect(bytes).toEqual(nativeInput(abi, one));
        expect(keep).toEqual(pointed);
      });
    });
  }

  const abi: Abi = { cpu: 'x64', compiler: 'msvc' };
  const memory = new FakeMemory(abi);
  const input = (type: number, values = {}, structure?: string) => {
    const bytes = nativeInput(abi, { type, expected: {} });
    if (structure !== undefined) put(abi, bytes, 16, structure, values);
    return decodeInput(bytes, abi, memory) as unknown as Record<string, Record<string, unknown>>;
  };

  it('of a type that nobody knows is not decoded', () => {
    for (const type of [23, 0x7fff_ffff, 0xffff_ffff]) expect(input(type)).toBeUndefined();
  });

  it('has no text, records or buffers where the pointers are NULL', () => {
    const all = { FullPath: 0, SizeOfCvRecord: 9, SizeOfMiscRecord: 9 };
    expect(input(Type.ModuleCallback, all, 'MINIDUMP_MODULE_CALLBACK').Module).toMatchObject({
      FullPath: '',
      VersionInfo: undefined,
      CvRecord: undefined,
      MiscRecord: undefined,
    });
    const io = input(Type.IoWriteAllCallback, { BufferBytes: 5 }, 'MINIDUMP_IO_CALLBACK').Io!;
    expect(io.Buffer).toEqual(new Uint8Array(0));
  });

  it('has no version where dwSignature is not that of one', () => {
    const values = { FullPath: memory.place(utf16('a')), VersionInfo: pattern(52) };
    const { Module } = input(Type.ModuleCallback, values, 'MINIDUMP_MODULE_CALLBACK');
    expect(Module).toMatchObject({ FullPath: 'a', VersionInfo: undefined });
  });

  it('has as much of a CONTEXT as lies in the structure, or as SizeOfContext says', () => {
    const context = pattern(1232);
    const of = (SizeOfContext: number) =>
      input(Type.ThreadCallback, { Context: context, SizeOfContext }, 'MINIDUMP_THREAD_CALLBACK').Thread!;
    expect(of(0x1000)).toMatchObject({ Context: context, SizeOfContext: 0x1000 });
    expect(of(48)).toMatchObject({ Context: context.subarray(0, 48), SizeOfContext: 48 });
  });

  it('has a path that goes over pages, begins at an odd address, or never ends', () => {
    const long = 'x'.repeat(5000) + PATH;
    const path = (address: bigint) =>
      input(Type.ModuleCallback, { FullPath: address }, 'MINIDUMP_MODULE_CALLBACK').Module!.FullPath;
    expect(path(memory.place(utf16(long)))).toBe(long);
    const odd = new Uint8Array([0, ...utf16(long)]);
    expect(path(memory.place(odd) + 1n)).toBe(long);
    expect(path(memory.place(utf16(''), 'end'))).toBe('');
    expect((path(memory.place(new Uint8Array(200_000).fill(0x41))) as string).length).toBe(0x7fff);
  });

  it('hands on copies, but for buffers, which are native memory', () => {
    const cv = memory.place(pattern(8));
    const values = { FullPath: 0, CvRecord: cv, SizeOfCvRecord: 8 };
    const { Module } = input(Type.ModuleCallback, values, 'MINIDUMP_MODULE_CALLBACK');
    memory.view(cv, 8).fill(0);
    expect(Module!.CvRecord).toEqual(pattern(8));

    const buffer = memory.place(pattern(8));
    const read = input(Type.VmPreReadCallback, { Buffer: buffer, Size: 8 }, 'MINIDUMP_VM_PRE_READ_CALLBACK')
      .VmPreRead!;
    (read.Buffer as Uint8Array).set([1, 2, 3]);
    expect(memory.view(buffer, 4)).toEqual(Uint8Array.of(1, 2, 3, pattern(8)[3]!));
  });

  it('shows handles as the caller has them', () => {
    const mine = { processId: 1 };
    const handles = {
      fromNative: (handle: bigint) => (handle === 0xfffcn ? mine : handle),
      toNative: () => 0n,
    };
    const bytes = nativeInput(abi, { type: Type.MemoryCallback, expected: {} });
    expect(decodeInput(bytes, abi, memory, handles)).toMatchObject({ ProcessHandle: mine });
  });

  it('of a 32-bit process keeps its handles unsigned', () => {
    const x86: Abi = { cpu: 'x86', compiler: 'msvc' };
    const bytes = new Uint8Array(measured(x86, 'MINIDUMP_CALLBACK_INPUT').size);
    put(x86, bytes, 0, 'MINIDUMP_CALLBACK_INPUT', { ProcessHandle: -1, CallbackType: Type.MemoryCallback });
    expect(decodeInput(bytes, x86, memory)).toMatchObject({ ProcessHandle: 0xffff_ffffn });
  });
});
