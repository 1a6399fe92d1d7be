import {
  encodeMemory64List,
  encodeMemoryList,
  MINIDUMP_DIRECTORY,
  MINIDUMP_HEADER,
  MINIDUMP_SIGNATURE,
  MINIDUMP_TYPE,
  MINIDUMP_VERSION,
  streamTypes,
} from '../format/index.js';
import type { Task } from '../io/index.js';
import type { MemoryBlock } from './blocks.js';
import { hasFlag } from './dump-type.js';
import { Image, type Location, NOWHERE } from './image.js';
import type { DumpReport } from './options.js';
import type { PlacedStack } from './select.js';
import { softErrors } from './soft-errors.js';
import { type StoredStreams, storedStreams } from './stored.js';
import { type StreamContext, type StreamWriter, streamWriters, userStreams } from './streams/index.js';
import type { TargetText } from './target.js';

const Stream = streamTypes.values;

/** The last RVA that fits in the 32 bits of a MINIDUMP_LOCATION_DESCRIPTOR. */
const LAST_RVA = 0xffff_ffff;
/** Room for what turns out to be unreadable while it is written, in bytes of JSON. */
const LATE_ERRORS = 4096;
const PAGE = 4096n;

/** All of a dump but its memory. */
export interface Head {
  /** Header, directory and streams. The memory follows. */
  bytes: Uint8Array;
  streams: DumpReport['streams'];
  /** Bytes that come behind the memory: MozSoftErrors, where reading goes on until then. */
  tail: number;
  tailBytes(): Uint8Array;
}

/** Encodes the streams twice: the first time only tells how long they are, and so where the memory begins. */
export function* layOut(
  context: StreamContext,
  texts: readonly TargetText[],
  total: number,
  readsLater: boolean,
): Task<Head> {
  const { selection, target } = context;
  const { stored, listed } = selection.blocks;
  const offsets = new Map<MemoryBlock, number>();
  let offset = 0;
  for (const block of stored) {
    offsets.set(block, offset);
    offset += Number(block.end - block.start);
  }
  const firstListed = offsets.get(listed[0]!) ?? 0;
  const carried = target.stored && (yield* storedStreams(target.stored, selection));
  const errors = softErrors(selection.memory);
  // All memory of a stored dump is there.
  const ignores =
    target.stored === undefined && hasFlag(selection.type, MINIDUMP_TYPE.MiniDumpIgnoreInaccessibleMemory);
  let tail = readsLater && ignores ? (errors?.length ?? 2) + LATE_ERRORS : 0;
  const littleEndian = target.stored?.littleEndian ?? true;

  // A MemoryList may name the same bytes twice; those of a Memory64List that takes its place follow from its sizes alone.
  const entries = (wide: boolean) => (wide && !selection.wide ? [...new Set(listed)] : listed);
  const encode = (memoryRva: number, wide: boolean) => {
    const blockRva = (block: MemoryBlock, at: bigint) =>
      memoryRva + offsets.get(block)! + Number(at - block.start);
    const place = (stack: PlacedStack | undefined): Location => {
      if (stack === undefined) return NOWHERE;
      const Rva = blockRva(stack.block, stack.start);
      const DataSize = Number(stack.end - stack.start);
      return Rva + DataSize > LAST_RVA ? NOWHERE : { DataSize, Rva };
    };
    const list: StreamWriter = {
      type: wide ? Stream.Memory64ListStream : Stream.MemoryListStream,
      write: (image) =>
        image.place(memoryList(entries(wide), wide, memoryRva + firstListed, blockRva, littleEndian)),
    };
    const writers =
      carried === undefined
        ? [...streamWriters(context, texts), list]
        : [...carried.writers(list), ...userStreams(context)];
    if (tail > 0) {
      const Location = { DataSize: tail, Rva: memoryRva + total };
      writers.push({ type: Stream.MozSoftErrors, write: () => Location });
    } else if (errors !== undefined) {
      writers.push({ type: Stream.MozSoftErrors, write: (image) => image.place(errors) });
    }
    return encodeHead(context, carried, writers, place);
  };
  let wide = selection.wide;
  // Memory that is copied by pages lies in the file as it lies in memory: then pages of zeros can be holes.
  const pages = readsLater && target.copyInto !== undefined ? largest(stored) : undefined;
  const measure = () => {
    const { length } = encode(0, wide).bytes;
    return pages === undefined ? length : length + misplaced(pages, length + offsets.get(pages)!);
  };
  let length = measure();
  if (length + total > LAST_RVA) {
    // A MemoryList that would pass 4 GiB becomes a Memory64List.
    wide = true;
    tail = 0;
    length = measure();
  }
  const encoded = encode(length, wide);
  const bytes = new Uint8Array(length);
  bytes.set(encoded.bytes);
  return {
    bytes,
    streams: encoded.streams,
    tail,
    tailBytes: () => {
      // JSON may end in white space.
      const bytes = new Uint8Array(tail).fill(0x20);
      const all = softErrors(selection.memory) ?? new TextEncoder().encode('[]');
      bytes.set(all.length <= tail ? all : (errors ?? new TextEncoder().encode('[]')));
      return bytes;
    },
  };
}

