import { describe, expect, it } from 'vitest';
import { cgroupHeadroom } from '../../src/linux/cgroup.js';
import type { Mapping } from '../../src/linux/maps.js';
import { mappingsWithFlags } from '../../src/linux/smaps.js';
import { NotKept, QuickMemory } from '../../src/targets/linux/quick-capture.js';
import { isAllowed } from '../../src/targets/linux/snapshot/seccomp.js';

describe('the headroom of a cgroup', () => {
  const mounts = [
    { type: 'cgroup2', root: '/', mountPoint: '/sys/fs/cgroup', options: '', device: '0:1' },
  ] as unknown as Parameters<typeof cgroupHeadroom>[1];
  const files = (given: Record<string, string>) => (path: string) => given[path];

  it('is the least that is left below any limit on the way up; files that lie idle count as free', () => {
    const read = files({
      '/sys/fs/cgroup/a/b/memory.current': '600\n',
      '/sys/fs/cgroup/a/b/memory.max': 'max\n',
      '/sys/fs/cgroup/a/memory.current': '900\n',
      '/sys/fs/cgroup/a/memory.max': '1000\n',
      '/sys/fs/cgroup/a/memory.stat': 'anon 5\ninactive_file 30\nactive_file 7\n',
    });
    expect(cgroupHeadroom('0::/a/b\n', mounts, read)).toBe(130n);
  });

  it('is unlimited without a limit, nothing above one, and unknown where no cgroup is to be seen', () => {
    expect(cgroupHeadroom('0::/a\n', mounts, files({}))).toBe('unlimited');
    const over = files({ '/sys/fs/cgroup/a/memory.current': '9\n', '/sys/fs/cgroup/a/memory.max': '5\n' });
    expect(cgroupHeadroom('0::/a\n', mounts, over)).toBe(0n);
    expect(cgroupHeadroom('0::/a\n', [], files({}))).toBe('unknown');
  });
});

it('mappings with flags are found in smaps, and only those', () => {
  const smaps = [
    '7f0000000000-7f0000001000 rw-p 00000000 00:00 0 ',
    'Size:                  4 kB',
    'VmFlags: rd wr mr mw me ac dc ',
    '7f0000002000-7f0000005000 r--p 00000000 fe:00 12  /x/VmFlags: dc',
    'VmFlags: rd mr mw me ',
    'ffff00000000-ffff00001000 rw-p 00000000 00:00 0 ',
    'VmFlags: rd wr um',
  ].join('\n');
  expect(mappingsWithFlags(smaps, ['dc', 'um']).map(({ start, end }) => [start, end])).toEqual([
    [0x7f0000000000n, 0x7f0000001000n],
    [0xffff00000000n, 0xffff00001000n],
  ]);
});

describe('a seccomp filter', () => {
  /** struct sock_filter: code, jt, jf, k. */
  const program = (...code: [number, number, number, number][]) => {
    const view = new DataView(new ArrayBuffer(code.length * 8));
    code.forEach(([op, jumpTrue, jumpFalse, k], i) => {
      view.setUint16(i * 8, op, true);
      view.setUint8(i * 8 + 2, jumpTrue);
      view.setUint8(i * 8 + 3, jumpFalse);
      view.setUint32(i * 8 + 4, k, true);
    });
    return new Uint8Array(view.buffer);
  };
  const [ALLOW, LOG, ERRNO, KILL] = [0x7fff0000, 0x7ffc0000, 0x00050001, 0x80000000];
  const clone = { number: 56, arguments: [0x600n, 0x7f0000001000n], instructionPointer: 0x1234n };
  const answers = (k: number) => isAllowed(program([0x06, 0, 0, k]), clone);

  it('lets a call pass that it allows or logs, and no other', () => {
    expect([ALLOW, LOG, ERRNO, KILL].map(answers)).toEqual([true, true, false, false]);
  });

  it('sees number, architecture and both halves of arguments', () => {
    // As Docker's: clone is allowed unless flags & 0x7e020000 (new namespaces).
    const docker = program(
      [0x20, 0, 0, 4], // arch
      [0x15, 0, 5, 0xc000003e],
      [0x20, 0, 0, 0], // nr
      [0x15, 0, 3, 56],
      [0x20, 0, 0, 16], // args[0], low
      [0x54, 0, 0, 0x7e020000],
      [0x15, 1, 0, 0],
      [0x06, 0, 0, ERRNO],
      [0x06, 0, 0, ALLOW],
    );
    expect(isAllowed(docker, clone)).toBe(true);
    expect(isAllowed(docker, { ...clone, arguments: [0x10000000n, 0n] })).toBe(false);
    const upper = program([0x20, 0, 0, 28], [0x15, 0, 1, 0x7f00], [0x06, 0, 0, ALLOW], [0x06, 0, 0, KILL]);
    expect(isAllowed(upper, clone)).toBe(true);
    expect(isAllowed(upper, { ...clone, arguments: [0n, 5n] })).toBe(false);
  });

  it('that computes with scratch memory and X is followed', () => {
    const code = program(
      [0x00, 0, 0, 7], // A = 7
      [0x02, 0, 0, 3], // M[3] = A
      [0x61, 0, 0, 3], // X = M[3]
      [0x2c, 0, 0, 0], // A *= X
      [0x15, 0, 1, 49],
      [0x06, 0, 0, ALLOW],
      [0x06, 0, 0, KILL],
    );
    expect(isAllowed(code, clone)).toBe(true);
  });

  it.each([
    ['runs off its end', program([0x00, 0, 0, 1])],
    ['jumps beyond it', program([0x05, 0, 0, 0xffffffff], [0x06, 0, 0, ALLOW])],
    ['divides by zero', program([0x34, 0, 0, 0], [0x06, 0, 0, ALLOW])],
    ['reads beyond what it may', program([0x20, 0, 0, 64], [0x06, 0, 0, ALLOW])],
    ['is empty', program()],
  ])('that %s allows nothing', (_what, code) => {
    expect(isAllowed(code, clone)).toBe(false);
  });
});

describe('memory that was kept', () => {
  const mapping = { start: 0x1000n, end: 0x9000n, path: '' } as Mapping;
  const memory = new QuickMemory([
    { start: 0x2000n, end: 0x2004n, kind: 'data', bytes: new Uint8Array([1, 2, 3, 4]) },
    { start: 0x2004n, end: 0x2008n, kind: 'zero', bytes: undefined },
    { start: 0x2008n, end: 0x200an, kind: 'hole', why: 'guard', bytes: undefined },
  ]);
  memory.use([mapping]);
  const read = (address: bigint, length: number) => {
    const bytes = new Uint8Array(length).fill(9);
    return bytes.subarray(0, memory.read(address, bytes));
  };

  it('is read across its parts, up to a hole', () => {
    expect(read(0x2002n, 4)).toEqual(new Uint8Array([3, 4, 0, 0]));
    expect(read(0x2006n, 8)).toEqual(new Uint8Array([0, 0]));
    expect(memory.probe(0x2002n, 0x200an).map(({ kind }) => kind)).toEqual(['data', 'zero', 'hole']);
  });

  it('says of mapped memory beyond it that it has to be looked for, and of unmapped memory that there is none', () => {
    expect(() => memory.probe(0x2000n, 0x3000n)).toThrow(NotKept);
    expect(() => read(0x1ffcn, 8)).toThrow(NotKept);
    expect(read(0xa000n, 8)).toEqual(new Uint8Array());
    expect(memory.probe(0xa000n, 0xb000n).map(({ kind }) => kind)).toEqual(['hole']);
  });
});
