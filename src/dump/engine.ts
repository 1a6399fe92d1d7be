import { MINIDUMP_TYPE } from '../format/index.js';
import {
  abortSink,
  closeSink,
  type FileRegion,
  MinidumpError,
  type Sink,
  type Task,
  writeBytes,
} from '../io/index.js';
import type { MemoryBlock } from './blocks.js';
import { CallbackSink } from './callback-sink.js';
import { checkCallbacks } from './check-callbacks.js';
import { checkDumpType, flagsWithoutMeaning, hasFlag } from './dump-type.js';
import { checkAborted } from './finished.js';
import { type Head, layOut } from './head.js';
import type { DumpOptions, DumpReport } from './options.js';
import { filterPointers } from './pointers.js';
import { subtractRanges, totalSize } from './ranges.js';
import { type Selection, select } from './select.js';
import { dumpTexts, gatherStreams } from './streams/index.js';
import type { PlacedRange, Target } from './target.js';

/** Memory up to this size is copied while the target stands still and written afterwards. */
const KEPT_IN_MEMORY = 64 * 1024 * 1024;
/** The same where whoever takes the dump may take his time: so long it would lie in our memory. The rest is spooled. */
const KEPT_FOR_A_SLOW_READER = 8 * 1024 * 1024;
const CHUNK = 1024n * 1024n;

/** A dump whose contents are fixed. What of its memory has not been copied yet is read when it is written. */
export interface Capture {
  readonly target: Target;
  readonly options: DumpOptions;
  readonly selection: Selection;
  readonly head: Head;
  /** The callback writes the dump itself (IoStartCallback): use this in place of any other sink. */
  readonly callbackSink: Sink | undefined;
  /** The memory behind the head, if it was copied; then the target is not held any more. */
  readonly memory: readonly Uint8Array[] | undefined;
  /** Bytes of the dump. */
  readonly size: number;
  readonly warnings: string[];
}

/** Refuses what cannot be dumped that way, before anything is touched. */
export function checkOptions(options: DumpOptions): void {
  checkDumpType(options.type ?? MINIDUMP_TYPE.MiniDumpNormal);
  if (options.callbacks !== undefined) checkCallbacks(options.callbacks);
  if (options.comment !== undefined && typeof options.comment !== 'string') {
    throw new MinidumpError('invalid-argument', 'the comment is not a text');
  }
  for (const { type, bytes } of options.userStreams ?? []) {
    if (!Number.isInteger(type) || type < 0 || type > 0xffff_ffff) {
      throw new MinidumpError('invalid-argument', `${String(type)} is no stream type`, {
        advice: 'User streams have types from 0x10000 to 0xffffffff.',
      });
    }
    if (!(bytes instanceof Uint8Array)) {
      throw new MinidumpError(
        'invalid-argument',
        `the bytes of user stream 0x${type.toString(16)} are no Uint8Array`,
      );
    }
  }
}

/**
 * Stops the target, decides what goes in, and lays the file out: every RVA is known before the first byte goes out. Where the
 * memory is small it is copied and the target goes on at once; else it stays held until `emit` has read it.
 *
 * @param output where the dump is to go, unless the callback takes that over
 */
export function* capture(target: Target, options: DumpOptions, output: Pick<Sink, 'mayWait'>): Task<Capture> {
  checkOptions(options);
  const selection = yield* select(target, options);
  const { type, protocol, blocks } = selection;
  // What does not run has more to say once its streams were asked for; the report takes it.
  const warnings = [...(target.frozen ? [] : target.notes), ...selection.warnings];
  if (
    hasFlag(type, MINIDUMP_TYPE.MiniDumpWithFullMemory) &&
    target.stored === undefined &&
    protocol.present &&
    !protocol.idiomatic
  ) {
    warnings.push(
      'RemoveMemoryCallback is not asked in a full-memory dump, as documented; a `callbacks` object with removeMemory is',
    );
  }
  // Of a stored dump's own flags nobody asks anything any more.
  for (const { name, why } of flagsWithoutMeaning(options.type ?? 0))
    warnings.push(`${name} changes nothing: ${why}`);

  // What is made of memory besides the memory itself, and the memory, if it is small: then the target may go on.
  const context = yield* gatherStreams(target, options, selection);
  // A callback that sees what is read must see it while it is there to be read; else they are copies, which can wait.
  let texts = selection.memory.rewritten ? yield* dumpTexts(context) : undefined;
  const total = Number(totalSize(blocks.stored));
  let memory: Uint8Array[] | undefined;
  const mayWait = output.mayWait || selection.callbackWrites;
  if (total <= (mayWait ? KEPT_FOR_A_SLOW_READER : KEPT_IN_MEMORY)) {
    memory = [];
    for (const block of blocks.stored) {
      const bytes = new Uint8Array(Number(block.end - block.start));
      yield* fill(target, selection, block, block.start, bytes);
      memory.push(bytes);
    }
    target.checkHeld();
    target.release();
  }
  texts ??= yield* dumpTexts(context);
  const head = yield* layOut(context, texts, total, memory === undefined);
  const size = head.bytes.length + total + head.tail;
  const callbackSink = selection.callbackWrites ? new CallbackSink(protocol) : undefined;
  return { target, options, selection, head, callbackSink, memory, size, warnings };
}

