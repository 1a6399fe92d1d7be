import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  analyzeInstruction,
  type DisassembledCpu,
  type Registers,
} from '../../../src/analysis/instruction/index.js';
import { runSync } from '../../../src/io/index.js';
import { describeWith } from '../../support/tools.js';
import { loadDisassembler, randomNumbers } from './disassembly.js';

const OBJDUMP = '/usr/bin/llvm-objdump-19';
const needsObjdump = {
  missing: existsSync(OBJDUMP) && existsSync('/bin/ls') ? undefined : 'llvm-objdump-19',
};

/** The same instruction under another name, or with a suffix that says nothing. */
const sameName: Record<string, string> = { movabs: 'mov', retq: 'ret', callq: 'call' };

function normalName(name: string): string {
  return sameName[name] ?? name;
}

/**
 * Operands without spaces, index before scale, without the names behind addresses. LLVM writes immediates with a sign, Capstone
 * those of `and` and the like without: all are written as unsigned.
 */
function normalOperands(text: string, bits: number): string {
  return text
    .replace(/\s*[<#].*$/, '')
    .replace(/\b(\d)\*([a-z]\w+)/g, '$2*$1')
    .replace(/(, )(-?)(0x[0-9a-f]+|\d+)$/, (_, comma, sign, digits) => {
      const value = BigInt(digits);
      return `${comma}${BigInt.asUintN(bits, sign ? -value : value)}`;
    })
    .replace(/0x([0-9a-f]+)/g, (_, digits) => BigInt(`0x${digits}`).toString())
    .replace(/\bes:\[/, '[')
    .replace(/\s+/g, '');
}

describeWith([needsObjdump], 'the disassembly of /bin/ls', () => {
  it('is the one of LLVM', async () => {
    const disassembler = await loadDisassembler();
    const args = ['-d', '-j', '.text', '--x86-asm-syntax=intel', '/bin/ls'];
    const { stdout } = spawnSync(OBJDUMP, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
    const lines = [...stdout.matchAll(/^\s*([0-9a-f]+):((?: [0-9a-f]{2})+)\s*\t(.*)$/gm)].slice(0, 5000);
    expect(lines).toHaveLength(5000);
    const otherNames: string[] = [];
    const otherOperands: string[] = [];
    for (const [, address, hexadecimal, given] of lines) {
      const bytes = Buffer.from(hexadecimal!.replaceAll(' ', ''), 'hex');
      const decoded = disassembler.decode('amd64', bytes, BigInt(`0x${address}`));
      // LLVM puts a tab behind the mnemonic, and prefixes before it.
      const [name, operands = ''] = given!.split('\t').slice(-2) as [string, string?];
      const words = name.split(' ');
      if (decoded === undefined || normalName(decoded.mnemonic) !== normalName(words.at(-1)!)) {
        otherNames.push(`${given} != ${decoded?.text}`);
        continue;
      }
      expect([given, decoded.length]).toEqual([given, bytes.length]);
      // As wide as the destination.
      const bits = (decoded.operands[0]?.size ?? 8) * 8;
      const mine = decoded.text.split(' ').slice(decoded.prefixes.length + 1);
      // LLVM leaves out that a shift is by one.
      const shiftByOne = /^s(?:[ah]r|hl)$/.test(decoded.mnemonic) && !operands.includes(',');
      const text = shiftByOne ? mine.join(' ').replace(/, 1$/, '') : mine.join(' ');
      if (normalOperands(text, bits) !== normalOperands(operands, bits)) {
        otherOperands.push(`${given} != ${decoded.text}`);
      }
    }
    expect(otherNames).toEqual([]);
    expect(otherOperands).toEqual([]);
  });
});

describe('random bytes', () => {
  it.each<[DisassembledCpu, number]>([
    ['amd64', 1],
    ['x86', 2],
    ['arm64', 3],
  ])('of %s never throw, and accesses have addresses of its width', async (cpu, seed) => {
    const disassembler = await loadDisassembler();
    const random = randomNumbers(seed);
    const mask = cpu === 'x86' ? 0xffffffffn : 0xffffffffffffffffn;
    const registers: Registers = {
      cpu,
      // Some are not there.
      register: () =>
        random(20) === 0 ? undefined : ((BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32))) & mask,
      registerNames: [],
      instructionPointer: mask - 3n,
      stackPointer: random(2) === 0 ? 0n : mask,
    };
    let found = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = Uint8Array.from({ length: random(17) }, () => random(256));
      const question = { registers, bytes, disassembler, segments: { fs: mask, gs: 1n } };
      const analysis = runSync(analyzeInstruction(question));
      if (analysis?.accesses) found++;
      for (const access of analysis?.accesses ?? []) {
        expect(access.address >= 0n && access.address <= mask).toBe(true);
      }
      const update = analysis?.instructionPointerUpdate;
      if (update?.kind === 'direct' || update?.kind === 'indirect') {
        expect(update.address >= 0n && update.address <= mask).toBe(true);
      }
    }
    expect(found).toBeGreaterThan(4000);
  });

  it('of no known processor are nothing', () => {
    const registers: Registers = {
      cpu: 'mips',
      register: () => 0n,
      registerNames: [],
      instructionPointer: 0n,
      stackPointer: 0n,
    };
    const bytes = new Uint8Array(15);
    expect(runSync(analyzeInstruction({ registers, bytes, disassembler: undefined }))).toBeUndefined();
  });
});
