import { BytesSource, MinidumpError, readRange, type Source, type Task } from '../io/index.js';
import { broken } from './bytes.js';
import {
  findBuildId,
  PAGE,
  type ProgramHeader,
  PT_LOAD,
  PT_NOTE,
  parseProgramHeaders,
  programHeaderSize,
} from './elf.js';
import { type Decompressors, decompressSection, type SectionCompression } from './elf-compression.js';
import { type ElfSection, readSectionHeaders, SHF_COMPRESSED, SHT_NOBITS, SHT_NOTE } from './elf-sections.js';
import { SectionData } from './section-data.js';
import { decompressXz } from './xz/xz.js';

const ELF_MAGIC = 0x7f454c46;
const LITTLE_ENDIAN = 1;
/** e_phnum where there are more program headers than it can tell: sh_info of the first section has the number. */
const PN_XNUM = 0xffff;
const MAX_PROGRAM_HEADERS = 1 << 16;
const MAX_NOTES = 1024 * 1024;
const MAX_LINK = 64 * 1024;
const TEXT_ID_SIZE = 16;

export interface ElfFileOptions {
  /** What unpacks compressed sections. Where one is missing, they are `unsupported` when they are asked for. */
  readonly decompress?: Decompressors;
}

/** `.gnu_debuglink`: the debug file beside this one. */
export interface DebugLink {
  readonly name: string;
  /** CRC-32 of the whole debug file: see crc32Of. */
  readonly crc: number;
}

/** `.gnu_debugaltlink` or `.debug_sup`: the file that dwz moved what several debug files share into. */
export interface SupplementaryLink {
  readonly name: string;
  readonly buildId: Uint8Array;
}

/** An ELF file: executable, shared object, or the debug information that was split off one. Little-endian, 32 or 64 bits. */
export class ElfFile {
  readonly source: Source;
  readonly pointerSize: 4 | 8;
  /** ET_REL 1, ET_EXEC 2, ET_DYN 3. */
  readonly type: number;
  /** EM_386 3, EM_ARM 40, EM_X86_64 62, EM_AARCH64 183. */
  readonly machine: number;
  readonly programHeaders: readonly ProgramHeader[];
  readonly sections: readonly ElfSection[];
  /**
   * Lowest address that the segments ask for, page aligned, as ElfImage has it: an RVA is an address of this file
   * less this. 0 where there are no segments.
   */
  readonly linkBase: number;
  /** From there to the end of the highest segment, page aligned: the SizeOfImage of the module in a dump. */
  readonly imageSize: number;
  readonly #decompress: Decompressors;
  readonly #data = new Map<ElfSection, SectionData>();

  private constructor(
    source: Source,
    header: { pointerSize: 4 | 8; type: number; machine: number },
    programHeaders: readonly ProgramHeader[],
    sections: readonly ElfSection[],
    decompress: Decompressors,
  ) {
    this.source = source;
    this.pointerSize = header.pointerSize;
    this.type = header.type;
    this.machine = header.machine;
    this.programHeaders = programHeaders;
    this.sections = sections;
    this.#decompress = decompress;
    let low: bigint | undefined;
    let high = 0n;
    for (const { type, address, memorySize } of programHeaders) {
      if (type !== PT_LOAD) continue;
      if (low === undefined || address < low) low = address;
      if (address + memorySize > high) high = address + memorySize;
    }
    this.linkBase = Number((low ?? 0n) & ~(PAGE - 1n));
    this.imageSize = Number((high + PAGE - 1n) & ~(PAGE - 1n)) - this.linkBase;
  }

