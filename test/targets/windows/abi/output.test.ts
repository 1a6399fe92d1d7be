/** MINIDUMP_CALLBACK_OUTPUT: one union of 52 bytes, of which each callback type owns a few. */
import { describe, expect, it } from 'vitest';
import type { MINIDUMP_CALLBACK_INPUT, MINIDUMP_CALLBACK_OUTPUT } from '../../../../src/dump/index.js';
import { callbackTypes, MINIDUMP_CALLBACK_TYPE as Type } from '../../../../src/format/index.js';
import { MinidumpError } from '../../../../src/io/index.js';
import { OUTPUT_SIZE, readOutput, writeOutput } from '../../../../src/targets/windows/abi/index.js';
import { needsLayouts } from '../../../format/layouts-json.js';
import { describeWith } from '../../../support/tools.js';
import { abiName, measured, measuredAbis, put, type Values } from './measured.js';

const E_NOTIMPL = 0x8000_4001;

const region = {
  BaseAddress: 0xffff_8000_0000_1000n,
  AllocationBase: 0xffff_8000_0000_0000n,
  AllocationProtect: 0x8000_0004,
  RegionSize: 0x1_0000_2000n,
  State: 0x1000,
  Protect: 0x80,
  Type: 0x0100_0000,
};

interface KnownOutput {
  /** As the routine has it, and the fields of the native structure. */
  value: Partial<MINIDUMP_CALLBACK_OUTPUT>;
  native: Values;
  /** Fields of a structure in the output. */
  nested?: [field: string, structure: string, values: Values];
  /** What a routine finds whatever the bytes are. */
  defaults?: Partial<MINIDUMP_CALLBACK_OUTPUT>;
}

const status: KnownOutput = { value: { Status: 0x8007_04c7 }, native: { Status: 0x8007_04c7 } };
const undefinedStatus: KnownOutput = { ...status, defaults: { Status: E_NOTIMPL } };
const threadFlags: KnownOutput = { value: { ThreadWriteFlags: 0x77 }, native: { ThreadWriteFlags: 0x77 } };
const moduleFlags: KnownOutput = {
  value: { ModuleWriteFlags: 0x8000_0001 },
  native: { ModuleWriteFlags: 0x8000_0001 },
};
const range: KnownOutput = {
  value: { MemoryBase: 0xffff_ffff_f000_0000n, MemorySize: 0xffff_ffff },
  native: { MemoryBase: 0xffff_ffff_f000_0000n, MemorySize: 0xffff_ffff },
};
const read: KnownOutput = {
  value: { VmReadStatus: 0x8007_012b, VmReadBytesCompleted: 0xfedc_ba98 },
  native: { VmReadStatus: 0x8007_012b, VmReadBytesCompleted: 0xfedc_ba98 },
  defaults: { VmReadStatus: E_NOTIMPL, VmReadBytesCompleted: 0 },
};
const none: KnownOutput = { value: {}, native: {} };
const unknown = {
  BaseAddress: 0n,
  AllocationBase: 0n,
  AllocationProtect: 0,
  RegionSize: 0n,
  State: 0,
  Protect: 0,
  Type: 0,
};

