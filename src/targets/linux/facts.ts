import os from 'node:os';
import type { TargetProcess, TargetSystem } from '../../dump/target.js';
import { PlatformId } from '../../format/index.js';
import type { Cpu } from '../../linux/cpu/index.js';
import type { Stat } from '../../linux/stat.js';
import { readText } from './procfs.js';

/** USER_HZ: fixed at 100 in the Linux ABI, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

/** The machine, as MINIDUMP_SYSTEM_INFO wants it, for a process of this kind. */
export function systemFacts(cpuinfo: string, cpu: Cpu, auxv: ReadonlyMap<number, bigint>): TargetSystem {
  const [major, minor, build] = os
    .release()
    .split(/[.-]/)
    .map((part) => Number.parseInt(part, 10) || 0);
  return {
    architecture: cpu.architecture,
    pointerSize: cpu.pointerSize,
    ...cpu.describe(cpuinfo, auxv),
    processors: Math.min(255, (cpuinfo.match(/^processor\s*:/gm) ?? []).length || os.cpus().length),
    platform: PlatformId.MD_OS_LINUX,
    major: major ?? 0,
    minor: minor ?? 0,
    build: build ?? 0,
    version: `${os.type()} ${os.release()} ${os.version()} ${os.machine()}`,
  };
}

/**
 * What MINIDUMP_MISC_INFO tells of a process and its machine.
 *
 * @param booted when the machine started, in seconds since 1970
 */
export function processFacts(stat: Stat, booted: number, cpuinfo: string): TargetProcess {
  return {
    createTime: booted + Math.floor(stat.startTime / TICKS_PER_SECOND),
    userTime: Math.floor(stat.userTime / TICKS_PER_SECOND),
    kernelTime: Math.floor(stat.kernelTime / TICKS_PER_SECOND),
    power: processorPower(cpuinfo),
    timeZone: timeZone(new Date()),
    // Of the kernel, as `uname -rv` prints it.
    buildString: `${os.release()} ${os.version()}`,
  };
}

/** Of the first processor. What cpufreq does not tell (most virtual machines) is what it runs at. */
function processorPower(cpuinfo: string): TargetProcess['power'] {
  const current = Number(/^cpu MHz\s*: ([\d.]+)$/m.exec(cpuinfo)?.[1] ?? 0);
  if (current === 0) return undefined;
  const frequency = (name: string) => {
    const kilohertz = Number(readText(`/sys/devices/system/cpu/cpu0/cpufreq/${name}`)?.trim() ?? 0);
    return kilohertz > 0 ? Math.round(kilohertz / 1000) : undefined;
  };
  const maxMhz = frequency('cpuinfo_max_freq') ?? Math.round(current);
  return { maxMhz, currentMhz: Math.round(current), limitMhz: frequency('scaling_max_freq') ?? maxMhz };
}

/** The time zone of this process, which is the machine's unless TZ says otherwise. */
function timeZone(now: Date): TargetProcess['timeZone'] {
  const year = now.getFullYear();
  const [january, july] = [new Date(year, 0, 1), new Date(year, 6, 1)];
  // getTimezoneOffset is UTC − local time, in minutes: as Bias is. In daylight saving time it is the smaller one.
  const standard = january.getTimezoneOffset() >= july.getTimezoneOffset() ? january : july;
  const daylight = standard === january ? july : january;
  const bias = standard.getTimezoneOffset();
  const daylightBias = daylight.getTimezoneOffset() - bias;
  const [unknown, inStandard, inDaylight] = [0, 1, 2];
  return {
    // Windows says "unknown" of a zone without daylight saving time.
    id: daylightBias === 0 ? unknown : now.getTimezoneOffset() === bias ? inStandard : inDaylight,
    bias,
    standardName: zoneName(standard),
    daylightName: zoneName(daylight),
    daylightBias,
  };
}

/** In English, as V8 prints it behind each date, in parentheses. Intl.DateTimeFormat has the same names, but takes 15 ms to load. */
function zoneName(date: Date): string {
  return /\((.*)\)$/.exec(date.toString())?.[1] ?? '';
}
