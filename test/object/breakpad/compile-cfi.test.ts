import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { compileCfi, machineOf } from '../../../src/object/breakpad/index.js';
import type { FrameView } from '../../../src/object/cfi.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { openSym } from './open.js';

/** Registers that are given, and memory in which each word is its address plus 0x100. */
function frame(registers: Record<string, bigint>, end = 0x10000n): FrameView {
  return {
    register: (name) => registers[name],
    read: (address, size) => (address + BigInt(size) > end ? undefined : address + 0x100n),
  };
}

/** One expression, as the rule of a register. */
function evaluate(expression: string, cpu = 'x86_64') {
  const row = compileCfi([`.cfa: 0 .ra: 0 $rbx: ${expression}`], machineOf(cpu))!;
  const view = frame({
    rsp: 0x1000n,
    rax: 7n,
    eax: 7n,
    esp: 0x1000n,
    r11: 11n,
    fp: 29n,
    lr: 30n,
    top: (1n << 64n) - 1n,
  });
  return row.registers.get('rbx')!(view, 0x2000n);
}

describe('expressions', () => {
  it('reckon unsigned and modulo 2^64, the second operand on top', () => {
    expect(evaluate('7')).toBe(7n);
    expect(evaluate('$rsp 8 +')).toBe(0x1008n);
    expect(evaluate('$rsp 8 -')).toBe(0xff8n);
    expect(evaluate('$rsp -8 +')).toBe(0xff8n);
    expect(evaluate('8 $rsp -')).toBe((1n << 64n) - 0xff8n);
    expect(evaluate('$rax 3 *')).toBe(21n);
    expect(evaluate('$rax 3 /')).toBe(2n);
    expect(evaluate('$rax 3 %')).toBe(1n);
    expect(evaluate('-1 2 /')).toBe((1n << 63n) - 1n);
    expect(evaluate('$top 1 +')).toBe(0n);
    expect(evaluate('$rsp 15 + 16 @')).toBe(0x1000n);
    expect(evaluate('$rsp $rax + +4 + 4 @')).toBe(0x1008n);
    expect(evaluate('.cfa -16 + ^')).toBe(0x20f0n);
    expect(evaluate('rsp')).toBe(0x1000n);
  });

  it('fail where something is missing, or left over', () => {
    for (const broken of [
      ...['$rip', '.undef', '+', '1 +', '1 2', '1 0 /', '1 0 %', '7 3 @', '7 0 @', '$rsp 8', '^', '70000 ^'],
      ...['9223372036854775808', 'x', '0x10', '1 2 ==', '.ra'],
    ]) {
      expect(evaluate(broken), broken).toBeUndefined();
    }
    expect(evaluate('9223372036854775807')).toBe((1n << 63n) - 1n);
    expect(evaluate('-9223372036854775808')).toBe(1n << 63n);
    const itself = compileCfi(['.cfa: .cfa 8 + .ra: 0'], machineOf('x86_64'))!;
    expect(itself.cfa(frame({}), undefined)).toBeUndefined();
  });

  it('with pointers of 32 bits: read these, and fail beyond', () => {
    expect(evaluate('$esp 4 - ^', 'x86')).toBe(0x10fcn);
    expect(evaluate('65533 ^', 'x86')).toBeUndefined();
    expect(evaluate('65532 ^', 'x86')).toBe(0x100fcn);
    expect(evaluate('$esp -4 +', 'x86')).toBe(0xffcn);
    expect(evaluate('4 $esp -', 'x86')).toBeUndefined();
    expect(evaluate('4294967295', 'x86')).toBe(0xffff_ffffn);
    expect(evaluate('4294967296', 'x86')).toBeUndefined();
    expect(evaluate('4294967296 1 -', 'x86')).toBe(0xffff_ffffn);
  });

  it('the size of pointers is that of the CPU, if none is given', () => {
    const sizes = (...cpus: string[]) => cpus.map((cpu) => machineOf(cpu).pointerSize);
    expect(sizes('x86', 'arm', 'armv7s', 'mips', 'ppc', 'riscv')).toEqual([4, 4, 4, 4, 4, 4]);
    expect(sizes('x86_64', 'x86_64h', 'arm64', 'arm64e', 'mips64', 'ppc64', 'riscv64', '')).toEqual(
      Array(8).fill(8),
    );
    expect(machineOf('x86_64', 4).pointerSize).toBe(4);
  });

  it('registers have the names of contexts', () => {
    expect(evaluate('x29', 'arm64')).toBe(29n);
    expect(evaluate('$x30', 'arm64e')).toBe(30n);
    expect(evaluate('fp', 'arm64')).toBe(29n);
    expect(evaluate('fp', 'arm')).toBe(11n);
    expect(evaluate('r11', 'arm')).toBe(11n);
    expect(evaluate('r14', 'arm')).toBe(30n);
    expect(evaluate('fp', 'mips')).toBe(29n);
    const arm64 = compileCfi(
      ['.cfa: sp 16 + .ra: x30 x29: .cfa -16 + ^ x30: .cfa -8 + ^ x19: x19'],
      machineOf('arm64'),
    )!;
    expect([...arm64.registers.keys()]).toEqual(['fp', 'lr', 'x19']);
  });
});

