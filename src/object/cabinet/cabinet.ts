import {
  abortSink,
  BytesSink,
  BytesSource,
  closeSink,
  MinidumpError,
  readRange,
  type Sink,
  type Source,
  type Task,
  writeBytes,
} from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import { cabinetChecksum } from './checksum.js';
import { inflateInto } from './inflate.js';

const SIGNATURE = 'MSCF';
const HEADER_SIZE = 36;
const FLAG_PREVIOUS = 1;
const FLAG_NEXT = 2;
const FLAG_RESERVE = 4;
const FOLDER_SIZE = 8;
const FILE_SIZE = 16;
const DATA_SIZE = 8;
const LONGEST_NAME = 256;
/** Folder numbers from here on are of files that go on in another cabinet. */
const CONTINUED = 0xfffd;
const STORED = 0;
const MSZIP = 1;
const METHODS = ['stored', 'MSZIP', 'Quantum', 'LZX'];
/** Bytes of a block, unpacked: also how far back MSZIP refers. */
const BLOCK = 32768;
/** Bytes of a block, packed: those that do not become smaller grow by a few. */
const LARGEST_PACKED = BLOCK + 6144;
const DEFAULT_LIMIT = 256 * 1024 * 1024;

export interface CabinetOptions {
  /** The name of the file that is wanted, without regard to case; the first one where it is not given. */
  readonly name?: string;
  /** Bytes; a larger file is `unsupported`. 256 MiB where it is not given, as the file is kept in memory then. */
  readonly limit?: number;
  /** Where the file goes instead of memory. */
  readonly spool?: Spool;
}

/** A place for what is unpacked. */
export interface Spool {
  readonly sink: Sink;
  /** What was written; asked for once the sink is closed. */
  source(): Source;
}

/** Whether a file is a cabinet, by its first bytes (4 are enough). */
export function isCabinet(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && [...SIGNATURE].every((letter, i) => bytes[i] === letter.charCodeAt(0));
}

interface Folder {
  readonly offset: number;
  readonly blocks: number;
  readonly method: number;
}

interface CabinetFile {
  readonly name: string;
  readonly size: number;
  /** In what its folder unpacks to. */
  readonly offset: number;
  readonly folder: number;
}

/**
 * Unpacks a file of a cabinet (Microsoft Cabinet Format, [MS-CAB]), as symbol servers have them: `app.pd_`, `app.dl_`. Its folder must be
 * stored or compressed with MSZIP, which `makecab` does unless it is told otherwise.
 *
 * @throws `malformed` or `truncated` if it is broken, `unsupported` if it is compressed otherwise (LZX, Quantum), goes on in another
 * cabinet, or is larger than the limit
 */
export function* openCabinet(source: Source, options: CabinetOptions = {}): Task<Source> {
  const { name, limit = DEFAULT_LIMIT, spool } = options;
  const { folders, files, reserve } = yield* readHeaders(source);
  const file = files.find((one) => name === undefined || one.name.toLowerCase() === name.toLowerCase());
  if (file === undefined) throw broken('cabinet', name ?? 'a file', files.map((one) => one.name).join(', '));
  if (file.folder >= CONTINUED)
    throw new MinidumpError('unsupported', `cabinet: ${file.name} goes on in another cabinet`);
  const folder = folders[file.folder];
  if (folder === undefined) throw broken('cabinet', `folder ${file.folder}`, `${folders.length} of them`);
  if (file.size > limit) {
    throw new MinidumpError(
      'unsupported',
      `cabinet: ${file.name} has ${file.size} bytes, the limit is ${limit}`,
    );
  }
  if (folder.method !== STORED && folder.method !== MSZIP) {
    const method = METHODS[folder.method] ?? `method ${folder.method}`;
    throw new MinidumpError(
      'unsupported',
      `cabinet: ${file.name} is compressed with ${method}, not with MSZIP`,
      {
        advice: 'Unpack it first: cabextract FILE, or expand FILE on Windows.',
      },
    );
  }
  if (spool === undefined) {
    const sink = new BytesSink();
    yield* unpack(source, folder, reserve, file, sink);
    return new BytesSource(sink.bytes());
  }
  try {
    yield* unpack(source, folder, reserve, file, spool.sink);
    yield* closeSink(spool.sink);
  } catch (error) {
    yield* abortSink(spool.sink);
    throw error;
  }
  return spool.source();
}

/** Names and sizes of the files in a cabinet. */
export function* cabinetFiles(source: Source): Task<readonly { name: string; size: number }[]> {
  return (yield* readHeaders(source)).files.map(({ name, size }) => ({ name, size }));
}

