import type { AccessType, MemoryAccess } from './x86-accesses.js';
import type { Registers } from './x86-registers.js';

/**
 * What an A64 instruction does in memory, and where it goes: loads, stores and branches of the Arm Architecture Reference Manual for
 * A-profile, C4.1 ("A64 instruction set encoding"). Not the scalable ones (SVE, SME) and not those of memory tagging and memory
 * copying, of which nothing is claimed.
 */
export interface Arm64Effect {
  /** Null where it is not known. */
  accesses: MemoryAccess[] | null;
  branch: Arm64Branch;
  /** Base and offset registers. */
  registers: string[];
}

export type Arm64Branch = { kind: 'none' | 'unknown' } | { kind: 'direct' | 'indirect'; address: bigint };

/** A place in memory as a load or store names it. */
interface Place {
  base: number;
  offset: bigint;
  /** Register of the offset, extended and shifted. */
  index?: { register: number; option: number; shift: number };
  size: number | null;
  access: AccessType;
}

const NOTHING: unique symbol = Symbol('no access');
const UNKNOWN: unique symbol = Symbol('unknown');
type Found = Place | bigint | typeof NOTHING | typeof UNKNOWN;

const STACK_POINTER = 31;

function registerName(number: number): string {
  return number === 29 ? 'fp' : number === 30 ? 'lr' : `x${number}`;
}

/** General register by number; 31 is zero. */
function general(registers: Registers, number: number): bigint | undefined {
  return number === 31 ? 0n : registers.register(registerName(number));
}

/** Bits `low` to `high` of a word. */
function bits(word: number, high: number, low: number): number {
  return (word >>> low) & (2 ** (high - low + 1) - 1);
}

function signed(word: number, high: number, low: number): bigint {
  return BigInt.asIntN(high - low + 1, BigInt(bits(word, high, low)));
}

/** `word` under a mask; both as unsigned numbers. */
function matches(word: number, mask: number, value: number): boolean {
  return (word & mask) >>> 0 === value;
}

export function arm64Effect(word: number, registers: Registers): Arm64Effect {
  const found = placeOf(word);
  const branch = branchOf(word, registers);
  if (found === UNKNOWN) return { accesses: null, branch, registers: [] };
  if (found === NOTHING) return { accesses: [], branch, registers: [] };
  if (typeof found === 'bigint') {
    const size = literalSize(word);
    const address = BigInt.asUintN(64, registers.instructionPointer + found);
    const accesses: MemoryAccess[] = [{ address, size, access: 'read', implicit: false, fromNull: false }];
    return { accesses, branch, registers: [] };
  }
  return { ...accessOf(found, registers), branch };
}

function accessOf(
  { base, offset, index, size, access }: Place,
  registers: Registers,
): { accesses: MemoryAccess[] | null; registers: string[] } {
  const baseName = base === STACK_POINTER ? 'sp' : registerName(base);
  const indexName = index && index.register !== 31 ? registerName(index.register) : undefined;
  const names = indexName === undefined ? [baseName] : [baseName, indexName];
  const start = registers.register(baseName);
  const added = index ? extended(index, registers) : 0n;
  if (start === undefined || added === undefined) return { accesses: null, registers: names };
  const found: MemoryAccess = {
    address: BigInt.asUintN(64, start + offset + added),
    size,
    access,
    base: baseName,
    implicit: false,
    fromNull: start === 0n,
  };
  if (indexName !== undefined) found.index = indexName;
  return { accesses: [found], registers: names };
}

function extended(
  { register, option, shift }: NonNullable<Place['index']>,
  registers: Registers,
): bigint | undefined {
  const value = general(registers, register);
  if (value === undefined) return undefined;
  const widened = option === 2 ? BigInt.asUintN(32, value) : option === 6 ? BigInt.asIntN(32, value) : value;
  return widened << BigInt(shift);
}

