/** What no compiler at hand writes, as the x64 ABI of Microsoft describes it. */
import { describe, expect, it } from 'vitest';
import { MinidumpError, runSync } from '../../../src/io/index.js';
import type { CfiRow } from '../../../src/object/cfi.js';
import { openPeFrames, type PeFrames } from '../../../src/object/pe/frames.js';
import { PeDebugInformation } from '../../../src/object/pe/index.js';
import { lines, walk } from '../../unwind/scene.js';
import { DATA, EXCEPTION, openMadeUp, TEXT, words } from './made-up.js';

const RSP = 0x7000_0000n;
const frame = {
  register: (name: string) => (name === 'rsp' ? RSP : 0x1234n),
  // Each place in memory holds its own address.
  read: (address: bigint) => address,
};

/** Unwind data behind the table, which has one entry for the code. */
function framesOf(code: Uint8Array, info: readonly number[], more: Uint8Array = new Uint8Array()): PeFrames {
  const data = Buffer.concat([words(TEXT, TEXT + code.length, DATA + 12), Buffer.from(info), more]);
  return openPeFrames(openMadeUp({ code, data, directories: { [EXCEPTION]: [DATA, 12] } }))!;
}

const at = (frames: PeFrames, offset: number, inCall = false): CfiRow | undefined =>
  runSync(frames.cfiAt(TEXT + offset, inCall));
const depth = (frames: PeFrames, offset: number) => {
  const row = at(frames, offset);
  return row && Number(row.cfa(frame, undefined)! - RSP);
};

describe('UNWIND_INFO of version 2', () => {
  const code = new Uint8Array(0x30).fill(0x90);
  const put = (offset: number, ...bytes: number[]) => code.set(bytes, offset);
  const [push, sub, add] = [[0x53], [0x48, 0x83, 0xec, 0x20], [0x48, 0x83, 0xc4, 0x20]];
  const leave = [0x5b, 0xc3];
  put(0, ...push, ...sub);
  put(0x10, ...add, ...leave);
  put(0x20, ...leave);
  put(0x2a, ...add, ...leave);
  const UWOP_EPILOG = 6;
  const prologue = [5, 0x32, 1, 0x30];
  /** Two bytes each, the last at the very end, and one that begins 0x1c before the end. */
  const epilogues = [2, 0x10 | UWOP_EPILOG, 0x1c, UWOP_EPILOG];

  it('says where epilogues are: what looks like one elsewhere is none', () => {
    const frames = framesOf(code, [2, 5, 4, 0, ...epilogues, ...prologue]);
    const expected: [number, number][] = [
      [0, 8],
      [1, 16],
      [5, 48],
      [0x10, 48],
      [0x14, 16],
      [0x15, 8],
      [0x16, 48],
      [0x20, 48],
      [0x21, 48],
      [0x2a, 48],
      [0x2e, 16],
      [0x2f, 8],
    ];
    expect(expected.map(([offset]) => [offset, depth(frames, offset)])).toEqual(expected);
  });

  it('of version 1, the code is looked at', () => {
    const frames = framesOf(code, [1, 5, 2, 0, ...prologue]);
    expect([0x10, 0x14, 0x20, 0x21, 0x2e].map((offset) => depth(frames, offset))).toEqual([
      48, 16, 16, 8, 16,
    ]);
    // Not where a call was made: what follows it has not run.
    expect(Number(at(frames, 0x20, true)!.cfa(frame, undefined)! - RSP)).toBe(48);
  });

  it('a later version is as if there were none', () => {
    expect(at(framesOf(code, [3, 5, 2, 0, ...prologue]), 5)).toBeUndefined();
  });
});

describe('PUSH_MACHFRAME', () => {
  const code = new Uint8Array(0x20).fill(0x90);
  it.each([
    [0, 0x20n],
    [1, 0x28n],
  ])('with an error code or without: %i', (hasErrorCode, distance) => {
    const frames = framesOf(code, [1, 4, 2, 0, 4, 0x32, 0, (hasErrorCode << 4) | 10]);
    const row = at(frames, 8)!;
    const cfa = row.cfa(frame, undefined);
    expect(row.signalFrame).toBe(true);
    expect(row.returnAddress(frame, cfa)).toBe(RSP + distance);
    expect(row.registers.get('rsp')!(frame, cfa)).toBe(RSP + distance + 24n);
  });

  it('what was interrupted goes on at that very instruction, on its own stack', () => {
    const row = at(framesOf(code, [1, 4, 2, 0, 4, 0x32, 0, 0x1a]), 8)!;
    const { frames } = walk({
      cpu: 'amd64',
      system: 'windows',
      stack: [
        'sp:',
        0n,
        0n,
        0n,
        0n,
        0xen,
        0x5000_2000n,
        0x33n,
        0x246n,
        '@other',
        0x2bn,
        'other:',
        0x5000_3000n,
      ],
      registers: { rip: 0x4000_1008n, rsp: '@sp', rbx: 5n },
      code: [
        { start: 0x4000_1000n, size: 0x20, name: 'trap', cfi: row },
        // A function whose first instruction failed.
        { start: 0x5000_2000n, size: 0x10, name: 'first', cfi: at(framesOf(code, [1, 0, 0, 0]), 0)! },
        { start: 0x5000_2ff0n, size: 0x20, name: 'caller' },
      ],
    });
    expect(lines(frames).slice(1)).toEqual([
      'cfi 50002000: rbx=5 rip=50002000 rsp=80000050',
      'cfi 50002fff: rbx=5 rip=50003000 rsp=80000058',
    ]);
  });
});