describe('rules', () => {
  const machine = machineOf('x86_64');

  it('later records replace those of the same name', () => {
    const row = compileCfi(
      ['.cfa: $rsp 8 + .ra: .cfa -8 + ^', '$rbx: .cfa -16 + ^ .cfa: $rsp 16 +', '  .cfa: $rbp 16 +  rbx: 5 '],
      machine,
    )!;
    expect(row.cfa(frame({ rbp: 0x500n }), undefined)).toBe(0x510n);
    expect(row.cfa(frame({ rsp: 0x500n }), undefined)).toBeUndefined();
    expect(row.returnAddress(frame({}), 0x510n)).toBe(0x608n);
    expect([...row.registers.keys()]).toEqual(['rbx']);
    expect(row.registers.get('rbx')!(frame({}), 0n)).toBe(5n);
    expect([row.signalFrame, row.outermost]).toEqual([false, false]);
  });

  it('there are none without .cfa and .ra, with an empty expression, or text before the first name', () => {
    for (const records of [
      ...[[''], ['.cfa: 1'], ['.ra: 1'], ['.cfa: .ra: 1'], ['.cfa: 1 .ra:'], ['1 .cfa: 1 .ra: 1']],
      ...[['.cfa: 1 .ra: 1', '8 +'], ['.cfa: 1 .ra: 1', '$rbx:'], ['.cfa: 1 .ra: 1 $rbx: $rbp: 1']],
    ]) {
      expect(compileCfi(records, machine), records.join('|')).toBeUndefined();
    }
    expect(compileCfi(['.cfa: 1 .ra: 1', ''], machine)).toBeDefined();
  });

  it('an undefined return address: there is no caller', () => {
    expect(compileCfi(['.cfa: $rsp 8 + .ra: .undef'], machine)?.outermost).toBe(true);
  });
});

describeWith([needsCorpus], 'of the corpus', () => {
  it('clone() in ld-2.13.so: rules with registers only', () => {
    const folder = 'breakpad/symbols/ld-2.13.so/C32AD7E235EA6112E02A5B9D6219C4850';
    const index = openSym(readFileSync(join(corpusFolder()!, folder, 'ld-2.13.so.sym')));
    // STACK CFI 165dd … $rbp: $r9 $rbx: .cfa 0 + ^ $rsp: $r8 .cfa: $rdi 0 + .ra: $rdx
    const row = runSync(index.cfiAt(0x165dd))!;
    const view = frame({ rdi: 0x4000n, r8: 8n, r9: 9n, rdx: 13n });
    const cfa = row.cfa(view, undefined);
    expect(cfa).toBe(0x4000n);
    expect(row.returnAddress(view, cfa)).toBe(13n);
    const values = [...row.registers].map(([name, rule]) => [name, rule(view, cfa)]);
    expect(Object.fromEntries(values)).toEqual({
      ...{ r12: 0x4110n, r13: 0x4118n, r14: 0x4120n, r15: 0x4128n },
      ...{ rbp: 9n, rbx: 0x4100n, rsp: 8n },
    });
    // Before it the rules of the INIT record hold.
    expect(runSync(index.cfiAt(0x165dc))!.cfa(frame({ rsp: 16n }), undefined)).toBe(24n);
  });
});
