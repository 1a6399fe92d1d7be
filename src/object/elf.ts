import type { Task } from '../io/index.js';
import { cString } from './bytes.js';

/**
 * What mdmp needs of an ELF image as it lies in memory: program headers, build id, SONAME, dynamic section. Everything
 * is read through a function, so a file, a process and a dump serve alike; every count and size is bounded.
 */

/** Reads up to `length` bytes at an offset from the start of the image; undefined where there are none. */
export type ImageReader = (offset: bigint, length: number) => Task<Uint8Array | undefined>;

export interface ProgramHeader {
  type: number;
  flags: number;
  offset: bigint;
  address: bigint;
  fileSize: bigint;
  memorySize: bigint;
  alignment: bigint;
}

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_NOTE = 4;
export const PT_PHDR = 6;
export const PT_TLS = 7;
export const PT_GNU_EH_FRAME = 0x6474e550;
/** Bits of a program header's flags. */
export const PF_X = 1;
export const PF_W = 2;

export const DT_STRTAB = 5n;
export const DT_STRSZ = 10n;
export const DT_SONAME = 14n;
export const DT_DEBUG = 21n;

const NT_GNU_BUILD_ID = 3;
const ELF_HEADER_SIZE = { 4: 52, 8: 64 } as const;
const PROGRAM_HEADER_SIZE = { 4: 32, 8: 56 } as const;
/** EI_CLASS: 1 for 32 bits, 2 for 64. */
const POINTER_SIZES: Readonly<Record<number, 4 | 8>> = { 1: 4, 2: 8 };
const LITTLE_ENDIAN = 1;
/** No real image comes near these; a hostile one must not make us read for ever. */
const MAX_HEADERS = 512;
const MAX_NOTES = 64 * 1024;
const MAX_DYNAMIC = 1024;
const MAX_BUILD_ID = 256;

export interface ElfImage {
  /** ET_EXEC 2, ET_DYN 3. */
  type: number;
  machine: number;
  pointerSize: 4 | 8;
  /** Of the table of program headers, from the start of the image. */
  headerTable: { offset: bigint; size: number };
  headers: readonly ProgramHeader[];
  /** Lowest address that the file asks for, page aligned: the image lies at `base - linkBase` from there. */
  linkBase: bigint;
  /** From the lowest to the highest address of the loaded segments, .bss included, page aligned. */
  size: bigint;
}

/** What link bases are aligned to. */
export const PAGE = 4096n;

/** Reads the headers of a little-endian image; undefined if it is none. */
export function* readElfImage(read: ImageReader): Task<ElfImage | undefined> {
  const header = yield* read(0n, ELF_HEADER_SIZE[8]);
  if (header === undefined || header.length < ELF_HEADER_SIZE[4]) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const pointerSize = POINTER_SIZES[header[4]!];
  if (view.getUint32(0, false) !== 0x7f454c46 || header[5] !== LITTLE_ENDIAN) return undefined;
  if (pointerSize === undefined || header.length < ELF_HEADER_SIZE[pointerSize]) return undefined;
  const wide = pointerSize === 8;
  const at = wide ? view.getBigUint64(32, true) : BigInt(view.getUint32(28, true));
  const entrySize = view.getUint16(wide ? 54 : 42, true);
  const count = view.getUint16(wide ? 56 : 44, true);
  if (entrySize !== PROGRAM_HEADER_SIZE[pointerSize] || count === 0 || count > MAX_HEADERS) return undefined;
  const table = yield* read(at, count * entrySize);
  if (table === undefined || table.length < count * entrySize) return undefined;

  const headers = parseProgramHeaders(table, count, pointerSize);
  let low: bigint | undefined;
  let high = 0n;
  for (const { type, address, memorySize } of headers) {
    if (type !== PT_LOAD) continue;
    const start = address & ~(PAGE - 1n);
    const end = (address + memorySize + PAGE - 1n) & ~(PAGE - 1n);
    if (low === undefined || start < low) low = start;
    if (end > high) high = end;
  }
  if (low === undefined) return undefined;
  return {
    type: view.getUint16(16, true),
    machine: view.getUint16(18, true),
    pointerSize,
    headerTable: { offset: at, size: table.length },
    headers,
    linkBase: low,
    size: high - low,
  };
}

