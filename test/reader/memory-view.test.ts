import { describe, expect, it } from 'vitest';
import {
  encodeMemory64List,
  encodeMemoryList,
  encodeThreadList,
  StreamType,
} from '../../src/format/index.js';
import { BytesSource } from '../../src/io/index.js';
import { MemoryView, Minidump } from '../../src/reader/index.js';
import { DumpBuilder } from './build-dump.js';

const file = new BytesSource(Uint8Array.from({ length: 256 }, (_, i) => i));

function view(...ranges: [start: bigint, size: bigint, rva: number][]): MemoryView {
  return new MemoryView(
    file,
    ranges.map(([start, size, rva]) => ({ start, end: start + size, rva })),
  );
}

describe('a memory view', () => {
  it('sorts ranges and finds addresses', () => {
    const memory = view([0x300n, 16n, 0], [0x100n, 16n, 16], [0x200n, 0n, 5]);
    expect(memory.ranges()).toEqual([
      { start: 0x100n, end: 0x110n, rva: 16 },
      { start: 0x300n, end: 0x310n, rva: 0 },
    ]);
    expect(memory.find(0xffn)).toBeUndefined();
    expect(memory.find(0x10fn)?.start).toBe(0x100n);
    expect(memory.find(0x110n)).toBeUndefined();
    expect(memory.find(0x30fn)?.start).toBe(0x300n);
    expect(view().find(0n)).toBeUndefined();
  });

  it('reads as much as there is without a hole', () => {
    const memory = view([0x100n, 4n, 10], [0x104n, 4n, 50], [0x110n, 4n, 0]);
    expect(Array.from(memory.readSync(0x102n, 100))).toEqual([12, 13, 50, 51, 52, 53]);
    expect(Array.from(memory.readSync(0x105n, 2))).toEqual([51, 52]);
    expect(memory.readSync(0x10cn, 8)).toHaveLength(0);
    expect(memory.readSync(0x100n, 0)).toHaveLength(0);
    expect(() => memory.readSync(0x100n, -1)).toThrow('no length');
  });

  it('has one answer where ranges overlap', () => {
    const memory = view([0x104n, 8n, 100], [0x100n, 8n, 0], [0x102n, 2n, 200], [0x100n, 8n, 0]);
    expect(memory.ranges()).toEqual([
      { start: 0x100n, end: 0x108n, rva: 0 },
      { start: 0x108n, end: 0x10cn, rva: 104 },
    ]);
    expect(Array.from(memory.readSync(0x106n, 4))).toEqual([6, 7, 104, 105]);
  });

  it('ends where the file and the address space end', () => {
    const top = (1n << 64n) - 4n;
    const memory = view([0x100n, 100n, 250], [0x400n, 8n, 300], [top, 8n, 0], [0x500n, 8n, -1]);
    expect(memory.ranges()).toEqual([
      { start: 0x100n, end: 0x106n, rva: 250 },
      { start: top, end: 1n << 64n, rva: 0 },
    ]);
    expect(Array.from(memory.readSync(top + 2n, 8))).toEqual([2, 3]);
  });

  it('is quick with many ranges', () => {
    const many = Array.from({ length: 100_000 }, (_, i): [bigint, bigint, number] => [
      BigInt(i) * 16n,
      8n,
      i % 200,
    ]);
    const memory = view(...many);
    for (let i = 0; i < 100_000; i += 7) expect(memory.find(BigInt(i) * 16n + 7n)!.rva).toBe(i % 200);
  });
});

describe('the memory of a dump', () => {
  it('is of all lists together', async () => {
    const builder = new DumpBuilder();
    const stack = builder.add(Uint8Array.of(1, 2, 3, 4));
    const heap = builder.add(Uint8Array.of(5, 6, 7, 8));
    const full = builder.add(Uint8Array.of(9, 10, 11, 12, 13, 14));
    builder
      .stream(
        StreamType.ThreadListStream,
        encodeThreadList([
          { ThreadId: 1, Stack: { StartOfMemoryRange: 0x1000n, Memory: stack } },
          { ThreadId: 2, Stack: { StartOfMemoryRange: 0x9000n, Memory: { DataSize: 8, Rva: 0 } } },
        ]),
      )
      .stream(StreamType.MemoryListStream, encodeMemoryList([{ StartOfMemoryRange: 0x1004n, Memory: heap }]))
      .stream(
        StreamType.Memory64ListStream,
        encodeMemory64List(BigInt(full.Rva), [
          { StartOfMemoryRange: 0x3000n, DataSize: 2n },
          { StartOfMemoryRange: 0x2000n, DataSize: 4n },
        ]),
      );
    const dump = Minidump.openSync(builder.build());
    const memory = await dump.memory();
    expect(memory.ranges().map(({ start, end }) => [start, end])).toEqual([
      [0x1000n, 0x1004n],
      [0x1004n, 0x1008n],
      [0x2000n, 0x2004n],
      [0x3000n, 0x3002n],
    ]);
    expect(Array.from(await memory.read(0x1002n, 4))).toEqual([3, 4, 5, 6]);
    expect(Array.from(memory.readSync(0x2000n, 4))).toEqual([11, 12, 13, 14]);
    expect(Array.from(memory.readSync(0x3000n, 4))).toEqual([9, 10]);
    expect(dump.memorySync()).toBe(memory);
  });
});
