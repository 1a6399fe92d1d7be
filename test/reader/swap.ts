import * as format from '../../src/format/index.js';
import { type FieldInfo, MINIDUMP_STRING, StreamType } from '../../src/format/index.js';

interface Swappable {
  size: number;
  name: string;
  fields?: readonly FieldInfo[];
}

/** Turns the bytes of every number of a structure round: what a big-endian writer would have written. */
function swapLayout(bytes: Uint8Array, at: number, layout: Swappable): void {
  if (layout.fields) {
    for (const field of layout.fields)
      if (!field.overlaid) swapLayout(bytes, at + field.offset, field.layout);
    return;
  }
  const list = /^(\w+)\[(\d+)\]$/.exec(layout.name);
  const count = list ? Number(list[2]) : layout.name.startsWith('utf16') ? layout.size / 2 : 1;
  if (layout.name.startsWith('bytes')) return;
  if (list && /^[A-Z]/.test(list[1]!)) {
    const element = (format as unknown as Record<string, Swappable>)[list[1]!]!;
    for (let i = 0; i < count; i++) swapLayout(bytes, at + i * element.size, element);
    return;
  }
  const size = layout.size / count;
  for (let i = 0; i < count; i++) bytes.subarray(at + i * size, at + (i + 1) * size).reverse();
}

/**
 * A dump as a big-endian machine would have written it: header, directory, thread and module list, memory list,
 * exception, system information, misc information, their strings, contexts and CodeView records. The other streams are
 * taken out of the directory.
 */
export function toBigEndian(original: Uint8Array): Uint8Array {
  const bytes = original.slice();
  const done = new Set<number>();
  const swap = (at: number, layout: Swappable) => {
    // Two entries may point to the same place; turned round twice it would be as before.
    if (at === 0 && layout !== format.MINIDUMP_HEADER) return;
    if (done.has(at)) return;
    done.add(at);
    swapLayout(bytes, at, layout);
  };
  const word = (at: number) => new DataView(original.buffer, original.byteOffset).getUint32(at, true);
  const swapString = (rva: number) => {
    if (rva === 0 || done.has(rva)) return;
    const length = word(rva);
    swap(rva, MINIDUMP_STRING);
    for (let i = 0; i < length; i += 2) bytes.subarray(rva + 4 + i, rva + 6 + i).reverse();
  };
  const swapContext = ({ Rva }: { Rva: number }) => swap(Rva, format.CONTEXT_X86);
  const header = format.MINIDUMP_HEADER.decode(original);
  for (let i = 0; i < header.NumberOfStreams; i++) {
    const at = header.StreamDirectoryRva + i * format.MINIDUMP_DIRECTORY.size;
    const { StreamType: type, Location } = format.MINIDUMP_DIRECTORY.decode(original, at);
    const stream = original.subarray(Location.Rva, Location.Rva + Location.DataSize);
    const each = (element: Swappable, count: number) => {
      bytes.subarray(Location.Rva, Location.Rva + 4).reverse();
      for (let k = 0; k < count; k++) swap(Location.Rva + 4 + k * element.size, element);
    };
    switch (type) {
      case StreamType.ThreadListStream: {
        const threads = format.decodeThreadList(stream);
        each(format.MINIDUMP_THREAD, threads.length);
        for (const { ThreadContext } of threads) swapContext(ThreadContext);
        break;
      }
      case StreamType.ModuleListStream: {
        const modules = format.decodeModuleList(stream);
        each(format.MINIDUMP_MODULE, modules.length);
        for (const { ModuleNameRva, CvRecord } of modules) {
          swapString(ModuleNameRva);
          if (CvRecord.DataSize > 0) swap(CvRecord.Rva, format.CV_INFO_PDB70);
        }
        break;
      }
      case StreamType.MemoryListStream:
        each(format.MINIDUMP_MEMORY_DESCRIPTOR, format.decodeMemoryList(stream).length);
        break;
      case StreamType.ExceptionStream:
        swap(Location.Rva, format.MINIDUMP_EXCEPTION_STREAM);
        swapContext(format.decodeException(stream).ThreadContext);
        break;
      case StreamType.SystemInfoStream:
        swap(Location.Rva, format.MINIDUMP_SYSTEM_INFO);
        swapString(format.decodeSystemInfo(stream).CSDVersionRva);
        break;
      case StreamType.MiscInfoStream:
        swap(Location.Rva, format.MINIDUMP_MISC_INFO);
        break;
      default:
        bytes.fill(0, at, at + format.MINIDUMP_DIRECTORY.size);
    }
    swap(at, format.MINIDUMP_DIRECTORY);
  }
  swap(0, format.MINIDUMP_HEADER);
  return bytes;
}