function* readHeaders(
  source: Source,
): Task<{ folders: readonly Folder[]; files: readonly CabinetFile[]; reserve: number }> {
  const reader = new ByteReader(yield* readRange(source, 0, HEADER_SIZE, 'cabinet'), 'cabinet');
  if (!isCabinet(reader.take(8))) throw broken('cabinet', `a file that begins with ${SIGNATURE}`, 'another');
  reader.skip(8); // its size, which says nothing of what there is
  const filesOffset = reader.u32();
  reader.skip(6);
  const folderCount = reader.u16();
  const fileCount = reader.u16();
  const flags = reader.u16();
  let at = HEADER_SIZE;
  let [folderReserve, dataReserve] = [0, 0];
  if (flags & FLAG_RESERVE) {
    const sizes = new ByteReader(yield* readRange(source, at, 4, 'cabinet'), 'cabinet');
    at += 4 + sizes.u16();
    folderReserve = sizes.u8();
    dataReserve = sizes.u8();
  }
  const texts = (flags & FLAG_PREVIOUS ? 2 : 0) + (flags & FLAG_NEXT ? 2 : 0);
  for (let i = 0; i < texts; i++) at += (yield* textAt(source, at)).length;
  const rowSize = FOLDER_SIZE + folderReserve;
  const rows = new ByteReader(
    yield* readRange(source, at, folderCount * rowSize, 'cabinet folders'),
    'folders',
  );
  const folders: Folder[] = [];
  for (let i = 0; i < folderCount; i++) {
    rows.position = i * rowSize;
    folders.push({ offset: rows.u32(), blocks: rows.u16(), method: rows.u16() & 0xf });
  }
  const files: CabinetFile[] = [];
  at = filesOffset;
  for (let i = 0; i < fileCount; i++) {
    const row = new ByteReader(yield* readRange(source, at, FILE_SIZE, 'cabinet file'), 'cabinet file');
    const [size, offset, folder] = [row.u32(), row.u32(), row.u16()];
    const text = yield* textAt(source, at + FILE_SIZE);
    files.push({ name: new TextDecoder().decode(text.subarray(0, -1)), size, offset, folder });
    at += FILE_SIZE + text.length;
  }
  return { folders, files, reserve: dataReserve };
}

/** A text with its NUL. */
function* textAt(source: Source, at: number): Task<Uint8Array> {
  const bytes = yield* readRange(
    source,
    at,
    Math.min(LONGEST_NAME, Math.max(0, source.size - at)),
    'cabinet',
  );
  const end = bytes.indexOf(0);
  if (end < 0) throw broken('cabinet', 'a name that ends', `${bytes.length} bytes without an end`);
  return bytes.subarray(0, end + 1);
}

/** Unpacks the blocks of a folder up to the end of a file, and writes what of them is of the file. */
function* unpack(source: Source, folder: Folder, reserve: number, file: CabinetFile, sink: Sink): Task<void> {
  // The last block, which is the dictionary, and behind it this one.
  const window = new Uint8Array(2 * BLOCK);
  let history = 0;
  let at = folder.offset;
  let position = 0;
  const end = file.offset + file.size;
  for (let i = 0; i < folder.blocks && position < end; i++) {
    const head = yield* readRange(source, at, DATA_SIZE + reserve, 'cabinet data');
    const reader = new ByteReader(head, 'cabinet data');
    const [sum, packedSize, size] = [reader.u32(), reader.u16(), reader.u16()];
    if (size > BLOCK || size === 0 || packedSize > LARGEST_PACKED)
      throw broken('cabinet data', 'a block of at most 32768 bytes', `${size}, packed ${packedSize}`);
    const packed = yield* readRange(source, at + head.length, packedSize, 'cabinet data');
    // 0 says that nobody computed one.
    if (sum !== 0 && cabinetChecksum(head.subarray(4), cabinetChecksum(packed)) !== sum)
      throw broken('cabinet data', 'its checksum', `another in block ${i}`);
    if (folder.method === STORED) {
      if (packedSize !== size) throw broken('cabinet data', `${size} stored bytes`, `${packedSize}`);
      window.set(packed, history);
    } else {
      if (packed[0] !== 0x43 || packed[1] !== 0x4b)
        throw broken('cabinet data', 'a block that begins with CK', 'another');
      inflateInto(packed.subarray(2), window, history, history + size);
    }
    const from = Math.max(0, file.offset - position);
    const to = Math.min(size, end - position);
    if (from < to) yield* writeBytes(sink, window.subarray(history + from, history + to));
    position += size;
    at += head.length + packedSize;
    // The last 32 KiB stay.
    const all = history + size;
    const kept = Math.min(BLOCK, all);
    window.copyWithin(0, all - kept, all);
    history = kept;
  }
  if (position < end) throw broken('cabinet', `${file.size} bytes of ${file.name}`, 'fewer blocks');
}
