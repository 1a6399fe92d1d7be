import { BytesSource, MinidumpError, type Task } from '../io/index.js';
import type { CfiRow } from './cfi.js';
import type { DebugInformation, FunctionAt, WindowsFrame } from './debug-information.js';
import { type CallFrames, openImageFrames } from './dwarf/frames.js';
import {
  DT_STRSZ,
  DT_STRTAB,
  type ElfImage,
  type ImageReader,
  readDynamicSection,
  readElfImage,
} from './elf.js';
import { ElfFunctions } from './elf-functions.js';
import { SYMBOL_SIZE } from './elf-symbol-table.js';
import { countSymbols, DT_SYMTAB } from './elf-symbols.js';
import { SectionData } from './section-data.js';

/** Larger tables are not read: those of libLLVM, which exports more than any other, have 20 MiB. */
const MAX_TABLE = 64 * 1024 * 1024;

/**
 * What an ELF image in memory tells of its own code: call frame information (PT_GNU_EH_FRAME) and the functions that it exports. It is all
 * there is of the vDSO, which has no file, and of modules whose files are lost while the dump holds all memory.
 */
export class ElfImageInformation implements DebugInformation {
  readonly #image: ElfImage;
  readonly #base: bigint;
  readonly #read: ImageReader;
  /** Null: there is none, or the dump does not hold it. */
  #frames: CallFrames | null | undefined;
  #functions: ElfFunctions | null | undefined;

  private constructor(image: ElfImage, base: bigint, read: ImageReader) {
    this.#image = image;
    this.#base = base;
    this.#read = read;
  }

  /**
   * Reads the headers; undefined where there is no ELF image.
   *
   * @param base where the image lies
   * @param read reads from there
   */
  static *open(base: bigint, read: ImageReader): Task<ElfImageInformation | undefined> {
    const image = yield* readElfImage(read);
    return image && new ElfImageInformation(image, base, read);
  }

  *cfiAt(rva: number): Task<CfiRow | undefined> {
    this.#frames ??= (yield* openImageFrames(this.#image, this.#read)) ?? null;
    return this.#frames === null ? undefined : yield* this.#frames.cfiAt(rva);
  }

  *functionAt(rva: number): Task<FunctionAt | undefined> {
    this.#functions ??= (yield* this.#readFunctions()) ?? null;
    const found = this.#functions === null ? undefined : yield* this.#functions.at(rva);
    if (found === undefined) return undefined;
    const { name, start } = found;
    const nowhere = { file: undefined, line: undefined, lineStart: undefined };
    return { name, start, ...nowhere, parameterSize: 0, inlines: [] };
  }

  *windowsFrameAt(_rva: number): Task<WindowsFrame | undefined> {
    return undefined;
  }

  *#readFunctions(): Task<ElfFunctions | undefined> {
    const { pointerSize, machine, linkBase } = this.#image;
    const dynamic = yield* readDynamicSection(this.#image, this.#base, this.#read);
    const symbols = dynamic?.entries.get(DT_SYMTAB);
    const texts = dynamic?.entries.get(DT_STRTAB);
    const textSize = Number(dynamic?.entries.get(DT_STRSZ) ?? 0);
    if (dynamic === undefined || symbols === undefined || texts === undefined) return undefined;
    const entrySize = SYMBOL_SIZE[pointerSize];
    const size = (yield* countSymbols(dynamic, pointerSize, this.#read)) * entrySize;
    if (size > MAX_TABLE || textSize > MAX_TABLE) return undefined;
    const table = yield* this.#table('.dynsym', dynamic.offsetOf(symbols), size);
    const names = yield* this.#table('.dynstr', dynamic.offsetOf(texts), textSize);
    if (table === undefined || names === undefined) return undefined;
    const layout = { pointerSize, machine, linkBase: Number(linkBase), entrySize, isCode: () => false };
    try {
      return yield* ElfFunctions.read(layout, table, names);
    } catch (error) {
      if (error instanceof MinidumpError && error.code === 'malformed') return undefined;
      throw error;
    }
  }

  *#table(name: string, offset: bigint, size: number): Task<SectionData | undefined> {
    const bytes = yield* this.#read(offset, size);
    if (bytes === undefined || bytes.length < size) return undefined;
    return new SectionData(name, new BytesSource(bytes), 0, size);
  }
}
