import {
  decodeElements,
  MINIDUMP_DIRECTORY,
  MINIDUMP_HEADER,
  MINIDUMP_SIGNATURE,
  MINIDUMP_VERSION,
  StreamType,
  streamTypes,
} from '../format/index.js';
import {
  BlobSource,
  BytesSource,
  type Decompress,
  isZstd,
  MinidumpError,
  readRange,
  runAsync,
  runSync,
  SeekableZstdSource,
  type Source,
  type Task,
} from '../io/index.js';
import { type MemoryRange, MemoryView } from './memory-view.js';
import type { SystemInfo } from './streams/system-info.js';
import { type StreamKey, type Streams, streamKeyOf, streams } from './streams/table.js';

/** An entry of the directory: a stream, and where it is in the file. */
export interface StreamEntry {
  /** Place in the directory. */
  index: number;
  streamType: number;
  /** As in `StreamType`; undefined for a type that nobody has told us of, such as a user stream. */
  name: string | undefined;
  /** What `Minidump.get` calls it; undefined for a stream that is only bytes to us. */
  key: StreamKey | undefined;
  rva: number;
  dataSize: number;
}

export interface OpenOptions {
  /**
   * Opens dumps that are compressed with zstd and have a seek table, as `mdmp dump --compress zstd` writes them:
   * `fzstdDecompressor(decompress)` with the function of the package fzstd. Only what is read is decompressed.
   */
  decompress?: Decompress | undefined;
}

/** One request is enough for the header and, in files of all known writers, the directory behind it. */
const FIRST_READ = 1024;

/** No writer comes near; the count is the file's word, and 12 bytes a stream are read when a dump is opened. */
const MOST_STREAMS = 0x10000;

/**
 * A minidump. Opening it reads the header and the directory; a stream is read when it is asked for, and kept.
 *
 * Whatever reads comes in three forms: `get` returns a promise, `getSync` the value itself (where the source can answer at
 * once), and `getTask` is for generators that are run by `runAsync` or `runSync`, such as the analysis.
 *
 * In what it gives, fields in the spelling of the Win32 headers are as they stand in the file, and the others (`name`,
 * `context`, `problems`) were looked up or worked out. What is broken costs only itself: a stream that cannot be read throws
 * a `MinidumpError` when it is asked for, and a part of one is undefined and its error among the `problems`.
 */
export class Minidump {
  readonly source: Source;
  readonly littleEndian: boolean;
  readonly header: MINIDUMP_HEADER;
  /** All entries, the unused ones too, in their order. */
  readonly directory: readonly StreamEntry[];
  readonly #kept = new Map<StreamKey, unknown>();
  #memory: MemoryView | undefined;

  private constructor(
    source: Source,
    littleEndian: boolean,
    header: MINIDUMP_HEADER,
    directory: readonly StreamEntry[],
  ) {
    this.source = source;
    this.littleEndian = littleEndian;
    this.header = header;
    this.directory = directory;
  }

  /** Fails with `not-a-minidump`, or `truncated` or `malformed` where there is no directory to be read. */
  static open(from: Source | Blob | Uint8Array | ArrayBuffer, options: OpenOptions = {}): Promise<Minidump> {
    return runAsync(Minidump.openTask(toSource(from), options));
  }

  static openSync(from: Source | Uint8Array | ArrayBuffer, options: OpenOptions = {}): Minidump {
    return runSync(Minidump.openTask(toSource(from), options));
  }

  static *openTask(source: Source, { decompress }: OpenOptions = {}): Task<Minidump> {
    const start = yield* readRange(source, 0, Math.min(FIRST_READ, source.size), 'header');
    if (isZstd(start)) {
      const inner = decompress && (yield* SeekableZstdSource.openTask(source, decompress));
      if (inner !== undefined) return yield* Minidump.openTask(inner);
      throw compressed(decompress !== undefined);
    }
    if (start.length < MINIDUMP_HEADER.size) throw notAMinidump(`${source.size} bytes`);
    const littleEndian = MINIDUMP_HEADER.decode(start).Signature === MINIDUMP_SIGNATURE;
    const header = MINIDUMP_HEADER.decode(start, 0, littleEndian);
    if (header.Signature !== MINIDUMP_SIGNATURE) {
      throw notAMinidump(`0x${MINIDUMP_HEADER.decode(start).Signature.toString(16)}`);
    }
    // The high half is the writer's own.
    if ((header.Version & 0xffff) !== MINIDUMP_VERSION) {
      throw notAMinidump(`version 0x${header.Version.toString(16)}`);
    }
    const { NumberOfStreams: count, StreamDirectoryRva: rva } = header;
    if (count > MOST_STREAMS) {
      throw new MinidumpError('malformed', `directory: ${count} streams are too many`, {
        expected: `${MOST_STREAMS} streams or less`,
        found: `${count}`,
      });
    }
    const size = count * MINIDUMP_DIRECTORY.size;
    const bytes =
      rva + size <= start.length
        ? start.subarray(rva, rva + size)
        : yield* readRange(source, rva, size, 'directory');
    const directory = decodeElements(
      'directory',
      MINIDUMP_DIRECTORY,
      bytes,
      0,
      count,
      MINIDUMP_DIRECTORY.size,
      littleEndian,
    ).map(({ StreamType: streamType, Location }, index) => ({
      index,
      streamType,
      name: streamTypes.nameOf(streamType),
      key: streamKeyOf(streamType),
      rva: Location.Rva,
      dataSize: Location.DataSize,
    }));
    return new Minidump(source, littleEndian, header, directory);
  }

