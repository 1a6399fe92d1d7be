import { describe, expect, it } from 'vitest';
import { BytesSource, MinidumpError, runSync } from '../../src/io/index.js';
import { MemoryView } from '../../src/reader/index.js';
import {
  CapturedMemory,
  fetchStack,
  type TechniqueName,
  type TraceEvent,
  unwind,
} from '../../src/unwind/index.js';
import { filler, one, reg, row, saved, trusts, walk } from './scene.js';

const registers = { rip: 0x4000_1000n, rsp: 0x8000_0000n };

/** A stack without end, with the same word everywhere. */
function endless(
  word: bigint,
  cpu: 'x86' | 'amd64' | 'arm' | 'arm64' = 'amd64',
  maxFrames?: number,
  order?: TechniqueName[],
) {
  let reads = 0;
  const names = { x86: ['eip', 'esp'], amd64: ['rip', 'rsp'], arm: ['pc', 'sp'], arm64: ['pc', 'sp'] }[cpu];
  const result = runSync(
    unwind(
      {
        cpu,
        system: 'windows',
        registers: new Map([
          [names[0]!, 0x4000_1000n],
          [names[1]!, 0x8000_0000n],
          ['rbp', 0x8000_0000n],
          ['ebp', 0x8000_0000n],
          ['fp', 0x8000_0000n],
        ]),
        memory: {
          read() {
            reads++;
            return word;
          },
        },
        highestModuleEnd: 0x4001_0000n,
      },
      {
        moduleAt: (address) => (address >> 16n === 0x4000n ? one : undefined),
        *cfiAt() {
          return undefined;
        },
        *windowsFrameAt() {
          return undefined;
        },
        *isCode() {
          return undefined;
        },
        *parameterSizeAt() {
          return 0;
        },
      },
      { maxFrames, order },
    ),
  );
  return { ...result, reads };
}

describe('walks of hostile stacks', () => {
  it.each(['x86', 'amd64', 'arm', 'arm64'] as const)('%s: end after 1024 frames, and say so', (cpu) => {
    const result = endless(0x4000_1001n, cpu, undefined, ['cfi', 'scan']);
    expect(result.frames).toHaveLength(1024);
    expect(result).toMatchObject({ end: 'too-many-frames', truncated: true });
    expect(result.reads).toBeLessThan(1024 * 200);
  });

  it.each([1, 2, 7])('take no more than %i frames if that is wanted', (maxFrames) => {
    const result = endless(0x4000_1001n, 'amd64', maxFrames);
    expect(result.frames).toHaveLength(maxFrames);
    expect(result.truncated).toBe(true);
  });

  it.each([0n, 1n, 0xffff_ffff_ffff_ffffn, 0x8000_0000n])('end on a stack full of %d', (word) => {
    for (const cpu of ['x86', 'amd64', 'arm', 'arm64'] as const) {
      const result = endless(cpu === 'x86' || cpu === 'arm' ? word & 0xffff_ffffn : word, cpu);
      expect(result.frames.length).toBeLessThan(1025);
      expect(result.reads).toBeLessThan(1024 * 200);
    }
  });

  it('stop at the end of all addresses', () => {
    for (const [cpu, stackAt] of [
      ['x86', 0xffff_fff0n],
      ['amd64', 0xffff_ffff_ffff_ffe0n],
    ] as const) {
      const result = walk({
        cpu,
        stackAt,
        stack: ['sp:', ...filler(4)],
        registers: cpu === 'x86' ? { eip: 0x4000_1000n, esp: '@sp' } : { rip: 0x4000_1000n, rsp: '@sp' },
      });
      expect(result.end).toBe('no-caller');
    }
  });

  it('have no frames where there is no instruction pointer', () => {
    expect(walk({ cpu: 'amd64', stack: [], registers: { rsp: 1n } })).toMatchObject({
      frames: [],
      end: 'no-context',
      truncated: false,
    });
  });
});

describe('symbols that are damaged', () => {
  it('cost the techniques that need them, no more', () => {
    const result = walk({
      cpu: 'amd64',
      stack: ['sp:', 0x4000_1100n, ...filler(3)],
      registers: { rip: 0x4000_1000n, rsp: '@sp' },
      code: [{ start: 0x4000_1000n, size: 0x200, broken: true }],
    });
    expect(trusts(result.frames)).toEqual(['context', 'scan']);
  });

  it('are not what other failures of look-ups are', () => {
    const failure = new MinidumpError('async-source', 'cannot wait');
    const fails = function* (): Generator<never, never> {
      throw failure;
    };
    expect(() =>
      runSync(
        unwind(
          {
            cpu: 'amd64',
            system: 'linux',
            registers: new Map(Object.entries(registers)),
            memory: new CapturedMemory([]),
            highestModuleEnd: 0n,
          },
          {
            moduleAt: () => one,
            cfiAt: fails,
            windowsFrameAt: fails,
            isCode: fails,
            parameterSizeAt: fails,
          },
        ),
      ),
    ).toThrow(failure);
  });
});

