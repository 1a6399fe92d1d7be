import { armHwCaps } from '../format/index.js';
import type { SystemInfo } from '../reader/index.js';
import { cpuNameOf } from './platform.js';

/** Bits 24 to 31 of MIDR. */
const armVendors: Readonly<Record<number, string>> = {
  65: 'ARM',
  81: 'Qualcomm',
  86: 'Marvell',
  105: 'Intel/Marvell',
};

/** MIDR without variant, architecture and revision. */
const armParts: Readonly<Record<number, string>> = {
  1090568272: 'Cortex-A5',
  1090568320: 'Cortex-A8',
  1090568336: 'Cortex-A9',
  1090568432: 'Cortex-A15',
  1090568512: 'Cortex-R4',
  1090568528: 'Cortex-R5',
  1090564960: 'ARM1136',
  1090565472: 'ARM1156',
  1090565984: 'ARM1176',
  1090564128: 'ARM11-MPCore',
  1090556512: 'ARM926',
  1090557024: 'ARM946',
  1090557536: 'ARM966',
  1358956272: 'Krait',
  1358954736: 'Scorpion',
};

/** The kernel's names (/proc/cpuinfo) of those hardware capabilities that have another one in the header. */
const armFeatures: Readonly<Record<string, string>> = { FAST_MULT: 'fastmult', VFP: 'vfpv2' };

/**
 * What kind of processor it is, as reports print it: `GenuineIntel family 6 model 13 stepping 8`, `ARMv7 ARM Cortex-A15 features:
 * half,thumb`. Null for processors of which a dump does not tell. Breakpad prints the vendor of a 64-bit x86 too where its
 * own writer recorded it; rust-minidump does not, as Windows has other things in its place. Of capabilities that have no name here
 * it prints nothing, and rust-minidump, for three of them, `features:` and nothing.
 */
export function cpuInfo(info: SystemInfo): string | null {
  const { ProcessorLevel, ProcessorRevision, Cpu } = info;
  switch (cpuNameOf(info.ProcessorArchitecture)) {
    case 'x86':
      return `${vendor(Cpu.X86CpuInfo.VendorId)} ${family(ProcessorLevel, ProcessorRevision)}`;
    case 'amd64':
      return family(ProcessorLevel, ProcessorRevision);
    case 'arm':
      return armInfo(ProcessorLevel, Cpu.ArmCpuInfo.cpuid, Cpu.ArmCpuInfo.elf_hwcaps);
    default:
      return null;
  }
}

function family(level: number, revision: number): string {
  return `family ${level} model ${revision >>> 8} stepping ${revision & 0xff}`;
}

/** Twelve letters, whatever they are: CPUID gives them from the low byte of a register up. */
function vendor(words: readonly number[]): string {
  return words
    .flatMap((word) => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24])
    .map((byte) => String.fromCharCode(byte))
    .join('');
}

function armInfo(level: number, cpuid: number, capabilities: number): string {
  let text = `ARMv${level}`;
  if (cpuid !== 0) {
    const maker = cpuid >>> 24;
    const part = (cpuid & 0xff00fff0) >>> 0;
    text += ` ${armVendors[maker] ?? `vendor(0x${maker.toString(16)})`}`;
    text += ` ${armParts[part] ?? `part(0x${part.toString(16)})`}`;
  }
  const features = Object.entries(armHwCaps.values)
    .filter(([, bit]) => (capabilities & bit) !== 0)
    .map(([name]) => name.replace('MD_CPU_ARM_ELF_HWCAP_', ''))
    .map((name) => armFeatures[name] ?? name.toLowerCase());
  return features.length === 0 ? text : `${text} features: ${features.join(',')}`;
}
