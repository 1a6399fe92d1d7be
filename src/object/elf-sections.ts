import { readRange, type Source, type Task } from '../io/index.js';
import { ByteReader, broken } from './bytes.js';

/** A section header. Addresses and sizes are numbers: those above 2^53 are rounded, and fail when they are used. */
export interface ElfSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  /** In the file, so before it is decompressed. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entrySize: number;
}

export const SHT_SYMTAB = 2;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_DYNSYM = 11;
export const SHF_COMPRESSED = 0x800;

const SECTION_HEADER_SIZE = { 4: 40, 8: 64 } as const;
/** e_shstrndx where it is more than 16 bits: sh_link of the first section has it. */
const SHN_XINDEX = 0xffff;
const MAX_NAME = 4096;

interface Place {
  pointerSize: 4 | 8;
  offset: number;
  entrySize: number;
  count: number;
  nameTable: number;
}

/** What the ELF header says of the table; with more than 65,279 sections the first of them says how many there are. */
export function* readSectionHeaders(source: Source, place: Place): Task<ElfSection[]> {
  const { pointerSize, offset, entrySize } = place;
  let { count, nameTable } = place;
  if (offset === 0) return [];
  if (entrySize !== SECTION_HEADER_SIZE[pointerSize]) {
    throw broken(
      'ELF header',
      `section headers of ${SECTION_HEADER_SIZE[pointerSize]} bytes`,
      `${entrySize}`,
    );
  }
  const first = parseHeaders(
    yield* readRange(source, offset, entrySize, 'ELF section headers'),
    pointerSize,
  )[0]!;
  if (count === 0) count = first.size;
  if (nameTable === SHN_XINDEX) nameTable = first.link;
  const room = Math.floor((source.size - offset) / entrySize);
  if (count > room) throw broken('ELF header', `at most ${room} section headers`, `${count}`);
  const raw = parseHeaders(
    yield* readRange(source, offset, count * entrySize, 'ELF section headers'),
    pointerSize,
  );

  const names = raw[nameTable];
  let texts: Uint8Array = new Uint8Array();
  // A broken table of names costs the names: segments still tell where the unwind information is.
  if (names && names.offset + names.size <= source.size) {
    texts = yield* readRange(source, names.offset, names.size, 'ELF section names');
  }
  return raw.map(({ nameOffset, ...section }) => {
    const from = Math.min(nameOffset, texts.length);
    const end = texts.subarray(from, from + MAX_NAME).indexOf(0);
    const name = end < 0 ? '' : new TextDecoder().decode(texts.subarray(from, from + end));
    return { name, ...section };
  });
}

function parseHeaders(bytes: Uint8Array, pointerSize: 4 | 8) {
  const reader = new ByteReader(bytes, 'ELF section headers');
  const headers: (Omit<ElfSection, 'name'> & { nameOffset: number })[] = [];
  while (reader.left > 0) {
    const nameOffset = reader.u32();
    const type = reader.u32();
    const flags = Number(reader.unsigned(pointerSize) % 2 ** 32);
    const address = reader.unsigned(pointerSize);
    const offset = reader.unsigned(pointerSize);
    const size = reader.unsigned(pointerSize);
    const link = reader.u32();
    const info = reader.u32();
    reader.skip(pointerSize);
    const entrySize = reader.unsigned(pointerSize);
    headers.push({ nameOffset, type, flags, address, offset, size, link, info, entrySize });
  }
  return headers;
}
