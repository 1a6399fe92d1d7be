import { MinidumpError, type Source, type Task } from '../../io/index.js';
import { broken } from '../bytes.js';
import type { Intervals } from '../dwarf/intervals.js';
import { Recent } from '../dwarf/recent.js';
import { IMAGE_FILE_MACHINE_I386 } from '../pe/machines.js';
import type { SectionData } from '../section-data.js';
import { DbiStream, type DebugStreams, type PdbModule } from './dbi.js';
import { FrameRecords } from './frame-records.js';
import { type PdbInfo, readPdbInfo } from './info-stream.js';
import { ModuleSymbols } from './module-symbols.js';
import { MsfFile } from './msf.js';
import { Omap, PdbAddresses } from './omap.js';
import { Once } from './once.js';
import { PublicSymbols } from './public-symbols.js';
import { readSectionContributions } from './section-contributions.js';
import { PdbSections } from './sections.js';
import { PdbStrings } from './string-table.js';
import { TypeNames } from './type-names.js';
import { TypeStream } from './type-stream.js';

const PDB_STREAM = 1;
const TPI_STREAM = 2;
const DBI_STREAM = 3;
const IPI_STREAM = 4;
/** Bytes of modules that are kept open. */
const KEPT_MODULES = 32 * 1024 * 1024;

/**
 * A program database as Visual C++ 7 and later, and LLVM, write it. Streams are read by ranges, when they are asked for: of a file of
 * gigabytes a stack takes a few megabytes.
 */
export class PdbFile {
  /** 32 upper-case hexadecimal digits, in the order of Breakpad's identifiers. */
  readonly guid: string;
  /** Of the DBI stream: the one that the image and so the dump has. */
  readonly age: number;
  /** Of the PDB stream: grows also where a tool adds to the file. */
  readonly fileAge: number;
  /** As Breakpad writes it: the GUID, and the age in hexadecimal digits. */
  readonly debugIdentifier: string;
  /** IMAGE_FILE_MACHINE_…: 0x14c x86, 0x8664 x86-64, 0xaa64 ARM64. */
  readonly machine: number;
  /** Numbers of streams by their names. */
  readonly namedStreams: ReadonlyMap<string, number>;
  readonly #msf: MsfFile;
  readonly #dbi: DbiStream;
  readonly #debugStreams = new Once(() => this.#dbi.debugStreams());
  readonly #modules = new Once(() => this.#dbi.modules());
  readonly #moduleNumbers = new Once(() => this.#readModuleNumbers());
  readonly #openModules = new Recent<ModuleSymbols>(KEPT_MODULES);
  readonly #addresses = new Once(() => this.#readAddresses());
  readonly #sections = new Once(() => this.#readSections());
  readonly #contributions = new Once(() => this.#readContributions());
  readonly #strings = new Once(() => this.#openStrings());
  readonly #publics = new Once(() => this.#openPublics());
  readonly #typeNames = new Once(() => this.#openTypeNames());
  readonly #frameData = new Once(() => this.#readFrames('frameData'));
  readonly #fpo = new Once(() => this.#readFrames('fpo'));

  private constructor(msf: MsfFile, info: PdbInfo, dbi: DbiStream) {
    this.#msf = msf;
    this.#dbi = dbi;
    this.guid = info.guid;
    this.age = dbi.age;
    this.fileAge = info.age;
    this.debugIdentifier = `${info.guid}${dbi.age.toString(16)}`;
    this.machine = dbi.machine;
    this.namedStreams = info.namedStreams;
  }

  /**
   * Reads headers only.
   *
   * @throws `malformed` or `truncated` if it is no PDB or its headers are broken, `unsupported` if it is of format 2.00 or has no
   * debug information (the file of types that /Zi makes for object files)
   */
  static *open(source: Source): Task<PdbFile> {
    const msf = yield* MsfFile.open(source);
    const info = yield* msf.stream(PDB_STREAM, 'PDB stream');
    if (info === undefined) throw broken('PDB', 'a PDB stream', 'none');
    const dbi = yield* msf.stream(DBI_STREAM, 'DBI stream');
    if (dbi === undefined || dbi.size === 0) {
      throw new MinidumpError('unsupported', 'this PDB is of no image: it has types only', {
        advice: 'Use the PDB that the linker wrote.',
      });
    }
    return new PdbFile(msf, yield* readPdbInfo(info), yield* DbiStream.open(dbi));
  }

  get isX86(): boolean {
    return this.machine === IMAGE_FILE_MACHINE_I386;
  }

  /** Whether it tells where a source server has its files (pdbstr adds that). */
  get hasSourceServer(): boolean {
    return this.namedStreams.has('srcsrv');
  }

  /** A stream by its name; undefined where there is none. */
  *namedStream(name: string): Task<SectionData | undefined> {
    const number = this.namedStreams.get(name);
    return number === undefined ? undefined : yield* this.#msf.stream(number, name);
  }

  /** Between RVAs of the image and those of the image as it was linked, of which all else here speaks. */
  *addresses(): Task<PdbAddresses> {
    return yield* this.#addresses.get();
  }

