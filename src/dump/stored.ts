import { MINIDUMP_LOCATION_DESCRIPTOR, streamTypes } from '../format/index.js';
import type { Task } from '../io/index.js';
import type { Image, Location } from './image.js';
import type { SelectedThread, Selection } from './select.js';
import type { StackPlace, StreamWriter } from './streams/index.js';
import type { StoredDump, StoredPiece, StoredStream, TargetThread } from './target.js';

const { MemoryListStream, Memory64ListStream, UnusedStream } = streamTypes.values;

/** Deeper than the streams of any writer refer to each other. */
const DEEPEST = 32;

/** The streams of a stored dump, to be placed in a new file with what they point to. */
export class StoredStreams {
  readonly #littleEndian: boolean;
  readonly #selection: Selection;
  readonly #streams: readonly StoredStream[];
  readonly #threads: ReadonlyMap<TargetThread, SelectedThread>;
  /** Where a piece is, in the image that is being built. */
  #placed = new Map<StoredPiece, Location>();

  constructor(stored: StoredDump, selection: Selection, streams: readonly StoredStream[]) {
    this.#littleEndian = stored.littleEndian;
    this.#selection = selection;
    this.#streams = streams;
    this.#threads = new Map(selection.threads.map((selected) => [selected.thread, selected]));
  }

  /** Forgets where pieces are: a new image begins. */
  begin(): void {
    this.#placed = new Map();
  }

  /** The streams in their order; the first place of a memory list is taken by `list`, further ones are unused. */
  writers(list: StreamWriter): StreamWriter[] {
    let listed = false;
    const writers = this.#streams.map((stream): StreamWriter => {
      if (stream.type === MemoryListStream || stream.type === Memory64ListStream) {
        if (listed) return { type: UnusedStream, write: () => ({ DataSize: 0, Rva: 0 }) };
        listed = true;
        return list;
      }
      return { type: stream.type, write: (image, place) => this.#place(image, stream, place, 0) };
    });
    if (!listed && this.#selection.blocks.listed.length > 0) writers.push(list);
    return writers;
  }

  #place(image: Image, piece: StoredPiece, place: StackPlace, depth: number): Location {
    const before = this.#placed.get(piece);
    if (before !== undefined) return before;
    // A stream without bytes (an unused entry) is nowhere.
    if (piece.bytes.length === 0 && piece.links.length === 0) return { DataSize: 0, Rva: 0 };
    const bytes = piece.bytes.slice();
    for (const { address, offset, length } of piece.copyOf ?? []) {
      this.#selection.memory.blank(address, bytes.subarray(offset, offset + length));
    }
    const location = image.place(bytes, piece.alignment);
    this.#placed.set(piece, location);
    const view = new DataView(bytes.buffer);
    for (const link of depth < DEEPEST ? piece.links : []) {
      if (!('to' in link)) {
        const stack =
          'stackOf' in link
            ? this.#threads.get(link.stackOf)?.stack
            : this.#threads.get(link.backingStoreOf)?.backingStore;
        MINIDUMP_LOCATION_DESCRIPTOR.write(view, link.at, place(stack), this.#littleEndian);
      } else {
        const { Rva } = this.#place(image, link.to, place, depth + 1);
        if (link.width === 4) view.setUint32(link.at, Rva, this.#littleEndian);
        else view.setBigUint64(link.at, BigInt(Rva), this.#littleEndian);
      }
    }
    image.set(location.Rva, bytes);
    return location;
  }
}

/** Takes the streams of a stored dump for the threads and modules that are left. */
export function* storedStreams(stored: StoredDump, selection: Selection): Task<StoredStreams> {
  const streams = yield* stored.streams({
    threads: new Map(selection.threads.map(({ thread, flags }) => [thread, flags])),
    modules: new Map(selection.modules.map(({ module, flags }) => [module, flags])),
    type: selection.type,
  });
  return new StoredStreams(
    stored,
    selection,
    streams.map((stream) => asRead(stream, selection)),
  );
}

/** What is a copy of memory is shown to VmPostRead as if it had been read from there. */
function asRead(stream: StoredStream, { memory, protocol }: Selection): StoredStream {
  if (!memory.rewritten || stream.copyOf === undefined) return stream;
  const bytes = stream.bytes.slice();
  for (const { address, offset, length } of stream.copyOf) {
    protocol.vmPostRead(address, bytes.subarray(offset, offset + length), length);
  }
  return { ...stream, bytes };
}
