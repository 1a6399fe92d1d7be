import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  analyzeInstruction,
  type InstructionAnalysis,
  type Registers,
} from '../../../src/analysis/instruction/index.js';
import { runSync } from '../../../src/io/index.js';
import { describeWith } from '../../support/tools.js';
import { loadDisassembler, randomNumbers } from './disassembly.js';

const MC = '/usr/bin/llvm-mc-19';
const needsMc = { missing: existsSync(MC) ? undefined : 'llvm-mc-19' };
const TARGET = ['--triple=aarch64', '--mattr=+v8.7a,+lse,+rcpc-immo,+ls64'];

/** Each register holds a value of its own: x5 is 0x50000. */
function registerValue(name: string): bigint | undefined {
  if (name === 'sp') return 0x7ff0000n;
  if (name === 'pc') return 0x400000n;
  const number = name === 'fp' ? 29 : name === 'lr' ? 30 : Number(/^x(\d+)$/.exec(name)?.[1] ?? -1);
  return number < 0 ? undefined : BigInt(number) * 0x10000n;
}

const registers: Registers = {
  cpu: 'arm64',
  register: (name) => (name === 'x7' ? 0xffff_ffff_ffff_fff8n : registerValue(name)),
  registerNames: [],
  instructionPointer: 0x400000n,
  stackPointer: 0x7ff0000n,
};

function analyze(bytes: Uint8Array): InstructionAnalysis {
  return runSync(analyzeInstruction({ registers, bytes, disassembler: undefined }))!;
}

function assemble(lines: readonly string[]): Uint8Array[] {
  const result = spawnSync(MC, [...TARGET, '--assemble', '--show-encoding'], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
  });
  expect(result.stderr).toBe('');
  return [...result.stdout.matchAll(/encoding: \[([^\]]*)\]/g)].map(([, list]) =>
    Uint8Array.from(list!.split(','), Number),
  );
}

/** Text by word, as LLVM disassembles it; undefined for what it does not know. */
function disassemble(words: readonly number[]): (string | undefined)[] {
  const input = words
    .map((word) => [0, 8, 16, 24].map((shift) => `0x${((word >>> shift) & 0xff).toString(16)}`).join(' '))
    .join('\n');
  const result = spawnSync(MC, [...TARGET, '--disassemble', '--show-encoding'], { input, encoding: 'utf8' });
  const texts = new Map<number, string>();
  for (const [, text, list] of result.stdout.matchAll(/^\t(.*?)\s*\/\/ encoding: \[([^\]]*)\]/gm)) {
    const word = new DataView(Uint8Array.from(list!.split(','), Number).buffer).getUint32(0, true);
    texts.set(word, text!.replaceAll('\t', ' '));
  }
  return words.map((word) => texts.get(word >>> 0));
}