  *sections(): Task<PdbSections> {
    return yield* this.#sections.get();
  }

  /** The number of the module that has the code at an RVA. */
  *moduleAt(rva: number): Task<number | undefined> {
    return (yield* this.#contributions.get()).find(rva);
  }

  *modules(): Task<readonly PdbModule[]> {
    return yield* this.#modules.get();
  }

  /** A module by its name in whatever case. */
  *moduleNamed(name: string): Task<number | undefined> {
    return (yield* this.#moduleNumbers.get()).get(name.toLowerCase());
  }

  /** Symbols and lines of a module; undefined where it has none. */
  *module(index: number): Task<ModuleSymbols | undefined> {
    const known = this.#openModules.get(index);
    if (known !== undefined) return known;
    const module = (yield* this.modules())[index];
    if (module?.stream === undefined) return undefined;
    const data = yield* this.#msf.stream(module.stream, `symbols of ${module.name}`);
    if (data === undefined) return undefined;
    const opened = yield* ModuleSymbols.open(module, data, yield* this.sections());
    this.#openModules.set(index, opened, opened.weight);
    return opened;
  }

  /** The name of a source file, by the offset of its checksum in a module; undefined where it is not known. */
  *fileName(module: ModuleSymbols, checksum: number): Task<string | undefined> {
    const offset = yield* module.lines.fileName(checksum);
    const strings = yield* this.strings();
    return offset === undefined || strings === undefined ? undefined : yield* strings.text(offset);
  }

  /** `/names`; undefined where there is none. */
  *strings(): Task<PdbStrings | undefined> {
    return yield* this.#strings.get();
  }

  /** Undefined where there are none. */
  *publics(): Task<PublicSymbols | undefined> {
    return yield* this.#publics.get();
  }

  /** The records of public and global symbols, one after the other. */
  *symbolRecords(): Task<SectionData | undefined> {
    return yield* this.#msf.stream(this.#dbi.symbolStream, 'symbol records');
  }

  *typeNames(): Task<TypeNames> {
    return yield* this.#typeNames.get();
  }

  /** STACK WIN records with programs. */
  *frameData(): Task<FrameRecords | undefined> {
    return yield* this.#frameData.get();
  }

  /** STACK WIN records without. */
  *fpo(): Task<FrameRecords | undefined> {
    return yield* this.#fpo.get();
  }

  *#debugStream(name: keyof DebugStreams): Task<SectionData | undefined> {
    const number = (yield* this.#debugStreams.get())[name];
    return number === undefined
      ? undefined
      : yield* this.#msf.stream(number, `PDB stream ${number}, ${name}`);
  }

  *#readAddresses(): Task<PdbAddresses> {
    const to = yield* this.#debugStream('omapToSource');
    const from = yield* this.#debugStream('omapFromSource');
    if (to === undefined || from === undefined || to.size === 0 || from.size === 0) return new PdbAddresses();
    return new PdbAddresses(yield* Omap.read(to), yield* Omap.read(from));
  }

  *#readSections(): Task<PdbSections> {
    const original = (yield* this.addresses()).rearranged
      ? yield* this.#debugStream('originalSectionHeaders')
      : undefined;
    const headers = original ?? (yield* this.#debugStream('sectionHeaders'));
    if (headers === undefined) throw broken('PDB', 'section headers', 'none');
    return yield* PdbSections.read(headers);
  }

  *#readContributions(): Task<Intervals> {
    return yield* readSectionContributions(this.#dbi.contributions, yield* this.sections());
  }

  *#readModuleNumbers(): Task<Map<string, number>> {
    return new Map((yield* this.modules()).map(({ name }, index) => [name.toLowerCase(), index]));
  }

  *#openStrings(): Task<PdbStrings | undefined> {
    const data = yield* this.namedStream('/names');
    return data && (yield* PdbStrings.open(data));
  }

  *#openPublics(): Task<PublicSymbols | undefined> {
    const data = yield* this.#msf.stream(this.#dbi.publicStream, 'public symbols');
    const records = yield* this.symbolRecords();
    return data && records && data.size > 0 ? yield* PublicSymbols.open(data, records) : undefined;
  }

  *#openTypeNames(): Task<TypeNames> {
    return new TypeNames(
      yield* this.#openTypes(TPI_STREAM, 'types'),
      yield* this.#openTypes(IPI_STREAM, 'ids'),
    );
  }

  *#openTypes(number: number, name: string): Task<TypeStream | undefined> {
    const data = yield* this.#msf.stream(number, name);
    if (data === undefined || data.size === 0) return undefined;
    return yield* TypeStream.open(data, (hash) => this.#msf.stream(hash, `hash of ${name}`));
  }

  *#readFrames(name: 'frameData' | 'fpo'): Task<FrameRecords | undefined> {
    const data = yield* this.#debugStream(name);
    if (data === undefined) return undefined;
    return yield* name === 'fpo' ? FrameRecords.fpo(data) : FrameRecords.frameData(data);
  }
}