/** Reads a part of a block as it goes into the dump. */
function* fill(
  target: Target,
  { memory, pointerFilter, protocol }: Selection,
  block: MemoryBlock,
  address: bigint,
  into: Uint8Array,
): Task<void> {
  protocol.checkCancelled();
  yield* memory.fill(address, into, block.blank, block.stack);
  if (pointerFilter === undefined) return;
  const { pointerSize } = target.system;
  filterPointers(address, into, pointerFilter, pointerSize, target.stored?.littleEndian ?? true);
}

/**
 * Writes a captured dump: its bytes in order, each once. The target is let go as soon as all of its memory was read. To a
 * sink that may wait this must not be done while a process is held: spool it (see `Capture.memory`).
 */
export function* emit(captured: Capture, sink: Sink): Task<void> {
  const { target, options, selection, head, memory, size } = captured;
  let written = 0;
  function* write(bytes: Uint8Array): Task<void> {
    checkAborted(options);
    yield* writeBytes(sink, bytes);
    written += bytes.length;
    if (!target.held) options.onProgress?.({ phase: 'writing', written, total: size });
  }
  yield* write(head.bytes);
  if (memory !== undefined) {
    for (const bytes of memory) yield* write(bytes);
  } else if (sink.reserve !== undefined && mayCopyDirectly(captured)) {
    const total = size - head.bytes.length - head.tail;
    yield* copyDirectly(captured, sink.reserve(total), (done) => {
      selection.protocol.checkCancelled();
      checkAborted(options);
      target.checkHeld();
      if (!target.held) options.onProgress?.({ phase: 'writing', written: written + done, total: size });
    });
    target.checkHeld();
    target.release();
    written += total;
  } else {
    const buffer = new Uint8Array(Number(CHUNK));
    for (const block of selection.blocks.stored) {
      // Cut at whole chunks of addresses: no word of a stack lies across a border.
      for (let at = block.start; at < block.end; ) {
        const next = (at & ~(CHUNK - 1n)) + CHUNK;
        const end = next < block.end ? next : block.end;
        const piece = buffer.subarray(0, Number(end - at));
        yield* fill(target, selection, block, at, piece);
        yield* write(piece);
        at = end;
      }
    }
    target.checkHeld();
    target.release();
  }
  if (head.tail > 0) yield* write(head.tailBytes());
}

/** Whether nobody wants to see, or to change, the memory on its way. */
function mayCopyDirectly({ target, selection }: Capture): boolean {
  return (
    target.copyInto !== undefined && selection.pointerFilter === undefined && !selection.memory.rewritten
  );
}

function* copyDirectly(captured: Capture, region: FileRegion, tick: (done: number) => void): Task<void> {
  const { target, selection } = captured;
  const placed: (PlacedRange & { block: MemoryBlock })[] = [];
  let { position } = region;
  for (const block of selection.blocks.stored) {
    const { start, end, blank } = block;
    // What is left out is zeros, which need not be written.
    for (const piece of subtractRanges(subtractRanges([{ start, end }], selection.memory.removed), blank)) {
      placed.push({ ...piece, position: position + Number(piece.start - start), block });
    }
    position += Number(end - start);
  }
  const left = yield* target.copyInto!(placed, region, tick);
  const buffer = new Uint8Array(Number(CHUNK));
  let index = 0;
  for (const { start, end, position } of left) {
    while (placed[index + 1] !== undefined && placed[index + 1]!.position <= position) index++;
    const { block } = placed[index]!;
    for (let at = start; at < end; ) {
      const next = end - at < CHUNK ? end : at + CHUNK;
      const piece = buffer.subarray(0, Number(next - at));
      yield* fill(target, selection, block, at, piece);
      region.writeAt(position + Number(at - start), piece);
      at = next;
    }
  }
}

/** All bytes of a captured dump have been written: closes the sink, and tells what went in. */
export function* complete(captured: Capture, sink: Sink): Task<DumpReport> {
  yield* closeSink(sink);
  captured.selection.protocol.kernelMinidump();
  return report(captured);
}

/** Dumps what stands still by itself (a core, a dump) into a sink. The target stays the caller's to dispose. */
export function* writeDump(target: Target, options: DumpOptions, sink: Sink): Task<DumpReport> {
  try {
    const captured = yield* capture(target, options, sink);
    const output = captured.callbackSink ?? sink;
    if (output !== sink) yield* abortSink(sink);
    yield* emit(captured, output);
    return yield* complete(captured, output);
  } catch (error) {
    target.release();
    yield* abortSink(sink);
    throw error;
  }
}

function report({ target, options, selection, head, size, warnings }: Capture): DumpReport {
  const { memory, blocks, type } = selection;
  return {
    pid: target.pid,
    type,
    size,
    writtenByCallback: selection.callbackWrites,
    pauseMs: target.pause,
    snapshot: target.snapshot ?? false,
    threads: { written: selection.threads.length, excluded: selection.excludedThreads },
    modules: { written: selection.modules.length, excluded: selection.excludedModules },
    memory: { ranges: blocks.stored.length, bytes: Number(totalSize(blocks.stored)) },
    removed: memory.removed.map(({ start, end }) => ({ address: start, size: end - start })),
    unreadable: memory.failures.map(({ start, end, why }) => ({ address: start, size: end - start, why })),
    withoutMeaning: flagsWithoutMeaning(options.type ?? 0).map(({ name }) => name),
    shortenedCalls: target.shortenedCalls,
    // A stored dump notices some things only when its streams are asked for.
    warnings: [...new Set([...warnings, ...target.notes])],
    streams: head.streams,
  };
}
