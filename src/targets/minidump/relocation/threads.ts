import {
  checkLength,
  MINIDUMP_EXCEPTION_STREAM,
  MINIDUMP_THREAD,
  MINIDUMP_THREAD_EX,
  MINIDUMP_THREAD_INFO,
  MINIDUMP_THREAD_INFO_LIST,
  MINIDUMP_THREAD_NAME,
  THREAD_WRITE_FLAGS,
} from '../../../format/index.js';
import { link, linkLocation } from '../pieces.js';
import type { Relocate, RelocationContext } from './context.js';
import { countedTable, headedTable, keepEntries, placesOf, viewOf } from './table.js';

const { ThreadWriteContext } = THREAD_WRITE_FLAGS;

/** In MINIDUMP_MEMORY_DESCRIPTOR, behind StartOfMemoryRange. */
const LOCATION_OF_MEMORY = 8;
const CONTEXT_ALIGNMENT = 16;

export const relocateThreadList: Relocate = (stream, context) => threadList(stream, context, MINIDUMP_THREAD);
export const relocateThreadExList: Relocate = (stream, context) =>
  threadList(stream, context, MINIDUMP_THREAD_EX);

function* threadList(
  stream: Parameters<Relocate>[0],
  context: RelocationContext,
  layout: typeof MINIDUMP_THREAD | typeof MINIDUMP_THREAD_EX,
): ReturnType<Relocate> {
  const { dump, pieces, selected, kept: parts } = context;
  const { littleEndian } = dump;
  const all = countedTable('ThreadList', stream.bytes, layout.size, littleEndian);
  const before = viewOf(stream.bytes);
  const threads = placesOf(all).map((at, i) => parts.threadAt(i, before.getUint32(at, littleEndian)));
  const kept = threads.flatMap((thread, i) => (thread && selected.threads.has(thread) ? [i] : []));
  const table = keepEntries(stream, all, kept, littleEndian);
  const view = viewOf(stream.bytes);
  const places = placesOf(table);
  const contexts = yield* pieces.take(
    'context of a thread',
    places.map((at, i) => {
      const { Rva, DataSize } = layout.read(view, at, littleEndian).ThreadContext;
      const wanted = (selected.threads.get(threads[kept[i]!]!)! & ThreadWriteContext) !== 0;
      return { rva: Rva, size: wanted ? DataSize : 0 };
    }),
    CONTEXT_ALIGNMENT,
    0,
  );
  places.forEach((at, i) => {
    const thread = threads[kept[i]!]!;
    linkLocation(stream, at + layout.offsetOf('ThreadContext'), contexts[i]);
    stream.links.push({ at: at + layout.offsetOf('Stack') + LOCATION_OF_MEMORY, stackOf: thread });
    if (layout !== MINIDUMP_THREAD_EX) return;
    const backingStore = at + MINIDUMP_THREAD_EX.offsetOf('BackingStore') + LOCATION_OF_MEMORY;
    stream.links.push({ at: backingStore, backingStoreOf: thread });
  });
}

export const relocateThreadNames: Relocate = function* (stream, context) {
  const { dump, pieces } = context;
  const { littleEndian } = dump;
  const all = countedTable('ThreadNames', stream.bytes, MINIDUMP_THREAD_NAME.size, littleEndian);
  const { excludedThreads } = context.kept;
  const before = viewOf(stream.bytes);
  const kept = placesOf(all).flatMap((at, i) =>
    excludedThreads.has(before.getUint32(at, littleEndian)) ? [] : [i],
  );
  const table = keepEntries(stream, all, kept, littleEndian);
  const rvaAt = MINIDUMP_THREAD_NAME.offsetOf('RvaOfThreadName');
  const places = placesOf(table).map((at) => at + rvaAt);
  const view = viewOf(stream.bytes);
  const names = yield* pieces.strings(
    'name of a thread',
    places.map((at) => Number(view.getBigUint64(at, littleEndian))),
  );
  places.forEach((at, i) => {
    link(stream, at, 8, names[i]);
  });
};

export const relocateThreadInfoList: Relocate = function* (stream, context) {
  const { littleEndian } = context.dump;
  const { excludedThreadInfo } = context.kept;
  const what = 'ThreadInfoList';
  const { size } = MINIDUMP_THREAD_INFO;
  const all = headedTable(what, stream.bytes, MINIDUMP_THREAD_INFO_LIST.size, size, littleEndian);
  const view = viewOf(stream.bytes);
  const kept = placesOf(all).flatMap((at, i) =>
    excludedThreadInfo.has(view.getUint32(at, littleEndian)) ? [] : [i],
  );
  keepEntries(stream, all, kept, littleEndian);
};

/** The registers of a thread that was left out, or whose registers were, are left out here, too. */
export const relocateException: Relocate = function* (stream, context) {
  const { dump, pieces, kept } = context;
  checkLength('Exception', stream.bytes, MINIDUMP_EXCEPTION_STREAM.size);
  const { ThreadId, ThreadContext } = MINIDUMP_EXCEPTION_STREAM.decode(stream.bytes, 0, dump.littleEndian);
  const size = kept.keepsRegisters(ThreadId) ? ThreadContext.DataSize : 0;
  const location = { rva: ThreadContext.Rva, size };
  const [registers] = yield* pieces.take('context of the exception', [location], CONTEXT_ALIGNMENT, 0);
  stream.bytes = stream.bytes.slice();
  linkLocation(stream, MINIDUMP_EXCEPTION_STREAM.offsetOf('ThreadContext'), registers);
};