/** Program headers from their table: the file's, or the one that AT_PHDR points to. */
export function parseProgramHeaders(
  table: Uint8Array,
  count: number,
  pointerSize: 4 | 8 = 8,
): ProgramHeader[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const word = (at: number) => BigInt(view.getUint32(at, true));
  const wide = (at: number) => view.getBigUint64(at, true);
  const headers: ProgramHeader[] = [];
  for (let i = 0; i < count; i++) {
    const o = i * PROGRAM_HEADER_SIZE[pointerSize];
    const type = view.getUint32(o, true);
    if (pointerSize === 8) {
      headers.push({
        type,
        flags: view.getUint32(o + 4, true),
        offset: wide(o + 8),
        address: wide(o + 16),
        fileSize: wide(o + 32),
        memorySize: wide(o + 40),
        alignment: wide(o + 48),
      });
    } else {
      headers.push({
        type,
        flags: view.getUint32(o + 24, true),
        offset: word(o + 4),
        address: word(o + 8),
        fileSize: word(o + 16),
        memorySize: word(o + 20),
        alignment: word(o + 28),
      });
    }
  }
  return headers;
}

/** Bytes of a program header. */
export function programHeaderSize(pointerSize: 4 | 8): number {
  return PROGRAM_HEADER_SIZE[pointerSize];
}

/** The GNU build id, from the notes of the loaded image. */
export function* readBuildId(image: ElfImage, read: ImageReader): Task<Uint8Array | undefined> {
  for (const { type, address, memorySize } of image.headers) {
    if (type !== PT_NOTE || memorySize > MAX_NOTES) continue;
    const notes = yield* read(address - image.linkBase, Number(memorySize));
    const id = notes && findBuildId(notes);
    if (id) return id;
  }
  return undefined;
}

/** The GNU build id among notes; undefined if there is none. */
export function findBuildId(notes: Uint8Array): Uint8Array | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength);
  const align = (size: number) => (size + 3) & ~3;
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameSize = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    const type = view.getUint32(at + 8, true);
    const name = at + 12;
    const data = name + align(nameSize);
    const next = data + align(size);
    if (next > notes.length || nameSize > notes.length || size > notes.length) return undefined;
    const isGnu = nameSize === 4 && view.getUint32(name, false) === 0x474e5500;
    if (isGnu && type === NT_GNU_BUILD_ID && size > 0 && size <= MAX_BUILD_ID)
      return notes.slice(data, data + size);
    at = next;
  }
  return undefined;
}

/** Entries of a dynamic section, up to DT_NULL. */
export function parseDynamic(bytes: Uint8Array, pointerSize: 4 | 8 = 8): Map<bigint, bigint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number) =>
    pointerSize === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
  const entries = new Map<bigint, bigint>();
  const size = 2 * pointerSize;
  for (let at = 0; at + size <= bytes.length && entries.size < MAX_DYNAMIC; at += size) {
    const tag = word(at);
    if (tag === 0n) break;
    if (!entries.has(tag)) entries.set(tag, word(at + pointerSize));
  }
  return entries;
}

/** The dynamic section of a loaded image. */
export interface DynamicSection {
  entries: ReadonlyMap<bigint, bigint>;
  /** Where an address of an entry lies, from the start of the image. */
  offsetOf(address: bigint): bigint;
}

/** `base` is where the image lies: glibc relocates the addresses of its dynamic section in memory, musl and the vDSO do not. */
export function* readDynamicSection(
  image: ElfImage,
  base: bigint,
  read: ImageReader,
): Task<DynamicSection | undefined> {
  const header = image.headers.find(({ type }) => type === PT_DYNAMIC);
  if (header === undefined || header.memorySize > BigInt(MAX_DYNAMIC * 16)) return undefined;
  const bytes = yield* read(header.address - image.linkBase, Number(header.memorySize));
  if (bytes === undefined) return undefined;
  return {
    entries: parseDynamic(bytes, image.pointerSize),
    offsetOf: (address) => {
      const relocated = address >= base && address < base + image.size;
      return relocated ? address - base : address - image.linkBase;
    },
  };
}

/** DT_SONAME. */
export function* readSoname(image: ElfImage, base: bigint, read: ImageReader): Task<string | undefined> {
  const dynamic = yield* readDynamicSection(image, base, read);
  const name = dynamic?.entries.get(DT_SONAME);
  const table = dynamic?.entries.get(DT_STRTAB);
  if (dynamic === undefined || name === undefined || table === undefined) return undefined;
  const text = yield* read(dynamic.offsetOf(table) + name, 256);
  return text && cString(text);
}
