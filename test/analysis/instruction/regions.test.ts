import { describe, expect, it } from 'vitest';
import {
  isLikelyGuardPage,
  type MemoryRegion,
  memoryRegionsOf,
  regionAt,
} from '../../../src/analysis/instruction/index.js';
import { encodeMemoryInfoList } from '../../../src/format/index.js';
import { runSync } from '../../../src/io/index.js';
import { Minidump } from '../../../src/reader/index.js';

function region(start: bigint, end: bigint, rights = ''): MemoryRegion {
  return {
    start,
    end,
    readable: rights.includes('r'),
    writable: rights.includes('w'),
    executable: rights.includes('x'),
  };
}

describe('guard pages', () => {
  const stack = region(0x20000n, 0x30000n, 'rw');
  it.each([
    ['below a stack', [region(0x1f000n, 0x20000n), stack], 0x1f800n, true],
    ['above one', [stack, region(0x30000n, 0x31000n)], 0x30000n, true],
    ['of 32,768 bytes', [region(0x18000n, 0x20000n), stack], 0x18000n, true],
    ['of a byte more', [region(0x17fffn, 0x20000n), stack], 0x18000n, false],
    ['apart from it', [region(0x1e000n, 0x1f000n), stack], 0x1e000n, false],
    ['that can be read', [region(0x1f000n, 0x20000n, 'r'), stack], 0x1f000n, false],
    ['that is not mapped', [stack], 0x1f000n, false],
    ['next to one without rights', [region(0x1f000n, 0x20000n), region(0x20000n, 0x30000n)], 0x1f000n, false],
  ])('%s', (_, regions, address, guard) => {
    expect(isLikelyGuardPage(regions, address)).toBe(guard);
  });
});

/** A dump with one stream. */
function dumpWith(streamType: number, stream: Uint8Array): Minidump {
  const head = Buffer.alloc(44);
  head.write('MDMP');
  head.writeUInt32LE(0xa793, 4);
  head.writeUInt32LE(1, 8);
  head.writeUInt32LE(32, 12);
  head.writeUInt32LE(streamType, 32);
  head.writeUInt32LE(stream.length, 36);
  head.writeUInt32LE(44, 40);
  return Minidump.openSync(Buffer.concat([head, stream]));
}

describe('the regions of a dump', () => {
  it('come from LinuxMaps', () => {
    const maps =
      '00400000-00401000 r-xp 00000000 08:01 5 /bin/x\n7f0000000000-7f0000002000 ---p 00000000 00:00 0\n';
    const regions = runSync(memoryRegionsOf(dumpWith(0x47670009, Buffer.from(maps))));
    expect(regions).toEqual([region(0x400000n, 0x401000n, 'rx'), region(0x7f0000000000n, 0x7f0000002000n)]);
    expect(regionAt(regions, 0x400fffn)).toBe(regions[0]);
    expect(regionAt(regions, 0x401000n)).toBeUndefined();
  });

  it('come from MemoryInfoList, without free memory and in order', () => {
    const common = { AllocationBase: 0n, AllocationProtect: 0, Type: 0x20000 };
    const stream = encodeMemoryInfoList([
      { ...common, BaseAddress: 0x3000n, RegionSize: 0x1000n, State: 0x1000, Protect: 0x08 },
      { ...common, BaseAddress: 0x1000n, RegionSize: 0x1000n, State: 0x1000, Protect: 0x40 },
      { ...common, BaseAddress: 0x2000n, RegionSize: 0x1000n, State: 0x10000, Protect: 0 },
    ]);
    expect(runSync(memoryRegionsOf(dumpWith(16, stream)))).toEqual([
      region(0x1000n, 0x2000n, 'rwx'),
      region(0x3000n, 0x4000n, 'w'),
    ]);
  });

  it('are none where a dump tells of none', () => {
    expect(runSync(memoryRegionsOf(dumpWith(0, new Uint8Array())))).toEqual([]);
  });
});
