import { describe, expect, it } from 'vitest';
import { cgroupShare } from '../../src/linux/cgroup.js';
import { parseMounts } from '../../src/linux/mounts.js';

const v2 = parseMounts('30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n');
const v1 = parseMounts('31 1 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n');
const v1Unlimited = '9223372036854771712\n';

/** Tells which files were read, too. */
function files(texts: Record<string, string>) {
  const asked: string[] = [];
  const read = (path: string) => {
    asked.push(path);
    return texts[path];
  };
  return { asked, read };
}

describe('the share of the limit of a cgroup', () => {
  it('is that of the cgroup, its own or one above it, which is nearest to its limit', () => {
    const { read } = files({
      '/sys/fs/cgroup/a/b/memory.current': '100\n',
      '/sys/fs/cgroup/a/b/memory.max': '1000\n',
      '/sys/fs/cgroup/a/memory.current': '1500\n',
      '/sys/fs/cgroup/a/memory.max': '2000\n',
      '/sys/fs/cgroup/a/memory.stat': 'anon 5\ninactive_file 500\n',
    });
    expect(cgroupShare('0::/a/b\n', v2, read)).toEqual({
      folder: '/sys/fs/cgroup/a',
      used: 1000,
      limit: 2000,
      share: 50,
    });
  });

  it('of version 1', () => {
    const { read } = files({
      '/sys/fs/cgroup/memory/a/memory.usage_in_bytes': '600\n',
      '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': '1000\n',
      '/sys/fs/cgroup/memory/a/memory.stat': 'inactive_file 7\ntotal_inactive_file 100\n',
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '900\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': v1Unlimited,
    });
    expect(cgroupShare('4:memory:/a\n0::/\n', v1, read)).toMatchObject({ used: 500, share: 50 });
  });

  it('does not ask for memory.stat below what is enough', () => {
    const { asked, read } = files({
      '/sys/fs/cgroup/a/memory.current': '500\n',
      '/sys/fs/cgroup/a/memory.max': '1000\n',
      '/sys/fs/cgroup/a/memory.stat': 'inactive_file 100\n',
    });
    expect(cgroupShare('0::/a\n', v2, read, 60)).toMatchObject({ share: 50 });
    expect(asked).not.toContain('/sys/fs/cgroup/a/memory.stat');
    expect(cgroupShare('0::/a\n', v2, read, 50)).toMatchObject({ share: 40 });
  });

  it('is not to be had without a limit or a cgroup file system', () => {
    const { read } = files({
      '/sys/fs/cgroup/a/memory.current': '500\n',
      '/sys/fs/cgroup/a/memory.max': 'max\n',
    });
    expect(cgroupShare('0::/a\n', v2, read)).toBe('unlimited');
    expect(cgroupShare('0::/a\n', [], read)).toBe('unknown');
  });
});
