import { describe, expect, it } from 'vitest';
import {
  bitFlipConfidence,
  type CrashException,
  type InstructionAnalysis,
  type MemoryAccess,
  type MemoryRegion,
  possibleBitFlips,
  type Registers,
} from '../../../src/analysis/instruction/index.js';
import { PlatformId } from '../../../src/format/index.js';

const linux: CrashException = {
  platform: PlatformId.MD_OS_LINUX,
  cpu: 'amd64',
  code: 11,
  flags: 1,
  address: 0n,
  information: [],
};

function region(start: bigint, end: bigint): MemoryRegion {
  return { start, end, readable: true, writable: true, executable: false };
}

function registersOf(values: Record<string, bigint>): Registers {
  return {
    cpu: 'amd64',
    register: (name) => values[name],
    registerNames: Object.keys(values),
    instructionPointer: values.rip ?? 0n,
    stackPointer: values.rsp ?? 0n,
  };
}

function reading(access: Partial<MemoryAccess> & { address: bigint }): InstructionAnalysis {
  return {
    address: 0n,
    text: undefined,
    decoded: undefined,
    accesses: [{ size: 8, access: 'read', implicit: false, fromNull: false, ...access }],
    instructionPointerUpdate: { kind: 'none' },
    registersUsed: [],
    opcodeClass: undefined,
  };
}

function flipsAt(
  address: bigint,
  regions: MemoryRegion[],
  { cpu = 'amd64', instruction }: { cpu?: string; instruction?: InstructionAnalysis } = {},
) {
  return possibleBitFlips({
    exception: { ...linux, cpu, address },
    registers: registersOf({}),
    regions,
    instruction,
    adjusted: undefined,
  });
}

/** The cases of rust-minidump's own tests, and its examples of confidences. */
describe('flipped bits', () => {
  it('finds the address next to the one that crashed', () => {
    expect(flipsAt(0x80400n, [region(0x80000n, 0x80008n)])).toEqual([
      {
        address: 0x80000n,
        sourceRegister: undefined,
        confidence: 0.25,
        details: {
          wasNonCanonical: false,
          isNull: false,
          wasLow: false,
          nearbyRegisters: 0,
          poisonRegisters: false,
        },
      },
    ]);
  });

  it.each(['x86', 'arm64'])('looks for none on %s', (cpu) => {
    expect(flipsAt(0x80400n, [region(0x80000n, 0x80008n)], { cpu })).toEqual([]);
  });

  it('finds none where an access runs off the end of a region', () => {
    const instruction = reading({ address: 0xfff9n });
    expect(flipsAt(0x10000n, [region(0n, 0x10000n)], { instruction })).toEqual([]);
  });

  it('finds none just behind a region', () => {
    const instruction = reading({ address: 0x90001n });
    expect(flipsAt(0x90001n, [region(0n, 0x90000n)], { instruction })).toEqual([]);
  });

  it('finds the region of a null pointer with a flipped bit', () => {
    expect(flipsAt(0x45n, [region(0x400000n, 0x401000n)])).toMatchObject([
      { address: 0x400045n, confidence: 0.25 },
    ]);
  });

  it('flips the upper bits of a non-canonical address, and those of the register it came from', () => {
    const address = 0x4000_0000_0000_1000n;
    const found = possibleBitFlips({
      exception: { ...linux, flags: 0x80 },
      registers: registersOf({ rax: address, rbx: 0x1ff0n + 0x8000n }),
      regions: [region(0x1000n, 0x2000n)],
      instruction: { ...reading({ address }), registersUsed: ['rax'] },
      adjusted: { kind: 'non-canonical', address },
    });
    expect(found.map(({ address, sourceRegister }) => [address, sourceRegister])).toEqual([
      [0x1000n, undefined],
      [0x1000n, 'rax'],
    ]);
    // 32-bit floating point all the way, as in reports of rust-minidump.
    expect(found[0]!.confidence).toBe(0.9249999523162842);
  });

  it.each([
    [{}, 0.25],
    [{ wasNonCanonical: true }, 0.925],
    [{ isNull: true }, 0.625],
    [{ isNull: true, wasLow: true }, 0.4375],
    [{ nearbyRegisters: 1 }, 0.625],
    [{ nearbyRegisters: 2 }, 0.6625],
    [{ nearbyRegisters: 3 }, 0.7],
    [{ nearbyRegisters: 4 }, 0.7375],
    [{ nearbyRegisters: 9 }, 0.7375],
    [{ wasNonCanonical: true, nearbyRegisters: 1 }, 0.9625],
    [{ poisonRegisters: true }, 0.125],
  ])('are as sure as %o: %d', (details, confidence) => {
    const none = {
      wasNonCanonical: false,
      isNull: false,
      wasLow: false,
      nearbyRegisters: 0,
      poisonRegisters: false,
    };
    expect(bitFlipConfidence({ ...none, ...details })).toBeCloseTo(confidence, 6);
  });

  it('counts registers that point near and patterns of freed memory', () => {
    const found = possibleBitFlips({
      exception: { ...linux, address: 0x80400n },
      registers: registersOf({ rax: 0x80ff0n, rbx: 0x7f000n, rcx: 0x90000n, rdx: 0xe5e5_e5e5_e5e5_e5e5n }),
      regions: [region(0x80000n, 0x80008n)],
      instruction: undefined,
      adjusted: undefined,
    });
    expect(found[0]!.details).toMatchObject({ nearbyRegisters: 2, poisonRegisters: true });
  });
});
