import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';

/** A section header. Sizes are bytes. */
export interface PeSection {
  /** In the file of mingw also a long one. */
  readonly name: string;
  /** RVA. */
  readonly address: number;
  /** In memory. Linkers leave it 0 where it is that of the file. */
  readonly virtualSize: number;
  readonly offset: number;
  /** In the file: a multiple of its alignment. */
  readonly size: number;
  readonly characteristics: number;
}

export interface DataDirectory {
  /** RVA. */
  readonly address: number;
  readonly size: number;
}

/** Places in the table of data directories. */
export const DIRECTORY = { export: 0, exception: 3, debug: 6 } as const;

/** The headers of a PE image: the same in a file and in memory. */
export interface PeHeaders {
  readonly machine: number;
  /** 8 in PE32+. */
  readonly pointerSize: 4 | 8;
  /** Where the file asks to be loaded; rounded above 2^53. */
  readonly imageBase: number;
  /** SizeOfImage of the module in a dump. */
  readonly imageSize: number;
  /** Bytes of the file, from its beginning, that are loaded before the sections. */
  readonly headersSize: number;
  readonly checkSum: number;
  /** Seconds since 1970, or a hash where the build is reproducible. */
  readonly timeStamp: number;
  /** Of the COFF symbol table in the file. */
  readonly symbols: { readonly offset: number; readonly count: number };
  readonly directories: readonly DataDirectory[];
  /** Names are as they stand in the header: at most 8 characters. */
  readonly sections: readonly PeSection[];
}

/** Reads exactly so many bytes at an offset from the start, or says undefined. */
export type HeaderReader = (offset: number, length: number) => Task<Uint8Array | undefined>;

const IMAGE_SCN_MEM_EXECUTE = 0x20000000;
const MZ = 0x5a4d;
const PE = 0x4550;
const PE32 = 0x10b;
const PE32_PLUS = 0x20b;
const DOS_HEADER_SIZE = 64;
const FILE_HEADER_SIZE = 24;
const SECTION_SIZE = 40;
const MAX_DIRECTORIES = 16;
/** The loader of Windows takes fewer. */
const MAX_SECTIONS = 1024;
/** Behind the fixed fields of the optional header: NumberOfRvaAndSizes, then the directories. */
const DIRECTORIES_AT = { 4: 92, 8: 108 } as const;
const latin = new TextDecoder('latin1');

export const isCode = (section: PeSection): boolean =>
  (section.characteristics & IMAGE_SCN_MEM_EXECUTE) !== 0;

/** The section that an RVA is in. */
export function sectionAt(sections: readonly PeSection[], rva: number): PeSection | undefined {
  return sections.find((one) => rva >= one.address && rva < one.address + (one.virtualSize || one.size));
}

/** Undefined where there is no PE image at all; `malformed` where one begins and is broken. */
export function* readPeHeaders(read: HeaderReader): Task<PeHeaders | undefined> {
  const dos = yield* read(0, DOS_HEADER_SIZE);
  if (dos === undefined) return undefined;
  const start = new ByteReader(dos, 'DOS header');
  if (start.u16() !== MZ) return undefined;
  start.position = 60;
  const at = start.u32();
  const head = yield* read(at, FILE_HEADER_SIZE);
  if (head === undefined) return undefined;
  const file = new ByteReader(head, 'PE header');
  if (file.u32() !== PE) return undefined;
  const machine = file.u16();
  const sectionCount = file.u16();
  const timeStamp = file.u32();
  const symbols = { offset: file.u32(), count: file.u32() };
  const optionalSize = file.u16();
  const bytes = yield* read(at + FILE_HEADER_SIZE, optionalSize);
  if (bytes === undefined)
    throw broken('PE header', `an optional header of ${optionalSize} bytes`, 'its end');
  const optional = new ByteReader(bytes, 'PE optional header');
  const magic = optional.u16();
  if (magic !== PE32 && magic !== PE32_PLUS)
    throw broken('PE optional header', 'the magic of PE32 or PE32+', `0x${magic.toString(16)}`);
  const pointerSize = magic === PE32_PLUS ? 8 : 4;
  optional.position = pointerSize === 8 ? 24 : 28;
  const imageBase = optional.unsigned(pointerSize);
  optional.position = 56;
  const imageSize = optional.u32();
  const headersSize = optional.u32();
  const checkSum = optional.u32();
  optional.position = DIRECTORIES_AT[pointerSize];
  const wanted = Math.min(optional.u32(), MAX_DIRECTORIES, Math.floor(optional.left / 8));
  const directories = Array.from({ length: wanted }, () => ({
    address: optional.u32(),
    size: optional.u32(),
  }));
  if (sectionCount > MAX_SECTIONS)
    throw broken('PE header', `${MAX_SECTIONS} sections at most`, `${sectionCount}`);
  const table = yield* read(at + FILE_HEADER_SIZE + optionalSize, sectionCount * SECTION_SIZE);
  if (table === undefined) throw broken('PE header', `${sectionCount} sections`, 'their end');
  const sections = readSections(table, sectionCount);
  const image = { imageBase, imageSize, headersSize, checkSum, timeStamp };
  return { machine, pointerSize, ...image, symbols, directories, sections };
}

function readSections(table: Uint8Array, count: number): PeSection[] {
  const reader = new ByteReader(table, 'PE sections');
  return Array.from({ length: count }, () => {
    const name = latin.decode(reader.take(8)).replace(/\0.*$/s, '');
    const virtualSize = reader.u32();
    const address = reader.u32();
    const size = reader.u32();
    const offset = reader.u32();
    reader.skip(12);
    return { name, address, virtualSize, offset, size, characteristics: reader.u32() };
  });
}
