import { describe, expect, it } from 'vitest';
import { windowsProgram } from '../../../src/object/breakpad/windows-program.js';
import type { WindowsFrame } from '../../../src/object/index.js';

const memory = new Map([
  [0x1000, 0xcafe],
  [0x1004, 0x40001234],
  [0x1008, 0x40005678],
  [0x100c, 0xbeef],
]);

function run(fields: Partial<WindowsFrame>, input: Partial<Parameters<typeof windowsProgram>[1]> = {}) {
  const frame: WindowsFrame = {
    ...{ start: 0, size: 16, prologSize: 0, epilogSize: 0, parameterSize: 0x24, savedRegisterSize: 0 },
    ...{ localSize: 0, maxStackSize: 0, program: undefined, allocatesBasePointer: false, ...fields },
  };
  return windowsProgram(frame, {
    ...{ eip: 0x4000_0000, esp: 0x1000, ebp: 0x1000, calleeParameterSize: 0, isContextFrame: false },
    read: (address) => memory.get(address),
    ...input,
  });
}

/** The value of a program's expression. */
const compute = (expression: string, input = {}) => run({ program: `$eip ${expression} =` }, input)?.eip;

describe('STACK WIN programs', () => {
  it.each([
    ['7 3 +', 10],
    ['7 3 -', 4],
    ['3 7 -', 0xffff_fffc],
    ['-1 -1 *', 1],
    ['2147483647 2147483647 *', 1],
    ['-2 2 /', 0x7fff_ffff],
    ['-1 10 %', 5],
    ['4095 16 @', 4080],
    ['-1 4 @', 0xffff_fffc],
    ['4096 ^', 0xcafe],
    ['4096 4 + ^', 0x4000_1234],
    ['.cbParams', 0x24],
    ['.cbCalleeParams', 0],
    ['$esp', 0x1000],
    ['-2147483648', 0x8000_0000],
  ])('%s is %d', (expression, expected) => {
    expect(compute(expression)).toBe(expected);
  });

  it.each([
    ...['1 0 /', '1 0 %', '1 3 @', '1 0 @', '5 ^', '+', '1 +', '$T9', '.nothing', '$ebx', '2147483648'],
    ...['-2147483649', '0x10', 'word', '1 2 ** ', '99999999999999999999'],
  ])('%s has no value', (expression) => {
    expect(compute(expression)).toBeUndefined();
  });

  it('assign variables, also where the = is glued to what follows', () => {
    expect(run({ program: '$T0 4096 =$eip $T0 4 + ^ =$esp $T0 8 + =  $edi 5 = $T1 6 =' })).toEqual({
      eip: 0x4000_1234,
      esp: 0x1008,
      ebp: 0x1000,
      edi: 5,
    });
  });

  it('name registers by their CodeView numbers, as MSVC does', () => {
    // Of crash.sym: `STACK WIN 4 … $T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $20 $T0 4 - ^ = …`
    const program = '$eip 5 = $20 4096 ^ = $22 4100 ^ = $23 4104 ^ = $24 4108 ^ = $21 16 =';
    expect(run({ program })).toEqual({
      ...{ eip: 5, esp: 16 },
      ...{ ebx: 0xcafe, ebp: 0x4000_1234, esi: 0x4000_5678, edi: 0xbeef },
    });
    expect(compute('$20', { ebx: 7 })).toBe(7);
    // Others are variables like any.
    expect(run({ program: '$eip 5 = $25 6 = $2 7 = $T20 8 =' })).toEqual({
      eip: 5,
      esp: 0x1000,
      ebp: 0x1000,
    });
  });

  it('may leave values behind', () => {
    expect(run({ program: '7 $eip 5 = 8' })?.eip).toBe(5);
  });

  it('forget what is assigned .undef, and need $eip and $esp', () => {
    expect(run({ program: '$eip 5 = $ebp .undef =' })).toEqual({ eip: 5, esp: 0x1000 });
    expect(run({ program: '$eip 5 = $esp .undef =' })).toBeUndefined();
    expect(run({ program: '$esp 5 =' })).toBeUndefined();
    expect(run({ program: '' })).toBeUndefined();
    expect(run({ program: '5 5 =' })).toBeUndefined();
    expect(run({ program: '=' })).toBeUndefined();
  });

  it('search the return address above locals, saved registers and parameters of the callee', () => {
    const sizes = { localSize: 0x10, savedRegisterSize: 8 };
    const program = '$eip .raSearchStart = $esp .raSearch = $ebx .cbLocals = $esi .cbSavedRegs =';
    expect(run({ ...sizes, program }, { calleeParameterSize: 4 })).toMatchObject({
      ...{ eip: 0x101c, esp: 0x101c, ebx: 0x10, esi: 8 },
    });
    // A program that aligns goes from ebp.
    expect(run({ ...sizes, program: `${program} $T0 $esp 16 @ =` }, { ebp: 0x2000 })).toMatchObject({
      eip: 0x2004,
    });
  });

  it('compute modulo 2^32', () => {
    expect(run({ localSize: 0xffff_ffff, savedRegisterSize: 5, program: '$eip .raSearch =' })?.eip).toBe(
      0x1004,
    );
  });
});

describe('FPO records', () => {
  it('find the return address above locals and saved registers', () => {
    expect(run({ localSize: 4 })).toEqual({ eip: 0x4000_1234, esp: 0x1008, ebp: 0x1000 });
    expect(run({ localSize: 4 }, { ebx: 3 })).toEqual({ eip: 0x4000_1234, esp: 0x1008, ebp: 0x1000, ebx: 3 });
    expect(run({}, { calleeParameterSize: 8 })).toMatchObject({ eip: 0x4000_5678, esp: 0x100c });
  });

  it('find an ebp that was saved as a register like others', () => {
    expect(run({ localSize: 0, savedRegisterSize: 8, allocatesBasePointer: true }, { ebx: 3 })).toEqual({
      eip: 0x4000_5678,
      esp: 0x100c,
      ebp: 0xcafe,
    });
  });

  it('need ebp only where the callee did not save it', () => {
    const unknown = { ebp: undefined };
    expect(run({ savedRegisterSize: 8, allocatesBasePointer: true }, unknown)?.ebp).toBe(0xcafe);
    expect(run({ localSize: 4 }, unknown)).toBeUndefined();
    expect(run({ program: '$eip 5 =' }, unknown)).toBeUndefined();
  });

  it('pass over the own address of a context frame', () => {
    const own = { eip: 0x4000_1234, isContextFrame: true };
    expect(run({ localSize: 4 }, own)).toMatchObject({ eip: 0x4000_5678, esp: 0x100c });
    expect(run({ localSize: 4 }, { ...own, isContextFrame: false })).toMatchObject({ eip: 0x4000_1234 });
  });

  it('lead nowhere where memory is missing', () => {
    expect(run({ localSize: 0x1000 })).toBeUndefined();
    expect(run({ localSize: 4, savedRegisterSize: 0, allocatesBasePointer: true })).toBeUndefined();
  });
});