/** Where a load or store goes; a bigint is the distance of a literal from the instruction. */
function placeOf(word: number): Found {
  const group = bits(word, 28, 25);
  if (group === 0b0010 || (group === 0 && word >>> 31 === 1)) return UNKNOWN; // SVE and SME
  if (matches(word, 0xffc00000, 0xd5000000)) return cacheOperation(word);
  if ((group & 0b0101) !== 0b0100) return NOTHING;
  if (matches(word, 0xbfbf0000, 0x0c000000) || matches(word, 0xbfa00000, 0x0c800000)) return structures(word);
  if (matches(word, 0xbf9f0000, 0x0d000000) || matches(word, 0xbf800000, 0x0d800000)) return oneLane(word);
  if (matches(word, 0x3f000000, 0x08000000)) return exclusive(word);
  if (matches(word, 0x3b000000, 0x18000000)) return literal(word);
  if (matches(word, 0x3f200c00, 0x19000000)) return ordered(word);
  if (matches(word, 0x3a000000, 0x28000000)) return pair(word);
  if (matches(word, 0x3a000000, 0x38000000)) return single(word);
  return UNKNOWN;
}

const baseOf = (word: number) => bits(word, 9, 5);
const loadOrStore = (load: number): AccessType => (load ? 'read' : 'write');

/** DC and IC by address: a fault of them is one of a load, but of DC ZVA, which writes zeros. */
function cacheOperation(word: number): Found {
  const operation = (word & 0xffffffe0) >>> 0;
  const register = bits(word, 4, 0);
  // Their operand is register 31 as zero, not the stack pointer.
  const known = register !== 31;
  if (operation === 0xd50b7420) {
    return known ? { base: register, offset: 0n, size: null, access: 'write' } : UNKNOWN;
  }
  const maintenance = [0xd50b7520, 0xd50b7a20, 0xd50b7b20, 0xd50b7c20, 0xd50b7d20, 0xd50b7e20];
  if (!maintenance.includes(operation)) return NOTHING;
  return known ? { base: register, offset: 0n, size: null, access: 'read' } : UNKNOWN;
}

/** LD1 to LD4 and ST1 to ST4 of whole registers. */
function structures(word: number): Found {
  const registers: Record<number, number> = { 0: 4, 2: 4, 4: 3, 6: 3, 7: 1, 8: 2, 10: 2 };
  const count = registers[bits(word, 15, 12)];
  if (count === undefined) return UNKNOWN;
  return {
    base: baseOf(word),
    offset: 0n,
    size: count * (bits(word, 30, 30) ? 16 : 8),
    access: loadOrStore(bits(word, 22, 22)),
  };
}

/** The same of one lane, or of one value for all lanes. */
function oneLane(word: number): Found {
  const opcode = bits(word, 15, 13);
  const size = bits(word, 11, 10);
  const count = ((opcode & 1) << 1) + bits(word, 21, 21) + 1;
  const scale = opcode >> 1;
  const element = scale === 3 ? 1 << size : scale === 2 ? (size & 1 ? 8 : 4) : 1 << scale;
  return {
    base: baseOf(word),
    offset: 0n,
    size: count * element,
    access: loadOrStore(bits(word, 22, 22)),
  };
}

/** Exclusive and ordered loads and stores, and compare and swap. */
function exclusive(word: number): Found {
  const size = bits(word, 31, 30);
  const ordered = bits(word, 23, 23);
  const pairOrSwap = bits(word, 21, 21);
  const load = bits(word, 22, 22);
  const place = (bytes: number, access: AccessType): Place => ({
    base: baseOf(word),
    offset: 0n,
    size: bytes,
    access,
  });
  if (!pairOrSwap) return place(1 << size, loadOrStore(load));
  if (ordered) return place(1 << size, 'readwrite'); // CAS
  if (size >= 2) return place(2 << size, loadOrStore(load)); // LDXP, STXP
  return place(8 << size, 'readwrite'); // CASP
}

function literal(word: number): Found {
  // PRFM
  if (bits(word, 31, 30) === 3) return bits(word, 26, 26) ? UNKNOWN : NOTHING;
  return signed(word, 23, 5) * 4n;
}

function literalSize(word: number): number {
  const size = bits(word, 31, 30);
  if (bits(word, 26, 26)) return 4 << size;
  return size === 1 ? 8 : 4;
}

