import { MINIDUMP_TYPE, streamTypes } from '../../format/index.js';
import { hasFlag } from '../dump-type.js';
import type { TargetText } from '../target.js';
import type { StreamContext, StreamWriter } from './context.js';
import { dsoDebug, moduleList, unloadedModuleList } from './modules.js';
import { handleData, memoryInfoList, tokens } from './objects.js';
import { miscInfo, systemInfo, systemMemory, vmCounters } from './system.js';
import { comment } from './texts.js';
import { exception, isExtended, threadInfoList, threadList, threadNames } from './threads.js';

export { gatherStreams, type StackPlace, type StreamContext, type StreamWriter } from './context.js';
export { dumpTexts } from './texts.js';

const Stream = streamTypes.values;

/** The streams of a dump but its memory list, in the order of the directory. User streams stand behind the known ones: the first of a type wins. */
export function streamWriters(context: StreamContext, texts: readonly TargetText[]): StreamWriter[] {
  const { selection, linkMap, systemMemory: machine, vmCounters: counters } = context;
  const writers: StreamWriter[] = [
    { type: Stream.SystemInfoStream, write: (image) => systemInfo(image, context) },
    { type: Stream.MiscInfoStream, write: (image) => miscInfo(image, context) },
    {
      type: isExtended(context) ? Stream.ThreadExListStream : Stream.ThreadListStream,
      write: (image, place) => threadList(image, context, place),
    },
    { type: Stream.ThreadNamesStream, write: (image) => threadNames(image, context) },
    { type: Stream.ModuleListStream, write: (image) => moduleList(image, context) },
  ];
  if (selection.exception !== undefined) {
    writers.push({ type: Stream.ExceptionStream, write: (image) => exception(image, context) });
  }
  if (machine !== undefined) {
    writers.push({ type: Stream.SystemMemoryInfoStream, write: (image) => systemMemory(image, machine) });
  }
  if (counters !== undefined) {
    writers.push({ type: Stream.ProcessVmCountersStream, write: (image) => vmCounters(image, counters) });
  }
  if (hasFlag(selection.type, MINIDUMP_TYPE.MiniDumpWithThreadInfo)) {
    writers.push({ type: Stream.ThreadInfoListStream, write: (image) => threadInfoList(image, context) });
  }
  const { handles } = context;
  if (handles !== undefined) {
    writers.push({ type: Stream.HandleDataStream, write: (image) => handleData(image, context, handles) });
  }
  // As on Windows: no list rather than an empty one.
  if (context.unloadedModules.length > 0) {
    writers.push({
      type: Stream.UnloadedModuleListStream,
      write: (image) => unloadedModuleList(image, context),
    });
  }
  if (context.tokens.length > 0) {
    writers.push({ type: Stream.TokenStream, write: (image) => tokens(image, context) });
  }
  const { regions } = selection;
  if (regions !== undefined) {
    writers.push({
      type: Stream.MemoryInfoListStream,
      write: (image) => memoryInfoList(image, context, regions),
    });
  }
  for (const text of texts) writers.push({ type: text.type, write: (image) => image.place(text.bytes) });
  if (linkMap !== undefined) {
    writers.push({ type: Stream.LinuxDsoDebug, write: (image) => dsoDebug(image, context, linkMap) });
  }
  return [...writers, ...userStreams(context)];
}

/** The comment and the streams that the user gave. */
export function userStreams({ options }: Pick<StreamContext, 'options'>): StreamWriter[] {
  const writers = options.comment === undefined ? [] : [comment(options.comment)];
  for (const { type, bytes } of options.userStreams ?? []) {
    writers.push({ type, write: (image) => image.place(bytes) });
  }
  return writers;
}
