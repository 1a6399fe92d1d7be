import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { MINIDUMP_TYPE, Minidump, writeMinidump } from '../../dist/index.js';
import { gdbLive, lldbDump, minidumpDump, minidumpStackwalk } from '../support/judges.js';
import { compile, Program, stopPrograms, temporaryFolder, waitUntilStill } from '../support/programs.js';
import { describeWith, needsBuild, needsLinux } from '../support/tools.js';

afterEach(stopPrograms);

/** Where things are in the CONTEXT of x86-64 and of x86 (winnt.h). */
interface Layout {
  size: number;
  flags: number;
  xmm: number;
}
const AMD64: Layout = { size: 1232, flags: 48, xmm: 0x1a0 };
const X86: Layout = { size: 716, flags: 0, xmm: 0xcc + 160 };
const [AVX, KMASK, ZMM_H, ZMM, TILE_CONFIG, TILE_DATA] = [2, 5, 6, 7, 17, 18];
/** Of each feature that a packed area may hold, in bytes (Intel SDM 1, 13.5). */
const SIZES = new Map([
  [AVX, 256],
  [KMASK, 64],
  [ZMM_H, 512],
  [ZMM, 1024],
  [TILE_CONFIG, 64],
  [TILE_DATA, 8192],
]);

/**
 * Finds features as Windows' LocateXStateFeature does, from the documentation of CONTEXT_EX and of the packed form of XSAVE;
 * without any code of mdmp.
 */
class Extended {
  readonly mask: bigint;
  readonly #context: DataView;
  readonly #places = new Map<number, number>();

  readonly #layout: Layout;

  constructor(bytes: Uint8Array, layout = AMD64) {
    this.#layout = layout;
    const { size, flags } = layout;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#context = view;
    expect(view.getUint32(flags, true) & 0x40).toBe(0x40);
    const chunk = (i: number) => ({
      start: size + view.getInt32(size + i * 8, true),
      length: view.getUint32(size + i * 8 + 4, true),
    });
    const [all, legacy, xstate] = [chunk(0), chunk(1), chunk(2)];
    expect(all).toEqual({ start: 0, length: bytes.length });
    expect(legacy).toEqual({ start: 0, length: size });
    expect(xstate!.start % 64).toBe(0);
    expect(xstate!.start).toBeGreaterThanOrEqual(size + 24);
    expect(xstate!.start + xstate!.length).toBe(bytes.length);
    this.mask = view.getBigUint64(xstate!.start, true);
    const compaction = view.getBigUint64(xstate!.start + 8, true);
    expect(compaction >> 63n).toBe(1n);
    expect(this.mask & ~compaction).toBe(0n);
    let at = xstate!.start + 64;
    for (let number = 2; number < 62; number++) {
      if (((compaction >> BigInt(number)) & 1n) === 0n) continue;
      this.#places.set(number, at);
      at += SIZES.get(number)!;
    }
    expect(at).toBe(bytes.length);
  }

  feature(number: number): Buffer {
    const at = this.#places.get(number)!;
    return Buffer.from(this.#context.buffer, this.#context.byteOffset + at, SIZES.get(number)!);
  }

  has(number: number): boolean {
    return this.#places.has(number);
  }

  /** xmm, ymm or zmm, as `length` bytes. */
  vector(number: number, length: 16 | 32 | 64): Buffer {
    if (number >= 16)
      return this.feature(ZMM)
        .subarray((number - 16) * 64, (number - 15) * 64)
        .subarray(0, length);
    const low = Buffer.from(
      this.#context.buffer,
      this.#context.byteOffset + this.#layout.xmm + number * 16,
      16,
    );
    if (length === 16) return low;
    const middle = this.feature(AVX).subarray(number * 16, number * 16 + 16);
    if (length === 32) return Buffer.concat([low, middle]);
    return Buffer.concat([low, middle, this.feature(ZMM_H).subarray(number * 32, number * 32 + 32)]);
  }
}

/** As test/programs/vectors.c fills them. */
function expected(seed: number, number: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (seed * 53 + number * 7 + i * 3 + 1) & 0xff));
}

const value = (bytes: Buffer) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);

