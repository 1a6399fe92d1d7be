import { PlatformId } from '../format/index.js';
import type { Task } from '../io/index.js';
import type { Minidump, Streams, SystemInfo } from '../reader/index.js';
import { cpuInfo } from './cpu-info.js';
import {
  type LsbRelease,
  lsbRelease,
  microcodeVersion,
  type ProcLimit,
  procLimits,
  statusPid,
} from './linux-texts.js';
import { type CpuName, cpuNameOf, type Os, osOf } from './platform.js';

/** `system_info` of rust-minidump's JSON. */
export interface SystemReport {
  cpu_arch: CpuName;
  cpu_count: number;
  cpu_info: string | null;
  /** Hexadecimal, of Linux only: `0xb4` */
  cpu_microcode_version: string | null;
  /** `Windows NT`, `Linux`; the number of a system that is not known as `0x0x000000` */
  os: string;
  os_ver: string;
}

/** What a dump says of the process and of the system it ran on, under the keys that rust-minidump's JSON has for it. */
export interface ProcessReport {
  /** Number of mappings; null without /proc/PID/maps. */
  linux_memory_map_count: number | null;
  lsb_release: LsbRelease | null;
  pid: number | null;
  /** In the order of the file; rust-minidump's is that of a hash. */
  proc_limits: { limits: ProcLimit[] } | null;
  /** Seconds from its start to the dump */
  process_uptime: number | null;
  /** Null where the dump has no SystemInfo that can be read; rust-minidump makes no report of such a dump. */
  system_info: SystemReport | null;
}

const names: Readonly<Record<Exclude<Os, 'unknown'>, string>> = {
  windows: 'Windows NT',
  mac: 'Mac OS X',
  ios: 'iOS',
  linux: 'Linux',
  android: 'Android',
  solaris: 'Solaris',
  ps3: 'PS3',
  nacl: 'NaCl',
};

function systemName(platformId: number): string {
  const os = osOf(platformId);
  // The doubled prefix, and so the six digits, are rust-minidump's.
  return os === 'unknown' ? `0x0x${platformId.toString(16).padStart(6, '0')}` : names[os];
}

/**
 * `5.1.2600 Service Pack 2`. Breakpad leaves the numbers of Linux 0 and writes what `uname -srvmo` prints in CSDVersion: there the
 * version is the second word, and what is between it and the machine's name the build.
 */
function systemVersion(info: SystemInfo): string {
  const version = `${info.MajorVersion}.${info.MinorVersion}.${info.BuildNumber}`;
  const text = info.csdVersion ?? '';
  if (info.PlatformId === PlatformId.MD_OS_LINUX && version === '0.0.0') {
    const [, release, ...build] = text.split(' ');
    if (release !== undefined && release !== '0.0.0') {
      if (build.pop() === 'Linux/GNU') build.pop();
      return `${release} ${build.join(' ')}`;
    }
  }
  return [version, text.trim()].filter((part) => part !== '').join(' ');
}

/** `linuxCpuInfo` is the text of /proc/cpuinfo, where the dump has it. */
export function systemReport(info: SystemInfo, linuxCpuInfo?: string): SystemReport {
  return {
    cpu_arch: cpuNameOf(info.ProcessorArchitecture),
    cpu_count: info.NumberOfProcessors,
    cpu_info: cpuInfo(info),
    cpu_microcode_version: linuxCpuInfo === undefined ? null : microcodeVersion(linuxCpuInfo),
    os: systemName(info.PlatformId),
    os_ver: systemVersion(info),
  };
}

/** MINIDUMP_MISC1_PROCESS_ID and MINIDUMP_MISC1_PROCESS_TIMES */
const [HAS_ID, HAS_TIMES] = [1, 2];

/** /proc/PID/status is asked only where there is no MiscInfo at all, even if that says nothing of the process. */
function processId(misc: Streams['miscInfo'] | undefined, status: string | undefined): number | null {
  if (misc !== undefined) return (misc.Flags1 & HAS_ID) !== 0 ? misc.ProcessId : null;
  return status === undefined ? null : statusPid(status);
}

/** A process that began after the dump (clocks are set) has run for 0 seconds. */
function uptime(misc: Streams['miscInfo'] | undefined, written: number): number | null {
  if (misc === undefined || (misc.Flags1 & HAS_TIMES) === 0) return null;
  return Math.max(0, written - misc.ProcessCreateTime);
}

/** A stream that is broken is as good as none here; `Minidump.get` tells what is wrong with it. */
export function* processReportTask(dump: Minidump): Task<ProcessReport> {
  const system = yield* dump.systemTask();
  const misc = yield* dump.tryTask('miscInfo');
  const cpu = yield* dump.tryTask('linuxCpuInfo');
  const status = yield* dump.tryTask('linuxStatus');
  const release = yield* dump.tryTask('linuxLsbRelease');
  const limits = yield* dump.tryTask('linuxLimits');
  const maps = yield* dump.tryTask('linuxMaps');
  return {
    linux_memory_map_count: maps?.length ?? null,
    lsb_release: release === undefined ? null : lsbRelease(release),
    pid: processId(misc, status),
    proc_limits: limits === undefined ? null : { limits: procLimits(limits) },
    process_uptime: uptime(misc, dump.header.TimeDateStamp),
    system_info: system === undefined ? null : systemReport(system, cpu),
  };
}
