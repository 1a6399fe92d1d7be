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

const amd64 = (scene: Omit<Scene, 'cpu'>) => walk({ cpu: 'amd64', ...scene });
const context = { rip: 0x4000_1000n, rsp: '@sp', rbp: '@bp1' };

describe('amd64: frame pointers', () => {
  it('follows them to the end', () => {
    const result = amd64({
      stack: [
        'sp:',
        ...filler(3),
        'bp1:',
        '@bp2',
        0x4000_1100n,
        'bp2:',
        '@bp3',
        0x5000_1100n,
        'bp3:',
        0n,
        0n,
      ],
      registers: context,
    });
    expect(lines(result.frames)).toEqual([
      'context 40001000: rbp=80000018 rip=40001000 rsp=80000000',
      'frame_pointer 400010ff: rbp=80000028 rip=40001100 rsp=80000028',
      'frame_pointer 500010ff: rbp=80000038 rip=50001100 rsp=80000038',
    ]);
  });

  it.each([
    ['null', ['sp:', 0x5000_1100n, 'bp1:', 0n, 0x4000_1100n, 0n], 'is below its frame'],
    ['below its frame', ['sp:', 0x5000_1100n, 'bp1:', '@sp', 0x4000_1100n, 0n], 'is below its frame'],
    ['outside the stack', ['sp:', 0x5000_1100n, 'bp1:', 0x9000_0000n, 0x4000_1100n, 0n], 'no memory'],
  ])('does not believe a saved rbp that is %s', (_, stack, why) => {
    const result = amd64({ stack, registers: context });
    expect(trusts(result.frames)).toEqual(['context', 'scan', 'scan']);
    expect(result.trace.find(({ technique }) => technique === 'frame_pointer')!.why).toContain(why);
  });

  it('does not believe a return address that is not canonical', () => {
    for (const address of [0x0000_8000_0000_0000n, 0xffff_7fff_ffff_ffffn]) {
      const stack = ['sp:', 0x5000_1100n, 'bp1:', '@bp2', address, 'bp2:', 0n, 0n];
      expect(trusts(amd64({ stack, registers: context }).frames)).toEqual(['context', 'scan']);
    }
    for (const address of [0x0000_7fff_ffff_ffffn, 0xffff_8000_0000_0000n]) {
      const stack = ['sp:', 0x5000_1100n, 'bp1:', '@bp2', address, 'bp2:', 0n, 0n];
      expect(instructions(amd64({ stack, registers: context }).frames)[1]).toBe(address);
    }
  });

  it('does not believe an rbp that is not aligned', () => {
    const stack = ['sp:', 0x5000_1100n, 'bp1:', '@bp2', 0x4000_1100n, 'bp2:', 0n, 0n];
    const result = amd64({ stack, registers: { ...context, rbp: 0x8000_0004n } });
    expect(result.frames[1]!.trust).toBe('scan');
  });

  it('does not believe an rbp below the stack pointer', () => {
    const result = amd64({
      stack: ['bp1:', '@bp2', 0x4000_1100n, 'sp:', 0x5000_1100n, 'bp2:', 0n, 0n],
      registers: context,
    });
    expect(trusts(result.frames)).toEqual(['context', 'scan']);
  });

  it.each([0xffff_ffff_ffff_fff8n, 0xffff_ffff_ffff_fff0n])('is not led beyond memory by rbp %#', (rbp) => {
    const result = amd64({ stack: ['sp:', 0x5000_1100n], registers: { ...context, rbp } });
    expect(trusts(result.frames)).toEqual(['context', 'scan']);
  });

  it('finds on Windows alone a frame up to 240 bytes above rbp', () => {
    const stack = (words: number) => [
      'sp:',
      'bp1:',
      ...filler(words),
      '@bp2',
      0x4000_1100n,
      'bp2:',
      0n,
      ...filler(40),
    ];
    const first = (words: number, system: 'windows' | 'linux') =>
      amd64({ stack: stack(words), registers: context, system, options: { order: ['frame_pointer'] } })
        .frames[1]?.instruction;
    expect(first(2, 'windows')).toBe(0x4000_1100n);
    expect(first(30, 'windows')).toBe(0x4000_1100n);
    expect(first(32, 'windows')).toBeUndefined();
    expect(first(1, 'windows')).toBeUndefined();
    expect(first(0, 'linux')).toBe(0x4000_1100n);
    expect(first(2, 'linux')).toBeUndefined();
  });
});

