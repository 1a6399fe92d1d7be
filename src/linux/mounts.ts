/** One line of /proc/PID/mountinfo. */
export interface Mount {
  id: number;
  /** The part of the file system that is mounted, from its root. */
  root: string;
  mountPoint: string;
  /** `ext4`, `fuse.sshfs`, `cgroup2` … */
  type: string;
  /** Options of the file system: for cgroup the controllers. */
  options: readonly string[];
}

/** Parses /proc/PID/mountinfo (proc(5)); blanks in paths are octal there. */
export function parseMounts(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const [head, tail] = line.split(' - ');
    const fields = head!.split(' ');
    if (tail === undefined || fields.length < 6) continue;
    const [type, , options] = tail.split(' ');
    mounts.push({
      id: Number(fields[0]),
      root: unescapePath(fields[3]!),
      mountPoint: unescapePath(fields[4]!),
      type: type!,
      options: (options ?? '').split(','),
    });
  }
  return mounts;
}

function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}

/** The mount that a path lies on: the one with the longest mount point, of these the last, which covers the others. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const point = mount.mountPoint === '/' ? '' : mount.mountPoint;
    if (path !== point && !path.startsWith(`${point}/`)) continue;
    if (found === undefined || mount.mountPoint.length >= found.mountPoint.length) found = mount;
  }
  return found;
}

/** File systems that the kernel serves from memory or a disk of its own: no program and no network is asked. */
const LOCAL = new Set(
  (
    'bdev binfmt_misc bpf btrfs cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs erofs exfat ext2 ext3 ext4 f2fs fusectl ' +
    'hugetlbfs iso9660 jfs mqueue nilfs2 ntfs3 proc pstore ramfs reiserfs rootfs securityfs selinuxfs squashfs sysfs tmpfs ' +
    'tracefs udf vfat xfs zfs'
  ).split(' '),
);

/** File systems that a program or a network serves. */
const REMOTE = /^(fuse(\.|blk|$)|9p|nfs\d?$|cifs|smb|ceph|afs|coda|gfs2|lustre|ocfs2|orangefs|virtiofs)/;

/**
 * Whether to ask for a file's attributes can wait on a program or a network (FUSE, NFS, 9p …). An overlay may lie on anything:
 * it is trusted where nothing of that kind is mounted at all.
 */
export function mayHang(mount: Mount | undefined, all: readonly Mount[]): boolean {
  if (mount === undefined) return true;
  if (LOCAL.has(mount.type)) return false;
  if (mount.type === 'overlay') return all.some(({ type }) => REMOTE.test(type));
  return true;
}
