import { array, at, type InputOf, overlay, struct, u8, u16, u32, u64, type ValueOf } from '../layout.js';
import { checkLength } from './list.js';

/** What CPUID tells. */
export const X86_CPU_INFO = struct('X86CpuInfo', {
  /** EBX, EDX and ECX of CPUID 0: "GenuineIntel". The header's comment names other registers; it is wrong. */
  VendorId: array(u32, 3),
  /** EAX of CPUID 1 */
  VersionInformation: u32,
  /** EDX of CPUID 1 */
  FeatureInformation: u32,
  /** EDX of CPUID 0x80000001, on AMD */
  AMDExtendedCpuFeatures: u32,
});

/** Breakpad's, for ARM and ARM64. */
export const ARM_CPU_INFO = struct('ArmCpuInfo', {
  /** MIDR */
  cpuid: u32,
  /** MDCPUInformationARMElfHwCaps */
  elf_hwcaps: u32,
});

export const OTHER_CPU_INFO = struct('OtherCpuInfo', {
  /** A bit for each PF_* of IsProcessorFeaturePresent. */
  ProcessorFeatures: array(u64, 2),
});

/**
 * A union. Windows fills in X86CpuInfo on 32-bit x86 and OtherCpuInfo elsewhere; Breakpad and Crashpad fill in X86CpuInfo on
 * both kinds of x86, and ArmCpuInfo on both of ARM.
 */
export const CPU_INFORMATION = struct('CPU_INFORMATION', {
  X86CpuInfo: X86_CPU_INFO,
  OtherCpuInfo: overlay('X86CpuInfo', OTHER_CPU_INFO),
  ArmCpuInfo: overlay('X86CpuInfo', ARM_CPU_INFO),
});

export const MINIDUMP_SYSTEM_INFO = struct('MINIDUMP_SYSTEM_INFO', {
  /** ProcessorArchitecture */
  ProcessorArchitecture: u16,
  /** x86: the CPU's family */
  ProcessorLevel: u16,
  /** x86: model << 8 | stepping */
  ProcessorRevision: u16,
  NumberOfProcessors: u8,
  /** ProductType */
  ProductType: u8,
  MajorVersion: u32,
  MinorVersion: u32,
  BuildNumber: u32,
  /** PlatformId */
  PlatformId: u32,
  /** Of a MINIDUMP_STRING. Windows: the service pack. Linux: what `uname -srvm` prints. */
  CSDVersionRva: u32,
  SuiteMask: u16,
  Reserved2: u16,
  Cpu: at(32, CPU_INFORMATION),
});
export type MINIDUMP_SYSTEM_INFO = ValueOf<typeof MINIDUMP_SYSTEM_INFO>;

export function decodeSystemInfo(bytes: Uint8Array, littleEndian = true): MINIDUMP_SYSTEM_INFO {
  checkLength('SystemInfo', bytes, MINIDUMP_SYSTEM_INFO.size);
  return MINIDUMP_SYSTEM_INFO.decode(bytes, 0, littleEndian);
}

export function encodeSystemInfo(info: InputOf<typeof MINIDUMP_SYSTEM_INFO>): Uint8Array {
  return MINIDUMP_SYSTEM_INFO.encode(info);
}
