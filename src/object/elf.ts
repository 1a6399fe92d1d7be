import type { Task } from '../io/index.js';

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
const ELF_HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
/** No real image comes near these; a hostile one must not make us read for ever. */
const MAX_HEADERS = 512;
const MAX_NOTES = 64 * 1024;
const MAX_DYNAMIC = 1024;
const MAX_BUILD_ID = 256;

export interface ElfImage {
  /** ET_EXEC 2, ET_DYN 3. */
  type: number;
  machine: number;
  /** Of the table of program headers, from the start of the image. */
  headerTable: { offset: bigint; size: number };
  headers: readonly ProgramHeader[];
  /** Lowest address that the file asks for, page aligned: the image lies at `base - linkBase` from there. */
  linkBase: bigint;
  /** From the lowest to the highest address of the loaded segments, .bss included, page aligned. */
  size: bigint;
}

const PAGE = 4096n;

/** Reads the headers of a 64-bit little-endian image; undefined if it is none. */
export function* readElfImage(read: ImageReader): Task<ElfImage | undefined> {
  const header = yield* read(0n, ELF_HEADER_SIZE);
  if (header === undefined || header.length < ELF_HEADER_SIZE) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const [elf64, littleEndian] = [2, 1];
  if (view.getUint32(0, false) !== 0x7f454c46 || header[4] !== elf64 || header[5] !== littleEndian)
    return undefined;
  const at = view.getBigUint64(32, true);
  const entrySize = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  if (entrySize !== PROGRAM_HEADER_SIZE || count === 0 || count > MAX_HEADERS) return undefined;
  const table = yield* read(at, count * PROGRAM_HEADER_SIZE);
  if (table === undefined || table.length < count * PROGRAM_HEADER_SIZE) return undefined;

  const headers = parseProgramHeaders(table, count);
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
    headerTable: { offset: at, size: table.length },
    headers,
    linkBase: low,
    size: high - low,
  };
}

/** Program headers from their table: the file's, or the one that AT_PHDR points to. */
export function parseProgramHeaders(table: Uint8Array, count: number): ProgramHeader[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const headers: ProgramHeader[] = [];
  for (let i = 0; i < count; i++) {
    const o = i * PROGRAM_HEADER_SIZE;
    headers.push({
      type: view.getUint32(o, true),
      flags: view.getUint32(o + 4, true),
      offset: view.getBigUint64(o + 8, true),
      address: view.getBigUint64(o + 16, true),
      fileSize: view.getBigUint64(o + 32, true),
      memorySize: view.getBigUint64(o + 40, true),
      alignment: view.getBigUint64(o + 48, true),
    });
  }
  return headers;
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

function findBuildId(notes: Uint8Array): Uint8Array | undefined {
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
export function parseDynamic(bytes: Uint8Array): Map<bigint, bigint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = new Map<bigint, bigint>();
  for (let at = 0; at + 16 <= bytes.length && entries.size < MAX_DYNAMIC; at += 16) {
    const tag = view.getBigUint64(at, true);
    if (tag === 0n) break;
    if (!entries.has(tag)) entries.set(tag, view.getBigUint64(at + 8, true));
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
    entries: parseDynamic(bytes),
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

/** The text before the first NUL; undefined if there is no NUL. */
export function cString(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, end));
}
