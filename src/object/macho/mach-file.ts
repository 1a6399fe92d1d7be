import { hex } from '../../io/bytes.js';
import { BytesSource, MinidumpError, readRange, type Source, type Task } from '../../io/index.js';
import { BrokenParts } from '../broken-parts.js';
import { broken } from '../bytes.js';
import type { DwarfFile } from '../dwarf/dwarf-file.js';
import { type Decompressors, decompressSection } from '../elf-compression.js';
import { SectionData } from '../section-data.js';
import { architectureOf, cpuOf, type MachCpu, machineOf } from './cpu.js';
import {
  type BuildVersion,
  type FileRange,
  type LoadCommands,
  type MachSection,
  parseLoadCommands,
} from './load-commands.js';
import { isMachO, MH_CIGAM, MH_CIGAM_64, MH_MAGIC_64, readSlices } from './slices.js';

const MH_DSYM = 10;
/** Those of the largest programs have some 100 KB. */
const MAX_COMMANDS = 16 * 1024 * 1024;
/** sectname has so many bytes: longer names are cut off. */
const MAX_NAME = 16;

export interface MachFileOptions {
  /** Which part of a universal file is wanted. */
  readonly cpu?: MachCpu | undefined;
  /** Its debugIdentifier or UUID in hexadecimal digits, where that is known: it tells arm64 from arm64e. */
  readonly identifier?: string | undefined;
  /** What unpacks `__zdebug_…` sections. Where it is missing, they are `unsupported` when they are asked for. */
  readonly decompress?: Decompressors | undefined;
}

/** What the first 28 or 32 bytes say. */
interface Header {
  readonly pointerSize: 4 | 8;
  readonly littleEndian: boolean;
  readonly cpuType: number;
  readonly cpuSubtype: number;
  readonly fileType: number;
}

/**
 * A Mach-O file: a program or library of macOS or iOS, an object file, or the DWARF of a dSYM bundle. 32 or 64 bits, either byte order;
 * of a universal file, one of its parts.
 */
export class MachFile implements DwarfFile {
  /** Of this file only, where it is part of a universal one. */
  readonly source: Source;
  readonly pointerSize: 4 | 8;
  readonly littleEndian: boolean;
  readonly cpu: MachCpu;
  /** As the MODULE record of a .sym file has it: `x86_64`, `arm64e`. */
  readonly architecture: string;
  /** e_machine of ELF for the same processor; 0 where there is none that mdmp unwinds. */
  readonly machine: number;
  /** MH_OBJECT 1, MH_EXECUTE 2, MH_DYLIB 6, MH_BUNDLE 8, MH_DSYM 10. */
  readonly fileType: number;
  readonly commands: LoadCommands;
  /** The address that `__TEXT` asks for, which is where the Mach-O header is: an RVA is an address of this file less this. */
  readonly linkBase: number;
  /** Bytes of `__TEXT`: SizeOfImage of a module, as Breakpad and Crashpad write it. */
  readonly imageSize: number;
  readonly #decompress: Decompressors;
  readonly #data = new Map<MachSection, SectionData>();

  private constructor(source: Source, header: Header, commands: LoadCommands, decompress: Decompressors) {
    this.source = source;
    this.pointerSize = header.pointerSize;
    this.littleEndian = header.littleEndian;
    this.cpu = cpuOf(header.cpuType);
    this.architecture = architectureOf(header.cpuType, header.cpuSubtype);
    this.machine = machineOf(header.cpuType);
    this.fileType = header.fileType;
    this.commands = commands;
    const text = commands.segments.find(({ name }) => name === '__TEXT');
    this.linkBase = text?.address ?? 0;
    this.imageSize = text?.size ?? 0;
    this.#decompress = decompress;
  }

  /**
   * Reads headers only. Of a universal file the part with the identifier is taken, else the first for the processor, else the only one.
   *
   * @throws `malformed` if it is no Mach-O file or its headers are broken, `unsupported` if it has no such part, or several and nothing
   * says which
   */
  static *open(source: Source, options: MachFileOptions = {}): Task<MachFile> {
    const slices = yield* readSlices(source);
    if (slices === undefined) return yield* MachFile.#openPart(source, options);
    const { identifier, cpu } = options;
    const wanted = slices.filter((slice) => cpu === undefined || slice.cpu === cpu);
    if (identifier !== undefined) {
      const parts = new BrokenParts();
      for (const { source: part } of wanted) {
        const file = yield* parts.attempt(MachFile.#openPart(part, options));
        if (file?.isIdentifiedBy(identifier)) return file;
      }
    }
    const [first] = wanted;
    if (first === undefined || (cpu === undefined && wanted.length > 1)) {
      const there = slices.map(({ architecture }) => architecture).join(', ');
      throw new MinidumpError(
        'unsupported',
        `this universal file is for ${there}: none of them is the one that is wanted`,
        {
          advice: 'Say for which processor it is to be read.',
        },
      );
    }
    return yield* MachFile.#openPart(first.source, options);
  }

  static *#openPart(source: Source, { decompress = {} }: MachFileOptions): Task<MachFile> {
    const head = yield* readRange(source, 0, Math.min(32, source.size), 'Mach-O header');
    if (head.length < 28 || !isMachO(head))
      throw broken(
        'Mach-O header',
        'the number of Mach-O files',
        `${head.length} bytes that begin otherwise`,
      );
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const magic = view.getUint32(0, false);
    const littleEndian = magic === MH_CIGAM || magic === MH_CIGAM_64;
    const wide = magic === MH_MAGIC_64 || magic === MH_CIGAM_64;
    const field = (at: number) => view.getUint32(at, littleEndian);
    const size = field(20);
    if (size > MAX_COMMANDS)
      throw broken('Mach-O header', `at most ${MAX_COMMANDS} bytes of commands`, `${size}`);
    const bytes = yield* readRange(source, wide ? 32 : 28, size, 'load commands');
    const header: Header = {
      pointerSize: wide ? 8 : 4,
      littleEndian,
      cpuType: field(4),
      cpuSubtype: field(8),
      fileType: field(12),
    };
    return new MachFile(source, header, parseLoadCommands(bytes, field(16), littleEndian), decompress);
  }

