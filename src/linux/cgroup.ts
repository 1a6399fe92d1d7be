import type { Mount } from './mounts.js';
import type { CgroupMemory } from './vm-counters.js';

/** What the two versions call their files. */
const VERSIONS = {
  v2: {
    current: 'memory.current',
    peak: 'memory.peak',
    limit: 'memory.max',
    /** Of swap alone. */
    swapLimit: 'memory.swap.max',
    totalLimit: undefined,
    /** In memory.stat: pages of files that were not used lately. */
    idleFiles: 'inactive_file',
  },
  v1: {
    current: 'memory.usage_in_bytes',
    peak: 'memory.max_usage_in_bytes',
    limit: 'memory.limit_in_bytes',
    swapLimit: undefined,
    totalLimit: 'memory.memsw.limit_in_bytes',
    idleFiles: 'total_inactive_file',
  },
} as const;

/** From here on a limit of version 1 means none: the largest number of whole pages. */
const UNLIMITED = 0x7fff_ffff_ffff_0000n;
/** cgroups are not nested deeper than this by anyone. */
const MAX_DEPTH = 64;

/**
 * The memory of the cgroup that a process is in, where the cgroup file system shows it to the reader.
 *
 * @param cgroup the text of /proc/PID/cgroup
 * @param mounts those of the reader
 * @param read gives the text of a file, or undefined
 */
export function cgroupMemory(
  cgroup: string,
  mounts: readonly Mount[],
  read: (path: string) => string | undefined,
): CgroupMemory | undefined {
  const place = placeOf(cgroup, mounts);
  if (place === undefined) return undefined;
  const { files, folder } = place;
  const value = (path: string) => number(read(path));

  const current = value(`${folder}/${files.current}`);
  // The root has no such file, nor has a cgroup without the controller.
  if (current === undefined) return undefined;
  let limit: bigint | undefined;
  let totalLimit: bigint | undefined;
  for (const at of upwards(place)) {
    const here = value(`${at}/${files.limit}`);
    limit = lower(limit, here);
    if (files.totalLimit !== undefined) {
      totalLimit = lower(totalLimit, value(`${at}/${files.totalLimit}`));
    } else {
      const swap = value(`${at}/${files.swapLimit}`);
      if (here !== undefined && swap !== undefined) totalLimit = lower(totalLimit, here + swap);
    }
  }
  const shared = /^shmem (\d+)$/m.exec(read(`${folder}/memory.stat`) ?? '')?.[1];
  return {
    current,
    peak: value(`${folder}/${files.peak}`),
    shared: shared === undefined ? undefined : BigInt(shared),
    limit,
    totalLimit,
  };
}

/**
 * How much more memory a process may take before a limit of its cgroup, or of one above it, is reached. Files that nobody used lately count
 * as free: the kernel drops them first.
 *
 * @param cgroup the text of /proc/PID/cgroup
 * @param mounts those of the reader
 * @param read gives the text of a file, or undefined
 * @returns `unknown` where the cgroup file system is not to be seen
 */
export function cgroupHeadroom(
  cgroup: string,
  mounts: readonly Mount[],
  read: (path: string) => string | undefined,
): bigint | 'unlimited' | 'unknown' {
  const place = placeOf(cgroup, mounts);
  if (place === undefined) return 'unknown';
  const { files } = place;
  let headroom: bigint | undefined;
  for (const at of upwards(place)) {
    const limit = number(read(`${at}/${files.limit}`));
    const current = number(read(`${at}/${files.current}`));
    if (limit !== undefined && current !== undefined) {
      const left = limit - current + idleFiles(read(`${at}/memory.stat`), files.idleFiles);
      headroom = lower(headroom, left > 0n ? left : 0n);
    }
  }
  return headroom ?? 'unlimited';
}

/** How much of its limit a cgroup uses. */
export interface CgroupShare {
  /** The one whose limit is nearest, of the process's own and those above it; in the reader's file system. */
  folder: string;
  /** In bytes, without files that nobody used lately: the kernel drops them before it ends a process. */
  used: number;
  limit: number;
  /** In percent. */
  share: number;
}

/**
 * How near the cgroup of a process, or one above it, is to its memory limit.
 *
 * @param cgroup the text of /proc/PID/cgroup
 * @param mounts those of the reader
 * @param read gives the text of a file, or undefined
 * @param enough a share in percent: while all memory together, files included, stays below it, memory.stat is not read,
 *   which is dear, and these files count as used
 * @returns `unknown` where the cgroup file system is not to be seen
 */
export function cgroupShare(
  cgroup: string,
  mounts: readonly Mount[],
  read: (path: string) => string | undefined,
  enough = 0,
): CgroupShare | 'unlimited' | 'unknown' {
  const place = placeOf(cgroup, mounts);
  if (place === undefined) return 'unknown';
  const { files } = place;
  let nearest: CgroupShare | undefined;
  for (const at of upwards(place)) {
    const limit = number(read(`${at}/${files.limit}`));
    const current = number(read(`${at}/${files.current}`));
    if (limit === undefined || current === undefined || limit === 0n) continue;
    const percent = (bytes: bigint) => (Number(bytes) / Number(limit)) * 100;
    let used = current;
    if (percent(used) >= enough) {
      const idle = idleFiles(read(`${at}/memory.stat`), files.idleFiles);
      used = idle < used ? used - idle : 0n;
    }
    const share = percent(used);
    if (nearest === undefined || share > nearest.share)
      nearest = { folder: at, used: Number(used), limit: Number(limit), share };
  }
  return nearest ?? 'unlimited';
}

/** The folder of a cgroup and those above it, as far as they are mounted. */
function* upwards({ folder, mountPoint }: { folder: string; mountPoint: string }): Generator<string> {
  let at = folder;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    yield at;
    if (at === mountPoint) return;
    at = at.slice(0, at.lastIndexOf('/'));
  }
}

/** A line of memory.stat, in bytes. */
function idleFiles(stat: string | undefined, name: string): bigint {
  return BigInt(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat ?? '')?.[1] ?? 0);
}

function placeOf(cgroup: string, mounts: readonly Mount[]) {
  const lines = cgroup.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  // A controller is in one of the two versions; where it is in the first, that has a line that names it.
  const first = lines.find((line) => line?.[1]?.split(',').includes('memory'));
  const own = first ?? lines.find((line) => line?.[1] === '');
  const mount = mounts.find(({ type, options }) =>
    first ? type === 'cgroup' && options.includes('memory') : type === 'cgroup2',
  );
  const folder = own && mount ? folderOf(mount, own[2]!) : undefined;
  if (mount === undefined || folder === undefined) return undefined;
  return { files: first ? VERSIONS.v1 : VERSIONS.v2, folder, mountPoint: mount.mountPoint };
}

/** Where a cgroup is in the file system; undefined where it lies outside of what is mounted. */
function folderOf({ root, mountPoint }: Mount, path: string): string | undefined {
  const base = root === '/' ? '' : root;
  if (path !== base && !path.startsWith(`${base}/`)) return undefined;
  const inside = path.slice(base.length);
  if (inside.split('/').includes('..')) return undefined;
  return inside === '/' || inside === '' ? mountPoint : `${mountPoint}${inside}`;
}

/** A number; undefined for `max`, for none, and for no file. */
function number(text: string | undefined): bigint | undefined {
  const digits = /^\d+$/.exec(text?.trim() ?? '')?.[0];
  if (digits === undefined) return undefined;
  const value = BigInt(digits);
  return value >= UNLIMITED ? undefined : value;
}

function lower(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}
