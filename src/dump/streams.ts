import {
  encodeDsoDebug32,
  encodeDsoDebug64,
  encodeException,
  encodeLinkMaps32,
  encodeLinkMaps64,
  encodeMiscInfo,
  encodeModuleList,
  encodeThreadList,
  encodeThreadNames,
  MINIDUMP_MISC_FLAGS,
  MINIDUMP_SYSTEM_INFO,
  MODULE_WRITE_FLAGS,
  streamTypes,
  THREAD_WRITE_FLAGS,
  VS_FIXEDFILEINFO,
} from '../format/index.js';
import { type Image, type Location, NOWHERE } from './image.js';
import type { DumpOptions } from './options.js';
import type { MemoryBlock, Selection } from './select.js';
import type { Target, TargetLinkMap, TargetProcess, TargetText } from './target.js';

const Stream = streamTypes.values;
const { ModuleWriteCvRecord, ModuleWriteMiscRecord } = MODULE_WRITE_FLAGS;
const { ThreadWriteContext } = THREAD_WRITE_FLAGS;

const { MINIDUMP_MISC1_PROCESS_ID, MINIDUMP_MISC1_PROCESS_TIMES } = MINIDUMP_MISC_FLAGS;

/** All that the streams are made of, gathered before the target goes on. */
export interface StreamContext {
  target: Target;
  options: DumpOptions;
  selection: Selection;
  process: TargetProcess;
  texts: readonly TargetText[];
  linkMap: TargetLinkMap | undefined;
  blockLocation: (block: MemoryBlock) => Location;
}

export interface StreamWriter {
  type: number;
  /** Places the stream and what it points to; gives where the stream is. */
  write: (image: Image) => Location;
}

/** The streams of a dump but its memory list, in the order of the directory. User streams stand behind the known ones: the first of a type wins. */
export function streamWriters(context: StreamContext): StreamWriter[] {
  const { selection, options, linkMap } = context;
  const writers: StreamWriter[] = [
    { type: Stream.SystemInfoStream, write: (image) => systemInfo(image, context) },
    { type: Stream.MiscInfoStream, write: (image) => miscInfo(image, context) },
    { type: Stream.ThreadListStream, write: (image) => threadList(image, context) },
    { type: Stream.ThreadNamesStream, write: (image) => threadNames(image, context) },
    { type: Stream.ModuleListStream, write: (image) => moduleList(image, context) },
  ];
  if (selection.exception !== undefined) {
    writers.push({ type: Stream.ExceptionStream, write: (image) => exception(image, context) });
  }
  for (const text of context.texts) {
    writers.push({ type: text.type, write: (image) => image.place(redactedText(text, selection)) });
  }
  if (linkMap !== undefined) {
    writers.push({ type: Stream.LinuxDsoDebug, write: (image) => dsoDebug(image, linkMap, context) });
  }
  if (options.comment !== undefined) writers.push(comment(options.comment));
  for (const { type, bytes } of options.userStreams ?? []) {
    writers.push({ type, write: (image) => image.place(bytes) });
  }
  return writers;
}

function systemInfo(image: Image, { target }: StreamContext): Location {
  const { system } = target;
  const CSDVersionRva = image.string(system.version);
  const bytes = MINIDUMP_SYSTEM_INFO.encode({
    ProcessorArchitecture: system.architecture,
    ProcessorLevel: system.level,
    ProcessorRevision: system.revision,
    NumberOfProcessors: system.processors,
    MajorVersion: system.major,
    MinorVersion: system.minor,
    BuildNumber: system.build,
    PlatformId: system.platform,
    CSDVersionRva,
  });
  bytes.set(system.cpu, MINIDUMP_SYSTEM_INFO.offsetOf('Cpu'));
  return image.place(bytes);
}

function miscInfo(image: Image, { target, process }: StreamContext): Location {
  return image.place(
    encodeMiscInfo({
      Flags1: MINIDUMP_MISC1_PROCESS_ID | MINIDUMP_MISC1_PROCESS_TIMES,
      ProcessId: target.pid,
      ProcessCreateTime: process.createTime,
      ProcessUserTime: process.userTime,
      ProcessKernelTime: process.kernelTime,
    }),
  );
}

function threadList(image: Image, { selection, blockLocation }: StreamContext): Location {
  const threads = selection.threads.map(({ thread, flags, stack }) => ({
    ThreadId: thread.id,
    SuspendCount: thread.suspendCount,
    PriorityClass: thread.priorityClass,
    Priority: thread.priority >>> 0,
    Teb: thread.teb,
    Stack:
      stack === undefined
        ? { StartOfMemoryRange: thread.stackPointer, Memory: NOWHERE }
        : { StartOfMemoryRange: stack.start, Memory: blockLocation(stack) },
    ThreadContext: (flags & ThreadWriteContext) === 0 ? NOWHERE : image.place(thread.context, 16),
  }));
  return image.place(encodeThreadList(threads));
}

