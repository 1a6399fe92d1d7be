import { existsSync, readFileSync } from 'node:fs';
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

export function processFacts(stat: Stat): TargetProcess {
  const booted = Number(/^btime (\d+)$/m.exec(readText('/proc/stat') ?? '')?.[1] ?? 0);
  return {
    createTime: booted + Math.floor(stat.startTime / TICKS_PER_SECOND),
    userTime: Math.floor(stat.userTime / TICKS_PER_SECOND),
    kernelTime: Math.floor(stat.kernelTime / TICKS_PER_SECOND),
  };
}

/** /etc/lsb-release, or os-release where there is none (as minidump-writer does), of the target's own root. */
export function releaseFile(pid: number): Buffer | undefined {
  for (const name of ['lsb-release', 'os-release']) {
    const path = `/proc/${pid}/root/etc/${name}`;
    try {
      if (existsSync(path)) return readFileSync(path);
    } catch {
      // Not ours to read: the other one, or none.
    }
  }
  return undefined;
}
