/** The bridge from native code to a routine: what native code finds after each call, and what ends a dump. */
import { expect, it } from 'vitest';
import {
  type MINIDUMP_CALLBACK_INPUT,
  type MINIDUMP_CALLBACK_OUTPUT,
  type MINIDUMP_CALLBACK_ROUTINE,
  routineFromCallbacks,
} from '../../../../src/dump/index.js';
import { callbackTypes, HRESULT, MINIDUMP_CALLBACK_TYPE as Type } from '../../../../src/format/index.js';
import { MinidumpError } from '../../../../src/io/index.js';
import {
  type Abi,
  type NativeRoutine,
  type NativeRoutineOptions,
  nativeRoutine,
  OUTPUT_SIZE,
} from '../../../../src/targets/windows/abi/index.js';
import { needsLayouts } from '../../../format/layouts-json.js';
import { describeWith } from '../../../support/tools.js';
import { expectedInput, knownInputs, nativeInput } from './known-inputs.js';
import { abiName, FakeMemory, measured, measuredAbis, pattern, put, type Values } from './measured.js';

const { S_OK, S_FALSE, E_NOTIMPL, ERROR_CANCELLED } = HRESULT;
const types = Object.values(callbackTypes.values);
const x64: Abi = { cpu: 'x64', compiler: 'msvc' };

type Routine = (input: MINIDUMP_CALLBACK_INPUT, output: MINIDUMP_CALLBACK_OUTPUT) => unknown;

/** Native code that calls back. */
class Caller {
  readonly memory: FakeMemory;
  readonly bridge: NativeRoutine;
  readonly asked: number[] = [];

  constructor(
    routine: Routine,
    options: NativeRoutineOptions = {},
    readonly abi: Abi = x64,
  ) {
    this.memory = new FakeMemory(abi);
    const asking: MINIDUMP_CALLBACK_ROUTINE = (param, input, output) => {
      expect(param).toBe('the param');
      this.asked.push(input.CallbackType);
      return routine(input, output) as boolean;
    };
    this.bridge = nativeRoutine(asking, 'the param', abi, this.memory, options);
  }

  /** Calls with a known input; the output holds 0xa5 but for `before`. */
  call(type: number, before: Values = {}, input?: Values): { returned: number; output: Uint8Array } {
    const one = knownInputs(this.abi, this.memory).find((known) => known.type === type)!;
    const bytes = nativeInput(this.abi, input ? { ...one, native: { ...one.native, ...input } } : one);
    return this.raw(bytes, before);
  }

  raw(input: Uint8Array, before: Values = {}): { returned: number; output: Uint8Array } {
    const output = this.memory.place(this.bytes(before));
    const returned = this.bridge.call(this.memory.place(input), output);
    return { returned, output: this.memory.view(output, OUTPUT_SIZE) };
  }

  bytes(values: Values): Uint8Array {
    const bytes = new Uint8Array(OUTPUT_SIZE).fill(0xa5);
    put(this.abi, bytes, 0, 'MINIDUMP_CALLBACK_OUTPUT', values);
    return bytes;
  }

  /** The bytes of a structure inside the output. */
  region(field: string, values: Values, more: Values = {}): Uint8Array {
    const bytes = this.bytes(more);
    const { offset } = measured(this.abi, 'MINIDUMP_CALLBACK_OUTPUT').fields[field]!;
    put(this.abi, bytes, offset, 'MINIDUMP_MEMORY_INFO', values);
    return bytes;
  }
}

const zeroRegion = {
  BaseAddress: 0,
  AllocationBase: 0,
  AllocationProtect: 0,
  RegionSize: 0,
  State: 0,
  Protect: 0,
  Type: 0,
};

/** What a wild routine may do wrong, and the code of the error that is kept. */
const wrongs: [string, Routine, string][] = [
  [
    'throws an Error',
    () => {
      throw new Error('mine');
    },
    'callback-failed',
  ],
  [
    'throws a MinidumpError',
    () => {
      throw new MinidumpError('disk-full', 'mine');
    },
    'disk-full',
  ],
  [
    'throws what has no text',
    () => {
      throw Object.create(null);
    },
    'callback-failed',
  ],
  ['is asynchronous', async () => true, 'callback-async'],
  ['gives a promise that fails', () => Promise.reject(new Error('later')), 'callback-async'],
];

