import { EM_386, EM_AARCH64, EM_ARM, EM_X86_64 } from '../elf-machines.js';

/** Processors by the names that reports have for them. */
export type MachCpu = 'x86' | 'amd64' | 'arm' | 'arm64' | 'ppc' | 'ppc64' | 'unknown';

/** Flags of cputype (mach/machine.h): addresses of 64 bits, or a 64-bit processor whose pointers have 32 (watchOS). */
const ABI64 = 0x0100_0000;
const ABI64_32 = 0x0200_0000;

const CPU_TYPE_X86 = 7;
const CPU_TYPE_ARM = 12;
const CPU_TYPE_POWERPC = 18;
/** The upper byte of cpusubtype are capabilities, as the version of arm64e's ABI. */
const SUBTYPE_MASK = 0x00ff_ffff;

const CPUS: Readonly<Record<number, MachCpu>> = {
  [CPU_TYPE_X86]: 'x86',
  [CPU_TYPE_X86 | ABI64]: 'amd64',
  [CPU_TYPE_ARM]: 'arm',
  [CPU_TYPE_ARM | ABI64]: 'arm64',
  [CPU_TYPE_ARM | ABI64_32]: 'arm64',
  [CPU_TYPE_POWERPC]: 'ppc',
  [CPU_TYPE_POWERPC | ABI64]: 'ppc64',
};

const MACHINES: Readonly<Partial<Record<MachCpu, number>>> = {
  x86: EM_386,
  amd64: EM_X86_64,
  arm: EM_ARM,
  arm64: EM_AARCH64,
};

/** Names of subtypes, as `lipo -archs` has them, where they differ from that of the type. */
const SUBTYPES: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  [CPU_TYPE_X86 | ABI64]: { 8: 'x86_64h' },
  [CPU_TYPE_ARM]: { 5: 'armv4t', 6: 'armv6', 7: 'armv5e', 9: 'armv7', 11: 'armv7s', 12: 'armv7k' },
  [CPU_TYPE_ARM | ABI64]: { 2: 'arm64e' },
};
const TYPES: Readonly<Record<number, string>> = {
  [CPU_TYPE_X86]: 'x86',
  [CPU_TYPE_X86 | ABI64]: 'x86_64',
  [CPU_TYPE_ARM | ABI64_32]: 'arm64_32',
};

export const cpuOf = (type: number): MachCpu => CPUS[type] ?? 'unknown';

/** e_machine of ELF: by it everything here tells how registers are numbered. 0 where mdmp unwinds no such frames. */
export const machineOf = (type: number): number => MACHINES[cpuOf(type)] ?? 0;

/** The architecture in the MODULE record of a .sym file: `x86_64`, `arm64e`. */
export function architectureOf(type: number, subtype: number): string {
  return SUBTYPES[type]?.[subtype & SUBTYPE_MASK] ?? TYPES[type] ?? cpuOf(type);
}
