import type { CpuDescription } from './cpu.js';

/** Names in /proc/cpuinfo of the bits of CPUID 1, EDX (arch/x86/include/asm/cpufeatures.h, word 0). */
const FEATURE_BITS =
  'fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe'.split(
    ' ',
  );

/** What /proc/cpuinfo says of an x86 processor. */
export function describeX86(cpuinfo: string): CpuDescription {
  const field = (key: string) => new RegExp(`^${key}\\s*: (.*)$`, 'm').exec(cpuinfo)?.[1] ?? '';
  const family = Number(field('cpu family'));
  const model = Number(field('model'));
  const stepping = Number(field('stepping'));
  const cpu = new Uint8Array(24);
  const view = new DataView(cpu.buffer);
  // Breakpad and Crashpad fill the x86 arm of the union on Linux, native Windows x64 the other one.
  cpu.set(new TextEncoder().encode(field('vendor_id')).subarray(0, 12));
  view.setUint32(12, cpuidSignature(family, model, stepping), true);
  const flags = new Set(field('flags').split(' '));
  let features = 0;
  FEATURE_BITS.forEach((name, bit) => {
    if (flags.has(name)) features |= 1 << bit;
  });
  view.setUint32(16, features >>> 0, true);
  return { level: family, revision: (model << 8) | stepping, cpu };
}

/** EAX of CPUID 1 from what /proc/cpuinfo shows, by the rule of the Intel manual for extended family and model. */
function cpuidSignature(family: number, model: number, stepping: number): number {
  const base = Math.min(family, 15);
  const extendedFamily = family - base;
  return (
    ((extendedFamily << 20) | ((model >> 4) << 16) | (base << 8) | ((model & 15) << 4) | (stepping & 15)) >>>
    0
  );
}
