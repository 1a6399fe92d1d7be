import { describe, expect, it } from 'vitest';
import { auxvPointerSize, parseAuxv } from '../../src/linux/auxv.js';
import { cpus, parseSyscall } from '../../src/linux/cpu/index.js';
import { exceptionFrom } from '../../src/linux/exception.js';

const flagsAt = (context: Uint8Array, offset: number) => new DataView(context.buffer).getUint32(offset, true);

function words(size: 4 | 8, values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    if (size === 8) view.setBigUint64(i * 8, value, true);
    else view.setUint32(i * 4, Number(value), true);
  });
  return bytes;
}

describe('the auxiliary vector', () => {
  it('tells the width of addresses by the size of a program header', () => {
    const wide = words(8, [33n, 0x7fff_0000_1000n, 3n, 0x40n, 4n, 56n, 9n, 0x1000n, 0n, 0n]);
    const narrow = words(4, [32n, 0xf7ff_0000n, 33n, 0xf7fe_0000n, 3n, 0x34n, 4n, 32n, 9n, 0x1000n, 0n, 0n]);
    expect([auxvPointerSize(wide), auxvPointerSize(narrow)]).toEqual([8, 4]);
    expect(parseAuxv(narrow, 4).get(9)).toBe(0x1000n);
    expect(parseAuxv(wide).get(9)).toBe(0x1000n);
    // Nothing to go by: the machine's own.
    expect(auxvPointerSize(new Uint8Array())).toBe(8);
    expect(auxvPointerSize(new Uint8Array(7))).toBe(8);
  });
});

describe('a signal frame of ARM64', () => {
  /** ucontext_t with these records behind its registers. */
  function frame(records: readonly [magic: number, size: number][]): Uint8Array {
    const bytes = Uint8Array.from({ length: cpus.arm64.ucontextSize }, (_, i) => i & 0xff);
    bytes.fill(0, 464);
    const view = new DataView(bytes.buffer);
    let at = 464;
    for (const [magic, size] of records) {
      if (at + 8 > bytes.length) break;
      view.setUint32(at, magic, true);
      view.setUint32(at + 4, size, true);
      for (let i = 8; i < size && at + i < bytes.length; i++) bytes[at + i] = i & 0xff;
      at += size;
    }
    return bytes;
  }
  const FPSIMD = 0x46508001;
  const context = (records: readonly [number, number][]) =>
    cpus.arm64.contextFromUcontext(frame(records), undefined);

  it('has the vectors in a record of their own, wherever it stands', () => {
    const found = context([
      [0x45535201, 16],
      [FPSIMD, 528],
      [0, 0],
    ]);
    expect(flagsAt(found, 0)).toBe(0x400007);
    // fpsr and fpcr stand before the vectors there, behind them in CONTEXT, the other way round.
    expect([...found.subarray(0x110, 0x114)]).toEqual([16, 17, 18, 19]);
    expect([...found.subarray(0x310, 0x318)]).toEqual([12, 13, 14, 15, 8, 9, 10, 11]);
    // x0 is the word after fault_address: byte 184 of ucontext_t.
    expect([...found.subarray(8, 16)]).toEqual([184, 185, 186, 187, 188, 189, 190, 191]);
  });

  it('with broken records has no vectors, and ends', () => {
    for (const records of [
      [],
      [[FPSIMD, 0]],
      [[FPSIMD, 7]],
      [[FPSIMD, 500]],
      [[0x45535201, 0xffff_fff0]],
      [
        [0x45535201, 4090],
        [FPSIMD, 528],
      ],
    ] as [number, number][][]) {
      expect(flagsAt(context(records), 0)).toBe(0x400003);
    }
  });
});

describe('a signal frame of x86', () => {
  it('has the x87 state only where FXSAVE stands behind FSAVE', () => {
    const ucontext = new Uint8Array(cpus.x86.ucontextSize);
    new DataView(ucontext.buffer).setUint32(96, 0xf700_0000, true);
    expect(cpus.x86.floatingPointOf(ucontext)).toEqual({ address: 0xf700_0000n, size: 624 });
    const state = new Uint8Array(624);
    expect(flagsAt(cpus.x86.contextFromUcontext(ucontext, state), 0)).toBe(0x1002f);
    state.set([0xff, 0xff], 110);
    expect(flagsAt(cpus.x86.contextFromUcontext(ucontext, state), 0)).toBe(0x10007);
    expect(flagsAt(cpus.x86.contextFromUcontext(ucontext, undefined), 0)).toBe(0x10007);
    expect(cpus.x86.floatingPointOf(new Uint8Array(cpus.x86.ucontextSize))).toBeUndefined();
  });

  it('has the address of a fault at byte 12 of siginfo_t', () => {
    const siginfo = words(4, [11n, 0n, 1n, 0xdead_0008n]);
    const context = cpus.x86.controlContext(0xffff_0000n, 0x804_8000n);
    expect(exceptionFrom(siginfo, context, cpus.x86)).toMatchObject({
      code: 11,
      flags: 1,
      address: 0xdead_0008n,
      instructionPointer: 0x804_8000n,
      stackPointer: 0xffff_0000n,
    });
  });
});

describe('/proc/PID/task/TID/syscall', () => {
  it('ends with sp and pc', () => {
    const expected = { stackPointer: 0x7ffe_0010n, instructionPointer: 0x7f00_1234n };
    expect(parseSyscall('35 0x1 0x0 0x0 0x0 0x0 0x0 0x7ffe0010 0x7f001234\n')).toEqual(expected);
    expect(parseSyscall('-1 0x7ffe0010 0x7f001234\n')).toEqual(expected);
    expect(parseSyscall('running\n')).toBeUndefined();
    expect(parseSyscall('')).toBeUndefined();
  });
});
