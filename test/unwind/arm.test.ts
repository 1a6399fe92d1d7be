import { describe, expect, it } from 'vitest';
import {
  fails,
  filler,
  instructions,
  lines,
  reg,
  row,
  type Scene,
  saved,
  trusts,
  value,
  walk,
} from './scene.js';

const arm = (scene: Omit<Scene, 'cpu'>) => walk({ cpu: 'arm', ...scene });

describe('ARM: call frame information', () => {
  const registers = {
    ...{ pc: 0x4000_1000n, sp: '@sp', lr: 0x5000_1101n, r0: 0n, r1: 1n, r2: 2n, r3: 3n, r4: 4n, r5: 5n },
    ...{ r6: 6n, r7: 7n, r8: 8n, r9: 9n, r10: 10n, r11: 11n, r12: 12n },
  };

  it('keeps the registers that callees keep, and looks up two bytes before the return address', () => {
    const result = arm({
      stack: ['sp:', ...filler(4)],
      registers,
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('sp', 8n), reg('lr')) }],
    });
    expect(lines(result.frames)[1]).toBe(
      'cfi 500010ff: pc=50001101 r10=a r11=b r4=4 r5=5 r6=6 r7=7 r8=8 r9=9 sp=80000008',
    );
  });

  it('restores every register that was saved, by any of its names', () => {
    const result = arm({
      stack: ['sp:', 0x44n, 0x55n, 0x66n, 0x77n, 0x88n, 0x99n, 0xaan, 0xbbn, 0x5000_1101n, 'cfa:', 0n],
      registers,
      code: [
        {
          start: 0x4000_1000n,
          size: 16,
          name: 'f',
          cfi: row(reg('r13', 36n), saved(-4n, 4), {
            ...Object.fromEntries(
              [4, 5, 6, 7, 8, 9, 10].map((n, i) => [`r${n}`, saved(BigInt(-36 + 4 * i), 4)]),
            ),
            fp: saved(-8n, 4),
            r14: value(0x1234n),
          }),
        },
      ],
    });
    expect(lines(result.frames)[1]).toBe(
      'cfi 500010ff: lr=1234 pc=50001101 r10=aa r11=bb r4=44 r5=55 r6=66 r7=77 r8=88 r9=99 sp=80000024',
    );
  });

  it('lets the stack pointer stay in a leaf, which pushed nothing, but not in its callers', () => {
    const code = [
      { start: 0x4000_1000n, size: 16, name: 'leaf', cfi: row(reg('sp'), reg('lr')) },
      { start: 0x5000_1000n, size: 0x200, name: 'f', cfi: row(reg('sp'), value(0x4000_2000n)) },
    ];
    const result = arm({ stack: ['sp:', ...filler(4)], registers, code });
    expect(instructions(result.frames)).toEqual([0x4000_1000n, 0x5000_1101n]);
    expect(result.end).toBe('stack-pointer');
  });

  it('does not take the same instruction with the same stack pointer for a caller', () => {
    const result = arm({
      stack: ['sp:', ...filler(4)],
      registers,
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('sp'), reg('pc')) }],
    });
    expect(result.frames).toHaveLength(1);
  });

  it('does not know lr after a call', () => {
    // The rule of the second frame wants lr; it is not known there, and the scan has to go on.
    const code = [
      { start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('sp', 4n), reg('lr')) },
      { start: 0x5000_1000n, size: 0x200, name: 'g', cfi: row(reg('sp', 4n), reg('lr')) },
    ];
    const result = arm({ stack: ['sp:', ...filler(2), 0x5000_1020n], registers, code });
    expect(trusts(result.frames)).toEqual(['context', 'cfi', 'scan']);
  });
});

describe('ARM: scanning', () => {
  it('knows pc and sp alone', () => {
    const result = arm({
      stack: ['sp:', ...filler(3), 0x4000_1101n, ...filler(2), 0x5000_1100n],
      registers: { pc: 0x4000_1000n, sp: '@sp', r11: '@sp', r4: 4n },
    });
    expect(lines(result.frames).slice(1)).toEqual([
      'scan 400010ff: pc=40001101 sp=80000010',
      'scan 500010fe: pc=50001100 sp=8000001c',
    ]);
  });

  it('has the same windows as elsewhere', () => {
    const far = (words: number) => [...filler(words - 1), 0x4000_1100n];
    const count = (first: number, second: number) =>
      arm({
        stack: ['sp:', ...far(first), ...far(second)],
        registers: { pc: 0x4000_1000n, sp: '@sp' },
      }).frames.length;
    expect(count(160, 40)).toBe(3);
    expect(count(160, 41)).toBe(2);
    expect(count(161, 1)).toBe(1);
  });
});

describe('ARM: frame pointers', () => {
  const scene: Omit<Scene, 'cpu'> = {
    stack: ['sp:', ...filler(2), 'fp1:', '@fp2', 0x4000_1101n, ...filler(1), 'fp2:', 0n, 0x5000_1101n, 0n],
    registers: { pc: 0x4000_1000n, sp: '@sp', r7: '@fp1', lr: 0x5000_9999n },
  };

  it('are followed on iOS, in r7', () => {
    const result = arm({ ...scene, system: 'ios' });
    expect(lines(result.frames).slice(1)).toEqual([
      'frame_pointer 400010ff: pc=40001101 r7=80000014 sp=80000010',
      'frame_pointer 500010ff: pc=50001101 r7=0 sp=8000001c',
    ]);
    expect(result.end).toBe('outermost');
  });

  it('are not elsewhere', () => {
    const result = arm({ ...scene, system: 'android' });
    expect(trusts(result.frames)).toEqual(['context', 'scan', 'scan']);
  });

  it('come after CFI', () => {
    const code = [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('sp', 4n), reg('lr')) }];
    expect(trusts(arm({ ...scene, system: 'ios', code }).frames).slice(0, 3)).toEqual([
      'context',
      'cfi',
      'frame_pointer',
    ]);
    const broken = [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(fails, reg('lr')) }];
    expect(trusts(arm({ ...scene, system: 'ios', code: broken }).frames)[1]).toBe('frame_pointer');
  });
});

describe('ARM: leaf functions', () => {
  it('return to lr, if that is asked for', () => {
    const result = arm({
      stack: ['sp:', ...filler(3)],
      registers: { pc: 0x4000_1000n, sp: '@sp', lr: 0x5000_1101n, r4: 4n },
      code: [{ start: 0x4000_1000n, size: 16, name: 'leaf' }],
      options: { order: ['leaf'] },
    });
    expect(lines(result.frames)[1]).toBe('leaf 500010ff: pc=50001101 r4=4 sp=80000000');
  });
});