describeWith([needsMc], 'loads and stores of ARM64', () => {
  const cases: [string, bigint, number | null, string][] = [
    ['ldr x0, [x1]', 0x10000n, 8, 'read'],
    ['ldr w0, [x1, #16]', 0x10010n, 4, 'read'],
    ['str x0, [x2, #-8]!', 0x1fff8n, 8, 'write'],
    ['str x0, [x2], #-8', 0x20000n, 8, 'write'],
    ['ldrb w0, [x3, x4]', 0x70000n, 1, 'read'],
    ['ldrsh x0, [x3, w7, sxtw #1]', 0x2fff0n, 2, 'read'],
    ['ldr x0, [x3, w7, uxtw #3]', 0x8_0002_ffc0n, 8, 'read'],
    ['ldr q0, [x3, x7, lsl #4]', 0x2ff80n, 16, 'read'],
    ['ldr x0, [x3, xzr]', 0x30000n, 8, 'read'],
    ['ldr x0, [sp, #8]', 0x7ff0008n, 8, 'read'],
    ['stp x29, x30, [sp, #-32]!', 0x7feffe0n, 16, 'write'],
    ['ldp x29, x30, [sp], #32', 0x7ff0000n, 16, 'read'],
    ['ldpsw x0, x1, [x2, #4]', 0x20004n, 8, 'read'],
    ['stp q0, q1, [x2, #32]', 0x20020n, 32, 'write'],
    ['ldnp d0, d1, [x2, #16]', 0x20010n, 16, 'read'],
    ['ldur x0, [x1, #-3]', 0xfffdn, 8, 'read'],
    ['ldtr w0, [x1, #4]', 0x10004n, 4, 'read'],
    ['ldr x0, #16', 0x400010n, 8, 'read'],
    ['ldrsw x0, #-16', 0x3ffff0n, 4, 'read'],
    ['ldr q0, #32', 0x400020n, 16, 'read'],
    ['ldxr x0, [x1]', 0x10000n, 8, 'read'],
    ['stlxrb w0, w1, [x2]', 0x20000n, 1, 'write'],
    ['ldaxp x0, x1, [x2]', 0x20000n, 16, 'read'],
    ['stxp w3, w0, w1, [x2]', 0x20000n, 8, 'write'],
    ['ldar w0, [x1]', 0x10000n, 4, 'read'],
    ['stlr x0, [x1]', 0x10000n, 8, 'write'],
    ['ldapr x0, [x1]', 0x10000n, 8, 'read'],
    ['ldapur w0, [x1, #-4]', 0xfffcn, 4, 'read'],
    ['stlurh w0, [x1, #2]', 0x10002n, 2, 'write'],
    ['cas w0, w1, [x2]', 0x20000n, 4, 'readwrite'],
    ['caspal x0, x1, x2, x3, [x4]', 0x40000n, 16, 'readwrite'],
    ['ldadd x0, x1, [x2]', 0x20000n, 8, 'readwrite'],
    ['swpalb w0, w1, [x2]', 0x20000n, 1, 'readwrite'],
    ['st64b x0, [x13]', 0xd0000n, 64, 'write'],
    ['ld64b x0, [x13]', 0xd0000n, 64, 'read'],
    ['ld1 {v0.16b}, [x1]', 0x10000n, 16, 'read'],
    ['st4 {v0.8b, v1.8b, v2.8b, v3.8b}, [x1], #32', 0x10000n, 32, 'write'],
    ['ld3 {v0.s, v1.s, v2.s}[1], [x1]', 0x10000n, 12, 'read'],
    ['st1 {v0.d}[1], [x1]', 0x10000n, 8, 'write'],
    ['ld2r {v0.8h, v1.8h}, [x1]', 0x10000n, 4, 'read'],
    ['dc zva, x1', 0x10000n, null, 'write'],
    ['dc civac, x1', 0x10000n, null, 'read'],
  ];
  it('are at their address', () => {
    const words = assemble(cases.map(([text]) => text));
    expect(words).toHaveLength(cases.length);
    const found = words.map((bytes, i) => {
      const access = analyze(bytes).accesses?.[0];
      return [cases[i]![0], access?.address, access?.size, access?.access];
    });
    expect(found).toEqual(cases);
  });

  it.each(['add x0, x1, x2', 'prfm pldl1keep, [x1]', 'prfum pldl1keep, [x1, #-1]', 'b .+8', 'nop', 'svc #0'])(
    '%s touches no memory',
    (text) => {
      expect(analyze(assemble([text])[0]!).accesses).toEqual([]);
    },
  );

  it.each(['ldraa x0, [x1]', 'stg x0, [x1]'])('of %s nothing is claimed', (text) => {
    const result = spawnSync(
      MC,
      ['--triple=aarch64', '--mattr=+v8.5a,+mte', '--assemble', '--show-encoding'],
      {
        input: `${text}\n`,
        encoding: 'utf8',
      },
    );
    const bytes = Uint8Array.from(/encoding: \[([^\]]*)\]/.exec(result.stdout)![1]!.split(','), Number);
    expect(analyze(bytes).accesses).toBeNull();
  });

  it('are what LLVM reads in 20,000 random words', () => {
    const random = randomNumbers(20251125);
    // Registers with one form each, in all addressing modes: bits 29 and 27 say it is one of those.
    const words = Array.from(
      { length: 20_000 },
      () => ((random(2 ** 16) << 16) | random(2 ** 16) | 0x28000000) & ~0x02000000,
    );
    const texts = disassemble(words);
    let compared = 0;
    const wrong: string[] = [];
    words.forEach((word, i) => {
      const expected = texts[i] === undefined ? undefined : expectationOf(texts[i]);
      if (expected === undefined) return;
      compared++;
      const bytes = new Uint8Array(new Uint32Array([word]).buffer);
      const access = analyze(bytes).accesses?.[0];
      const found = { address: access?.address, size: access?.size, access: access?.access };
      const same =
        found.address === expected.address &&
        found.size === expected.size &&
        found.access === expected.access;
      if (!same) wrong.push(`${texts[i]}: ${JSON.stringify({ ...found, address: `${found.address}` })}`);
    });
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(compared).toBeGreaterThan(5000);
  });
});