describe('the trace', () => {
  it('tells of every technique why it was taken or not', () => {
    const { trace } = walk({
      cpu: 'amd64',
      stack: ['sp:', 0x5000_1100n, ...filler(2)],
      registers: { rip: 0x4000_1000n, rsp: '@sp', rbp: 1n },
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('rsp', 8n), saved(-8n)) }],
    });
    expect(trace).toEqual<TraceEvent[]>([
      { frame: 0, lookupAddress: 0x4000_1000n, technique: 'cfi', outcome: 'taken', why: 'CFA 0x80000008' },
      {
        ...{ frame: 1, lookupAddress: 0x5000_10ffn, technique: 'cfi', outcome: 'failed' },
        why: 'no call frame information here',
      },
      {
        ...{ frame: 1, lookupAddress: 0x5000_10ffn, technique: 'frame_pointer', outcome: 'failed' },
        why: 'rbp (0x1) is not aligned',
      },
      {
        ...{ frame: 1, lookupAddress: 0x5000_10ffn, technique: 'scan', outcome: 'failed' },
        why: 'the dump holds no memory at 0x80000018',
      },
      {
        ...{ frame: 1, lookupAddress: 0x5000_10ffn, technique: undefined, outcome: 'end' },
        why: 'no technique found a caller',
      },
    ]);
  });
});

describe('captured memory', () => {
  const memory = new CapturedMemory([
    { start: 0x1000n, bytes: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9]).subarray(1) },
    { start: 0xffff_ffff_ffff_fffcn, bytes: new Uint8Array([1, 0, 0, 0]) },
  ]);

  it('reads words that it holds whole', () => {
    expect(memory.read(0x1000n, 8)).toBe(0x0908070605040302n);
    expect(memory.read(0x1001n, 8)).toBeUndefined();
    expect(memory.read(0x1004n, 4)).toBe(0x09080706n);
    expect(memory.read(0x1006n, 2)).toBe(0x0908n);
    expect(memory.read(0x1007n, 1)).toBe(9n);
    expect(memory.read(0x1008n, 1)).toBeUndefined();
    expect(memory.read(0xfffn, 1)).toBeUndefined();
    expect(memory.read(0xffff_ffff_ffff_fffcn, 4)).toBe(1n);
    expect(memory.read(0xffff_ffff_ffff_fffdn, 4)).toBeUndefined();
  });

  it('has the byte order of the process', () => {
    const big = new CapturedMemory([{ start: 0n, bytes: new Uint8Array([0, 0, 1, 2]) }], false);
    expect(big.read(0n, 4)).toBe(0x102n);
  });

  it('fetches the stack from a little below its pointer, and no more than that of a large one', () => {
    const bytes = new Uint8Array(0x4000).map((_, i) => i >> 8);
    const reads: number[] = [];
    const source = {
      size: bytes.length,
      read: (offset: number, length: number) => {
        reads.push(length);
        return new BytesSource(bytes).read(offset, length);
      },
    };
    const view = new MemoryView(source, [
      { start: 0x6000n, end: 0x8900n, rva: 0 },
      { start: 0x8900n, end: 0x9000n, rva: 0x2900 },
      { start: 0xa000n, end: 0xb000n, rva: 0x3000 },
    ]);
    const stack = { start: 0x6000n, size: 0x3000 };
    const whole = runSync(fetchStack(view, stack, 0x8800n));
    expect(whole.read(0x7800n, 1)).toBe(0x18n);
    expect(whole.read(0x77ffn, 1)).toBeUndefined();
    expect(whole.read(0x88ffn, 2)).toBe(0x2928n);
    expect(whole.read(0x8fffn, 1)).toBe(0x2fn);
    expect(reads).toEqual([0x1100, 0x700]);
    const elsewhere = runSync(fetchStack(view, stack, 0xa010n));
    expect(elsewhere.read(0x6000n, 1)).toBe(0n);
    expect(elsewhere.read(0x8fffn, 1)).toBe(0x2fn);
    expect(elsewhere.read(0xafffn, 1)).toBe(0x3fn);
    const part = runSync(fetchStack(view, stack, 0x6000n, true, 0x100));
    expect(part.read(0x60ffn, 1)).toBe(0n);
    expect(part.read(0x6100n, 1)).toBeUndefined();
    const unsized = runSync(fetchStack(view, { start: 0x6000n, size: 0 }, 1n));
    expect(unsized.read(0x88ffn, 1)).toBe(0x28n);
    expect(unsized.read(0x8900n, 1)).toBeUndefined();
    const nowhere = { start: 0xffff_ffff_ffff_fff0n, size: 0xffff_ffff };
    for (const sp of [0n, 0xffff_ffff_ffff_fff8n]) {
      expect(runSync(fetchStack(view, nowhere, sp)).read(0x8000n, 1)).toBeUndefined();
    }
  });
});