describe('amd64: scanning', () => {
  it('takes return addresses in modules, and nothing that is not canonical', () => {
    const result = amd64({
      stack: ['sp:', ...filler(3), 0x8000_4000_1000n, 0x4000_1100n, ...filler(2), 0x5000_1100n],
      registers: { rip: 0x4000_1000n, rsp: '@sp' },
      modules: [
        { base: 0x4000_0000n, size: 0x10000, name: 'one' },
        { base: 0x8000_4000_0000n, size: 0x10000, name: 'hole' },
        { base: 0x5000_0000n, size: 0x10000, name: 'two' },
      ],
    });
    expect(lines(result.frames).slice(1)).toEqual([
      'scan 400010ff: rip=40001100 rsp=80000028',
      'scan 500010ff: rip=50001100 rsp=80000040',
    ]);
  });

  it('recovers rbp only where rbp points to the slot in which it was pushed', () => {
    const stack = ['sp:', ...filler(2), 'bp1:', '@bp2', 0x4000_1100n, ...filler(2), 'bp2:', 0n, 0n];
    const scanned = (rbp: string) =>
      amd64({ stack, registers: { ...context, rbp }, options: { order: ['scan'] } }).frames[1]!.registers.get(
        'rbp',
      );
    expect(scanned('@bp1')).toBe(0x8000_0030n);
    expect(scanned('@sp')).toBeUndefined();
    expect(scanned('@bp2')).toBe(0x8000_0030n);
  });

  it('knows no rbp where the return address is the first word', () => {
    const result = amd64({ stack: ['sp:', 0x4000_1100n, 'bp1:', 0n, 0n], registers: context });
    expect(lines(result.frames)[1]).toBe('scan 400010ff: rip=40001100 rsp=80000008');
  });

  it('looks at 160 words after CFI, and at 40 after a frame pointer', () => {
    const far = (words: number) => [...filler(words - 1), 0x5000_1100n];
    const code = [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('rsp', 8n), saved(-8n)) }];
    const afterCfi = (words: number) =>
      amd64({
        stack: ['sp:', 0x5000_2200n, ...far(words)],
        registers: { rip: 0x4000_1000n, rsp: '@sp' },
        code,
      }).frames.length;
    expect(afterCfi(160)).toBe(3);
    expect(afterCfi(161)).toBe(2);
    const afterPointer = (words: number) =>
      amd64({
        stack: ['sp:', 'bp1:', '@bp2', 0x5000_2200n, ...far(words), 'bp2:', 0n, 0n],
        registers: context,
      }).frames.length;
    expect(afterPointer(40)).toBe(3);
    expect(afterPointer(41)).toBe(2);
  });
});

