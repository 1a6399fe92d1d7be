import { PlatformId, ProcessorArchitecture } from '../format/index.js';

export { leafName } from '../reader/leaf-name.js';

/** The systems that a crash can be described for. */
export type Os = 'windows' | 'mac' | 'ios' | 'linux' | 'android' | 'solaris' | 'ps3' | 'nacl' | 'unknown';

/** The processors by the names that reports have for them. */
export type CpuName =
  | 'x86'
  | 'amd64'
  | 'ppc'
  | 'ppc64'
  | 'sparc'
  | 'arm'
  | 'arm64'
  | 'mips'
  | 'mips64'
  | 'riscv'
  | 'riscv64'
  | 'unknown';

const systems: Readonly<Record<number, Os>> = {
  [PlatformId.VER_PLATFORM_WIN32_WINDOWS]: 'windows',
  [PlatformId.VER_PLATFORM_WIN32_NT]: 'windows',
  [PlatformId.VER_PLATFORM_WIN32_CE]: 'windows',
  [PlatformId.MD_OS_MAC_OS_X]: 'mac',
  [PlatformId.MD_OS_IOS]: 'ios',
  [PlatformId.MD_OS_LINUX]: 'linux',
  [PlatformId.MD_OS_ANDROID]: 'android',
  [PlatformId.MD_OS_SOLARIS]: 'solaris',
  [PlatformId.MD_OS_PS3]: 'ps3',
  [PlatformId.MD_OS_NACL]: 'nacl',
};

/**
 * The system that PlatformId of SystemInfo names. 0 (Win32s) is unknown as in rust-minidump: it stands in dumps that do not tell.
 * rust-minidump's numbers of the Windows systems are one too high, so that Windows 95 is unknown to it.
 */
export function osOf(platformId: number): Os {
  return systems[platformId] ?? 'unknown';
}

const processors: Readonly<Record<number, CpuName>> = {
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_INTEL]: 'x86',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_IA32_ON_WIN64]: 'x86',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64]: 'amd64',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_PPC]: 'ppc',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_PPC64]: 'ppc64',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_SPARC]: 'sparc',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM]: 'arm',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM32_ON_WIN64]: 'arm',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM64]: 'arm64',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM64_OLD]: 'arm64',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_MIPS]: 'mips',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_MIPS64]: 'mips64',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_RISCV]: 'riscv',
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_RISCV64]: 'riscv64',
};

/** The processor that ProcessorArchitecture of SystemInfo names. RISC-V is unknown to rust-minidump. */
export function cpuNameOf(architecture: number): CpuName {
  return processors[architecture] ?? 'unknown';
}

const narrow: ReadonlySet<CpuName> = new Set(['x86', 'ppc', 'sparc', 'arm', 'mips', 'riscv']);

/** Bits of an address. A processor that is not known counts as one of 64. */
export function pointerBits(cpu: CpuName): 32 | 64 {
  return narrow.has(cpu) ? 32 : 64;
}

/**
 * An address or an offset as rust-minidump's JSON has it: `0x` and at least 8 digits on 32-bit processors, at least 16 on all
 * others.
 */
export function hexString(value: bigint | number, cpu: CpuName): string {
  return `0x${value.toString(16).padStart(pointerBits(cpu) / 4, '0')}`;
}

/** A register as reports call it: rust-minidump has `fp` for r11 of ARM. */
export function registerName(name: string, cpu: CpuName): string {
  return cpu === 'arm' && name === 'r11' ? 'fp' : name;
}