  /**
   * Reads headers only.
   *
   * @throws `malformed` if it is no ELF file or its headers are broken, `unsupported` if it is big-endian
   */
  static *open(source: Source, { decompress = {} }: ElfFileOptions = {}): Task<ElfFile> {
    const head = yield* readRange(source, 0, Math.min(64, source.size), 'ELF header');
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    if (head.length < 52 || view.getUint32(0, false) !== ELF_MAGIC) {
      throw broken('ELF header', 'the bytes 7f 45 4c 46', `${head.length} bytes that begin otherwise`);
    }
    if (head[5] !== LITTLE_ENDIAN) {
      throw new MinidumpError('unsupported', 'this ELF file is big-endian; mdmp reads little-endian ones');
    }
    const wide = head[4] === 2;
    if ((!wide && head[4] !== 1) || (wide && head.length < 64)) {
      throw broken('ELF header', 'a class of 32 or 64 bits', `class ${head[4]} in ${head.length} bytes`);
    }
    const pointerSize = wide ? 8 : 4;
    const offset = (at: number) => (wide ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true));
    const sections = yield* readSectionHeaders(source, {
      pointerSize,
      offset: offset(wide ? 40 : 32),
      entrySize: view.getUint16(wide ? 58 : 46, true),
      count: view.getUint16(wide ? 60 : 48, true),
      nameTable: view.getUint16(wide ? 62 : 50, true),
    });

