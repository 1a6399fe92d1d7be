import { BytesSource, MinidumpError, readRange, type Source, type Task } from '../../io/index.js';
import { broken, cString } from '../bytes.js';
import type { DwarfFile } from '../dwarf/dwarf-file.js';
import { type Decompressors, decompressSection } from '../elf-compression.js';
import { SectionData } from '../section-data.js';
import { longNameOffset, openCoffStrings } from './coff-strings.js';
import {
  NO_DEBUG_DIRECTORY,
  type PeDebugDirectory,
  peIdentifier,
  readDebugDirectory,
} from './debug-directory.js';
import { type PeHeaders, type PeSection, readPeHeaders, sectionAt } from './headers.js';
import type { PeImage } from './image.js';
import { elfMachine } from './machines.js';

export interface PeFileOptions {
  /** What unpacks compressed sections (`.zdebug_…`). Where it is missing, they are `unsupported` when they are asked for. */
  readonly decompress?: Decompressors;
}

/** So much may be made up of zeros at once, where a section is larger in memory than in the file. */
const MAX_ZEROS = 1 << 20;
const MAX_LONG_NAMES = 4096;

/** A PE file: program or DLL, PE32 or PE32+. Everything is found by RVA, as the loader would lay it out. */
export class PeFile implements PeImage {
  readonly source: Source;
  readonly headers: PeHeaders;
  readonly sections: readonly PeSection[];
  #debug: PeDebugDirectory = NO_DEBUG_DIRECTORY;
  readonly #decompress: Decompressors;
  readonly #data = new Map<PeSection, SectionData>();
  readonly #unpacked = new Map<PeSection, SectionData>();

  private constructor(
    source: Source,
    headers: PeHeaders,
    sections: readonly PeSection[],
    decompress: Decompressors,
  ) {
    this.source = source;
    this.headers = headers;
    this.sections = sections;
    this.#decompress = decompress;
  }

  /**
   * Reads the headers and the debug directory.
   *
   * @throws `malformed` if it is no PE file or its headers are broken
   */
  static *open(source: Source, { decompress = {} }: PeFileOptions = {}): Task<PeFile> {
    const headers = yield* readPeHeaders(function* (offset, length) {
      return offset + length > source.size
        ? undefined
        : yield* readRange(source, offset, length, 'PE header');
    });
    if (headers === undefined) throw broken('PE header', 'the headers of DOS and PE', 'no such bytes');
    const sections = yield* withLongNames(source, headers);
    const file = new PeFile(source, headers, sections, decompress);
    file.#debug = yield* readDebugDirectory(file);
    return file;
  }

  /** What the debug directory says. */
  get debug(): PeDebugDirectory {
    return this.#debug;
  }

  /** IMAGE_FILE_MACHINE_*: 0x14c (x86), 0x8664 (amd64), 0x1c4 (arm), 0xaa64 (arm64). */
  get machine(): number {
    return this.headers.machine;
  }

  get pointerSize(): 4 | 8 {
    return this.headers.pointerSize;
  }

  /** SizeOfImage of the module in a dump. */
  get imageSize(): number {
    return this.headers.imageSize;
  }

  get checkSum(): number {
    return this.headers.checkSum;
  }

  /** Seconds since 1970, or a hash where `debug.reproducible`. */
  get timeStamp(): number {
    return this.headers.timeStamp;
  }

  /** Time stamp and image size, as the code identifier of a module in a dump. */
  get codeIdentifier(): string {
    return peIdentifier(this.headers);
  }

  /** Of the PDB; undefined where none is named. */
  get debugIdentifier(): string | undefined {
    return this.debug.debugIdentifier;
  }

  /** The path of the PDB, as the linker wrote it. */
  get pdbName(): string | undefined {
    return this.debug.pdbName;
  }

  section(name: string): PeSection | undefined {
    const found = this.sections.find((one) => one.name === name);
    if (found || !name.startsWith('.debug_')) return found;
    return this.sections.find((one) => one.name === `.z${name.slice(1)}`);
  }

  /**
   * The bytes of a section, without what fills it up in the file, decompressed; undefined where there is none of that name.
   *
   * @throws `malformed` if it does not lie inside the file, `unsupported` if nothing decompresses it
   */
  *data(name: string): Task<SectionData | undefined> {
    const section = this.section(name);
    if (section === undefined) return undefined;
    const raw = this.#raw(section);
    if (!section.name.startsWith('.zdebug_')) return raw;
    const known = this.#unpacked.get(section);
    if (known) return known;
    const packed = yield* raw.read(0, raw.size);
    const bytes = yield* decompressSection(name, packed, 'gnu', this.pointerSize, this.#decompress);
    const data = new SectionData(name, new BytesSource(bytes), 0, bytes.length);
    this.#unpacked.set(section, data);
    return data;
  }

  #raw(section: PeSection): SectionData {
    let data = this.#data.get(section);
    if (data === undefined) {
      const { name, offset, virtualSize } = section;
      const size = virtualSize === 0 ? section.size : Math.min(section.size, virtualSize);
      if (offset + size > this.source.size)
        throw broken(`section ${name}`, `a range of ${this.source.size} bytes`, `${size} bytes at ${offset}`);
      data = new SectionData(name, this.source, offset, size);
      this.#data.set(section, data);
    }
    return data;
  }

  *read(rva: number, length: number): Task<Uint8Array | undefined> {
    // The last record of a section may end where the section does.
    if (length === 0) return new Uint8Array();
    const { headersSize } = this.headers;
    const section = sectionAt(this.sections, rva);
    if (section === undefined) {
      if (rva + length > Math.min(headersSize, this.source.size)) return undefined;
      return yield* readRange(this.source, rva, length, 'PE headers');
    }
    const at = rva - section.address;
    if (at + length > (section.virtualSize || section.size)) return undefined;
    let data: SectionData;
    try {
      data = this.#raw(section);
    } catch (error) {
      // It is cut off: as if it were not there.
      if (error instanceof MinidumpError && error.code === 'malformed') return undefined;
      throw error;
    }
    if (at + length <= data.size) return yield* data.read(at, length);
    if (length > MAX_ZEROS) return undefined;
    const bytes = new Uint8Array(length);
    if (at < data.size) bytes.set(yield* data.read(at, data.size - at));
    return bytes;
  }

  /** The file as DWARF is read from it: mingw and LLVM put the sections of ELF into it. */
  get dwarf(): DwarfFile {
    const { imageBase, imageSize, pointerSize, machine } = this.headers;
    return {
      machine: elfMachine(machine),
      pointerSize,
      linkBase: imageBase,
      imageSize,
      section: (name) => {
        const found = this.section(name);
        return found && { address: imageBase + found.address };
      },
      data: (name) => this.data(name),
    };
  }
}

/** Names of more than 8 characters stand in the string table of the COFF symbols. */
function* withLongNames(source: Source, headers: PeHeaders): Task<readonly PeSection[]> {
  if (!headers.sections.some(({ name }) => name.startsWith('/'))) return headers.sections;
  const strings = yield* openCoffStrings(source, headers);
  if (strings === undefined) return headers.sections;
  const sections: PeSection[] = [];
  let names = 0;
  for (const section of headers.sections) {
    const at = longNameOffset(section.name);
    let name: string | undefined;
    if (at !== undefined && at < strings.size && names++ < MAX_LONG_NAMES) {
      // A name that is cut off costs the name.
      name = cString(yield* strings.glance(at, 256)) || undefined;
    }
    sections.push(name === undefined ? section : { ...section, name });
  }
  return sections;
}
