import { describe, expect, it } from 'vitest';
import { filler, instructions, lines, reg, row, type Scene, saved, trusts, value, walk } from './scene.js';

const arm64 = (scene: Omit<Scene, 'cpu'>) => walk({ cpu: 'arm64', ...scene });
const context = { pc: 0x4000_1000n, sp: '@sp', fp: '@fp1', lr: 0x5000_9000n };

describe('ARM64: frame pointers', () => {
  it('follows them, and shows where callers will return to', () => {
    const result = arm64({
      stack: [
        'sp:',
        ...filler(2),
        'fp1:',
        '@fp2',
        0x4000_1100n,
        'fp2:',
        '@fp3',
        0x5000_1100n,
        'fp3:',
        0n,
        0n,
      ],
      registers: { ...context, x19: 19n },
    });
    expect(lines(result.frames)).toEqual([
      'context 40001000: fp=80000010 lr=50009000 pc=40001000 sp=80000000 x19=13',
      'frame_pointer 400010fc: fp=80000020 lr=50001100 pc=40001100 sp=80000020',
      'frame_pointer 500010fc: fp=80000030 lr=0 pc=50001100 sp=80000030',
    ]);
  });

  it.each([0xfffn, 0x0010_0000_0000_0000n])('scans where no code can be at the return address %#', (pc) => {
    // In 53 bits of address: pointer authentication takes nothing off.
    const modules = [
      { base: 0x4000_0000n, size: 0x10000, name: 'one' },
      { base: 0x001f_0000_0000_0000n, size: 0x1000, name: 'high' },
    ];
    const result = arm64({
      stack: ['sp:', 'fp1:', '@fp2', pc, 0x4000_1100n, 'fp2:', 0n, 0n],
      registers: context,
      modules,
    });
    expect(trusts(result.frames)).toEqual(['context', 'scan']);
  });

  it('scans where the frame pointer is null or leads nowhere', () => {
    for (const fp of [0n, 0x1234n, 0xffff_ffff_ffff_fff8n]) {
      const result = arm64({ stack: ['sp:', 0x4000_1100n], registers: { ...context, fp } });
      expect(trusts(result.frames)).toEqual(['context', 'scan']);
    }
  });

  it('takes the signature off signed pointers', () => {
    const signed = 0x0023_8000_0000_0000n;
    const result = arm64({
      stack: [
        'sp:',
        'fp1:',
        0x0042_0000_8000_0010n,
        0x4000_1100n + signed,
        'fp2:',
        0n,
        0x5000_1100n + signed,
        0n,
      ],
      registers: context,
    });
    expect(lines(result.frames).slice(1)).toEqual([
      'frame_pointer 400010fc: fp=80000010 lr=50001100 pc=40001100 sp=80000010',
      'frame_pointer 500010fc: fp=0 pc=50001100 sp=80000020',
    ]);
  });

  it('keeps the bits that addresses of modules have', () => {
    const high = { base: 0x0000_9000_0000_0000n, size: 0x10000, name: 'high' };
    const result = arm64({
      stack: ['sp:', 'fp1:', '@fp2', high.base + 0xff01_0000_0000_1100n, 'fp2:', 0n, 0n],
      registers: context,
      modules: [high],
    });
    expect(instructions(result.frames)[1]).toBe(high.base + 0x1100n);
  });
});

