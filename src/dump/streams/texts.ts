import { MINIDUMP_TYPE, streamTypes } from '../../format/index.js';
import type { Task } from '../../io/index.js';
import { commentStream } from '../comment.js';
import { hasFlag } from '../dump-type.js';
import type { DumpMemory } from '../memory.js';
import type { TargetText } from '../target.js';
import { filtersPaths, type StreamContext, type StreamWriter } from './context.js';

const Stream = streamTypes.values;
const { MiniDumpWithoutOptionalData, MiniDumpFilterTriage } = MINIDUMP_TYPE;

/** What a user typed or set: private, and no part of any stack trace. */
const PRIVATE = new Set<number>([Stream.LinuxCmdLine, Stream.LinuxEnviron]);

/** The texts of the operating system that this type of dump has, as it may have them. */
export function* dumpTexts(context: StreamContext): Task<TargetText[]> {
  const { type, memory } = context.selection;
  const texts: TargetText[] = [];
  for (const text of context.texts) {
    if (PRIVATE.has(text.type) && hasFlag(type, MiniDumpWithoutOptionalData | MiniDumpFilterTriage)) continue;
    if (text.unplaced && (memory.rewritten || memory.removed.length > 0)) continue;
    if (text.type === Stream.LinuxProcFD && hasFlag(type, MiniDumpFilterTriage)) continue;
    const copy = yield* redactedText(text, memory);
    const cut = text.type === Stream.LinuxMaps && filtersPaths(context);
    texts.push({ type: text.type, bytes: cut ? withoutFolders(copy) : copy });
  }
  return texts;
}

/** Where a text is a copy of memory, it shows what a reader of that memory would see: nothing of what was removed. */
function* redactedText(text: TargetText, memory: DumpMemory): Task<Uint8Array> {
  const copies = text.copyOf ?? [];
  if (!memory.rewritten && !copies.some(({ address, length }) => memory.touches(address, length))) {
    return text.bytes;
  }
  const bytes = text.bytes.slice();
  for (const { address, offset, length } of copies) {
    const copy = bytes.subarray(offset, offset + length);
    if (memory.rewritten) {
      const read = yield* memory.readSome(address, copy.length);
      copy.fill(0);
      copy.set(read);
    } else {
      memory.blank(address, copy);
    }
  }
  return bytes;
}

/** The lines of /proc/PID/maps with the names of files instead of their paths. */
export function withoutFolders(maps: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(maps);
  return new TextEncoder().encode(text.replaceAll(/^([^/\n]*)\/(?:[^\n]*\/)?([^/\n]*)$/gm, '$1$2'));
}

export function comment(text: string): StreamWriter {
  const { type, bytes } = commentStream(text);
  return { type, write: (image) => image.place(bytes) };
}