function largest(blocks: readonly MemoryBlock[]): MemoryBlock | undefined {
  let found: MemoryBlock | undefined;
  for (const block of blocks) {
    if (found === undefined || block.end - block.start > found.end - found.start) found = block;
  }
  return found;
}

/** How many bytes further a block has to go so that its pages are pages of the file. */
function misplaced(block: MemoryBlock, position: number): number {
  const inPage = Number(block.start & (PAGE - 1n));
  return (inPage - (position % Number(PAGE)) + Number(PAGE)) % Number(PAGE);
}

function encodeHead(
  { selection, target }: StreamContext,
  carried: StoredStreams | undefined,
  writers: readonly StreamWriter[],
  place: (stack: PlacedStack | undefined) => Location,
): Pick<Head, 'bytes' | 'streams'> {
  const { stored } = target;
  const littleEndian = stored?.littleEndian ?? true;
  const image = new Image(MINIDUMP_HEADER.size + writers.length * MINIDUMP_DIRECTORY.size);
  carried?.begin();
  const streams: DumpReport['streams'] = [];
  writers.forEach((writer, i) => {
    const Location = writer.write(image, place);
    const entry = MINIDUMP_DIRECTORY.encode({ StreamType: writer.type, Location }, littleEndian);
    image.set(MINIDUMP_HEADER.size + i * MINIDUMP_DIRECTORY.size, entry);
    streams.push({
      type: writer.type,
      name: streamTypes.nameOf(writer.type) ?? `0x${writer.type.toString(16)}`,
      size: Location.DataSize,
    });
  });
  image.align(16);
  image.set(
    0,
    MINIDUMP_HEADER.encode(
      {
        Signature: MINIDUMP_SIGNATURE,
        Version: stored?.version ?? MINIDUMP_VERSION,
        NumberOfStreams: writers.length,
        StreamDirectoryRva: MINIDUMP_HEADER.size,
        TimeDateStamp: stored?.timeDateStamp ?? Math.floor(Date.now() / 1000),
        Flags: (stored?.flags ?? 0n) | BigInt(selection.type),
      },
      littleEndian,
    ),
  );
  return { bytes: image.bytes(), streams };
}

function memoryList(
  listed: readonly MemoryBlock[],
  wide: boolean,
  baseRva: number,
  blockRva: (block: MemoryBlock, at: bigint) => number,
  littleEndian: boolean,
): Uint8Array {
  if (wide) {
    const ranges = listed.map(({ start, end }) => ({ StartOfMemoryRange: start, DataSize: end - start }));
    return encodeMemory64List(BigInt(baseRva), ranges, littleEndian);
  }
  return encodeMemoryList(
    listed.map((block) => ({
      StartOfMemoryRange: block.start,
      Memory: { DataSize: Number(block.end - block.start), Rva: blockRva(block, block.start) },
    })),
    littleEndian,
  );
}