describe('ARM64: call frame information', () => {
  const callees = Array.from({ length: 10 }, (_, i) => `x${19 + i}`);
  const registers = {
    ...context,
    fp: 0xf9n,
    ...Object.fromEntries(callees.map((name, i) => [name, BigInt(i)])),
    x0: 0x99n,
    x18: 0x99n,
  };

  it('keeps the registers that callees keep', () => {
    const result = arm64({
      stack: ['sp:', ...filler(4)],
      registers,
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('sp', 16n), reg('x30')) }],
    });
    expect(lines(result.frames)[1]).toBe(
      'cfi 50008ffc: fp=f9 pc=50009000 sp=80000010 x19=0 x20=1 x21=2 x22=3 x23=4 x24=5 x25=6 x26=7 x27=8 x28=9',
    );
  });

  it('restores every register that was saved, and takes signatures off', () => {
    const saves = [...callees, 'x29', 'x30'];
    const rules = Object.fromEntries(saves.map((name, i) => [name, saved(BigInt(-96 + 8 * i))]));
    const result = arm64({
      stack: [
        'sp:',
        ...callees.map((_, i) => BigInt(0x100 + i)),
        0x0042_0000_8000_1000n,
        0x8023_8000_5000_9000n,
        'cfa:',
        ...filler(2),
      ],
      registers,
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('sp', 96n), saved(-8n), rules) }],
    });
    expect(lines(result.frames)[1]).toBe(
      'cfi 50008ffc: fp=80001000 lr=50009000 pc=50009000 sp=80000060 x19=100 x20=101 x21=102 x22=103 x23=104 x24=105 x25=106 x26=107 x27=108 x28=109',
    );
  });

  it('lets the stack pointer stay as long as the instruction changes', () => {
    const keeps = (to: bigint) => row(reg('sp'), value(to));
    const code = [
      { start: 0x4000_1000n, size: 16, name: 'a', cfi: keeps(0x4000_2008n) },
      { start: 0x4000_2000n, size: 16, name: 'b', cfi: keeps(0x4000_3008n) },
      { start: 0x4000_3000n, size: 16, name: 'c', cfi: keeps(0x4000_3008n) },
    ];
    const result = arm64({ stack: ['sp:', ...filler(4)], registers, code });
    expect(instructions(result.frames)).toEqual([0x4000_1000n, 0x4000_2008n, 0x4000_3008n]);
    expect(result.end).toBe('stack-pointer');
  });

  it('is not led in circles by two functions that keep it', () => {
    const code = [
      { start: 0x4000_1000n, size: 16, name: 'a', cfi: row(reg('sp'), value(0x4000_2008n)) },
      { start: 0x4000_2000n, size: 16, name: 'b', cfi: row(reg('sp'), value(0x4000_1008n)) },
    ];
    const result = arm64({ stack: ['sp:', ...filler(4)], registers, code });
    expect(result.frames).toHaveLength(3);
    expect(result.end).toBe('loop');
  });

  it('does not believe the lr that a frame pointer led to', () => {
    const code = [{ start: 0x4000_1000n, size: 0x200, name: 'f', cfi: row(reg('sp', 64n), reg('lr')) }];
    const result = arm64({
      stack: [
        'sp:',
        'fp1:',
        '@fp2',
        0x4000_1100n,
        ...filler(2),
        'fp2:',
        '@fp3',
        0x5000_1100n,
        'fp3:',
        0n,
        0n,
      ],
      registers: { ...context, pc: 0x4000_8000n },
      code,
    });
    expect(trusts(result.frames)).toEqual(['context', 'frame_pointer', 'frame_pointer']);
    expect(instructions(result.frames)[2]).toBe(0x5000_1100n);
  });
});

describe('ARM64: scanning', () => {
  it('knows pc and sp alone, and takes no signature off', () => {
    const result = arm64({
      stack: ['sp:', ...filler(2), 0x0023_8000_4000_1100n, 0x4000_1100n, ...filler(39), 0x5000_1100n],
      registers: { ...context, fp: 0n },
    });
    expect(lines(result.frames).slice(1)).toEqual([
      'scan 400010fc: pc=40001100 sp=80000020',
      'scan 500010fc: pc=50001100 sp=80000160',
    ]);
  });

  it('looks at 160 words from the context frame, and at 40 from one that it found', () => {
    const count = (first: number, second: number) =>
      arm64({
        stack: ['sp:', ...filler(first - 1), 0x4000_1100n, ...filler(second - 1), 0x5000_1100n],
        registers: { ...context, fp: 0n },
      }).frames.length;
    expect(count(160, 40)).toBe(3);
    expect(count(160, 41)).toBe(2);
    expect(count(161, 1)).toBe(1);
  });
});

describe('ARM64: leaf functions', () => {
  it('return to a signed lr, if that is asked for', () => {
    const result = arm64({
      stack: ['sp:', 'fp1:', '@fp2', 0x4000_1100n, 'fp2:', 0n, 0n],
      registers: { ...context, lr: 0x0023_8000_5000_9000n },
      code: [{ start: 0x4000_1000n, size: 16, name: 'leaf' }],
      options: { order: ['cfi', 'leaf', 'frame_pointer', 'scan'] },
    });
    expect(lines(result.frames).slice(1, 3)).toEqual([
      'leaf 50008ffc: fp=80000000 pc=50009000 sp=80000000',
      'frame_pointer 400010fc: fp=80000010 lr=0 pc=40001100 sp=80000010',
    ]);
  });
});
