import { describe, expect, it } from 'vitest';
import type { WindowsFrame } from '../../src/object/index.js';
import {
  filler,
  instructions,
  lines,
  reg,
  row,
  type Scene,
  saved,
  trusts,
  two,
  value,
  walk,
} from './scene.js';

const x86 = (scene: Omit<Scene, 'cpu'>) => walk({ cpu: 'x86', system: 'windows', ...scene });

describe('x86: frame pointers', () => {
  it('follows them to the end', () => {
    const result = x86({
      stack: [
        'sp:',
        ...filler(3),
        'bp1:',
        '@bp2',
        0x4000_1100n,
        ...filler(2),
        'bp2:',
        0n,
        0x5000_2200n,
        ...filler(2),
      ],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp: '@bp1', ebx: 7n },
    });
    expect(lines(result.frames)).toEqual([
      'context 40001000: ebp=8000000c ebx=7 eip=40001000 esp=80000000',
      'frame_pointer 400010ff: ebp=8000001c eip=40001100 esp=80000014',
      'frame_pointer 500021ff: ebp=0 eip=50002200 esp=80000024',
    ]);
    expect(result.frames.map(({ module }) => module?.name)).toEqual(['one', 'one', 'two']);
    expect(result.end).toBe('no-caller');
  });

  it('goes through code that is in no module', () => {
    const result = x86({
      stack: ['sp:', 'bp1:', '@bp2', 0x7777_0000n, 'bp2:', 0n, 0x4000_1000n],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp: '@bp1' },
    });
    expect(instructions(result.frames)).toEqual([0x4000_1000n, 0x7777_0000n, 0x4000_1000n]);
    expect(result.frames[1]!.module).toBeUndefined();
  });

  it('ends at a return address below 4096', () => {
    const result = x86({
      stack: ['sp:', 'bp1:', '@bp2', 0xfffn, 'bp2:', 0n, 0x4000_1000n],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp: '@bp1' },
    });
    expect(result.frames).toHaveLength(1);
    expect(result.end).toBe('null-instruction');
  });

  it('ends where the stack pointer does not grow, and tries nothing else', () => {
    const result = x86({
      stack: ['bp:', '@bp', 0x4000_1100n, 'sp:', 0x4000_1200n],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp: '@bp' },
    });
    expect(result.frames).toHaveLength(1);
    expect(result.end).toBe('stack-pointer');
  });

  it.each([0xffff_fffcn, 0xffff_ffffn, 0n])('is not led beyond memory by ebp %#', (ebp) => {
    const result = x86({
      stack: ['sp:', 0x4000_1100n],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp },
    });
    expect(trusts(result.frames)).toEqual(['context', 'scan']);
  });
});

