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
import { abortSink, closeSink, MinidumpError, type Sink, type Task, writeBytes } from '../io/index.js';
import { Image, type Location, NOWHERE } from './image.js';
import type { DumpOptions, DumpReport } from './options.js';
import { CallbackProtocol } from './protocol.js';
import { totalSize } from './ranges.js';
import { type MemoryBlock, type Selection, select } from './select.js';
import { type StreamContext, streamWriters } from './streams.js';
import type { Target } from './target.js';

const { MiniDumpNormal, MiniDumpWithFullMemory, MiniDumpIgnoreInaccessibleMemory } = MINIDUMP_TYPE;
const SUPPORTED = MiniDumpWithFullMemory | MiniDumpIgnoreInaccessibleMemory;
const VALID = 0x07ff_ffff;

/** Memory up to this size is copied while the target stands still and written afterwards. */
const KEPT_IN_MEMORY = 64 * 1024 * 1024;
const CHUNK = 1024 * 1024;

/** A dump whose contents are fixed. What of its memory has not been copied yet is read when it is written. */
export interface Capture {
  readonly target: Target;
  readonly options: DumpOptions;
  readonly selection: Selection;
  /** Header, directory and all streams. */
  readonly head: Uint8Array;
  /** The callback writes the dump itself (IoStartCallback): use this in place of any other sink. */
  readonly callbackSink: Sink | undefined;
  /** The memory behind it, if it was copied; then the target is not held any more. */
  readonly memory: readonly Uint8Array[] | undefined;
  readonly size: number;
  readonly streams: DumpReport['streams'];
  readonly warnings: string[];
}

/** Refuses what cannot be dumped that way, before anything is touched. */
export function checkOptions(options: DumpOptions): void {
  const type = options.type ?? MiniDumpNormal;
  if (!Number.isInteger(type) || type < 0 || (type & ~VALID) !== 0 || type > VALID) {
    throw new MinidumpError('invalid-argument', `0x${type.toString(16)} is not a MINIDUMP_TYPE`, {
      advice: 'Bits outside 0x07ffffff have no meaning.',
    });
  }
  if ((type & ~SUPPORTED) !== 0) {
    throw new MinidumpError(
      'unsupported',
      `MINIDUMP_TYPE 0x${(type & ~SUPPORTED).toString(16)} is not supported on Linux yet`,
      {
        advice:
          'Use MiniDumpNormal, MiniDumpWithFullMemory (2) and MiniDumpIgnoreInaccessibleMemory (0x20000).',
      },
    );
  }
}

/**
 * Stops the target, decides what goes in, and lays the file out: every RVA is known before the first byte goes out. Where the
 * memory is small it is copied and the target goes on at once; else it stays held until `emit` has read it.
 */
export function* capture(target: Target, options: DumpOptions): Task<Capture> {
  checkOptions(options);
  const protocol = new CallbackProtocol(options, target.pid, target.handle);
  const type = options.type ?? MiniDumpNormal;
  const selection = yield* select(target, options, protocol);
  const warnings = [...target.notes];
  if ((type & MiniDumpWithFullMemory) !== 0 && protocol.present && !protocol.idiomatic) {
    warnings.push(
      'RemoveMemoryCallback is not asked in a full-memory dump, as documented; a `callbacks` object with removeMemory is',
    );
  }
  const total = Number(totalSize(selection.memory));

  // What is made of memory besides the memory itself, and the memory, if it is small: then the target may go on.
  const context: StreamContext = {
    target,
    options,
    selection,
    process: yield* target.process(),
    texts: yield* target.texts(),
    linkMap: yield* target.linkMap((address, length) => selection.redacted.readSome(address, length)),
    blockLocation: () => NOWHERE,
  };
  let memory: Uint8Array[] | undefined;
  if (total <= KEPT_IN_MEMORY) {
    memory = [];
    for (const block of selection.memory) {
      const bytes = new Uint8Array(Number(block.end - block.start));
      yield* selection.redacted.fill(block.start, bytes, block.blank);
      memory.push(bytes);
    }
    target.checkHeld();
    target.release();
  }
  const { head, streams } = layOut(context, type, total);
  return {
    target,
    options,
    selection,
    head,
    callbackSink: undefined,
    memory,
    size: head.length + total,
    streams,
    warnings,
  };
}

/**
 * Writes a captured dump: its bytes in order, each once. The target is let go as soon as all of its memory was read. To a
 * sink that may wait this must not be done while a process is held: spool it (see `Capture.memory`).
 */