  /** LC_UUID: 16 bytes, the same in a module and its dSYM. */
  get uuid(): Uint8Array | undefined {
    return this.commands.uuid;
  }

  /** As Breakpad has it: the UUID in upper case, and an age of 0. */
  get debugIdentifier(): string | undefined {
    return this.uuid && `${hex(this.uuid).toUpperCase()}0`;
  }

  /** The UUID in lower case. */
  get codeIdentifier(): string | undefined {
    return this.uuid && hex(this.uuid);
  }

  /** Whether it is of a dSYM bundle (`NAME.dSYM/Contents/Resources/DWARF/NAME`): debug information, without the code. */
  get isDebugFile(): boolean {
    return this.fileType === MH_DSYM;
  }

  get buildVersion(): BuildVersion | undefined {
    return this.commands.buildVersion;
  }

  /** @param identifier a UUID or a debugIdentifier, in digits of either case */
  isIdentifiedBy(identifier: string): boolean {
    const wanted = identifier.replaceAll('-', '').toLowerCase();
    return this.codeIdentifier !== undefined && wanted.slice(0, 32) === this.codeIdentifier;
  }

  /**
   * A section by the name that ELF has for it: `.debug_info` is `__debug_info` here, or `__zdebug_info` where it is compressed; names are
   * cut off after 16 bytes.
   */
  section(name: string): MachSection | undefined {
    const plain = name.slice(1);
    const byName = (wanted: string) => {
      const cut = wanted.slice(0, MAX_NAME);
      return this.commands.sections.find((one) => one.name === cut);
    };
    return byName(`__${plain}`) ?? (plain.startsWith('debug_') ? byName(`__z${plain}`) : undefined);
  }

  /**
   * The bytes of a section, decompressed; undefined where the file has none of that name (see `section`), or not its bytes.
   *
   * @throws `malformed` if it does not lie inside the file, `unsupported` if nothing decompresses it, or it is encrypted
   */
  *data(wanted: string | MachSection): Task<SectionData | undefined> {
    const section = typeof wanted === 'string' ? this.section(wanted) : wanted;
    // Nothing but the header is at 0: a dSYM has it for sections whose bytes the module has.
    if (section === undefined || section.offset === 0) return undefined;
    const known = this.#data.get(section);
    if (known) return known;
    const { name, offset, size } = section;
    const raw = this.range(`section ${name}`, { offset, size });
    const { encrypted } = this.commands;
    if (encrypted && offset < encrypted.offset + encrypted.size && encrypted.offset < offset + size)
      throw new MinidumpError('unsupported', `section ${name} is encrypted, as the App Store does it`);
    let data = raw;
    if (name.startsWith('__zdebug_')) {
      const packed = yield* readRange(this.source, offset, size, name);
      const bytes = yield* decompressSection(name, packed, 'gnu', this.pointerSize, this.#decompress);
      data = new SectionData(name, new BytesSource(bytes), 0, bytes.length);
    }
    this.#data.set(section, data);
    return data;
  }

  /** A part of the file that a load command names. Throws `malformed` if it does not lie inside. */
  range(what: string, { offset, size }: FileRange): SectionData {
    if (!(offset + size <= this.source.size))
      throw broken(what, `a range of ${this.source.size} bytes`, `${size} bytes at ${offset}`);
    return new SectionData(what, this.source, offset, size);
  }

  /** Bytes of a section that is loaded at an RVA; undefined where they are in none, or the file does not have them. */
  *read(rva: number, length: number): Task<Uint8Array | undefined> {
    const address = rva + this.linkBase;
    const section = this.commands.sections.find(
      (one) => address >= one.address && address + length <= one.address + one.size,
    );
    const data = section && (yield* this.data(section));
    return data && (yield* data.read(address - section.address, length));
  }
}