const known: Record<number, KnownOutput> = {
  [Type.ModuleCallback]: moduleFlags,
  [Type.ThreadCallback]: threadFlags,
  [Type.ThreadExCallback]: threadFlags,
  [Type.IncludeThreadCallback]: threadFlags,
  [Type.IncludeModuleCallback]: moduleFlags,
  [Type.MemoryCallback]: range,
  [Type.CancelCallback]: {
    value: { CheckCancel: false, Cancel: true },
    native: { CheckCancel: 0, Cancel: 1 },
  },
  [Type.WriteKernelMinidumpCallback]: { value: { Handle: 0x89abn }, native: { Handle: 0x89ab } },
  [Type.KernelMinidumpStatusCallback]: none,
  [Type.RemoveMemoryCallback]: range,
  [Type.IncludeVmRegionCallback]: {
    value: { VmRegion: region, Continue: true },
    native: { Continue: 1 },
    nested: ['VmRegion', 'MINIDUMP_MEMORY_INFO', region],
    defaults: { Continue: false },
  },
  [Type.IoStartCallback]: status,
  [Type.IoWriteAllCallback]: undefinedStatus,
  [Type.IoFinishCallback]: undefinedStatus,
  [Type.ReadMemoryFailureCallback]: { ...status, defaults: { Status: 0x8007_03e6 } },
  [Type.SecondaryFlagsCallback]: { value: { SecondaryFlags: 1 }, native: { SecondaryFlags: 1 } },
  [Type.IsProcessSnapshotCallback]: undefinedStatus,
  [Type.VmStartCallback]: undefinedStatus,
  [Type.VmQueryCallback]: {
    value: { VmQueryStatus: 1, VmQueryResult: region },
    native: { VmQueryStatus: 1 },
    nested: ['VmQueryResult', 'MINIDUMP_MEMORY_INFO', region],
    defaults: { VmQueryStatus: E_NOTIMPL, VmQueryResult: unknown },
  },
  [Type.VmPreReadCallback]: read,
  [Type.VmPostReadCallback]: {
    ...read,
    defaults: { VmReadStatus: 0x8007_03e6, VmReadBytesCompleted: 7 },
  },
  [Type.CompressedMemoryStreamStartCallback]: {
    value: {
      CompressedMemoryStreamStart: {
        MaxParallelism: 0xf000_0001,
        MaxTransferSize: 0xf000_0002,
        NumaNodeInfoArray: 0xf000_0003n,
        NumaNodeInfoArraySize: 0xf000_0004,
        Reserved: 0xf000_0005,
      },
    },
    native: {},
    nested: [
      'CompressedMemoryStreamStart',
      'MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK',
      {
        MaxParallelism: 0xf000_0001,
        MaxTransferSize: 0xf000_0002,
        NumaNodeInfoArray: 0xf000_0003,
        NumaNodeInfoArraySize: 0xf000_0004,
        Reserved: 0xf000_0005,
      },
    ],
  },
  [Type.CompressedMemoryStreamFinishCallback]: none,
};

/** Of the input the defaults need these. */
const inputOf = (CallbackType: number) =>
  ({
    CallbackType,
    ReadMemoryFailure: { Offset: 0n, Bytes: 1n, FailureStatus: 0x8007_03e6 },
    VmPostRead: { Offset: 0n, Buffer: new Uint8Array(8), Size: 8, Completed: 7, Status: 0x8007_03e6 },
  }) as unknown as MINIDUMP_CALLBACK_INPUT;

