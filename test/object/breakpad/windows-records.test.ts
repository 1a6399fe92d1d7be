import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BytesSource, runSync } from '../../../src/io/index.js';
import { type WindowsProgramInput, windowsProgram } from '../../../src/object/breakpad/index.js';
import type { WindowsFrame } from '../../../src/object/debug-information.js';
import { Minidump } from '../../../src/reader/index.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { openSym } from './open.js';

const sizes = {
  start: 0,
  size: 1,
  prologSize: 0,
  epilogSize: 0,
  maxStackSize: 0,
  allocatesBasePointer: false,
};

function frame(program: string | undefined, changes: Partial<WindowsFrame> = {}): WindowsFrame {
  return { ...sizes, parameterSize: 4, savedRegisterSize: 8, localSize: 12, program, ...changes };
}

/** Memory in which each word is its address plus 0x100000. */
function input(changes: Partial<WindowsProgramInput> = {}): WindowsProgramInput {
  return {
    ...{ eip: 0x401000, esp: 0x1000, ebp: 0x2000, ebx: 0xb, calleeParameterSize: 16, isContextFrame: false },
    read: (address) => (address < 0x10000 ? address + 0x100000 : undefined),
    ...changes,
  };
}

const end = ' $eip 1 = $esp 2 =';

describe('programs', () => {
  it('begin with the sizes of the record, and where the return address is looked for', () => {
    const program =
      '$eip .raSearchStart ^ = $esp .raSearch 4 + = $ebp .cbParams .cbCalleeParams + = $esi .cbSavedRegs = $edi .cbLocals =';
    const at = 0x1000 + 12 + 8 + 16;
    expect(windowsProgram(frame(program), input())).toEqual({
      ...{ eip: at + 0x100000, esp: at + 4, ebp: 20, ebx: 0xb, esi: 8, edi: 12 },
    });
    expect(windowsProgram(frame(`${program} $T0 16 16 @ =`), input())).toMatchObject({ esp: 0x2008 });
  });

  it('reckon with 32 bits', () => {
    const value = (expression: string) => windowsProgram(frame(`$ebp ${expression} =${end}`), input())?.ebp;
    expect(value('4294967295')).toBeUndefined();
    expect(value('-1')).toBe(0xffff_ffff);
    expect(value('-1 2 +')).toBe(1);
    expect(value('1 2 -')).toBe(0xffff_ffff);
    expect(value('-1 -1 *')).toBe(1);
    expect(value('65537 65537 *')).toBe(0x20001);
    expect(value('-1 16 /')).toBe(0xfff_ffff);
    expect(value('-1 16 %')).toBe(15);
    expect(value('-1 16 @')).toBe(0xffff_fff0);
    expect(value('-1 -2147483648 @')).toBe(0x8000_0000);
    expect(value('$ebx')).toBe(0xb);
    for (const broken of [
      '1 0 /',
      '1 0 %',
      '1 3 @',
      '65536 ^',
      '-1 ^',
      '$T9',
      '.none',
      'x',
      '+',
      '1 +',
      '',
    ]) {
      expect(value(broken), broken).toBeUndefined();
    }
  });

  it('take "=" that is glued to what follows, .undef, and names with a dot; leave what remains', () => {
    const run = (program: string) => windowsProgram(frame(program), input());
    expect(run('$eip 5 =$esp 6 =$ebp 7 = 1 2 3')).toMatchObject({ eip: 5, esp: 6, ebp: 7 });
    expect(run(`$ebp .undef = $ebx .undef =${end}`)).toEqual({ eip: 1, esp: 2 });
    expect(run(`.mine 9 = $ebp .mine =${end}`)).toMatchObject({ ebp: 9 });
    expect(run(`5 6 =${end}`)).toBeUndefined();
    expect(run(`.undef 6 =${end}`)).toBeUndefined();
    expect(run(`6 =${end}`)).toBeUndefined();
    expect(run('$eip 5 = $esp .undef =')).toBeUndefined();
    expect(run('$esp 5 =')).toBeUndefined();
    expect(run('')).toBeUndefined();
  });
});

describe('FPO', () => {
  it('by the sizes', () => {
    const slot = 0x1000 + 12 + 8 + 16;
    const found = {
      eip: slot + 0x100000,
      esp: slot + 4,
      ebp: 0x2000,
      ebx: 0xb,
      esi: undefined,
      edi: undefined,
    };
    expect(windowsProgram(frame(undefined), input())).toEqual(found);
    expect(windowsProgram(frame(undefined, { allocatesBasePointer: true }), input())).toEqual({
      ...{ ...found, ebx: undefined, ebp: 0x1000 + 16 + 8 - 8 + 0x100000 },
    });
    const again = { eip: slot + 0x100000 };
    expect(windowsProgram(frame(undefined), input(again))).toEqual(found);
    expect(windowsProgram(frame(undefined), input({ ...again, isContextFrame: true }))).toMatchObject({
      ...{ eip: slot + 4 + 0x100000, esp: slot + 8 },
    });
  });

  it('not where memory is missing or addresses wrap', () => {
    for (const esp of [0x10000, 0xffff_fff0, 0xffff_ffff - 35]) {
      expect(
        windowsProgram(frame(undefined), input({ esp, read: () => (esp === 0x10000 ? undefined : 1) })),
      ).toBeUndefined();
    }
    expect(
      windowsProgram(
        frame(undefined, { allocatesBasePointer: true }),
        input({ read: (at) => (at > 0x1010 ? at : undefined) }),
      ),
    ).toBeUndefined();
  });
});

describeWith([needsCorpus], 'test.dmp and its test_app.sym', () => {
  const corpus = corpusFolder()!;
  const folder = 'rust-minidump/symbols/test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1';

  it('the frames that rust-minidump prints: human-symbols.snap', () => {
    const index = openSym(readFileSync(join(corpus, folder, 'test_app.sym')));
    const dump = Minidump.openSync(new BytesSource(readFileSync(join(corpus, 'rust-minidump/test.dmp'))));
    const base = 0x400000;
    const read = (address: number) => {
      const bytes = dump.memorySync().readSync(BigInt(address), 4);
      return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    };
    const expected = [
      { eip: 0x40429e, esp: 0x12fe84, ebp: 0x12fe88, name: "`anonymous namespace'::CrashFunction", line: 58 },
      { eip: 0x404200, esp: 0x12fe90, ebp: 0x12ff70, name: 'main', line: 65 },
      { eip: 0x4053ec, esp: 0x12ff78, ebp: 0x12ffc0, name: '__tmainCRTStartup', line: 327 },
      { eip: 0x7c816fd7, esp: 0x12ffc8, ebp: 0x12fff0, name: '', line: 0 },
    ];
    let calleeParameterSize = 0;
    expected.slice(0, -1).forEach(({ eip, esp, ebp, name, line }, i) => {
      const rva = eip - base - (i === 0 ? 0 : 1);
      const found = runSync(index.functionAt(rva));
      expect(found).toMatchObject({ name, line });
      const record = runSync(index.windowsFrameAt(rva))!;
      const from = { eip, esp, ebp, calleeParameterSize, isContextFrame: i === 0, read };
      const { name: _, line: __, ...caller } = expected[i + 1]!;
      expect(windowsProgram(record, from)).toMatchObject(caller);
      calleeParameterSize = found!.parameterSize;
    });
  });
});
