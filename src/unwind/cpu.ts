import type { FrameTrust } from './frame.js';

export type UnwindCpu = 'x86' | 'amd64' | 'arm' | 'arm64';
/** Of a dump's operating system unwinding knows these; any other word is one that it has no rules for. */
export type UnwindSystem = 'windows' | 'linux' | 'android' | 'mac' | 'ios' | 'other';
export type TechniqueName = 'windows_frame' | 'cfi' | 'leaf' | 'frame_pointer' | 'scan';

/** What unwinding must know of a processor. Registers have the names of reader/cpu-context.ts. */
export interface CpuRules {
  /** Bytes of an address. */
  readonly word: 4 | 8;
  readonly instruction: string;
  readonly stack: string;
  frame(system: UnwindSystem): string;
  /** The register that a call leaves its return address in; undefined where it pushes it. */
  readonly link: string | undefined;
  /** Other names of registers, as CFI has them. */
  readonly aliases: Readonly<Record<string, string>>;
  /** A callee gives these back as it found them. */
  readonly calleeSaved: readonly string[];
  /** From a return address back into the call instruction, in bytes: its least length. */
  readonly adjust: bigint;
  /** Whether code can be at an address at all; asked where a value is only guessed to be a return address. */
  mayBeCode(address: bigint): boolean;
  /** Whether a caller may have the stack pointer of its callee: a leaf that pushed nothing, on CPUs whose calls push nothing. */
  mayKeepStack(calleeInterrupted: boolean, trust: FrameTrust): boolean;
  /** ARM64 signs return addresses: the bits of a pointer that are address, where it does. */
  pointerMask(highestModuleEnd: bigint): bigint | undefined;
  /** The techniques in the order of rust-minidump. */
  order(system: UnwindSystem): readonly TechniqueName[];
}

function sequence(prefix: string, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `${prefix}${first + i}`);
}

const x86: CpuRules = {
  word: 4,
  instruction: 'eip',
  stack: 'esp',
  frame: () => 'ebp',
  link: undefined,
  aliases: {},
  calleeSaved: ['ebp', 'ebx', 'edi', 'esi'],
  adjust: 1n,
  mayBeCode: () => true,
  // Breakpad lets it be equal from the context frame. A return pops its address here, so that it never is.
  mayKeepStack: () => false,
  pointerMask: () => undefined,
  order: () => ['windows_frame', 'cfi', 'frame_pointer', 'scan'],
};

const amd64: CpuRules = {
  word: 8,
  instruction: 'rip',
  stack: 'rsp',
  frame: () => 'rbp',
  link: undefined,
  aliases: {},
  // Windows keeps rsi and rdi too. Neither Breakpad nor rust-minidump carries them on: what they print of a frame would differ.
  calleeSaved: ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'],
  adjust: 1n,
  mayBeCode: (address) => address < 0x0000_8000_0000_0000n || address >= 0xffff_8000_0000_0000n,
  mayKeepStack: () => false,
  pointerMask: () => undefined,
  // Windows has the leaf of Breakpad as well: there each function that is no leaf has unwind data. Elsewhere code without CFI may be
  // anything, and what happens to lie at the stack pointer is tried last, by the scan.
  order: (system) =>
    system === 'windows' ? ['cfi', 'leaf', 'frame_pointer', 'scan'] : ['cfi', 'frame_pointer', 'scan'],
};

const arm: CpuRules = {
  word: 4,
  instruction: 'pc',
  stack: 'sp',
  // Apple's ABI has it in r7, in Thumb code and out of it; rust-minidump takes r11 there too, Breakpad r7.
  frame: (system) => (system === 'ios' ? 'r7' : 'r11'),
  link: 'lr',
  aliases: { fp: 'r11', r13: 'sp', r14: 'lr', r15: 'pc' },
  calleeSaved: sequence('r', 4, 11),
  adjust: 2n,
  mayBeCode: () => true,
  mayKeepStack: (interrupted) => interrupted,
  pointerMask: () => undefined,
  // Nobody but Apple keeps frame pointers in one way: Thumb and ARM code of one program differ.
  order: (system) => (system === 'ios' ? ['cfi', 'frame_pointer', 'scan'] : ['cfi', 'scan']),
};

/** Addresses of a process have 47 bits where systems do not say otherwise: rust-minidump keeps that many at least. */
const LEAST_ADDRESS_BITS = 47;

const arm64: CpuRules = {
  word: 8,
  instruction: 'pc',
  stack: 'sp',
  frame: () => 'fp',
  link: 'lr',
  aliases: { x29: 'fp', x30: 'lr', x31: 'sp' },
  calleeSaved: [...sequence('x', 19, 28), 'fp'],
  adjust: 4n,
  mayBeCode: (address) => address >= 0x1000n && address <= 0x000f_ffff_ffff_ffffn,
  mayKeepStack: (interrupted, trust) => interrupted || trust === 'cfi',
  pointerMask: (highestModuleEnd) => {
    const bits = Math.max(LEAST_ADDRESS_BITS, BigInt.asUintN(64, highestModuleEnd).toString(2).length);
    return (1n << BigInt(bits)) - 1n;
  },
  order: () => ['cfi', 'frame_pointer', 'scan'],
};

export const cpuRules: Readonly<Record<UnwindCpu, CpuRules>> = { x86, amd64, arm, arm64 };