describeWith([needsLayouts], 'the output of a callback', () => {
  it('is known for every type', () => {
    expect(Object.keys(known).map(Number)).toEqual(Object.values(callbackTypes.values));
  });

  describe.each(measuredAbis.map((abi) => ({ abi, name: abiName(abi) })))('$name', ({ abi }) => {
    const types = Object.entries(known).map(([type, one]) => ({ type: Number(type), ...one }));

    function native({ native, nested }: KnownOutput, fill: number): Uint8Array {
      const { size, fields } = measured(abi, 'MINIDUMP_CALLBACK_OUTPUT');
      expect(size).toBe(OUTPUT_SIZE);
      const bytes = new Uint8Array(size).fill(fill);
      put(abi, bytes, 0, 'MINIDUMP_CALLBACK_OUTPUT', native);
      if (nested) put(abi, bytes, fields[nested[0]]!.offset, nested[1], nested[2]);
      return bytes;
    }

    it.each(types)('type $type is written where it belongs, and no other byte', (one) => {
      for (const fill of [0, 0xa5, 0xff]) {
        // In the middle of other memory, at an odd place.
        const memory = new Uint8Array(OUTPUT_SIZE + 20).fill(fill);
        const bytes = memory.subarray(7, 7 + OUTPUT_SIZE);
        writeOutput(bytes, one.type, one.value, abi);
        expect(bytes).toEqual(native(one, fill));
        expect([...memory.subarray(0, 7), ...memory.subarray(7 + OUTPUT_SIZE)]).toEqual(
          new Array(20).fill(fill),
        );
      }
    });

    it.each(types)('type $type is not written over by fields of other types', (one) => {
      const all = Object.assign({}, ...types.map(({ value }) => value), one.value);
      const bytes = new Uint8Array(OUTPUT_SIZE).fill(0xa5);
      writeOutput(bytes, one.type, all, abi);
      expect(bytes).toEqual(native(one, 0xa5));
    });

    it.each(types)('type $type is read from there, or has its default', (one) => {
      for (const fill of [0, 0xa5, 0xff]) {
        const found = readOutput(native(one, fill), inputOf(one.type), abi);
        expect(found).toEqual({ ...one.value, ...one.defaults });
      }
    });

    it('has handles as they are, and NULL', () => {
      for (const [handle, native] of [
        [null, 0n],
        [undefined, 0n],
        [-1, -1n],
        [0x44, 0x44n],
      ] as const) {
        const bytes = new Uint8Array(OUTPUT_SIZE).fill(0xa5);
        writeOutput(bytes, Type.WriteKernelMinidumpCallback, { Handle: handle }, abi);
        const expected = new Uint8Array(OUTPUT_SIZE).fill(0xa5);
        put(abi, expected, 0, 'MINIDUMP_CALLBACK_OUTPUT', { Handle: native });
        expect(bytes).toEqual(expected);
      }
    });

    it('of a type that nobody knows is not touched', () => {
      const bytes = new Uint8Array(OUTPUT_SIZE).fill(0xa5);
      writeOutput(bytes, 23, { Status: 0, ModuleWriteFlags: 0 }, abi);
      expect(bytes).toEqual(new Uint8Array(OUTPUT_SIZE).fill(0xa5));
      expect(readOutput(bytes, inputOf(23), abi)).toEqual({});
    });

    it.each([
      ['a size of 4 GiB', Type.MemoryCallback, { MemoryBase: 0n, MemorySize: 2 ** 32 }],
      ['a negative size', Type.MemoryCallback, { MemoryBase: 0n, MemorySize: -1 }],
      ['half a byte', Type.MemoryCallback, { MemoryBase: 0n, MemorySize: 0.5 }],
      ['no size', Type.RemoveMemoryCallback, { MemoryBase: 0n }],
      ['an address past 64 bits', Type.RemoveMemoryCallback, { MemoryBase: 1n << 64n, MemorySize: 1 }],
      ['a text', Type.IncludeVmRegionCallback, { VmRegion: { ...region, BaseAddress: '0' }, Continue: true }],
      ['a count past 32 bits', Type.VmPreReadCallback, { VmReadStatus: 0, VmReadBytesCompleted: 2 ** 32 }],
      ['an object for a handle', Type.WriteKernelMinidumpCallback, { Handle: {} }],
    ])('refuses %s, and writes nothing', (_what, type, value) => {
      const bytes = new Uint8Array(OUTPUT_SIZE).fill(0xa5);
      let thrown: unknown;
      try {
        writeOutput(bytes, type, value as Partial<MINIDUMP_CALLBACK_OUTPUT>, abi);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(MinidumpError);
      expect((thrown as MinidumpError).code).toBe('callback-failed');
      expect(bytes).toEqual(new Uint8Array(OUTPUT_SIZE).fill(0xa5));
    });

    it('takes HRESULTs and flags as signed numbers, too', () => {
      const bytes = new Uint8Array(OUTPUT_SIZE);
      writeOutput(bytes, Type.IoStartCallback, { Status: E_NOTIMPL | 0 }, abi);
      expect(readOutput(bytes, inputOf(Type.IoStartCallback), abi)).toEqual({ Status: E_NOTIMPL });
      writeOutput(bytes, Type.ThreadCallback, { ThreadWriteFlags: -2 }, abi);
      expect(readOutput(bytes, inputOf(Type.ThreadCallback), abi)).toEqual({ ThreadWriteFlags: 0xffff_fffe });
    });
  });
});