/** A dump, and what its MiscInfo says of the extended contexts. */
async function dump(
  pid: number,
  type: number,
  exception?: DumpException,
): Promise<{ file: string; xstate: XState | undefined }> {
  const file = join(temporaryFolder(), 'vectors.dmp');
  await writeMinidump(pid, file, { type, exception });
  const misc = Minidump.openSync(readFileSync(file)).getSync('miscInfo')!;
  return { file, xstate: misc.XStateData?.EnabledFeatures ? misc.XStateData : undefined };
}

function threadsOf(file: string) {
  return Minidump.openSync(readFileSync(file)).getSync('threads')!;
}

interface DumpException {
  threadId: number;
  siginfo: bigint;
  ucontext: bigint;
}

interface XState {
  SizeOfInfo: number;
  ContextSize: number;
  EnabledFeatures: bigint;
  Features: { Offset: number; Size: number }[];
}

describeWith(
  ['gcc', 'gdb', 'minidump_dump', 'minidump_stackwalk', needsLinux, needsBuild],
  'the registers beyond SSE',
  () => {
    it('are where CONTEXT_EX and the mask say, with the values that the threads gave them', async () => {
      const program = await Program.start(await compile('vectors'));
      const features = Number(program.values.get('features'));
      expect(features & 1, 'this processor has no AVX').toBe(1);
      await waitUntilStill(program.pid);
      const { file, xstate } = await dump(program.pid, MINIDUMP_TYPE.MiniDumpWithAvxXStateContext);
      const threads = threadsOf(file);
      const contexts = new Map(threads.map((thread) => [thread.ThreadId, thread.context!]));
      const tid = (name: string) => Number(program.values.get(name));

      const avx = new Extended(contexts.get(tid('avx'))!.bytes);
      // What the kernel notes in the last 48 bytes of FXSAVE is not part of a CONTEXT.
      const rest = contexts.get(tid('avx'))!.bytes.subarray(0x100 + 464, 0x100 + 512);
      expect(rest.every((byte) => byte === 0)).toBe(true);
      for (let n = 0; n < 16; n++) expect(avx.vector(n, 32), `ymm${n}`).toEqual(expected(0, n, 32));
      if (features & 2) {
        const avx512 = new Extended(contexts.get(tid('avx512'))!.bytes);
        for (let n = 0; n < 32; n++) expect(avx512.vector(n, 64), `zmm${n}`).toEqual(expected(1, n, 64));
        for (let n = 0; n < 8; n++) {
          expect(avx512.feature(KMASK).readBigUInt64LE(n * 8)).toBe(0x0101010101010101n * BigInt(n + 1));
        }
      }
      if (features & 4) {
        const amx = new Extended(contexts.get(tid('amx'))!.bytes);
        expect(amx.feature(TILE_CONFIG)[0]).toBe(1);
        for (let n = 0; n < 8; n++) {
          expect(amx.feature(TILE_DATA).subarray(n * 1024, (n + 1) * 1024)).toEqual(expected(2, n, 1024));
        }
        // They are long, and nobody else's.
        expect(avx.has(TILE_DATA)).toBe(false);
        expect(xstate!.ContextSize).toBe(contexts.get(tid('amx'))!.bytes.length);
      }

      // MiscInfo leads to the same bytes: offsets from the start of the area, whose first 512 bytes are in the CONTEXT.
      expect(xstate!.SizeOfInfo).toBe(528);
      const area = avx.feature(AVX).byteOffset - contexts.get(tid('avx'))!.bytes.byteOffset - 64;
      for (const [number, { Offset, Size }] of xstate!.Features.entries()) {
        expect(Size !== 0, `feature ${number}`).toBe(
          ((xstate!.EnabledFeatures >> BigInt(number)) & 1n) === 1n,
        );
        if (!avx.has(number)) continue;
        const start = avx.feature(number).byteOffset - contexts.get(tid('avx'))!.bytes.byteOffset;
        expect([area + Offset - 512, Size]).toEqual([start, SIZES.get(number)]);
      }

      // What comes behind the structure does not disturb the others.
      expect(contexts.get(tid('avx'))!.extended.length).toBe(
        contexts.get(tid('avx'))!.bytes.length - AMD64.size,
      );
      const printed = await minidumpDump(file);
      expect(printed.complaints).toEqual([]);
      expect(printed.threads.map(({ id, registers }) => [id, registers.rip])).toEqual(
        threads.map(({ ThreadId, context }) => [ThreadId, context!.instructionPointer]),
      );
      const walk = await minidumpStackwalk(file);
      expect(walk.complaints).toEqual([]);
      expect(walk.frames.length).toBe(contexts.size);

      // gdb sees the same: the threads still stand where they stood.
      for (const { id, registers } of await gdbLive(program.pid, { vectors: true })) {
        const extended = new Extended(contexts.get(id)!.bytes);
        for (let n = 0; n < 16; n++)
          expect(value(extended.vector(n, 32)), `ymm${n}`).toBe(registers[`ymm${n}`]);
        if (!(features & 2)) continue;
        for (let n = 0; n < 32; n++)
          expect(value(extended.vector(n, 64)), `zmm${n}`).toBe(registers[`zmm${n}`]);
        for (let n = 0; n < 8; n++)
          expect(extended.feature(KMASK).readBigUInt64LE(n * 8), `k${n}`).toBe(registers[`k${n}`]);
      }
    });

    it('are left out unless asked for', async () => {
      const program = await Program.start(await compile('vectors'));
      const { file, xstate } = await dump(program.pid, MINIDUMP_TYPE.MiniDumpNormal);
      expect(xstate).toBeUndefined();
      for (const { context } of threadsOf(file)) {
        expect(context!.bytes.length).toBe(AMD64.size);
        expect(context!.is('amd64') && context!.registers.ContextFlags & 0x40).toBe(0);
      }
    });
  },
);

