import { posix } from 'node:path';
import { type Mount, parseMounts } from '../../linux/mounts.js';
import type { CgroupMemory } from '../../linux/vm-counters.js';
import { readText } from './procfs.js';

/** What the two versions call their files. */
const VERSIONS = {
  v2: {
    current: 'memory.current',
    peak: 'memory.peak',
    limit: 'memory.max',
    /** Of swap alone. */
    swapLimit: 'memory.swap.max',
    totalLimit: undefined,
    shared: 'shmem',
  },
  v1: {
    current: 'memory.usage_in_bytes',
    peak: 'memory.max_usage_in_bytes',
    limit: 'memory.limit_in_bytes',
    swapLimit: undefined,
    totalLimit: 'memory.memsw.limit_in_bytes',
    shared: 'shmem',
  },
} as const;

/** From here on a limit of version 1 means none: the largest number of whole pages. */
const UNLIMITED = 0x7fff_ffff_ffff_0000n;
/** cgroups are not nested deeper than this by anyone. */
const MAX_DEPTH = 64;

/**
 * The memory of the cgroup that a process is in, where the cgroup file system shows it to us.
 *
 * @param cgroup the text of /proc/PID/cgroup
 */
export function readCgroupMemory(cgroup: string): CgroupMemory | undefined {
  const mounts = parseMounts(readText('/proc/self/mountinfo') ?? '');
  const lines = cgroup.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  // A controller is in one of the two versions; where it is in the first, that has a line that names it.
  const first = lines.find((line) => line?.[1]?.split(',').includes('memory'));
  const own = first ?? lines.find((line) => line?.[1] === '');
  if (own === undefined || own === null) return undefined;
  const files = first ? VERSIONS.v1 : VERSIONS.v2;
  const mount = mounts.find(({ type, options }) =>
    first ? type === 'cgroup' && options.includes('memory') : type === 'cgroup2',
  );
  const folder = mount && folderOf(mount, own[2]!);
  if (mount === undefined || folder === undefined) return undefined;

  const current = number(`${folder}/${files.current}`);
  // The root has no such file, nor has a cgroup without the controller.
  if (current === undefined) return undefined;
  let limit: bigint | undefined;
  let totalLimit: bigint | undefined;
  let at = folder;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const here = number(`${at}/${files.limit}`);
    const swap = files.swapLimit && number(`${at}/${files.swapLimit}`);
    const total = files.totalLimit
      ? number(`${at}/${files.totalLimit}`)
      : here !== undefined && swap !== undefined
        ? here + swap!
        : undefined;
    limit = lower(limit, here);
    totalLimit = lower(totalLimit, total);
    if (at === mount.mountPoint) break;
    at = posix.dirname(at);
  }
  const shared = new RegExp(`^${files.shared} (\\d+)$`, 'm').exec(
    readText(`${folder}/memory.stat`) ?? '',
  )?.[1];
  return {
    current,
    peak: number(`${folder}/${files.peak}`),
    shared: shared === undefined ? undefined : BigInt(shared),
    limit,
    totalLimit,
  };
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
function number(path: string): bigint | undefined {
  const text = readText(path)?.trim() ?? '';
  if (!/^\d+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value >= UNLIMITED ? undefined : value;
}

function lower(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}
