import { withoutFolders } from '../../dump/streams/texts.js';
import { MDRawDebug32, MDRawDebug64, MINIDUMP_TYPE, StreamType } from '../../format/index.js';
import { MinidumpError, type Task } from '../../io/index.js';
import type { StreamEntry } from '../../reader/index.js';
import { Copies } from './copies.js';
import { type Piece, Pieces } from './pieces.js';
import { type RelocationContext, relocations } from './relocation/index.js';
import { cutsPaths } from './relocation/names.js';

export interface CarriedStream extends Piece {
  type: number;
}

const { MiniDumpWithoutOptionalData, MiniDumpFilterTriage } = MINIDUMP_TYPE;
const { MemoryListStream, Memory64ListStream, UnusedStream, LinuxCmdLine, LinuxEnviron } = StreamType;

/** As in dumps of live processes. */
const PRIVATE = new Set<number>([LinuxCmdLine, LinuxEnviron]);

/** Streams that hold, or may hold, references that nobody has documented. */
const UNDOCUMENTED = new Set<number>([StreamType.JavaScriptDataStream, StreamType.CompressedMemoryStreamSQL]);
const isWindowsCe = (type: number) =>
  type >= StreamType.ceStreamNull && type <= StreamType.ceStreamDiagnosisList;

export interface CarriedStreams {
  streams: CarriedStream[];
  /** What could not be carried as it was. */
  notes: string[];
  /** Streams that are copies of memory at an address that is not known; each name once. */
  unknown: string[];
}

/**
 * All streams of a dump, for the threads and modules that are left, with what they point to, and the addresses of copies of memory if
 * these are to be found.
 */
export function* carryStreams(
  base: Omit<RelocationContext, 'pieces' | 'asked'>,
  isDropped: (entry: StreamEntry) => boolean,
  copies: Copies | undefined,
): Task<CarriedStreams> {
  const { dump, selected } = base;
  const asked = selected.type & ~Number(dump.header.Flags & 0xffff_ffffn);
  const context: RelocationContext = { ...base, asked, pieces: new Pieces(dump) };
  const notes: string[] = [];
  const streams: CarriedStream[] = [];
  const known = new Map<string, CarriedStream>();
  const unknown = new Set<string>();
  for (const entry of dump.directory) {
    if (isDropped(entry) || isLeftOut(entry.streamType, asked)) continue;
    const key = `${entry.streamType}:${entry.rva}:${entry.dataSize}`;
    let stream = known.get(key);
    if (stream === undefined) {
      stream = yield* carry(entry, context, notes);
      if (copies !== undefined && stream.bytes.length > 0) {
        yield* findCopies(stream, entry, context, copies);
        const name = Copies.nameOf(stream.type);
        if (name !== undefined && stream.copyOf === undefined) unknown.add(name);
      }
      known.set(key, stream);
    }
    streams.push(stream);
  }
  return { streams, notes: [...notes, ...context.pieces.notes], unknown: [...unknown] };
}

/** What the type of the new dump leaves out of dumps of live processes, it leaves out here. */
function isLeftOut(type: number, asked: number): boolean {
  if (PRIVATE.has(type)) return (asked & (MiniDumpWithoutOptionalData | MiniDumpFilterTriage)) !== 0;
  return type === StreamType.LinuxProcFD && (asked & MiniDumpFilterTriage) !== 0;
}

function* carry(entry: StreamEntry, context: RelocationContext, notes: string[]): Task<CarriedStream> {
  const { streamType: type, rva, dataSize } = entry;
  const empty: CarriedStream = {
    type,
    bytes: new Uint8Array(0),
    alignment: 8,
    links: [],
    textFrom: undefined,
    linked: true,
  };
  if (type === UnusedStream || type === MemoryListStream || type === Memory64ListStream || dataSize === 0) {
    return empty;
  }
  const name = entry.name ?? `stream 0x${type.toString(16)}`;
  // Where it cannot be had its place in the directory stays, unused.
  if (rva + dataSize > context.dump.source.size) {
    notes.push(`${name} reaches past the end of the file; it is left out`);
    return { ...empty, type: UnusedStream };
  }
  const [taken] = yield* context.pieces.take(name, [{ rva, size: dataSize }], 8, 0);
  if (taken === undefined) return { ...empty, type: UnusedStream };
  // A piece of its own: what points to the same bytes means something else by them.
  const stream: CarriedStream = { ...taken, type, links: [] };
  const relocate = relocations.get(type);
  if (relocate === undefined) {
    if (UNDOCUMENTED.has(type) || isWindowsCe(type)) {
      notes.push(`${name} is carried as it is: what it may point to is not documented`);
    } else if (type === StreamType.CompressedMemoryStream) {
      notes.push(
        `${name} is carried as it is: nothing can be taken out of compressed memory; drop it where that matters`,
      );
    }
    if (type === StreamType.LinuxMaps && cutsPaths(context)) stream.bytes = withoutFolders(stream.bytes);
    return stream;
  }
  try {
    yield* relocate(stream, context);
    stream.textFrom = undefined;
  } catch (error) {
    if (!(error instanceof MinidumpError) || error.code !== 'malformed') throw error;
    notes.push(`${name} is broken and is carried as it is, without what it points to: ${error.message}`);
    return { ...taken, type, links: [] };
  }
  return stream;
}

function* findCopies(
  stream: CarriedStream,
  entry: StreamEntry,
  context: RelocationContext,
  copies: Copies,
): Task<void> {
  if (stream.type === StreamType.LinuxDsoDebug) {
    const layout = context.pointerSize === 8 ? MDRawDebug64 : MDRawDebug32;
    if (stream.bytes.length <= layout.size) return;
    const { dynamic } = layout.decode(stream.bytes, 0, context.dump.littleEndian);
    const length = stream.bytes.length - layout.size;
    stream.copyOf = [{ address: BigInt(dynamic), offset: layout.size, length }];
    return;
  }
  const found = yield* copies.find(entry, stream.bytes);
  if (found !== undefined) stream.copyOf = found;
}

/** A piece and all that it points to, each once. */
export function* reachable(
  streams: readonly CarriedStream[],
): Generator<{ stream: CarriedStream; piece: Piece }> {
  const seen = new Set<Piece>();
  for (const stream of streams) {
    const next: Piece[] = [stream];
    for (let piece = next.pop(); piece !== undefined; piece = next.pop()) {
      if (seen.has(piece)) continue;
      seen.add(piece);
      yield { stream, piece };
      for (const link of piece.links) if ('to' in link) next.push(link.to as Piece);
    }
  }
}