describeWith(
  ['gcc', 'lldb-19', 'gcc -m32', needsLinux, needsBuild],
  'the registers beyond SSE of a 32-bit process',
  () => {
    it('are there, too', async () => {
      const program = await Program.start(await compile('vectors', ['-m32']));
      await waitUntilStill(program.pid);
      const { file, xstate } = await dump(program.pid, MINIDUMP_TYPE.MiniDumpWithAvxXStateContext);
      const threads = threadsOf(file);
      const { context } = threads.find(({ ThreadId }) => ThreadId === Number(program.values.get('avx')))!;
      const extended = new Extended(context!.bytes, X86);
      for (let n = 0; n < 8; n++) expect(extended.vector(n, 32), `ymm${n}`).toEqual(expected(0, n, 32));
      expect(xstate!.ContextSize).toBeGreaterThanOrEqual(context!.bytes.length);
      // Breakpad's reader takes no x86 context longer than 716 bytes, DbgHelp's own neither; LLDB does.
      const lldb = await lldbDump(file);
      expect(lldb.complaints).toEqual([]);
      expect(lldb.threads.map(({ id, registers }) => [id, registers.eip])).toEqual(
        threads.map((thread) => [thread.ThreadId, thread.context!.instructionPointer]),
      );
    });
  },
);

describeWith(
  ['gcc', 'gcc -m32', needsLinux, needsBuild],
  'the registers beyond SSE at the moment of an exception',
  () => {
    for (const [flags, layout, vectors] of [
      [[], AMD64, 16],
      [['-m32'], X86, 8],
    ] as const) {
      it(`are taken from the signal frame${flags.length > 0 ? ' of a 32-bit process' : ''}`, async () => {
        const program = await Program.start(await compile('vectors', flags), ['fault']);
        const exception = {
          threadId: Number(program.values.get('avx')),
          siginfo: BigInt(program.values.get('siginfo')!),
          ucontext: BigInt(program.values.get('ucontext')!),
        };
        for (const type of [MINIDUMP_TYPE.MiniDumpWithAvxXStateContext, MINIDUMP_TYPE.MiniDumpNormal]) {
          const { file } = await dump(program.pid, type, exception);
          const { context, ExceptionRecord } = Minidump.openSync(readFileSync(file)).getSync('exception')!;
          expect(ExceptionRecord.ExceptionAddress).toBe(8n);
          if (type === MINIDUMP_TYPE.MiniDumpNormal) {
            expect(context!.bytes.length).toBe(layout.size);
            continue;
          }
          const extended = new Extended(context!.bytes, layout);
          for (let n = 0; n < vectors; n++)
            expect(extended.vector(n, 32), `ymm${n}`).toEqual(expected(0, n, 32));
        }
      });
    }
  },
);