describe('x86: scanning', () => {
  const context = { eip: 0x4000_1000n, esp: '@sp', ebp: 0xd43dn };

  it('takes the first word if that is a return address, and knows no ebp then', () => {
    const result = x86({ stack: ['sp:', 0x4000_1100n, ...filler(4)], registers: context });
    expect(lines(result.frames)[1]).toBe('scan 400010ff: eip=40001100 esp=80000004');
  });

  it('recovers an ebp that was pushed below the return address, and goes on by it', () => {
    const result = x86({
      stack: ['sp:', ...filler(3), '@bp', 0x5000_1100n, ...filler(2), 'bp:', 0n, 0x4000_1200n, 0n],
      registers: context,
    });
    expect(lines(result.frames).slice(1)).toEqual([
      'scan 500010ff: ebp=8000001c eip=50001100 esp=80000014',
      'frame_pointer 400011ff: ebp=0 eip=40001200 esp=80000024',
    ]);
  });

  it('keeps an ebp that is above the return address', () => {
    const result = x86({
      stack: ['sp:', ...filler(3), 0x5000_1100n, ...filler(2), 'bp:', 0n, 0x4000_1200n],
      registers: { ...context, ebp: '@bp' },
      options: { order: ['scan'] },
    });
    expect(lines(result.frames)[1]).toBe('scan 500010ff: ebp=80000018 eip=50001100 esp=80000010');
  });

  it('does not believe an ebp that leads out of the stack, or 128 KiB away', () => {
    for (const ebp of [0x8000_1000n, 0x8002_0010n, 0x8000_0000n]) {
      const result = x86({ stack: ['sp:', ...filler(2), ebp, 0x4000_1100n], registers: context });
      expect(result.frames[1]!.registers.has('ebp')).toBe(false);
    }
  });

  it('looks at 160 words from the context frame, and at 40 from a frame that was guessed', () => {
    const last = (count: number) => [...filler(count - 1), 0x4000_1100n, 0n];
    const from = (first: number, second: number) =>
      x86({ stack: ['sp:', ...last(first), ...filler(second - 2), 0x5000_1100n], registers: context }).frames;
    expect(from(160, 40)).toHaveLength(3);
    expect(from(160, 41)).toHaveLength(2);
    expect(from(161, 2)).toHaveLength(1);
  });

  it('does not take what is in an unloaded module, or in the byte before a module', () => {
    const result = x86({
      stack: ['sp:', 0x4000_1100n, 0x5000_0000n, 0x5000_0001n],
      registers: context,
      modules: [two],
    });
    expect(instructions(result.frames)).toEqual([0x4000_1000n, 0x5000_0001n]);
  });

  it('takes only what is in functions that have a name, where there are symbols', () => {
    const result = x86({
      stack: ['sp:', 0x4000_1100n, 0x4000_2000n, 0x4000_2001n, 0x5000_1000n],
      registers: context,
      code: [
        { start: 0x4000_1000n, size: 0x200, name: '' },
        { start: 0x4000_2000n, size: 0x100, name: 'f' },
      ],
    });
    expect(instructions(result.frames)).toEqual([0x4000_1000n, 0x4000_2001n, 0x5000_1000n]);
  });

  it('takes a module whose symbols are broken for one without', () => {
    const result = x86({
      stack: ['sp:', 0x4000_1100n],
      registers: context,
      code: [{ start: 0x4000_1000n, size: 0x1000, broken: true }],
    });
    expect(trusts(result.frames)).toEqual(['context', 'scan']);
    expect(result.trace.map(({ why }) => why)).toContainEqual(expect.stringContaining('not a record'));
  });

  it('ends at memory that the dump does not hold', () => {
    const result = x86({ stack: ['sp:', ...filler(5)], registers: context });
    expect(result.frames).toHaveLength(1);
    expect(result.end).toBe('no-caller');
  });

  it('scans no stack of which the pointer is not known', () => {
    const result = x86({ stack: ['sp:', 0x4000_1100n], registers: { eip: 0x4000_1000n } });
    expect(result.frames).toHaveLength(1);
  });
});

describe('x86: call frame information', () => {
  const cfi = row(reg('esp', 12n), saved(-4n, 4), { ebp: saved(-8n, 4), esi: () => undefined });
  const stack = ['sp:', 0xaaan, 0xbbbn, 0x5000_1100n, 'cfa:', ...filler(3)];

  it('restores what the rules say, keeps what callees keep, and forgets the rest', () => {
    const result = x86({
      stack,
      registers: {
        eip: 0x4000_1000n,
        esp: '@sp',
        ebp: 1n,
        ebx: 2n,
        esi: 3n,
        edi: 4n,
        eax: 5n,
        ecx: 6n,
        edx: 7n,
      },
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi }],
    });
    expect(lines(result.frames)[1]).toBe('cfi 500010ff: ebp=bbb ebx=2 edi=4 eip=50001100 esp=8000000c');
  });

  it('goes by the call instruction in a caller: its last function may end there', () => {
    const result = x86({
      stack: ['sp:', 0x4000_1010n, 0xbbbn, 0x5000_1100n],
      registers: { eip: 0x4000_1004n, esp: '@sp' },
      code: [
        { start: 0x4000_1000n, size: 8, name: 'f', cfi: row(reg('esp', 4n), saved(-4n, 4)) },
        { start: 0x4000_1008n, size: 8, name: 'noreturn', cfi: row(reg('esp', 8n), saved(-4n, 4)) },
        { start: 0x4000_1010n, size: 8, name: 'next', cfi: row(reg('esp', 4n), saved(-4n, 4)) },
      ],
    });
    expect(instructions(result.frames)).toEqual([0x4000_1004n, 0x4000_1010n, 0x5000_1100n]);
    expect(trusts(result.frames)).toEqual(['context', 'cfi', 'cfi']);
  });

  it.each([
    ['an unreadable return address', row(reg('esp', 400n), saved(-4n, 4))],
    ['a return address that fails', row(reg('esp', 12n), () => undefined)],
    ['a CFA that fails', row(reg('xmm7'), saved(-4n, 4))],
    ['a CFA that is its own', row((_, cfa) => cfa, value(0x4000_1010n))],
    ['a CFA of 33 bits', row(value(0x1_0000_0000n), value(0x4000_1010n))],
    ['a return address of 33 bits', row(reg('esp', 12n), value(0x1_4000_1010n))],
  ])('leaves the rest to other techniques after %s', (_, broken) => {
    const result = x86({
      stack: ['sp:', ...filler(2), 0x5000_1100n],
      registers: { eip: 0x4000_1000n, esp: '@sp' },
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: broken }],
    });
    expect(trusts(result.frames)).toEqual(['context', 'scan']);
  });

  it.each([0n, 4095n])('ends at a return address of %d', (returnAddress) => {
    const result = x86({
      stack,
      registers: { eip: 0x4000_1000n, esp: '@sp' },
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('esp', 12n), value(returnAddress)) }],
    });
    expect(result.frames).toHaveLength(1);
    expect(result.end).toBe('null-instruction');
  });

  it('ends where the CFA is not above the stack pointer', () => {
    const result = x86({
      stack,
      registers: { eip: 0x4000_1000n, esp: '@sp' },
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('esp'), value(0x5000_1100n)) }],
    });
    expect(result.frames).toHaveLength(1);
    expect(result.end).toBe('stack-pointer');
  });
});