  /** The entry of a stream, by its key or its type. Of several the first one counts, as in all readers. */
  entry(stream: StreamKey | number): StreamEntry | undefined {
    const type = typeof stream === 'number' ? stream : streams[stream].type;
    return this.directory.find(({ streamType }) => streamType === type);
  }

  /** The streams of programs' own: above LastReservedStream, and of no type that is known. */
  get userStreams(): StreamEntry[] {
    return this.directory.filter(
      ({ streamType, name }) => streamType > StreamType.LastReservedStream && name === undefined,
    );
  }

  /** A stream, taken apart. Undefined if the dump does not have it; throws if it is broken. */
  get<K extends StreamKey>(key: K): Promise<Streams[K] | undefined> {
    return runAsync(this.getTask(key));
  }

  getSync<K extends StreamKey>(key: K): Streams[K] | undefined {
    return runSync(this.getTask(key));
  }

  *getTask<K extends StreamKey>(key: K): Task<Streams[K] | undefined> {
    if (this.#kept.has(key)) return this.#kept.get(key) as Streams[K];
    const entry = this.entry(key);
    if (!entry) return undefined;
    const value = yield* streams[key].read(this, yield* this.bytesTask(entry));
    this.#kept.set(key, value);
    return value;
  }

  /** As `getTask`, but a broken stream is as good as none: for what would be nice to have. */
  *tryTask<K extends StreamKey>(key: K): Task<Streams[K] | undefined> {
    try {
      return yield* this.getTask(key);
    } catch (error) {
      if (error instanceof MinidumpError && (error.code === 'malformed' || error.code === 'truncated')) {
        return undefined;
      }
      throw error;
    }
  }

  /** The system that the dump is from, where it tells. */
  systemTask(): Task<SystemInfo | undefined> {
    return this.tryTask('systemInfo');
  }

  /** What an entry of the directory holds: taken apart if it is understood, else its bytes. */
  read(entry: StreamEntry): Promise<Streams[StreamKey] | Uint8Array> {
    return runAsync(this.readTask(entry));
  }

  readSync(entry: StreamEntry): Streams[StreamKey] | Uint8Array {
    return runSync(this.readTask(entry));
  }

  *readTask(entry: StreamEntry): Task<Streams[StreamKey] | Uint8Array> {
    if (!entry.key) return yield* this.bytesTask(entry);
    if (this.entry(entry.key) === entry) return yield* this.getTask(entry.key);
    return yield* streams[entry.key].read(this, yield* this.bytesTask(entry));
  }

  /** The bytes of a stream as they are. */
  bytes(entry: StreamEntry): Promise<Uint8Array> {
    return runAsync(this.bytesTask(entry));
  }

  bytesSync(entry: StreamEntry): Uint8Array {
    return runSync(this.bytesTask(entry));
  }

  *bytesTask({ rva, dataSize, name, streamType }: StreamEntry): Task<Uint8Array> {
    return yield* readRange(this.source, rva, dataSize, name ?? `stream 0x${streamType.toString(16)}`);
  }

  /** All memory in the dump. A list that is broken counts as missing here; ask for it by `get` to learn why. */
  memory(): Promise<MemoryView> {
    return runAsync(this.memoryTask());
  }

  memorySync(): MemoryView {
    return runSync(this.memoryTask());
  }

  *memoryTask(): Task<MemoryView> {
    if (this.#memory) return this.#memory;
    const ranges: MemoryRange[] = [];
    const add = (start: bigint, size: bigint, rva: number) => {
      ranges.push({ start, end: start + size, rva });
    };
    for (const { StartOfMemoryRange, Memory } of (yield* this.tryTask('memoryList')) ?? []) {
      add(StartOfMemoryRange, BigInt(Memory.DataSize), Memory.Rva);
    }
    const full = yield* this.tryTask('memory64List');
    // Exact as far as files go; beyond that MemoryView takes none.
    let rva = Number(full?.BaseRva ?? 0n);
    for (const { StartOfMemoryRange, DataSize } of full?.MemoryRanges ?? []) {
      add(StartOfMemoryRange, DataSize, rva);
      rva += Number(DataSize);
    }
    for (const { Stack } of (yield* this.tryTask('threads')) ?? []) {
      // In full-memory dumps stacks may have a size and no place of their own.
      if (Stack.Memory.Rva !== 0)
        add(Stack.StartOfMemoryRange, BigInt(Stack.Memory.DataSize), Stack.Memory.Rva);
    }
    this.#memory = new MemoryView(this.source, ranges);
    return this.#memory;
  }
}

function toSource(from: Source | Blob | Uint8Array | ArrayBuffer): Source {
  if (from instanceof Uint8Array || from instanceof ArrayBuffer) return new BytesSource(from);
  return from instanceof Blob ? new BlobSource(from) : from;
}

function compressed(hasDecompressor: boolean): MinidumpError {
  return new MinidumpError(
    'not-a-minidump',
    hasDecompressor ? 'this is zstd without a seek table' : 'this is compressed with zstd',
    {
      advice: hasDecompressor
        ? 'Decompress it first: zstd -d FILE; or open it with openSource, in Node.'
        : 'Give a decompressor, or open it with openSource, in Node; docs/reading.md tells how.',
      expected: 'a signature MDMP',
      found: 'zstd',
    },
  );
}

function notAMinidump(found: string): MinidumpError {
  return new MinidumpError('not-a-minidump', 'this is not a minidump', {
    expected: `MDMP, version 0x${MINIDUMP_VERSION.toString(16)}`,
    found,
  });
}