    let count = view.getUint16(wide ? 56 : 44, true);
    if (count === PN_XNUM && sections[0]) count = sections[0].info;
    const entrySize = view.getUint16(wide ? 54 : 42, true);
    let programHeaders: ProgramHeader[] = [];
    if (count > 0) {
      if (entrySize !== programHeaderSize(pointerSize) || count > MAX_PROGRAM_HEADERS) {
        throw broken('ELF header', 'program headers', `${count} of ${entrySize} bytes`);
      }
      const at = offset(wide ? 32 : 28);
      const table = yield* readRange(source, at, count * entrySize, 'ELF program headers');
      programHeaders = parseProgramHeaders(table, count, pointerSize);
    }
    const header = {
      pointerSize,
      type: view.getUint16(16, true),
      machine: view.getUint16(18, true),
    } as const;
    return new ElfFile(source, header, programHeaders, sections, decompress);
  }

  /** A section by its name, which may be written `.zdebug_…` in the file where it is compressed the old way of GNU. */
  section(name: string): ElfSection | undefined {
    const found = this.sections.find((one) => one.name === name);
    if (found || !name.startsWith('.debug_')) return found;
    return this.sections.find((one) => one.name === `.z${name.slice(1)}`);
  }

  /** How a section is compressed. */
  compression(section: ElfSection): SectionCompression | undefined {
    if (section.flags & SHF_COMPRESSED) return 'header';
    return section.name.startsWith('.zdebug_') ? 'gnu' : undefined;
  }

  /**
   * The bytes of a section, decompressed; undefined where the file has none of that name, or not its bytes (a debug
   * file keeps headers of the sections that it was split off from).
   *
   * @throws `malformed` if it does not lie inside the file, `unsupported` if nothing decompresses it
   */
  *data(wanted: string | ElfSection): Task<SectionData | undefined> {
    const section = typeof wanted === 'string' ? this.section(wanted) : wanted;
    if (section === undefined || section.type === SHT_NOBITS) return undefined;
    const known = this.#data.get(section);
    if (known) return known;
    const { name, offset, size } = section;
    if (!(offset >= 0 && size >= 0 && offset + size <= this.source.size)) {
      throw broken(`section ${name}`, `a range of ${this.source.size} bytes`, `${size} bytes at ${offset}`);
    }
    const compression = this.compression(section);
    let data: SectionData;
    if (compression === undefined) data = new SectionData(name, this.source, offset, size);
    else {
      const packed = yield* readRange(this.source, offset, size, name);
      const bytes = yield* decompressSection(name, packed, compression, this.pointerSize, this.#decompress);
      data = new SectionData(name, new BytesSource(bytes), 0, bytes.length);
    }
    this.#data.set(section, data);
    return data;
  }

  /** All bytes of a small section; undefined where there is none. */
  *#smallSection(name: string): Task<Uint8Array | undefined> {
    const data = yield* this.data(name);
    if (data === undefined) return undefined;
    return yield* data.read(0, Math.min(data.size, MAX_LINK));
  }

  /** The GNU build id, from the notes. */
  *buildId(): Task<Uint8Array | undefined> {
    // In a debug file the segments tell of bytes that only the other file has: its sections come first.
    const places = this.sections
      .filter(({ type }) => type === SHT_NOTE)
      .map(({ offset, size }) => ({ offset, size }));
    for (const { type, offset, fileSize } of this.programHeaders) {
      if (type === PT_NOTE) places.push({ offset: Number(offset), size: Number(fileSize) });
    }
    for (const { offset, size } of places) {
      if (size > MAX_NOTES || offset + size > this.source.size) continue;
      const id = findBuildId(yield* readRange(this.source, offset, size, 'ELF notes'));
      if (id) return id;
    }
    return undefined;
  }

  /**
   * What Breakpad takes for a build id where there is none: 16 bytes, to which the first page of `.text` is folded by exclusive or
   * (`HashElfTextSection` in its file_id.cc).
   */
  *textId(): Task<Uint8Array | undefined> {
    const text = yield* this.data('.text');
    if (text === undefined || text.size === 0) return undefined;
    const id = new Uint8Array(TEXT_ID_SIZE);
    const bytes = yield* text.read(0, Math.min(text.size, Number(PAGE)));
    bytes.forEach((byte, i) => {
      id[i % TEXT_ID_SIZE]! ^= byte;
    });
    return id;
  }

  *debugLink(): Task<DebugLink | undefined> {
    const bytes = yield* this.#smallSection('.gnu_debuglink');
    const end = bytes?.indexOf(0) ?? -1;
    if (bytes === undefined || end < 1) return undefined;
    const at = (end + 4) & ~3;
    if (at + 4 > bytes.length) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { name: new TextDecoder().decode(bytes.subarray(0, end)), crc: view.getUint32(at, true) };
  }

  *supplementaryLink(): Task<SupplementaryLink | undefined> {
    const alternative = yield* this.#smallSection('.gnu_debugaltlink');
    // DWARF 5, 7.3.6: version, whether this is the supplementary file itself, its name, the size of an id, the id.
    const sup = alternative ? undefined : yield* this.#smallSection('.debug_sup');
    if (sup && sup[2] !== 0) return undefined;
    const bytes = alternative ?? sup?.subarray(3);
    const end = bytes?.indexOf(0) ?? -1;
    if (bytes === undefined || end < 1) return undefined;
    const name = new TextDecoder().decode(bytes.subarray(0, end));
    const id = sup ? bytes.slice(end + 2, end + 2 + (bytes[end + 1]! & 0x7f)) : bytes.slice(end + 1);
    return { name, buildId: id };
  }

  /** Of a supplementary file: its build id, or the id in its `.debug_sup`. */
  *supplementaryId(): Task<Uint8Array | undefined> {
    const sup = yield* this.#smallSection('.debug_sup');
    const end = sup?.indexOf(0, 3) ?? -1;
    if (sup && sup[2] === 1 && end >= 3) return sup.slice(end + 2, end + 2 + (sup[end + 1]! & 0x7f));
    return yield* this.buildId();
  }

  /** `.gnu_debugdata` as it is: an ELF file with more symbols, compressed with xz (Fedora calls it MiniDebugInfo). */
  *debugData(): Task<Uint8Array | undefined> {
    const data = yield* this.data('.gnu_debugdata');
    return data && (yield* data.read(0, data.size));
  }

  /** The file in `.gnu_debugdata`; undefined where there is none. */
  *miniDebugInfo(): Task<ElfFile | undefined> {
    const packed = yield* this.debugData();
    if (packed === undefined) return undefined;
    const bytes = decompressXz(packed);
    return yield* ElfFile.open(new BytesSource(bytes), { decompress: this.#decompress });
  }
}
