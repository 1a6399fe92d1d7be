import { beforeAll, expect, it } from 'vitest';
import {
  adjustAddress,
  analyzeInstruction,
  type CrashException,
  type Disassembler,
  type InstructionAnalysis,
  type Registers,
} from '../../../src/analysis/instruction/index.js';
import { PlatformId } from '../../../src/format/index.js';
import { runSync } from '../../../src/io/index.js';
import { compile } from '../../support/programs.js';
import { run } from '../../support/run.js';
import { describeWith, needsLinux } from '../../support/tools.js';
import { loadDisassembler } from './disassembly.js';

/** What test/programs/faults.c prints. */
interface Fault {
  signal: number;
  code: number;
  address: string;
  trap: number;
  error: number;
  fs: string;
  bytes: string;
  [register: string]: string | number;
}

const PAGE_FAULT = 14;
/** Bits of a page fault's error code. */
const WRITE = 2;
const FETCH = 16;

const registerNames = ['rax', 'rdx', 'rcx', 'rbx', 'rsi', 'rdi', 'rbp', 'rsp', 'rip'].concat([
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
]);

function registersOf(fault: Fault): Registers {
  return {
    cpu: 'amd64',
    register: (name) => (registerNames.includes(name) ? BigInt(fault[name]!) : undefined),
    registerNames,
    instructionPointer: BigInt(fault.rip!),
    stackPointer: BigInt(fault.rsp!),
  };
}

function exceptionOf(fault: Fault): CrashException {
  return {
    platform: PlatformId.MD_OS_LINUX,
    cpu: 'amd64',
    code: fault.signal,
    flags: fault.code,
    address: BigInt(fault.address),
    information: [],
  };
}

describeWith([needsLinux, 'gcc'], 'instructions that crash', () => {
  let disassembler: Disassembler;
  let program: string;
  beforeAll(async () => {
    disassembler = await loadDisassembler();
    program = await compile('faults', ['-O0', '-mno-red-zone', '-fcf-protection=none']);
  });

  async function crash(name: string): Promise<{ fault: Fault; analysis: InstructionAnalysis | undefined }> {
    const result = await run(program, [name]);
    const fault = JSON.parse(result.stdout.toString()) as Fault;
    const analysis = runSync(
      analyzeInstruction({
        registers: registersOf(fault),
        bytes: Buffer.from(fault.bytes, 'hex'),
        disassembler,
        segments: { fs: BigInt(fault.fs) },
      }),
    );
    return { fault, analysis };
  }

  it('have the access that the kernel saw, at its address and of its kind', async () => {
    const names = (await run(program, [])).stdout.toString().trim().split('\n');
    expect(names.length).toBeGreaterThan(60);
    const wrong: string[] = [];
    let pageFaults = 0;
    for (const name of names) {
      const { fault, analysis } = await crash(name);
      if (fault.trap !== PAGE_FAULT || fault.error & FETCH) continue;
      pageFaults++;
      const address = BigInt(fault.address);
      const kinds = fault.error & WRITE ? ['write', 'readwrite'] : ['read', 'readwrite'];
      const access = analysis?.accesses?.find(
        (one) =>
          address >= one.address &&
          address < one.address + BigInt(one.size ?? 1) &&
          kinds.includes(one.access ?? ''),
      );
      if (access === undefined) {
        const said = JSON.stringify(analysis?.accesses, (_, value) =>
          typeof value === 'bigint' ? `0x${value.toString(16)}` : value,
        );
        wrong.push(`${name}: ${analysis?.text} at ${fault.address} (${kinds[0]}): ${said}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(pageFaults).toBeGreaterThan(50);
  });

  it.each([
    ['mov_write', 'write', 4],
    ['push_word', 'write', 2],
    ['movups_over_the_end', 'read', 16],
    ['fld_extended', 'read', 10],
    ['fnsave', 'write', 108],
    ['fxsave', 'write', 512],
    ['cmpxchg16b', 'readwrite', 16],
    ['setne', 'write', 1],
    ['inc_read_only', 'readwrite', 8],
  ])('%s is a %s of %i bytes', async (name, access, size) => {
    const { analysis } = await crash(name);
    expect(analysis?.accesses).toMatchObject([{ access, size }]);
  });

  it.each(['read_non_canonical', 'write_non_canonical', 'stack_non_canonical'])(
    '%s: the address that the kernel does not tell',
    async (name) => {
      const { fault, analysis } = await crash(name);
      expect(BigInt(fault.address)).toBe(0n);
      const offset = name === 'write_non_canonical' ? 4n : 0n;
      expect(adjustAddress(exceptionOf(fault), analysis)).toEqual({
        kind: 'non-canonical',
        address: 0x7123456789abcdefn + offset,
      });
    },
  );

  it('a jump to a non-canonical address is told where the processor stops at the jump', async () => {
    const { fault, analysis } = await crash('jmp_non_canonical');
    // Processors differ: some are at the target when they find out.
    if (BigInt(fault.rip!) === 0x7123456789abcdefn) return;
    expect(adjustAddress(exceptionOf(fault), analysis)).toEqual({
      kind: 'non-canonical',
      address: 0x7123456789abcdefn,
    });
  });

  it('a member of an object at null is a null pointer', async () => {
    const { fault, analysis } = await crash('call_memory');
    expect(adjustAddress(exceptionOf(fault), analysis)).toEqual({ kind: 'null-pointer', offset: 0x18n });
  });

  it('a misaligned movaps faults at an address that is sound', async () => {
    const { fault, analysis } = await crash('movaps_unaligned');
    expect(analysis?.accesses).toMatchObject([{ access: 'write', size: 16 }]);
    expect(adjustAddress(exceptionOf(fault), analysis)).toBeUndefined();
    expect(analysis?.opcodeClass?.movaps).toBe(true);
  });

  it('a copy says how much of it was left', async () => {
    const { analysis } = await crash('rep_movsb_write');
    expect(analysis?.accesses).toMatchObject([
      { access: 'write', size: 1, repeat: 84n },
      { access: 'read', size: 1, repeat: 84n },
    ]);
  });

  it.each(['divide_by_zero', 'divide_by_zero_in_memory'])('%s is a division', async (name) => {
    const { fault, analysis } = await crash(name);
    expect([fault.signal, fault.code]).toEqual([8, 1]);
    expect(analysis?.opcodeClass?.intDivision).toBe(true);
  });

  it('hlt is privileged and touches no memory', async () => {
    const { analysis } = await crash('halt');
    expect(analysis).toMatchObject({ accesses: [], opcodeClass: { privileged: true } });
  });

  it('a call through null leaves no instruction to look at', async () => {
    const { fault, analysis } = await crash('call_null');
    expect(fault.bytes).toBe('');
    expect(analysis).toBeUndefined();
  });
});