describe('amd64: call frame information', () => {
  const registers = {
    ...{ rip: 0x4000_1000n, rsp: '@sp', rbp: 1n, rbx: 2n, r12: 3n, r13: 4n, r14: 5n, r15: 6n },
    ...{ rax: 7n, rcx: 8n, rdx: 9n, rsi: 10n, rdi: 11n, r8: 12n, r9: 13n, r10: 14n, r11: 15n },
  };

  it('keeps the registers that callees keep', () => {
    const result = amd64({
      stack: ['sp:', 0x5000_1100n, ...filler(2)],
      registers,
      code: [{ start: 0x4000_1000n, size: 16, name: 'f', cfi: row(reg('rsp', 8n), saved(-8n)) }],
    });
    expect(lines(result.frames)[1]).toBe(
      'cfi 500010ff: r12=3 r13=4 r14=5 r15=6 rbp=1 rbx=2 rip=50001100 rsp=80000008',
    );
  });

  it('restores every register that was saved', () => {
    const saves = ['r15', 'r14', 'r13', 'r12', 'rbx', 'rbp'];
    const rules = Object.fromEntries(saves.map((name, i) => [name, saved(BigInt(-64 + 8 * i))]));
    const result = amd64({
      stack: ['sp:', 0xan, 0xbn, 0xcn, 0xdn, 0xen, 0xfn, 0n, 0x5000_1100n, 0n, 0n],
      registers,
      code: [
        {
          start: 0x4000_1000n,
          size: 16,
          name: 'f',
          cfi: row(reg('rsp', 64n), saved(-8n), { ...rules, rdi: value(0x77n) }),
        },
      ],
    });
    expect(lines(result.frames)[1]).toBe(
      'cfi 500010ff: r12=d r13=c r14=b r15=a rbp=f rbx=e rdi=77 rip=50001100 rsp=80000040',
    );
  });

  it('works at the entry of a function, after a push, and after the prologue', () => {
    const atEntry = row(reg('rsp', 8n), saved(-8n));
    const pushed = row(reg('rsp', 16n), saved(-8n), { rbp: saved(-16n) });
    const framed = row(reg('rbp', 16n), saved(-8n), { rbp: saved(-16n) });
    const code = [
      { start: 0x4000_1000n, size: 1, name: 'f', cfi: atEntry },
      { start: 0x4000_1001n, size: 3, name: 'f', cfi: pushed },
      { start: 0x4000_1004n, size: 9, name: 'f', cfi: framed },
    ];
    const stack = ['locals:', ...filler(4), 'pushed:', 0xbbn, 'entry:', 0x5000_1100n, ...filler(2)];
    const at = (rip: bigint, rsp: string, rbp: string | bigint) =>
      lines(amd64({ stack, code, registers: { rip, rsp, rbp } }).frames)[1];
    const caller = 'cfi 500010ff: rbp=bb rip=50001100 rsp=80000030';
    expect(at(0x4000_1000n, '@entry', 0xbbn)).toBe(caller);
    expect(at(0x4000_1001n, '@pushed', 0xbbn)).toBe(caller);
    expect(at(0x4000_1004n, '@locals', '@pushed')).toBe(caller);
  });

  it('does not know a register whose rule fails', () => {
    const result = amd64({
      stack: ['sp:', 0x5000_1100n, ...filler(2)],
      registers,
      code: [
        {
          start: 0x4000_1000n,
          size: 16,
          name: 'f',
          cfi: row(reg('rsp', 8n), saved(-8n), { rbx: fails, r12: saved(0x1000n) }),
        },
      ],
    });
    expect(lines(result.frames)[1]).toBe('cfi 500010ff: r13=4 r14=5 r15=6 rbp=1 rip=50001100 rsp=80000008');
  });

  it('believes a rule for the stack pointer more than the CFA', () => {
    const result = amd64({
      stack: ['sp:', 0x5000_1100n, ...filler(2), 'up:', 0n],
      registers,
      code: [
        {
          start: 0x4000_1000n,
          size: 16,
          name: 'f',
          cfi: row(reg('rsp', 8n), saved(-8n), { rsp: value(0x8000_0018n) }),
        },
      ],
    });
    expect(result.frames[1]!.registers.get('rsp')).toBe(0x8000_0018n);
  });

  it('ends at the outermost function', () => {
    const result = amd64({
      stack: ['sp:', 0x5000_1100n],
      registers,
      code: [
        {
          start: 0x4000_1000n,
          size: 16,
          name: '_start',
          cfi: row(reg('rsp', 8n), fails, {}, { outermost: true }),
        },
      ],
    });
    expect(result.frames).toHaveLength(1);
    expect(result.end).toBe('outermost');
    expect(result.trace.at(-1)).toMatchObject({ technique: 'cfi', outcome: 'end' });
  });
});

describe('amd64: signal handlers', () => {
  // The interrupted function has its CFI at the very instruction; a byte before there is another.
  const restore = row(
    reg('rsp', 0x100n),
    (frame) => frame.read(frame.register('rsp')! + 8n, 8),
    {
      rsp: (frame) => frame.read(frame.register('rsp')!, 8),
      rax: value(0x1234n),
    },
    { signalFrame: true },
  );
  const code = [
    { start: 0x5000_1000n, size: 9, name: '__restore_rt', cfi: restore },
    { start: 0x4000_1000n, size: 16, name: 'handler', cfi: row(reg('rsp', 8n), saved(-8n)) },
    { start: 0x4000_2000n, size: 16, name: 'other', cfi: row(reg('rsp', 0x800n), saved(-8n)) },
    { start: 0x4000_2010n, size: 16, name: 'interrupted', cfi: row(reg('rsp', 16n), saved(-8n)) },
  ];

  it('looks up the interrupted instruction itself', () => {
    const result = amd64({
      stack: ['sp:', 0x5000_1001n, '@old', 0x4000_2010n, ...filler(3), 'old:', 0n, 0x4000_3000n, 0n],
      registers: { rip: 0x4000_1000n, rsp: '@sp' },
      code,
    });
    expect(lines(result.frames).slice(1)).toEqual([
      'cfi 50001000: rip=50001001 rsp=80000008',
      'cfi 40002010: rax=1234 rip=40002010 rsp=80000030',
      'cfi 40002fff: rip=40003000 rsp=80000040',
    ]);
    expect(result.frames.map(({ interrupted }) => interrupted)).toEqual([true, false, true, false]);
  });

  it('goes on from a null pointer that was called, to its caller', () => {
    const result = amd64({
      stack: ['sp:', 0x5000_1001n, '@old', 0n, ...filler(3), 'old:', 0x4000_2010n, 0n],
      registers: { rip: 0x4000_1000n, rsp: '@sp' },
      code,
    });
    expect(lines(result.frames).slice(1, 4)).toEqual([
      'cfi 50001000: rip=50001001 rsp=80000008',
      'cfi 0: rax=1234 rip=0 rsp=80000030',
      'leaf 4000200f: rip=40002010 rsp=80000038',
    ]);
  });

  it('goes on to a stack that is below that of the handler', () => {
    const result = amd64({
      stack: ['old:', 0n, 0x4000_3000n, 0n, ...filler(3), 'sp:', 0x5000_1001n, '@old', 0x4000_2010n],
      registers: { rip: 0x4000_1000n, rsp: '@sp' },
      code,
    });
    expect(instructions(result.frames)).toEqual([0x4000_1000n, 0x5000_1001n, 0x4000_2010n, 0x4000_3000n]);
  });

  it('does not go round in a circle', () => {
    // The signal frame says that itself was interrupted.
    const result = amd64({
      stack: ['frame:', '@frame', 0x5000_1001n, ...filler(3)],
      registers: { rip: 0x5000_1001n, rsp: '@frame' },
      code,
    });
    expect(result.frames).toHaveLength(1);
    expect(result.end).toBe('loop');
  });
});