/** LDAPUR and STLUR */
function ordered(word: number): Found {
  return {
    base: baseOf(word),
    offset: signed(word, 20, 12),
    size: 1 << bits(word, 31, 30),
    access: loadOrStore(bits(word, 23, 22)),
  };
}

function pair(word: number): Found {
  const size = bits(word, 31, 30);
  const vector = bits(word, 26, 26);
  const load = bits(word, 22, 22);
  if (size === 3) return UNKNOWN;
  let element = vector ? 4 << size : size === 2 ? 8 : 4;
  // STGP writes 16 bytes and their tag, and counts its offset in sixteens.
  const tagged = !vector && size === 1 && !load;
  if (tagged) element = 16;
  const post = bits(word, 24, 23) === 1;
  return {
    base: baseOf(word),
    offset: post ? 0n : signed(word, 21, 15) * BigInt(element),
    size: tagged ? 16 : element * 2,
    access: loadOrStore(load),
  };
}

function single(word: number): Found {
  const sizeField = bits(word, 31, 30);
  const vector = bits(word, 26, 26);
  const opcode = bits(word, 23, 22);
  const wide = vector && opcode >= 2;
  if (wide && sizeField !== 0) return UNKNOWN;
  const scale = wide ? 4 : sizeField;
  const place: Place = {
    base: baseOf(word),
    offset: 0n,
    size: 1 << scale,
    access: loadOrStore(vector ? opcode & 1 : opcode),
  };
  const prefetch = !vector && sizeField === 3 && opcode === 2;
  if (bits(word, 24, 24)) {
    return prefetch ? NOTHING : { ...place, offset: BigInt(bits(word, 21, 10)) << BigInt(scale) };
  }
  const form = bits(word, 11, 10);
  if (!bits(word, 21, 21)) {
    if (prefetch) return NOTHING;
    // 1 is post-indexed: the access is where the base points before.
    return form === 1 ? place : { ...place, offset: signed(word, 20, 12) };
  }
  if (form === 2) {
    if (prefetch) return NOTHING;
    const shift = bits(word, 12, 12) ? scale : 0;
    return { ...place, index: { register: bits(word, 20, 16), option: bits(word, 15, 13), shift } };
  }
  // LDRAA and LDRAB authenticate the pointer first.
  if (form !== 0 || vector) return UNKNOWN;
  return atomic(word, place);
}

/** Atomic memory operations, the swaps among them, and loads and stores of 64 bytes. */
function atomic(word: number, place: Place): Found {
  const operation = bits(word, 14, 12);
  if (!bits(word, 15, 15)) return { ...place, access: 'readwrite' };
  if (operation === 0) return { ...place, access: 'readwrite' }; // SWP
  if (operation === 4) return { ...place, access: 'read' }; // LDAPR
  if (operation === 5) return { ...place, size: 64, access: 'read' }; // LD64B
  if (operation <= 3) return { ...place, size: 64, access: 'write' }; // ST64B
  return UNKNOWN;
}

/** Where the processor goes next: B, BL, BR, BLR, RET; of conditional branches the registers alone do not tell. */
function branchOf(word: number, registers: Registers): Arm64Branch {
  if (matches(word, 0x7c000000, 0x14000000)) {
    const address = registers.instructionPointer + signed(word, 25, 0) * 4n;
    return { kind: 'direct', address: BigInt.asUintN(64, address) };
  }
  // B.cond, CBZ and CBNZ, TBZ and TBNZ
  if (matches(word, 0xff000000, 0x54000000) || matches(word, 0x7c000000, 0x34000000)) {
    return { kind: 'unknown' };
  }
  if (!matches(word, 0xfe000000, 0xd6000000)) return { kind: 'none' };
  const operation = bits(word, 24, 21);
  if (operation > 2 || bits(word, 15, 10) !== 0) return { kind: 'unknown' };
  const address = general(registers, bits(word, 9, 5));
  return address === undefined ? { kind: 'unknown' } : { kind: 'indirect', address };
}
