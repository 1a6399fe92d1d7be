import { describe, expect, it } from 'vitest';
import {
  analyzeInstruction,
  crashInconsistencies,
  type Registers,
  toRustMinidumpJson,
} from '../../../src/analysis/instruction/index.js';
import { PlatformId } from '../../../src/format/index.js';
import { runSync, type Task } from '../../../src/io/index.js';
import { loadDisassembler } from './disassembly.js';

function registersOf(cpu: 'x86' | 'amd64', values: Record<string, bigint>): Registers {
  return {
    cpu,
    register: (name) => values[name],
    registerNames: Object.keys(values),
    instructionPointer: 0x401000n,
    stackPointer: 0x7000n,
  };
}

/** Memory in which each pointer points 0x100 above itself. */
function* readMemory(address: bigint, length: number): Task<Uint8Array> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, address + 0x100n, true);
  return bytes.subarray(0, length);
}

async function analyze(cpu: 'x86' | 'amd64', code: string, values: Record<string, bigint>) {
  const disassembler = await loadDisassembler();
  const registers = registersOf(cpu, values);
  const bytes = Buffer.from(code, 'hex');
  return runSync(analyzeInstruction({ registers, bytes, disassembler, readMemory }));
}

describe('what cannot be known', () => {
  it.each([
    ['a gather', 'c4e2f99004c8', { rax: 0n }],
    ['a scatter', '62f27d49a00408', { rax: 0n }],
    ['a segment without a known base', '64488b042500000000', {}],
    ['a register that was not saved', '488b03', { rax: 1n }],
    ['enter with a nesting level', 'c8100003', { rbp: 1n }],
  ])('of %s no access is claimed', async (_, code, values) => {
    const found = await analyze('amd64', code, values as Record<string, bigint>);
    expect(found?.text).toBeTruthy();
    expect(found?.accesses).toBeNull();
  });

  it('of half an instruction nothing is said', async () => {
    expect(await analyze('amd64', '488b', {})).toBeUndefined();
    expect(await analyze('amd64', '', {})).toBeUndefined();
  });
});

describe('where the processor goes', () => {
  it.each([
    ['amd64', 'call rax', 'ffd0', { kind: 'indirect', address: 0x1234n }],
    ['amd64', 'jmp [rax]', 'ff20', { kind: 'indirect', address: 0x1334n }],
    ['amd64', 'call [rip+0x20]', 'ff1520000000', { kind: 'indirect', address: 0x401126n }],
    ['amd64', 'jmp $+0x10', 'eb10', { kind: 'direct', address: 0x401012n }],
    ['amd64', 'jz $+0x10', '7410', { kind: 'unknown' }],
    ['amd64', 'ret', 'c3', { kind: 'indirect', address: 0x7100n }],
    ['amd64', 'mov', '488b00', { kind: 'none' }],
    ['amd64', 'syscall', '0f05', { kind: 'unknown' }],
    ['x86', 'jmp [eax]', 'ff20', { kind: 'indirect', address: 0x1334n }],
    ['x86', 'far jmp', 'ea785634121000', { kind: 'unknown' }],
  ] as const)('on %s after %s', async (cpu, _, code, update) => {
    const found = await analyze(cpu, code, { rax: 0x1234n, eax: 0x1234n });
    expect(found?.instructionPointerUpdate).toEqual(update);
  });
});

describe('registers that were used', () => {
  it('are the whole ones, sorted, without the instruction pointer', async () => {
    const values = { rax: 1n, rcx: 2n };
    expect((await analyze('amd64', '678b0408', values))?.registersUsed).toEqual(['rax', 'rcx']);
    expect((await analyze('amd64', '8b0510000000', values))?.registersUsed).toEqual([]);
  });
});

describe('32-bit addresses', () => {
  it('wrap around', async () => {
    const found = await analyze('x86', '8b4004', { eax: 0xfffffffen });
    expect(found?.accesses).toMatchObject([{ address: 2n, base: 'eax', fromNull: false }]);
  });
  it('of 16-bit addressing do so too', async () => {
    const found = await analyze('x86', '678b00', { ebx: 0x1ffffn, esi: 3n });
    expect(found?.accesses).toMatchObject([{ address: 2n }]);
  });
});

describe('crashes that cannot be', () => {
  const exception = {
    platform: PlatformId.VER_PLATFORM_WIN32_NT,
    cpu: 'amd64',
    code: 0xc0000005,
    flags: 0,
    address: 0x5000n,
    information: [0n, 0x5000n],
  };
  const regions = [{ start: 0x5000n, end: 0x6000n, readable: true, writable: false, executable: false }];

  it('are a read of memory that can be read, and one that the instruction does not make', async () => {
    const instruction = await analyze('amd64', '488b00', { rax: 0x9000n });
    expect(crashInconsistencies({ exception, regions, instruction, instructionPointer: 0x401000n })).toEqual([
      'crashing_access_not_found_in_memory_accesses',
      'access_violation_when_access_allowed',
    ]);
  });

  it('are a division by zero without a division', async () => {
    const instruction = await analyze('amd64', '4801c8', { rax: 0n });
    const linux = { ...exception, platform: PlatformId.MD_OS_LINUX, code: 8, flags: 1 };
    const question = { exception: linux, regions: [], instruction, instructionPointer: 0x401000n };
    expect(crashInconsistencies(question)).toEqual(['int_div_by_zero_not_possible']);
  });

  it('are not found where the instruction is not known', () => {
    const question = { exception, regions: [], instruction: undefined, instructionPointer: 0x401000n };
    expect(crashInconsistencies(question)).toEqual([]);
  });
});

it('a dump without an exception has only nulls', () => {
  expect(new Set(Object.values(toRustMinidumpJson(undefined)))).toEqual(new Set([null]));
});