describe('amd64: leaf functions', () => {
  const leaf: Scene = {
    cpu: 'amd64',
    stack: ['sp:', 0x5000_1100n, 'bp1:', '@bp2', 0x5000_2200n, 'bp2:', 0n, 0n],
    registers: { ...context, rbx: 3n },
    code: [
      { start: 0x4000_1000n, size: 16, name: 'leaf' },
      { start: 0x5000_1000n, size: 0x2000, name: 'caller' },
    ],
  };

  it('have their return address at the stack pointer on Windows', () => {
    const result = walk({ ...leaf, system: 'windows' });
    expect(lines(result.frames)[1]).toBe('leaf 500010ff: rbp=80000008 rbx=3 rip=50001100 rsp=80000008');
    expect(trusts(result.frames)).toEqual(['context', 'leaf', 'frame_pointer']);
  });

  it('are what a call of a null pointer leads to', () => {
    const called = { ...leaf, registers: { ...leaf.registers, rip: 0n }, code: [] };
    expect(lines(walk({ ...called, system: 'windows' }).frames)[1]).toBe(
      'leaf 500010ff: rbp=80000008 rbx=3 rip=50001100 rsp=80000008',
    );
    expect(
      trusts(walk({ ...called, stack: [...leaf.stack].fill(0n, 1, 2), system: 'windows' }).frames)[1],
    ).toBe('frame_pointer');
  });

  it('the caller of a null pointer is not lost to the frame pointer, which is its own: on no system, with symbols or without', () => {
    for (const code of [[], leaf.code!]) {
      const called = { ...leaf, registers: { ...leaf.registers, rip: 0n }, code };
      for (const system of ['linux', 'mac', 'windows'] as const) {
        const { frames } = walk({ ...called, system });
        expect(lines(frames)[1]).toBe('leaf 500010ff: rbp=80000008 rbx=3 rip=50001100 rsp=80000008');
        expect(lines(frames)[2]).toMatch(/^frame_pointer 500021ff:/);
      }
      // What is no return address is none.
      const jumped = { ...called, stack: [...leaf.stack].fill(0n, 1, 2) };
      expect(trusts(walk({ ...jumped, system: 'linux' }).frames)[1]).toBe('frame_pointer');
    }
  });

  it('are not guessed elsewhere, nor without symbols, nor where there is CFI', () => {
    expect(trusts(walk(leaf).frames)[1]).toBe('frame_pointer');
    expect(trusts(walk({ ...leaf, system: 'windows', code: [] }).frames)[1]).toBe('frame_pointer');
    const unreadable = row(reg('rsp', 0x1000n), saved(-8n));
    const code = leaf.code!.map((one) => ({ ...one, cfi: unreadable }));
    expect(trusts(walk({ ...leaf, system: 'windows', code }).frames)[1]).toBe('frame_pointer');
  });

  it('are guessed elsewhere if that is asked for', () => {
    expect(trusts(walk({ ...leaf, options: { order: ['cfi', 'leaf', 'scan'] } }).frames)).toContain('leaf');
  });
});
