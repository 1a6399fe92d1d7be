/** What MiniDumpWriteDump is given beside the callback. */
import { describe, expect, it } from 'vitest';
import { MinidumpError } from '../../../../src/io/index.js';
import {
  encodeCallbackInformation,
  encodeExceptionInformation,
  encodeUserStreams,
  structuresOf,
} from '../../../../src/targets/windows/abi/index.js';
import { needsLayouts } from '../../../format/layouts-json.js';
import { describeWith } from '../../../support/tools.js';
import { abiName, FakeMemory, measured, measuredAbis, pattern, put, type Values } from './measured.js';

describeWith([needsLayouts], 'arguments of MiniDumpWriteDump', () => {
  describe.each(measuredAbis.map((abi) => ({ abi, name: abiName(abi) })))('$name', ({ abi }) => {
    const CONTEXT = { x64: 1232, x86: 716, arm64: 912 }[abi.cpu];
    const POINTER = abi.cpu === 'x86' ? 4 : 8;

    function native(structure: string, values: Values): Uint8Array {
      const bytes = new Uint8Array(measured(abi, structure).size);
      put(abi, bytes, 0, structure, values);
      return bytes;
    }
    /** Reads a pointer that the compiler has at a field. */
    function pointer(bytes: Uint8Array, structure: string, field: string): bigint {
      const { offset, size } = measured(abi, structure).fields[field]!;
      expect(size).toBe(POINTER);
      return bytes.subarray(offset, offset + size).reduceRight((all, byte) => (all << 8n) | BigInt(byte), 0n);
    }
    function failure(action: () => unknown): unknown {
      try {
        action();
      } catch (error) {
        if (error instanceof MinidumpError) return error.code;
        throw error;
      }
      return 'nothing';
    }

    it('have an exception of the target by its address', () => {
      const address = abi.cpu === 'x86' ? 0xf123_4567n : 0xffff_8000_1234_5678n;
      const block = encodeExceptionInformation({ threadId: 0xfedc_ba98, pointers: address }, abi, () => {
        throw new Error('nothing lies here');
      });
      expect(block).toEqual({
        bytes: native('MINIDUMP_EXCEPTION_INFORMATION', {
          ThreadId: 0xfedc_ba98,
          ExceptionPointers: address,
          ClientPointers: 1,
        }),
        keep: [],
      });
    });

    const record = {
      ExceptionCode: 0xc000_0005,
      ExceptionFlags: 0x81,
      ExceptionRecord: 0x7654_3210n,
      ExceptionAddress: 0xf000_1234n,
      ExceptionInformation: [1n, 0xffff_fff0n],
    };

    it('have an exception that lies here, its record by fields or by bytes', () => {
      const context = pattern(CONTEXT);
      const expected = native('EXCEPTION_RECORD', {
        ExceptionCode: 0xc000_0005,
        ExceptionFlags: 0x81,
        ExceptionRecord: 0x7654_3210n,
        ExceptionAddress: 0xf000_1234n,
        NumberParameters: 2,
      });
      const parameters = measured(abi, 'EXCEPTION_RECORD').fields.ExceptionInformation!;
      expect(parameters.size).toBe(15 * POINTER);
      expected[parameters.offset] = 1;
      expected.set([0xf0, 0xff, 0xff, 0xff], parameters.offset + POINTER);

      for (const given of [record, expected]) {
        const memory = new FakeMemory(abi);
        const kept: Uint8Array[] = [];
        const addressOf = (bytes: Uint8Array) => {
          kept.push(bytes);
          return memory.addressOf(bytes);
        };
        const { bytes, keep } = encodeExceptionInformation(
          { threadId: 7, pointers: { record: given, context } },
          abi,
          addressOf,
        );
        const at = pointer(bytes, 'MINIDUMP_EXCEPTION_INFORMATION', 'ExceptionPointers');
        expect(bytes).toEqual(
          native('MINIDUMP_EXCEPTION_INFORMATION', { ThreadId: 7, ExceptionPointers: at, ClientPointers: 0 }),
        );
        const both = memory.view(at, measured(abi, 'EXCEPTION_POINTERS').size);
        const recordAt = pointer(both, 'EXCEPTION_POINTERS', 'ExceptionRecord');
        expect(memory.view(recordAt, expected.length)).toEqual(expected);
        const contextAt = pointer(both, 'EXCEPTION_POINTERS', 'ContextRecord');
        expect(memory.view(contextAt, CONTEXT)).toEqual(context);
        expect(new Set(keep)).toEqual(new Set(kept));
        expect(keep).toHaveLength(3);
        // A typed array of its own memory does not move, a small one inside V8's heap may.
        for (const one of keep) expect(one.buffer.byteLength).toBe(one.length);
      }
    });

    it('refuse an exception of which DbgHelp would read more than there is', () => {
      const encode = (given: unknown, context: Uint8Array) =>
        failure(() =>
          encodeExceptionInformation(
            { threadId: 7, pointers: { record: given as typeof record, context } },
            abi,
            new FakeMemory(abi).addressOf,
          ),
        );
      const { size } = measured(abi, 'EXCEPTION_RECORD');
      expect(encode(record, pattern(CONTEXT - 1))).toBe('invalid-argument');
      expect(encode(pattern(size - 1), pattern(CONTEXT))).toBe('invalid-argument');
      const many = { ...record, ExceptionInformation: new Array(16).fill(0n) };
      expect(encode(many, pattern(CONTEXT))).toBe('invalid-argument');
      expect(encode(pattern(size), pattern(CONTEXT + 100))).toBe('nothing');
    });

    it('have user streams, which are not copied', () => {
      const memory = new FakeMemory(abi);
      const streams = [
        { type: 0x10000, bytes: pattern(5, 1) },
        { type: 0xffff_fff0, bytes: new Uint8Array(0) },
        { type: 11, bytes: pattern(5000, 2) },
      ];
      const { bytes, keep } = encodeUserStreams(streams, abi, memory.addressOf);
      const at = pointer(bytes, 'MINIDUMP_USER_STREAM_INFORMATION', 'UserStreamArray');
      expect(bytes).toEqual(
        native('MINIDUMP_USER_STREAM_INFORMATION', { UserStreamCount: 3, UserStreamArray: at }),
      );
      const { size } = measured(abi, 'MINIDUMP_USER_STREAM');
      const expected = streams.map(({ type, bytes: all }) =>
        native('MINIDUMP_USER_STREAM', {
          Type: type,
          BufferSize: all.length,
          Buffer: all.length === 0 ? 0 : memory.addressOf(all),
        }),
      );
      expect(memory.view(at, 3 * size)).toEqual(Uint8Array.from(expected.flatMap((one) => [...one])));
      expect(keep).toContain(streams[0]!.bytes);
      expect(keep).toContain(streams[2]!.bytes);
      expect(keep).toHaveLength(3);
    });

    it('may have no user streams', () => {
      const block = encodeUserStreams([], abi, new FakeMemory(abi).addressOf);
      expect(block).toEqual({
        bytes: native('MINIDUMP_USER_STREAM_INFORMATION', {}),
        keep: [],
      });
    });

    it('have the callback', () => {
      const routine = abi.cpu === 'x86' ? 0xf123_4567n : 0xffff_8000_1234_5678n;
      expect(encodeCallbackInformation(routine, 0x8765_4321n, abi)).toEqual(
        native('MINIDUMP_CALLBACK_INFORMATION', { CallbackRoutine: routine, CallbackParam: 0x8765_4321n }),
      );
      expect(structuresOf(abi).MINIDUMP_CALLBACK_INFORMATION.size).toBe(2 * POINTER);
    });
  });
});