describeWith([needsLayouts], 'the bridge from native code', () => {
  for (const abi of measuredAbis) {
    it(`hands on every callback type (${abiName(abi)})`, () => {
      const seen: MINIDUMP_CALLBACK_INPUT[] = [];
      const caller = new Caller(
        (input) => {
          seen.push(structuredClone(input));
          return false;
        },
        {},
        abi,
      );
      // FALSE to IoWriteAll and IoFinish is a failure of its own.
      const harmless = types.filter(
        (type) => type !== Type.IoWriteAllCallback && type !== Type.IoFinishCallback,
      );
      for (const type of harmless) {
        const { returned, output } = caller.call(type);
        if (type === Type.CancelCallback) continue;
        expect(returned).toBe(0);
        expect(output, `type ${type}`).toEqual(caller.bytes({}));
      }
      const known = knownInputs(abi, new FakeMemory(abi));
      expect(seen).toEqual(harmless.map((type) => expectedInput(known.find((one) => one.type === type)!)));
      expect(caller.bridge.failure).toBeUndefined();
    });
  }

  it('leaves a dump alone if the routine says TRUE to everything', () => {
    // The defaults that Wine's tests see on Windows.
    const defaults: [number, Values][] = [
      [Type.ModuleCallback, { ModuleWriteFlags: 0xd }],
      [Type.ThreadCallback, { ThreadWriteFlags: 0x17 }],
      [Type.IncludeThreadCallback, { ThreadWriteFlags: 0x17 }],
      [Type.IncludeModuleCallback, { ModuleWriteFlags: 0xd }],
      [Type.MemoryCallback, { MemoryBase: 0, MemorySize: 0 }],
      [Type.RemoveMemoryCallback, { MemoryBase: 0, MemorySize: 0 }],
      [Type.WriteKernelMinidumpCallback, { Handle: 0 }],
      [Type.IoStartCallback, { Status: E_NOTIMPL }],
      [Type.SecondaryFlagsCallback, { SecondaryFlags: 0 }],
    ];
    const caller = new Caller(() => true);
    for (const [type, values] of defaults) {
      expect(caller.call(type, values)).toEqual({ returned: 1, output: caller.bytes(values) });
    }
    for (const type of [Type.IsProcessSnapshotCallback, Type.VmStartCallback]) {
      expect(caller.call(type)).toEqual({ returned: 1, output: caller.bytes({ Status: E_NOTIMPL }) });
    }
    expect(caller.bridge.failure).toBeUndefined();
  });

  it('writes what the routine answers', () => {
    const answers: [number, Partial<MINIDUMP_CALLBACK_OUTPUT>, Values][] = [
      [Type.ModuleCallback, { ModuleWriteFlags: 1 }, { ModuleWriteFlags: 1 }],
      [Type.ThreadCallback, { ThreadWriteFlags: 5 }, { ThreadWriteFlags: 5 }],
      [Type.SecondaryFlagsCallback, { SecondaryFlags: 1 }, { SecondaryFlags: 1 }],
      [Type.IoStartCallback, { Status: S_FALSE }, { Status: S_FALSE }],
      [Type.IoWriteAllCallback, { Status: S_OK }, { Status: S_OK }],
      [Type.IoFinishCallback, { Status: S_OK }, { Status: S_OK }],
      [Type.ReadMemoryFailureCallback, { Status: S_OK }, { Status: S_OK }],
      [Type.IsProcessSnapshotCallback, { Status: S_FALSE }, { Status: S_FALSE }],
      [Type.VmStartCallback, { Status: S_FALSE }, { Status: S_FALSE }],
      [Type.WriteKernelMinidumpCallback, { Handle: 0x44n }, { Handle: 0x44 }],
    ];
    for (const [type, answer, native] of answers) {
      const caller = new Caller((_input, output) => {
        Object.assign(output, answer);
        return true;
      });
      expect(caller.call(type), `type ${type}`).toEqual({ returned: 1, output: caller.bytes(native) });
      expect(caller.bridge.failure).toBeUndefined();
    }
  });

  it('does not ask about a type that nobody knows', () => {
    const caller = new Caller(() => true);
    const bytes = nativeInput(x64, { type: 23, expected: {} });
    expect(caller.raw(bytes)).toEqual({ returned: 0, output: caller.bytes({}) });
    expect(caller.asked).toEqual([]);
  });

  it('answers FALSE where native code names no memory', () => {
    const caller = new Caller(() => true);
    expect(caller.bridge.call(0n, 0n)).toBe(0);
    expect(caller.bridge.call(0x1234n, 0x1234n)).toBe(0);
    expect(caller.bridge.failure?.code).toBe('callback-failed');
    expect(caller.asked).toEqual([]);
  });

  it('hands over a range of many gigabytes in pieces, each byte once', () => {
    for (const type of [Type.MemoryCallback, Type.RemoveMemoryCallback]) {
      const ranges = [
        { MemoryBase: 0x10_0000_0000n, MemorySize: 10n << 30n },
        { MemoryBase: 0x1000n, MemorySize: 0xffff_f000n },
        { MemoryBase: 0x2000n, MemorySize: 1 },
      ];
      const caller = new Caller((_input, output) => {
        const next = ranges.shift();
        if (next === undefined) return false;
        Object.assign(output, next);
        return true;
      });
      const pieces: [bigint, bigint][] = [];
      for (;;) {
        const { returned, output } = caller.call(type, { MemoryBase: 0, MemorySize: 0 });
        if (returned === 0) break;
        const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
        pieces.push([view.getBigUint64(0, true), BigInt(view.getUint32(8, true))]);
      }
      expect(pieces).toEqual([
        [0x10_0000_0000n, 0xffff_f000n],
        [0x10_ffff_f000n, 0xffff_f000n],
        [0x11_ffff_e000n, (10n << 30n) - 2n * 0xffff_f000n],
        [0x1000n, 0xffff_f000n],
        [0x2000n, 1n],
      ]);
      expect(caller.asked).toHaveLength(4);
    }
  });

  it('ends a list of ranges at a size of 0', () => {
    const caller = new Caller((_input, output) => {
      output.MemoryBase = 0x1000n;
      return true;
    });
    const { returned, output } = caller.call(Type.MemoryCallback, { MemoryBase: 0, MemorySize: 0 });
    expect({ returned, output }).toEqual({
      returned: 1,
      output: caller.bytes({ MemoryBase: 0, MemorySize: 0 }),
    });
  });

  const region = { ...zeroRegion, BaseAddress: 0x7ff0_0000_1000n, RegionSize: 0x5000, Protect: 4 };
  function vmRegion(caller: Caller): { returned: number; output: Uint8Array } {
    const output = caller.memory.place(caller.region('VmRegion', region));
    const input = nativeInput(x64, { type: Type.IncludeVmRegionCallback, expected: {} });
    const returned = caller.bridge.call(caller.memory.place(input), output);
    return { returned, output: caller.memory.view(output, OUTPUT_SIZE) };
  }

  it('takes a part of a region, or drops it', () => {
    for (const part of [
      { BaseAddress: 0x7ff0_0000_2000n, RegionSize: 0x1000n },
      { BaseAddress: 0x7ff0_0000_1000n, RegionSize: 0n },
    ]) {
      const caller = new Caller((_input, output) => {
        Object.assign(output.VmRegion, part);
        output.Continue = true;
        return true;
      });
      expect(vmRegion(caller)).toEqual({
        returned: 1,
        output: caller.region('VmRegion', { ...region, ...part }, { Continue: 1 }),
      });
    }
  });

  it('leaves a region as it was if the routine does not want to go on', () => {
    const caller = new Caller((_input, output) => {
      output.VmRegion.RegionSize = 1n << 60n;
      return true;
    });
    expect(vmRegion(caller)).toEqual({
      returned: 1,
      output: caller.region('VmRegion', region, { Continue: 0 }),
    });
  });

  it('has a read that the routine did, in native memory', () => {
    const kept: Uint8Array[] = [];
    const caller = new Caller((input, output) => {
      if (input.CallbackType !== Type.VmPreReadCallback) return false;
      kept.push(input.VmPreRead.Buffer);
      input.VmPreRead.Buffer.set([1, 2, 3]);
      output.VmReadStatus = S_OK;
      output.VmReadBytesCompleted = 3;
      return true;
    });
    const buffer = caller.memory.place(pattern(8));
    const { returned, output } = caller.call(Type.VmPreReadCallback, {}, { Buffer: buffer, Size: 8 });
    expect({ returned, output }).toEqual({
      returned: 1,
      output: caller.bytes({ VmReadStatus: S_OK, VmReadBytesCompleted: 3 }),
    });
    expect(caller.memory.view(buffer, 8)).toEqual(Uint8Array.of(1, 2, 3, ...pattern(8).subarray(3)));
    // What the routine keeps is not native memory, which DbgHelp frees.
    kept[0]!.fill(0xee);
    expect(caller.memory.view(buffer, 3)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('has what the routine changed after a read, though it says FALSE', () => {
    for (const answer of [true, false]) {
      const caller = new Caller((input) => {
        if (input.CallbackType === Type.VmPostReadCallback) input.VmPostRead.Buffer.fill(0, 2, 4);
        return answer;
      });
      const buffer = caller.memory.place(pattern(8));
      const values = { Buffer: buffer, Size: 8, Completed: 8, Status: S_OK };
      const { returned, output } = caller.call(Type.VmPostReadCallback, {}, values);
      expect({ returned, output }).toEqual({
        returned: answer ? 1 : 0,
        output: caller.bytes(answer ? { VmReadStatus: S_OK, VmReadBytesCompleted: 8 } : {}),
      });
      const expected = pattern(8).fill(0, 2, 4);
      expect(caller.memory.view(buffer, 8)).toEqual(expected);
    }
  });

  it('says no bytes of a read that the routine did not do', () => {
    const caller = new Caller((_input, output) => {
      output.VmReadBytesCompleted = 4000;
      return true;
    });
    expect(caller.call(Type.VmPreReadCallback)).toEqual({
      returned: 1,
      output: caller.bytes({ VmReadStatus: E_NOTIMPL, VmReadBytesCompleted: 0 }),
    });
  });

  it('gives the routine the output in a buffer that it may keep', () => {
    const kept: Uint8Array[] = [];
    const caller = new Caller((input, output) => {
      if (input.CallbackType === Type.IoWriteAllCallback) kept.push(input.Io.Buffer);
      output.Status = S_OK;
      return true;
    });
    const buffer = caller.memory.place(pattern(8));
    caller.call(Type.IoWriteAllCallback, {}, { Buffer: buffer, BufferBytes: 8 });
    caller.memory.view(buffer, 8).fill(0);
    expect(kept).toEqual([pattern(8)]);
  });

  it('asks for Cancel as long as the routine wants it, and goes on to be asked itself', () => {
    let more = 2;
    const caller = new Caller((_input, output) => {
      output.CheckCancel = --more > 0;
      return true;
    });
    for (let i = 0; i < 5; i++) {
      expect(caller.call(Type.CancelCallback, { CheckCancel: 0, Cancel: 0 })).toEqual({
        returned: 1,
        output: caller.bytes({ CheckCancel: 1, Cancel: 0 }),
      });
    }
    expect(caller.asked).toHaveLength(2);
  });

  it('cancels for the routine', () => {
    const caller = new Caller((_input, output) => {
      output.Cancel = true;
      return true;
    });
    expect(caller.call(Type.CancelCallback)).toEqual({
      returned: 1,
      output: caller.bytes({ CheckCancel: 1, Cancel: 1 }),
    });
    expect(caller.bridge.failure?.code).toBe('cancelled');
  });

  it('does not cancel if Cancel is set but the answer is FALSE', () => {
    const caller = new Caller((_input, output) => {
      output.Cancel = true;
      return false;
    });
    caller.call(Type.CancelCallback);
    expect(caller.bridge.failure).toBeUndefined();
  });

  it('tells of a snapshot that mdmp made, whatever the routine says', () => {
    for (const answer of [true, false]) {
      const caller = new Caller(() => answer, { processSnapshot: true });
      expect(caller.call(Type.IsProcessSnapshotCallback)).toEqual({
        returned: 1,
        output: caller.bytes({ Status: S_FALSE }),
      });
      expect(caller.asked).toEqual([Type.IsProcessSnapshotCallback]);
    }
  });

  /** After a failure: the answer, and what is in the output. */
  const refusals: Record<number, [number, Values]> = {
    [Type.CancelCallback]: [1, { CheckCancel: 1, Cancel: 1 }],
    [Type.IoStartCallback]: [1, { Status: S_FALSE }],
    [Type.IoWriteAllCallback]: [0, { Status: ERROR_CANCELLED }],
    [Type.IoFinishCallback]: [0, { Status: ERROR_CANCELLED }],
    [Type.ReadMemoryFailureCallback]: [0, { Status: ERROR_CANCELLED }],
    [Type.VmPreReadCallback]: [1, { VmReadStatus: ERROR_CANCELLED, VmReadBytesCompleted: 0 }],
    [Type.VmPostReadCallback]: [1, { VmReadStatus: ERROR_CANCELLED, VmReadBytesCompleted: 0 }],
  };

  function expectRefusals(caller: Caller): void {
    const before = caller.asked.length;
    for (const type of types) {
      const { returned, output } = caller.call(type);
      if (type === Type.IncludeVmRegionCallback) {
        expect(returned).toBe(1);
        const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
        expect([view.getBigUint64(24, true), view.getUint32(48, true)]).toEqual([0n, 1]);
      } else if (type === Type.VmQueryCallback) {
        const expected = caller.region('VmQueryResult', zeroRegion, { VmQueryStatus: ERROR_CANCELLED });
        expect({ returned, output }).toEqual({ returned: 1, output: expected });
      } else {
        const [answer, values] = refusals[type] ?? [0, {}];
        expect({ returned, output }, `type ${type}`).toEqual({
          returned: answer,
          output: caller.bytes(values),
        });
      }
    }
    expect(caller.asked).toHaveLength(before);
  }

  it.each(wrongs)('ends a dump whose routine %s, at every callback type', (_what, routine, code) => {
    for (const type of types) {
      const caller = new Caller(routine);
      const answered = caller.call(type);
      expect(caller.bridge.failure?.code, `type ${type}`).toBe(code);
      const { failure } = caller.bridge;
      // The call that failed is answered as those after it are.
      const again = new Caller(routine);
      again.call(Type.ModuleCallback);
      expect(answered, `type ${type}`).toEqual(again.call(type));
      expectRefusals(caller);
      expect(caller.bridge.failure).toBe(failure);
    }
  });

  it('keeps the original error', () => {
    const mine = new Error('mine');
    const caller = new Caller(() => {
      throw mine;
    });
    caller.call(Type.ThreadCallback);
    expect(caller.bridge.failure).toMatchObject({
      code: 'callback-failed',
      message: 'the callback threw: mine',
      cause: mine,
    });
    const error = new MinidumpError('permission-denied', 'not here');
    const other = new Caller(() => {
      throw error;
    });
    other.call(Type.ThreadCallback);
    expect(other.bridge.failure).toBe(error);
  });

  it('does not let a rejected promise out', async () => {
    const caller = new Caller(() => Promise.reject(new Error('later')));
    caller.call(Type.ThreadCallback);
    // An unhandled rejection would fail the test run.
    await new Promise((done) => setTimeout(done, 10));
    expect(caller.bridge.failure?.code).toBe('callback-async');
  });

  const impossible: [string, number, Partial<MINIDUMP_CALLBACK_OUTPUT>, string][] = [
    [
      'a range past the end',
      Type.MemoryCallback,
      { MemoryBase: (1n << 64n) - 1n, MemorySize: 2 },
      'callback-failed',
    ],
    ['a negative range', Type.RemoveMemoryCallback, { MemoryBase: -1n, MemorySize: 2 }, 'callback-failed'],
    [
      'a text for a size',
      Type.MemoryCallback,
      { MemoryBase: 0n, MemorySize: '5' as never },
      'callback-failed',
    ],
    [
      'more bytes than were asked for',
      Type.VmPreReadCallback,
      { VmReadStatus: 0, VmReadBytesCompleted: 4098 },
      'callback-failed',
    ],
    ['more bytes after a read', Type.VmPostReadCallback, { VmReadBytesCompleted: 4098 }, 'callback-failed'],
    [
      'secondary flags without a meaning',
      Type.SecondaryFlagsCallback,
      { SecondaryFlags: 2 },
      'invalid-argument',
    ],
    ['a region elsewhere', Type.VmQueryCallback, { VmQueryStatus: 0 }, 'callback-failed'],
    [
      'no region at all',
      Type.VmQueryCallback,
      { VmQueryStatus: 0, VmQueryResult: undefined as never },
      'callback-failed',
    ],
    [
      'a larger region',
      Type.IncludeVmRegionCallback,
      { VmRegion: { ...zeroRegion, BaseAddress: 0n, RegionSize: 1n << 40n } as never, Continue: true },
      'callback-failed',
    ],
    ['a handle that is none', Type.WriteKernelMinidumpCallback, { Handle: 'CON' }, 'callback-failed'],
    ['output not written', Type.IoWriteAllCallback, { Status: 0x8000_4005 }, 'write-failed'],
    ['nothing about output', Type.IoWriteAllCallback, {}, 'write-failed'],
    ['output not finished', Type.IoFinishCallback, { Status: 0x8000_4005 }, 'write-failed'],
  ];
  it.each(impossible)('ends a dump for which the routine answers %s', (_what, type, answer, code) => {
    const caller = new Caller((_input, output) => {
      Object.assign(output, answer);
      return true;
    });
    caller.call(type);
    expect(caller.bridge.failure?.code).toBe(code);
    expect(caller.bridge.failure).toBeInstanceOf(MinidumpError);
    expectRefusals(caller);
  });

  it('ends a dump whose output the routine answers with FALSE', () => {
    for (const type of [Type.IoWriteAllCallback, Type.IoFinishCallback]) {
      const caller = new Caller(() => false);
      expect(caller.call(type)).toEqual({
        returned: 0,
        output: caller.bytes({ Status: ERROR_CANCELLED }),
      });
      expect(caller.bridge.failure?.code).toBe('write-failed');
    }
  });

  it('ends a dump that the caller gives up', () => {
    const error = new MinidumpError('max-pause', 'too long');
    let late = false;
    const check = () => {
      if (late) throw error;
    };
    const caller = new Caller(() => true, { check });
    expect(caller.call(Type.ThreadCallback, { ThreadWriteFlags: 7 }).returned).toBe(1);
    late = true;
    expect(caller.call(Type.ThreadCallback, { ThreadWriteFlags: 7 }).returned).toBe(0);
    expect(caller.bridge.failure).toBe(error);
    expectRefusals(caller);
  });

  it('keeps telling of a snapshot when the dump has to fail', () => {
    const caller = new Caller(
      () => {
        throw new Error('mine');
      },
      { processSnapshot: true },
    );
    expect(caller.call(Type.IsProcessSnapshotCallback)).toEqual({
      returned: 1,
      output: caller.bytes({ Status: S_FALSE }),
    });
  });

  it('serves a callbacks object', () => {
    const routine = routineFromCallbacks({
      includeThread: ({ id }) => id !== 0x8000_0001,
      module: () => 1,
      memory: () => [{ address: 0x1000n, size: 0x2000 }],
    });
    const caller = new Caller((input, output) => routine(undefined, input, output));
    expect(caller.call(Type.IncludeThreadCallback, { ThreadWriteFlags: 7 }).returned).toBe(0);
    expect(caller.call(Type.IncludeModuleCallback, { ModuleWriteFlags: 7 }).returned).toBe(1);
    expect(caller.call(Type.ModuleCallback, { ModuleWriteFlags: 7 })).toEqual({
      returned: 1,
      output: caller.bytes({ ModuleWriteFlags: 1 }),
    });
    const empty = { MemoryBase: 0, MemorySize: 0 };
    expect(caller.call(Type.MemoryCallback, empty)).toEqual({
      returned: 1,
      output: caller.bytes({ MemoryBase: 0x1000, MemorySize: 0x2000 }),
    });
    expect(caller.call(Type.MemoryCallback, empty).returned).toBe(0);
    // TRUE, but not S_FALSE: the output is left to DbgHelp.
    expect(caller.call(Type.IoStartCallback, { Status: E_NOTIMPL })).toEqual({
      returned: 1,
      output: caller.bytes({ Status: E_NOTIMPL }),
    });
    expect(caller.bridge.failure).toBeUndefined();
  });
});