/** What the text of a plain load or store says; undefined for other instructions. */
function expectationOf(text: string): { address: bigint; size: number; access: string } | undefined {
  const parts =
    /^(ld|st)(p|np|r|ur|tr)(sb|sh|sw|b|h)? ([bhsdqwx])(\d+|zr)(?:, [a-z]+\d*)?, \[(\w+)(?:, (.*?))?\](!)?(?:, #(-?\d+))?$/.exec(
      text,
    );
  if (!parts) return undefined;
  const [, direction, form, suffix, letter, , base, inside] = parts;
  const start = base === 'sp' ? 0x7ff0000n : registers.register(nameOf(base!));
  if (start === undefined) return undefined;
  const bySuffix: Record<string, number> = { b: 1, h: 2, w: 4 };
  const byLetter: Record<string, number> = { b: 1, h: 2, s: 4, d: 8, q: 16, w: 4, x: 8 };
  const element = suffix ? bySuffix[suffix.at(-1)!]! : byLetter[letter!]!;
  return {
    address: BigInt.asUintN(64, start + offsetOf(inside)),
    size: form!.endsWith('p') ? element * 2 : element,
    access: direction === 'ld' ? 'read' : 'write',
  };
}

function nameOf(register: string): string {
  return register === 'x29' ? 'fp' : register === 'x30' ? 'lr' : register;
}

function offsetOf(text: string | undefined): bigint {
  if (text === undefined) return 0n;
  const number = /^#(-?\d+)$/.exec(text);
  if (number) return BigInt(number[1]!);
  const [, kind, register, extension, shift] = /^([wx])(\d+|zr)(?:, (\w+)(?: #(\d+))?)?$/.exec(text)!;
  const value = register === 'zr' ? 0n : registers.register(nameOf(`x${register}`))!;
  const narrow =
    kind === 'w' ? (extension === 'sxtw' ? BigInt.asIntN(32, value) : BigInt.asUintN(32, value)) : value;
  return narrow << BigInt(shift ?? 0);
}

describe('branches of ARM64', () => {
  it.each([
    ['b', 0x14000002, { kind: 'direct', address: 0x400008n }],
    ['bl', 0x97ffffff, { kind: 'direct', address: 0x3ffffcn }],
    ['b.eq', 0x54000040, { kind: 'unknown' }],
    ['cbz', 0xb4000040, { kind: 'unknown' }],
    ['tbz', 0x36000040, { kind: 'unknown' }],
    ['br x3', 0xd61f0060, { kind: 'indirect', address: 0x30000n }],
    ['blr x3', 0xd63f0060, { kind: 'indirect', address: 0x30000n }],
    ['ret', 0xd65f03c0, { kind: 'indirect', address: 0x1e0000n }],
    ['retaa', 0xd65f0bff, { kind: 'unknown' }],
    ['nop', 0xd503201f, { kind: 'none' }],
  ])('%s', (_, word, update) => {
    const bytes = new Uint8Array(new Uint32Array([word]).buffer);
    expect(analyze(bytes).instructionPointerUpdate).toEqual(update);
  });

  it('are written out by the disassembler', async () => {
    const disassembler = await loadDisassembler();
    const bytes = Uint8Array.of(0x20, 0x04, 0x40, 0xf8);
    const found = runSync(analyzeInstruction({ registers, bytes, disassembler }));
    expect(found?.text).toBe('ldr x0, [x1], #0');
  });
});