describe('entries', () => {
  const code = new Uint8Array(0x40).fill(0x90);
  const info = [1, 5, 2, 0, 5, 0x32, 1, 0x30];

  it('may be indirect: they say where another is', () => {
    // The second entry stands for the first, as ones that a linker shares do.
    const data = Buffer.concat([
      words(TEXT, TEXT + 0x20, DATA + 24),
      words(TEXT + 0x20, TEXT + 0x40, DATA + 1),
      Buffer.from(info),
    ]);
    const frames = openPeFrames(openMadeUp({ code, data, directories: { [EXCEPTION]: [DATA, 24] } }))!;
    expect([depth(frames, 5), depth(frames, 0x25)]).toEqual([48, 48]);
    expect(runSync(frames.rangeAt(TEXT + 0x25))).toMatchObject({ functionStart: TEXT });
  });

  it('code without one is a leaf; other sections are none, nor is it where the table is not there', () => {
    const data = Buffer.concat([words(TEXT + 8, TEXT + 16, DATA + 12), Buffer.from(info)]);
    const frames = openPeFrames(openMadeUp({ code, data, directories: { [EXCEPTION]: [DATA, 12] } }))!;
    expect([0, 16].map((offset) => at(frames, offset)?.leaf)).toEqual([true, true]);
    expect(depth(frames, 16)).toBe(8);
    expect(at(frames, 8)?.leaf).toBeUndefined();
    expect(runSync(frames.cfiAt(DATA + 4, false))).toBeUndefined();
    const gone = openPeFrames(openMadeUp({ code, data, directories: { [EXCEPTION]: [0x9000, 12] } }));
    expect(gone && at(gone, 0)).toBeUndefined();
    // Cut off: what is behind the last entry that is there may have one that is not.
    const cut = openPeFrames(openMadeUp({ code, data, directories: { [EXCEPTION]: [DATA, 1200] } }))!;
    expect([0, 16].map((offset) => at(cut, offset)?.leaf)).toEqual([true, undefined]);
  });

  it('the last UNWIND_INFO of a section needs nothing behind it', () => {
    expect(depth(framesOf(code, [1, 0, 0, 0]), 0x20)).toBe(8);
    expect(depth(framesOf(code, [1, 4, 1, 0, 4, 0x32]), 0x20)).toBe(40);
  });

  it('a code that does not exist costs its function, and is told', () => {
    const broken = [1, 5, 2, 0, 5, 0x0b, 1, 0x30];
    expect(() => at(framesOf(code, broken), 5)).toThrow(MinidumpError);
    const data = Buffer.concat([words(TEXT, TEXT + 0x40, DATA + 12), Buffer.from(broken)]);
    const file = openMadeUp({ code, data, directories: { [EXCEPTION]: [DATA, 12] } });
    const information = new PeDebugInformation(file);
    expect(runSync(information.cfiAt(TEXT + 5))).toBeUndefined();
    expect(information.problems.map((problem) => problem.code)).toEqual(['malformed']);
  });
});

describe('ARM64', () => {
  it('an entry may say where another is', () => {
    const FORWARDED = 3;
    // Packed: 16 instructions, no saved registers, a frame of 32 bytes without frame pointer.
    const packed = 1 | (16 << 2) | (2 << 23);
    const data = words(TEXT, (DATA + 8) | FORWARDED, 0, packed);
    const code = new Uint8Array(64);
    const file = openMadeUp({ machine: 0xaa64, code, data, directories: { [EXCEPTION]: [DATA, 8] } });
    const view = { register: (name: string) => (name === 'sp' ? RSP : 0x99n), read: () => undefined };
    const row = runSync(openPeFrames(file)!.cfiAt(TEXT + 32, false))!;
    expect(row.cfa(view, undefined)).toBe(RSP + 32n);
    expect(row.returnAddress(view, RSP + 32n)).toBe(0x99n);
  });
});
