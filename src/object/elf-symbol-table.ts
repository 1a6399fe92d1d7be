import type { Task } from '../io/index.js';
import { broken } from './bytes.js';
import type { ElfFile } from './elf-file.js';
import { EM_ARM } from './elf-machines.js';
import { SHT_DYNSYM, SHT_SYMTAB } from './elf-sections.js';
import type { SectionData } from './section-data.js';

/** Bytes of a symbol, by the size of a pointer. */
export const SYMBOL_SIZE = { 4: 16, 8: 24 } as const;
const SHF_EXECINSTR = 4;
const CHUNK = 256 * 1024;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const STB_LOCAL = 0;
const STB_GLOBAL = 1;
const SHN_UNDEF = 0;
const SHN_ABS = 0xfff1;
/** What the file says of its symbol table. */
export interface SymbolLayout {
  readonly pointerSize: 4 | 8;
  readonly machine: number;
  readonly linkBase: number;
  /** Bytes of a symbol. */
  readonly entrySize: number;
  /** Whether a section holds code. */
  isCode(section: number): boolean;
}

/** A symbol table, and where the names of its symbols are. */
export interface SymbolTable {
  readonly layout: SymbolLayout;
  readonly symbols: SectionData;
  readonly names: SectionData;
}

/** `.symtab` or `.dynsym` of a file; undefined where it has none. */
export function* openSymbolTable(file: ElfFile, table: '.symtab' | '.dynsym'): Task<SymbolTable | undefined> {
  const type = table === '.symtab' ? SHT_SYMTAB : SHT_DYNSYM;
  const section = file.sections.find((one) => one.type === type);
  const symbols = section && (yield* file.data(section));
  const texts = section && file.sections[section.link];
  const names = texts && (yield* file.data(texts));
  if (section === undefined || symbols === undefined || names === undefined) return undefined;
  const executable = file.sections.map(({ flags }) => (flags & SHF_EXECINSTR) !== 0);
  const layout: SymbolLayout = {
    pointerSize: file.pointerSize,
    machine: file.machine,
    linkBase: file.linkBase,
    entrySize: section.entrySize,
    isCode: (index) => executable[index] === true,
  };
  return { layout, symbols, names };
}

/** The functions among the symbols of a table, in its order. */
export interface FunctionSymbols {
  /** RVAs. */
  starts: Uint32Array;
  sizes: Uint32Array;
  nameOffsets: Uint32Array;
  /** Of several at one address the greatest is to be named. */
  ranks: Uint8Array;
  /** Whether the symbol itself says that it is a function: not a label, nor what chooses one (STT_GNU_IFUNC). */
  areFunctions: Uint8Array;
  count: number;
}

/** Reads the table piece by piece, and keeps of it what is about functions. */
export function* readFunctions(layout: SymbolLayout, data: SectionData): Task<FunctionSymbols> {
  const { pointerSize, machine, linkBase, isCode } = layout;
  const wide = pointerSize === 8;
  const size = SYMBOL_SIZE[pointerSize];
  if (layout.entrySize !== size) throw broken(data.name, `entries of ${size} bytes`, `${layout.entrySize}`);
  const total = Math.floor(data.size / size);
  const found: FunctionSymbols = {
    starts: new Uint32Array(total),
    sizes: new Uint32Array(total),
    nameOffsets: new Uint32Array(total),
    ranks: new Uint8Array(total),
    areFunctions: new Uint8Array(total),
    count: 0,
  };
  const perChunk = Math.floor(CHUNK / size);
  for (let first = 0; first < total; first += perChunk) {
    const here = Math.min(perChunk, total - first);
    const bytes = yield* data.glance(first * size, here * size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < here * size; at += size) {
      const info = view.getUint8(at + (wide ? 4 : 12));
      const where = view.getUint16(at + (wide ? 6 : 14), true);
      const type = info & 0xf;
      if (where === SHN_UNDEF || where === SHN_ABS) continue;
      const name = view.getUint32(at, true);
      if (name === 0) continue;
      // Labels of hand-written code have no type; _start of crt1.o did for long. Mapping symbols ($a, $t, $d, $x) have
      // neither type nor size nor are they global.
      const isLabel = type === STT_NOTYPE && info >> 4 === STB_GLOBAL && isCode(where);
      if (type !== STT_FUNC && type !== STT_GNU_IFUNC && !isLabel) continue;
      let start = wide
        ? view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 8, true)
        : view.getUint32(at + 4, true);
      if (machine === EM_ARM && type === STT_FUNC && start % 2 === 1) start--;
      const rva = start - linkBase;
      if (rva < 0 || rva >= 2 ** 32) continue;
      const length = wide
        ? view.getUint32(at + 20, true) * 2 ** 32 + view.getUint32(at + 16, true)
        : view.getUint32(at + 8, true);
      const i = found.count++;
      found.starts[i] = rva;
      found.sizes[i] = Math.min(length, 2 ** 32 - 1);
      found.nameOffsets[i] = name;
      found.areFunctions[i] = type === STT_FUNC ? 1 : 0;
      // With a size before without, global before weak before local.
      const binding = info >> 4;
      found.ranks[i] = (length > 0 ? 4 : 0) + (binding === STB_GLOBAL ? 2 : binding === STB_LOCAL ? 0 : 1);
    }
  }
  return found;
}