export function* emit(captured: Capture, sink: Sink): Task<void> {
  const { target, options, selection, head, memory, size } = captured;
  let written = 0;
  function* write(bytes: Uint8Array): Task<void> {
    yield* writeBytes(sink, bytes);
    written += bytes.length;
    if (!target.held) options.onProgress?.({ phase: 'writing', written, total: size });
  }
  yield* write(head);
  if (memory !== undefined) {
    for (const bytes of memory) yield* write(bytes);
  } else {
    const buffer = new Uint8Array(CHUNK);
    for (const { start, end, blank } of selection.memory) {
      for (let at = start; at < end; at += BigInt(CHUNK)) {
        const piece = buffer.subarray(0, end - at < CHUNK ? Number(end - at) : CHUNK);
        yield* selection.redacted.fill(at, piece, blank);
        yield* write(piece);
      }
    }
    target.checkHeld();
    target.release();
  }
}

/** All bytes of a captured dump have been written: closes the sink, and tells what went in. */
export function* complete(captured: Capture, sink: Sink): Task<DumpReport> {
  yield* closeSink(sink);
  return report(captured);
}

/** Dumps what stands still by itself (a core, a dump) into a sink. The target stays the caller's to dispose. */
export function* writeDump(target: Target, options: DumpOptions, sink: Sink): Task<DumpReport> {
  try {
    const captured = yield* capture(target, options);
    yield* emit(captured, captured.callbackSink ?? sink);
    return yield* complete(captured, captured.callbackSink ?? sink);
  } catch (error) {
    target.release();
    yield* abortSink(sink);
    throw error;
  }
}

/** Encodes the streams twice: the first time only tells how long they are, and so where the memory begins. */
function layOut(
  context: StreamContext,
  type: number,
  total: number,
): { head: Uint8Array; streams: DumpReport['streams'] } {
  const full = (type & MiniDumpWithFullMemory) !== 0;
  const offsets = new Map<MemoryBlock, number>();
  let offset = 0;
  for (const block of context.selection.memory) {
    offsets.set(block, offset);
    offset += Number(block.end - block.start);
  }
  let trial = encodeHead(context, type, full, 0, offsets);
  // A MemoryList has 32-bit RVAs; past 4 GiB only the 64-bit list can say where the memory is.
  const wide = full || trial.head.length + total > 0xffff_ffff;
  if (wide !== full) trial = encodeHead(context, type, wide, 0, offsets);
  return encodeHead(context, type, wide, trial.head.length, offsets);
}

function encodeHead(
  context: StreamContext,
  type: number,
  wide: boolean,
  memoryRva: number,
  offsets: ReadonlyMap<MemoryBlock, number>,
): { head: Uint8Array; streams: DumpReport['streams'] } {
  const blockLocation = (block: MemoryBlock): Location => {
    const rva = memoryRva + offsets.get(block)!;
    const size = Number(block.end - block.start);
    return rva + size > 0xffff_ffff ? NOWHERE : { DataSize: size, Rva: rva };
  };
  const writers = [
    ...streamWriters({ ...context, blockLocation }),
    {
      type: wide ? streamTypes.values.Memory64ListStream : streamTypes.values.MemoryListStream,
      write: (image: Image) =>
        image.place(memoryList(context.selection.memory, wide, memoryRva, blockLocation)),
    },
  ];
  const image = new Image(MINIDUMP_HEADER.size + writers.length * MINIDUMP_DIRECTORY.size);
  const streams: DumpReport['streams'] = [];
  writers.forEach((writer, i) => {
    const Location = writer.write(image);
    const entry = MINIDUMP_DIRECTORY.encode({ StreamType: writer.type, Location });
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
    MINIDUMP_HEADER.encode({
      Signature: MINIDUMP_SIGNATURE,
      Version: MINIDUMP_VERSION,
      NumberOfStreams: writers.length,
      StreamDirectoryRva: MINIDUMP_HEADER.size,
      TimeDateStamp: Math.floor(Date.now() / 1000),
      Flags: BigInt(type),
    }),
  );
  return { head: image.bytes(), streams };
}

function memoryList(
  memory: readonly MemoryBlock[],
  wide: boolean,
  memoryRva: number,
  blockLocation: (block: MemoryBlock) => Location,
): Uint8Array {
  if (wide) {
    const ranges = memory.map(({ start, end }) => ({ StartOfMemoryRange: start, DataSize: end - start }));
    return encodeMemory64List(BigInt(memoryRva), ranges);
  }
  return encodeMemoryList(
    memory.map((block) => ({ StartOfMemoryRange: block.start, Memory: blockLocation(block) })),
  );
}

function report({ target, options, selection, size, streams, warnings }: Capture): DumpReport {
  const bytes = Number(totalSize(selection.memory));
  return {
    pid: target.pid,
    type: options.type ?? MiniDumpNormal,
    size,
    pauseMs: target.pause,
    threads: { written: selection.threads.length, excluded: selection.excludedThreads },
    modules: { written: selection.modules.length, excluded: selection.excludedModules },
    memory: { ranges: selection.memory.length, bytes },
    removed: selection.removed.map(({ start, end }) => ({ address: start, size: end - start })),
    unreadable: selection.unreadable,
    shortenedCalls: target.shortenedCalls,
    warnings,
    streams,
  };
}
