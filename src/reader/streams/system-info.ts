import {
  decodeSystemInfo,
  type MINIDUMP_SYSTEM_INFO,
  PlatformId,
  ProcessorArchitecture,
  platformIds,
  processorArchitectures,
} from '../../format/index.js';
import type { MinidumpError } from '../../io/index.js';
import { type Cpu, cpuOfArchitecture } from '../cpu-context.js';
import { partOr, readStrings } from '../parts.js';
import type { Decoder } from './decoder.js';

export interface SystemInfo extends MINIDUMP_SYSTEM_INFO {
  /** Undefined where no context of that processor is known. */
  cpu: Cpu | undefined;
  /** PROCESSOR_ARCHITECTURE_* */
  architectureName: string | undefined;
  /** VER_PLATFORM_* or MD_OS_* */
  platformName: string | undefined;
  /** The text behind CSDVersionRva: a service pack, or what `uname` printed. */
  csdVersion: string | undefined;
  /** "GenuineIntel", where VendorId holds it. */
  cpuVendor: string | undefined;
  problems: MinidumpError[];
}

export const readSystemInfo: Decoder<SystemInfo> = function* (dump, bytes) {
  const info = decodeSystemInfo(bytes, dump.littleEndian);
  const problems: MinidumpError[] = [];
  const [version] = yield* readStrings(dump, 'CSDVersion', [info.CSDVersionRva]);
  return {
    ...info,
    cpu: cpuOfArchitecture(info.ProcessorArchitecture),
    architectureName: processorArchitectures.nameOf(info.ProcessorArchitecture),
    platformName: platformIds.nameOf(info.PlatformId),
    csdVersion: partOr(version!, problems),
    cpuVendor: vendorOf(info),
    problems,
  };
};

/**
 * Windows fills in VendorId on 32-bit x86 only; on x86-64 ProcessorFeatures lies at the same place. Breakpad and Crashpad fill it
 * in on both.
 */
function vendorOf(info: MINIDUMP_SYSTEM_INFO): string | undefined {
  const { PROCESSOR_ARCHITECTURE_INTEL: x86, PROCESSOR_ARCHITECTURE_AMD64: amd64 } = ProcessorArchitecture;
  if (info.ProcessorArchitecture !== x86 && info.ProcessorArchitecture !== amd64) return undefined;
  const letters = new DataView(new ArrayBuffer(12));
  info.Cpu.X86CpuInfo.VendorId.forEach((word, i) => {
    // CPUID gives the letters from the low byte of a register up.
    letters.setUint32(i * 4, word, true);
  });
  const vendor = String.fromCharCode(...new Uint8Array(letters.buffer));
  return /^[\x20-\x7e]{12}$/.test(vendor) ? vendor : undefined;
}

const narrow: ReadonlySet<number> = new Set([
  ProcessorArchitecture.PROCESSOR_ARCHITECTURE_INTEL,
  ProcessorArchitecture.PROCESSOR_ARCHITECTURE_MIPS,
  ProcessorArchitecture.PROCESSOR_ARCHITECTURE_PPC,
  ProcessorArchitecture.PROCESSOR_ARCHITECTURE_SHX,
  ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM,
  ProcessorArchitecture.PROCESSOR_ARCHITECTURE_IA32_ON_WIN64,
  ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM32_ON_WIN64,
  ProcessorArchitecture.PROCESSOR_ARCHITECTURE_RISCV,
]);

/** Bytes in an address of the process. A dump that does not say is taken for a 64-bit one. */
export function pointerSizeOf(info: MINIDUMP_SYSTEM_INFO | undefined): 4 | 8 {
  return info && narrow.has(info.ProcessorArchitecture) ? 4 : 8;
}

export function isWindows(info: MINIDUMP_SYSTEM_INFO | undefined): boolean {
  return info !== undefined && info.PlatformId <= PlatformId.VER_PLATFORM_WIN32_CE;
}

export function isApple(info: MINIDUMP_SYSTEM_INFO | undefined): boolean {
  return info?.PlatformId === PlatformId.MD_OS_MAC_OS_X || info?.PlatformId === PlatformId.MD_OS_IOS;
}
