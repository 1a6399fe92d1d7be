/** The bridge called by real native code through koffi: a C library lays the structures out in memory that ends at a page's end. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { MINIDUMP_CALLBACK_INPUT, MINIDUMP_CALLBACK_OUTPUT } from '../../../../src/dump/index.js';
import { MINIDUMP_CALLBACK_TYPE as Type } from '../../../../src/format/index.js';
import { loadKoffi, type NativeFunction } from '../../../../src/node/libc.js';
import {
  type Abi,
  inputSize,
  type NativeMemory,
  nativeRoutine,
} from '../../../../src/targets/windows/abi/index.js';
import { needsLayouts } from '../../../format/layouts-json.js';
import { compileWith } from '../../../support/programs.js';
import { describeWith, needsLinux } from '../../../support/tools.js';
import { expectedInput, knownInputs, nativeInput, PATH } from './known-inputs.js';
import { FakeMemory, measured, pattern, put, utf16 } from './measured.js';

const abi: Abi = { cpu: 'x64', compiler: 'msvc' };

describeWith([needsLinux, needsLayouts, 'gcc'], 'the bridge called by native code', () => {
  let callBack: NativeFunction;
  let koffi: ReturnType<typeof loadKoffi>;
  beforeAll(async () => {
    koffi = loadKoffi();
    const library = koffi.load(
      await compileWith('gcc', 'callback-caller.c', [
        '-shared',
        '-fPIC',
        '-O1',
        '-Wall',
        '-Wextra',
        '-Werror',
      ]),
    );
    koffi.proto('int MdmpTestRoutine(void *param, void *input, void *output)');
    callBack = library.func(
      'int call_back(MdmpTestRoutine *callback, uint8_t *input, uint32_t, int32_t, _Inout_ uint8_t *pointee, uint32_t, _Inout_ uint8_t *output, uint32_t)',
    ) as NativeFunction;
  });

  const memories: { name: string; memory: NativeMemory }[] = [
    { name: 'views', memory: { view: (address, size) => new Uint8Array(koffi.view(address, size)) } },
    {
      name: 'copies',
      memory: {
        view: (address, size) => Uint8Array.from(koffi.decode(address, 'uint8_t', size)),
        write: (address, bytes) => koffi.encode(address, 'uint8_t', bytes, bytes.length),
      },
    },
  ];

  describe.each(memories)('with $name of its memory', ({ memory }) => {
    function call(
      routine: (input: MINIDUMP_CALLBACK_INPUT, output: MINIDUMP_CALLBACK_OUTPUT) => unknown,
      input: Uint8Array,
      pointer?: { at: number; to: Uint8Array },
    ) {
      const bridge = nativeRoutine(
        (_param, given, output) => routine(given, output) as boolean,
        0,
        abi,
        memory,
      );
      const output = new Uint8Array(52).fill(0xa5);
      const pointee = pointer?.to.slice() ?? new Uint8Array(1);
      const returned = callBack(
        (_param: unknown, inputAddress: bigint, outputAddress: bigint) =>
          bridge.call(inputAddress, outputAddress),
        input,
        input.length,
        pointer?.at ?? -1,
        pointee,
        pointee.length,
        output,
        output.length,
      );
      return { returned, output, pointee, failure: bridge.failure };
    }
    const expected = (values: Record<string, number>) => {
      const bytes = new Uint8Array(52).fill(0xa5);
      put(abi, bytes, 0, 'MINIDUMP_CALLBACK_OUTPUT', values);
      return bytes;
    };
    const pointerAt = (arm: string, structure: string, field: string) =>
      measured(abi, 'MINIDUMP_CALLBACK_INPUT').fields[arm]!.offset +
      measured(abi, structure).fields[field]!.offset;

    it('reads no byte past what a callback type uses', () => {
      // Known inputs point into memory that is not here, so those with pointers are called below.
      const known = knownInputs(abi, new FakeMemory(abi)).filter(
        ({ native = {} }) => !('FullPath' in native || 'Buffer' in native),
      );
      expect(known.length).toBeGreaterThan(15);
      for (const one of known) {
        const seen: MINIDUMP_CALLBACK_INPUT[] = [];
        call(
          (input) => {
            seen.push(input);
            return true;
          },
          nativeInput(abi, one, 0xa5).subarray(0, inputSize(one.type, abi)),
        );
        expect(seen).toEqual([expectedInput(one)]);
      }
    });

    it('reads a path that ends where memory ends', () => {
      const values = { FullPath: 0, CvRecord: 0, MiscRecord: 0, BaseOfImage: 0x1000 };
      const one = {
        type: Type.ModuleCallback,
        arm: 'Module',
        structure: 'MINIDUMP_MODULE_CALLBACK',
        native: values,
        expected: {},
      };
      for (const path of [PATH, 'x'.repeat(9000) + PATH, '']) {
        let seen: unknown;
        const { returned, output, failure } = call(
          (input, answer) => {
            if ('Module' in input) seen = input.Module.FullPath;
            answer.ModuleWriteFlags = 9;
            return true;
          },
          nativeInput(abi, one),
          { at: pointerAt('Module', 'MINIDUMP_MODULE_CALLBACK', 'FullPath'), to: utf16(path) },
        );
        expect({ returned, output, failure, seen }).toEqual({
          returned: 1,
          output: expected({ ModuleWriteFlags: 9 }),
          failure: undefined,
          seen: path,
        });
      }
    });

    it('fills the buffer of a read, and changes it afterwards', () => {
      const size = 100_001;
      for (const [type, arm, structure] of [
        [Type.VmPreReadCallback, 'VmPreRead', 'MINIDUMP_VM_PRE_READ_CALLBACK'],
        [Type.VmPostReadCallback, 'VmPostRead', 'MINIDUMP_VM_POST_READ_CALLBACK'],
      ] as const) {
        const native = {
          Offset: 0x1000,
          Size: size,
          ...(arm === 'VmPostRead' && { Completed: size, Status: 0 }),
        };
        const one = { type, arm, structure, native, expected: {} };
        const before = pattern(size);
        const { returned, output, pointee, failure } = call(
          (input, answer) => {
            const read = 'VmPreRead' in input ? input.VmPreRead : 'VmPostRead' in input && input.VmPostRead;
            const bytes = (read || expect.fail()).Buffer;
            expect(bytes).toEqual(before);
            bytes.fill(0x11, 5, 10);
            bytes[size - 1] = 0x22;
            answer.VmReadStatus = 0;
            answer.VmReadBytesCompleted = size;
            return true;
          },
          nativeInput(abi, one),
          { at: pointerAt(arm, structure, 'Buffer'), to: before },
        );
        const after = before.slice().fill(0x11, 5, 10);
        after[size - 1] = 0x22;
        expect({ returned, output, failure }).toEqual({
          returned: 1,
          output: expected({ VmReadStatus: 0, VmReadBytesCompleted: size }),
          failure: undefined,
        });
        expect(Buffer.from(pointee).equals(after)).toBe(true);
      }
    });

    it('lets nothing that is thrown into native code', () => {
      const one = { type: Type.CancelCallback, expected: {} };
      const { returned, output, failure } = call(
        () => {
          throw new Error('mine');
        },
        nativeInput(abi, one),
      );
      expect({ returned, output, code: failure?.code }).toEqual({
        returned: 1,
        output: expected({ CheckCancel: 1, Cancel: 1 }),
        code: 'callback-failed',
      });
    });
  });
});
