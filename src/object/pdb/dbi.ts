import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import type { SectionData } from '../section-data.js';

const HEADER_SIZE = 64;
/** V70 of 1999; older ones come in files of format 2.00. */
const V70 = 19990903;
/** No stream of this number. */
export const NO_STREAM = 0xffff;
/** Numbers of modules have 16 bits in section contributions. */
const MAX_MODULES = 0x10000;
const MAX_MODULES_SIZE = 128 * 1024 * 1024;

/** One object file, or what an import library made. */
export interface PdbModule {
  /** As the linker names it: the path of the object file, or `Import:KERNEL32.dll`. */
  readonly name: string;
  /** Number of the stream with its symbols and lines; undefined where it has none. */
  readonly stream: number | undefined;
  /** Bytes of symbols at the beginning of that stream, with a signature of 4 bytes. */
  readonly symbolSize: number;
  /** Bytes of lines behind them in the format before Visual C++ 8 (C11), which nobody writes any more. */
  readonly oldLineSize: number;
  /** Bytes of lines behind those (C13). */
  readonly lineSize: number;
}

/** Numbers of further streams, in the order of the optional debug header; undefined where there is none. */
export interface DebugStreams {
  readonly fpo: number | undefined;
  readonly omapToSource: number | undefined;
  readonly omapFromSource: number | undefined;
  readonly sectionHeaders: number | undefined;
  readonly frameData: number | undefined;
  readonly originalSectionHeaders: number | undefined;
}

const FPO = 0;
const OMAP_TO_SOURCE = 3;
const OMAP_FROM_SOURCE = 4;
const SECTION_HEADERS = 5;
const FRAME_DATA = 9;
const ORIGINAL_SECTION_HEADERS = 10;

/** Names of its parts, in the order in which they follow the header. */
type Part =
  | 'modules'
  | 'contributions'
  | 'sectionMap'
  | 'sources'
  | 'typeServers'
  | 'editAndContinue'
  | 'debug';

/**
 * The DBI stream (number 3): what the linker tells of the image and its modules.
 *
 * @see https://llvm.org/docs/PDB/DbiStream.html
 */
export class DbiStream {
  readonly age: number;
  /** IMAGE_FILE_MACHINE_…: 0x14c x86, 0x8664 x86-64, 0xaa64 ARM64. */
  readonly machine: number;
  /** Streams of the hash of global symbols, of public symbols, and of the records of both. */
  readonly globalStream: number;
  readonly publicStream: number;
  readonly symbolStream: number;
  readonly #parts: Readonly<Record<Part, SectionData>>;

  private constructor(data: SectionData, header: Uint8Array) {
    const reader = new ByteReader(header, data.name);
    if (reader.i32() !== -1 || reader.u32() < V70)
      throw broken(data.name, 'version 19990903', 'an older one');
    this.age = reader.u32();
    this.globalStream = reader.u16();
    reader.skip(2);
    this.publicStream = reader.u16();
    reader.skip(2);
    this.symbolStream = reader.u16();
    reader.skip(2);
    const sizes = Array.from({ length: 5 }, () => reader.u32());
    reader.skip(4);
    const debugSize = reader.u32();
    const editAndContinueSize = reader.u32();
    reader.skip(2);
    this.machine = reader.u16();
    let at = HEADER_SIZE;
    const part = (size: number) => {
      at += size;
      return data.slice(at - size, size);
    };
    const [modules, contributions, sectionMap, sources, typeServers] = sizes.map(part) as [
      SectionData,
      SectionData,
      SectionData,
      SectionData,
      SectionData,
    ];
    const editAndContinue = part(editAndContinueSize);
    const debug = part(debugSize);
    this.#parts = { modules, contributions, sectionMap, sources, typeServers, editAndContinue, debug };
  }

  static *open(data: SectionData): Task<DbiStream> {
    return new DbiStream(data, yield* data.read(0, HEADER_SIZE));
  }

  /** Which code is of which module; see section-contributions.ts. */
  get contributions(): SectionData {
    return this.#parts.contributions;
  }

  *modules(): Task<PdbModule[]> {
    const data = this.#parts.modules;
    if (data.size > MAX_MODULES_SIZE)
      throw broken(data.name, `at most ${MAX_MODULES_SIZE} bytes of modules`, `${data.size}`);
    const reader = new ByteReader(yield* data.read(0, data.size), 'modules of the PDB');
    const modules: PdbModule[] = [];
    while (reader.left >= HEADER_SIZE && modules.length < MAX_MODULES) {
      reader.skip(34);
      const stream = reader.u16();
      const symbolSize = reader.u32();
      const oldLineSize = reader.u32();
      const lineSize = reader.u32();
      reader.skip(16);
      const name = reader.string();
      reader.skipString();
      reader.position = Math.min(reader.end, (reader.position + 3) & ~3);
      modules.push({
        name,
        stream: stream === NO_STREAM ? undefined : stream,
        symbolSize,
        oldLineSize,
        lineSize,
      });
    }
    return modules;
  }

  *debugStreams(): Task<DebugStreams> {
    const data = this.#parts.debug;
    const bytes = yield* data.read(0, Math.min(data.size, 2 * (ORIGINAL_SECTION_HEADERS + 1)));
    const reader = new ByteReader(bytes, data.name);
    const at = (index: number) => {
      if (reader.end < index * 2 + 2) return undefined;
      reader.position = index * 2;
      const number = reader.u16();
      return number === NO_STREAM ? undefined : number;
    };
    return {
      fpo: at(FPO),
      omapToSource: at(OMAP_TO_SOURCE),
      omapFromSource: at(OMAP_FROM_SOURCE),
      sectionHeaders: at(SECTION_HEADERS),
      frameData: at(FRAME_DATA),
      originalSectionHeaders: at(ORIGINAL_SECTION_HEADERS),
    };
  }
}