function threadNames(image: Image, { selection }: StreamContext): Location {
  const names = selection.threads.flatMap(({ thread }) =>
    thread.name === undefined
      ? []
      : [{ ThreadId: thread.id, RvaOfThreadName: BigInt(image.string(thread.name)) }],
  );
  return image.place(encodeThreadNames(names));
}

function moduleList(image: Image, { selection }: StreamContext): Location {
  const modules = selection.modules.map(({ module, flags }) => ({
    BaseOfImage: module.base,
    SizeOfImage: module.size,
    CheckSum: module.checkSum,
    TimeDateStamp: module.timeDateStamp,
    ModuleNameRva: image.string(module.path),
    ...(module.versionInfo && { VersionInfo: VS_FIXEDFILEINFO.decode(module.versionInfo) }),
    CvRecord: record(image, (flags & ModuleWriteCvRecord) !== 0 ? module.codeView : undefined),
    MiscRecord: record(image, (flags & ModuleWriteMiscRecord) !== 0 ? module.misc : undefined),
  }));
  return image.place(encodeModuleList(modules));
}

function record(image: Image, bytes: Uint8Array | undefined): Location {
  return bytes === undefined ? NOWHERE : image.place(bytes, 4);
}

function exception(image: Image, { selection }: StreamContext): Location {
  const happened = selection.exception!;
  const ThreadContext = image.place(happened.context, 16);
  return image.place(
    encodeException({
      ThreadId: happened.threadId,
      ExceptionRecord: {
        ExceptionCode: happened.code >>> 0,
        ExceptionFlags: happened.flags,
        ExceptionAddress: happened.address,
      },
      ThreadContext,
    }),
  );
}

/** A text, blanked where it is a copy of memory that was removed. */
function redactedText(text: TargetText, { redacted }: Selection): Uint8Array {
  const copies = text.copyOf?.filter(({ address, length }) => redacted.touches(address, length)) ?? [];
  if (copies.length === 0) return text.bytes;
  const bytes = text.bytes.slice();
  for (const { address, offset, length } of copies)
    redacted.blank(address, bytes.subarray(offset, offset + length));
  return bytes;
}

/** Breakpad's MDRawDebug64, or MDRawDebug32 of a 32-bit process: r_debug, an array of link_map, and the bytes of the dynamic section behind it. */
function dsoDebug(image: Image, map: TargetLinkMap, { target, selection }: StreamContext): Location {
  const { redacted } = selection;
  const narrow = target.system.pointerSize === 4;
  // link_map has five fields, each as wide as an address.
  const entrySize = 5 * target.system.pointerSize;
  const entries = map.objects.map((object) => {
    const gone = redacted.touches(object.at, entrySize);
    const nameGone =
      gone || redacted.touches(object.nameAddress, new TextEncoder().encode(object.name).length);
    return {
      addr: gone ? 0n : object.address,
      name: image.string(nameGone ? '' : object.name),
      ld: gone ? 0n : object.dynamic,
    };
  });
  const dynamic = map.dynamic.slice();
  redacted.blank(map.dynamicAddress, dynamic);
  const debug = {
    version: map.version,
    dso_count: entries.length,
    brk: map.breakpoint,
    ldbase: map.linkerBase,
    dynamic: map.dynamicAddress,
  };
  if (!narrow) {
    return image.place(
      encodeDsoDebug64({ ...debug, map: image.place(encodeLinkMaps64(entries)).Rva }, dynamic),
    );
  }
  const maps = entries.map(({ addr, name, ld }) => ({ addr: Number(addr), name, ld: Number(ld) }));
  const [brk, ldbase, address] = [debug.brk, debug.ldbase, debug.dynamic].map(Number);
  return image.place(
    encodeDsoDebug32(
      { ...debug, brk, ldbase, dynamic: address, map: image.place(encodeLinkMaps32(maps)).Rva },
      dynamic,
    ),
  );
}

/** CommentStreamA for plain ASCII, which every reader shows, else the UTF-16 one. */
function comment(text: string): StreamWriter {
  if (/^[\x20-\x7e\s]*$/.test(text)) {
    return {
      type: Stream.CommentStreamA,
      write: (image) => image.place(new TextEncoder().encode(`${text}\0`)),
    };
  }
  const bytes = new Uint8Array((text.length + 1) * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true);
  return { type: Stream.CommentStreamW, write: (image) => image.place(bytes) };
}