function record(fields: Partial<WindowsFrame>): WindowsFrame {
  return {
    start: 0,
    size: 0x100,
    prologSize: 0,
    epilogSize: 0,
    parameterSize: 0,
    savedRegisterSize: 0,
    localSize: 0,
    maxStackSize: 0,
    program: undefined,
    allocatesBasePointer: false,
    ...fields,
  };
}

describe('x86: STACK WIN', () => {
  const traditional = '$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =';

  it('runs a program, before all other techniques', () => {
    const result = x86({
      stack: ['sp:', 0x5000_9999n, 'bp:', 0xb00n, 0x5000_1100n, 'end:', ...filler(2)],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp: '@bp', ebx: 1n, esi: 2n, edi: 3n, eax: 4n },
      code: [
        {
          start: 0x4000_1000n,
          size: 16,
          name: 'f',
          windows: record({ program: traditional }),
          cfi: row(reg('esp', 4n), value(0x4000_1008n)),
        },
      ],
    });
    expect(lines(result.frames)[1]).toBe('cfi 500010ff: ebp=b00 ebx=1 edi=3 eip=50001100 esi=2 esp=8000000c');
    expect(result.trace[0]).toMatchObject({ technique: 'windows_frame', outcome: 'taken', frame: 0 });
  });

  it('computes with the parameters of the function that was called', () => {
    // The callee of the second frame has 8 bytes of parameters, which are still on the stack below its locals.
    const fpo = record({ localSize: 4, savedRegisterSize: 4 });
    const result = x86({
      stack: ['sp:', ...filler(1), 0x4000_2008n, 1n, 2n, ...filler(2), 0x5000_1100n, 'end:', 0n],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp: 0xe0n, ebx: 5n },
      code: [
        { start: 0x4000_1000n, size: 16, name: 'f', windows: record({ localSize: 4 }), parameterSize: 8 },
        { start: 0x4000_2000n, size: 16, name: 'g', windows: fpo },
      ],
    });
    expect(lines(result.frames).slice(1)).toEqual([
      'cfi 40002007: ebp=e0 ebx=5 eip=40002008 esp=80000008',
      'cfi 500010ff: ebp=e0 ebx=5 eip=50001100 esp=8000001c',
    ]);
  });

  it('finds the ebp that an FPO function saved', () => {
    const result = x86({
      stack: ['sp:', 0x5151n, 0x1234n, 0x9999n, 0x5000_1100n, 0n],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp: 0xe0n },
      code: [
        {
          start: 0x4000_1000n,
          size: 16,
          name: 'f',
          windows: record({ savedRegisterSize: 12, allocatesBasePointer: true }),
        },
      ],
    });
    expect(lines(result.frames)[1]).toBe('cfi 500010ff: ebp=1234 eip=50001100 esp=80000010');
  });

  it('passes over a return address that was left on the stack of a context', () => {
    const result = x86({
      stack: ['sp:', 0x4000_1000n, 0x5000_1100n, 0n],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp: 0xe0n },
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', windows: record({}) }],
    });
    expect(lines(result.frames)[1]).toBe('cfi 500010ff: ebp=e0 eip=50001100 esp=80000008');
  });

  it('goes on to CFI where the program fails', () => {
    const result = x86({
      stack: ['sp:', 0x5000_1100n, 0n],
      registers: { eip: 0x4000_1000n, esp: '@sp', ebp: 0xe0n },
      code: [
        {
          start: 0x4000_1000n,
          size: 16,
          name: 'f',
          windows: record({ program: traditional }),
          cfi: row(reg('esp', 4n), saved(-4n, 4)),
        },
      ],
    });
    expect(result.trace.slice(0, 2)).toMatchObject([
      { technique: 'windows_frame', outcome: 'failed' },
      { technique: 'cfi', outcome: 'taken' },
    ]);
  });
});
