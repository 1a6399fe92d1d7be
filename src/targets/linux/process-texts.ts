import type { TargetText } from '../../dump/target.js';
import { StreamType } from '../../format/index.js';
import type { Stat } from '../../linux/stat.js';
import type { ReadableMemory } from './memory.js';
import { openFiles, readBytes } from './procfs.js';
import { releaseFile, TargetFiles } from './target-files.js';

/** More pointers to arguments and environment nobody has: their texts may take 6 MiB (MAX_ARG_STRINGS of execve). */
const MAX_POINTERS = 16n * 1024n * 1024n;
/** So many bytes of an auxiliary vector are like no other. */
const AUXV_SAMPLE = 128;

/**
 * What the operating system tells of a process in files, for the streams that hold it as it is.
 *
 * @param known files that were read already
 */
export function readTexts(
  pid: number,
  stat: Stat,
  known: { cpuinfo: Buffer; auxv: Buffer; maps: Buffer },
  memory: ReadableMemory,
): TargetText[] {
  const { argStart, envStart, envEnd } = stat;
  const texts: TargetText[] = [];
  const add = (type: number, bytes: Uint8Array | undefined, copyOf?: TargetText['copyOf']) => {
    if (bytes !== undefined && bytes.length > 0) texts.push({ type, bytes, ...(copyOf && { copyOf }) });
  };
  add(StreamType.LinuxCpuInfo, known.cpuinfo);
  // Read before the stop, so that it shows the process as it was and not under us.
  add(StreamType.LinuxProcStatus, readBytes(`/proc/${pid}/status`));
  add(StreamType.LinuxProcStat, readBytes(`/proc/${pid}/stat`));
  add(StreamType.LinuxLsbRelease, releaseFile(new TargetFiles(`/proc/${pid}`)));
  // Where a program has overwritten its title beyond the arguments, the kernel reads on into the environment.
  const commandLine = readBytes(`/proc/${pid}/cmdline`);
  add(StreamType.LinuxCmdLine, commandLine, copyAt(argStart, commandLine?.length ?? 0));
  const environ = readBytes(`/proc/${pid}/environ`);
  add(
    StreamType.LinuxEnviron,
    environ,
    copyAt(envStart, Math.min(environ?.length ?? 0, Number(envEnd - envStart))),
  );
  add(StreamType.LinuxAuxv, known.auxv, auxvOnStack(known.auxv, stat, memory));
  add(StreamType.LinuxMaps, known.maps);
  add(StreamType.LinuxProcFD, openFiles(pid));
  add(StreamType.MozLinuxLimits, readBytes(`/proc/${pid}/limits`));
  return texts;
}

/** Where the program itself has its auxiliary vector: behind the pointers to its environment. */
function auxvOnStack(
  auxv: Buffer,
  { startStack, argStart }: Stat,
  memory: ReadableMemory,
): TargetText['copyOf'] {
  if (startStack === 0n || argStart <= startStack || argStart - startStack > MAX_POINTERS) return [];
  const bytes = Buffer.alloc(Number(argStart - startStack));
  const read = bytes.subarray(0, memory.read(startStack, bytes));
  const at = read.indexOf(auxv.subarray(0, AUXV_SAMPLE));
  return at < 0 ? [] : copyAt(startStack + BigInt(at), auxv.length);
}

function copyAt(address: bigint, length: number): TargetText['copyOf'] {
  return address === 0n || length <= 0 ? [] : [{ address, offset: 0, length }];
}
