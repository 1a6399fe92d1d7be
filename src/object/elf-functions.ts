import type { Task } from '../io/index.js';
import { broken } from './bytes.js';
import type { ElfFile } from './elf-file.js';
import { EM_ARM } from './elf-machines.js';
import { SHT_DYNSYM, SHT_SYMTAB } from './elf-sections.js';
import { orderBy, upperBound } from './number-list.js';
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
/** So many functions that begin before an address are asked whether they reach it; nested ones are few. */
const MAX_STEPS_BACK = 64;

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

/** A function of a symbol table. */
export interface ElfFunction {
  /** As it is stored; of `.symtab` without a version. */
  readonly name: string;
  /** RVA; the bit that tells Thumb code is not part of it. */
  readonly start: number;
  /** Bytes; 0 where the symbol has none, as those of hand-written code. */
  readonly size: number;
}

/** Functions by address, as numbers: names are read when they are asked for. */
export class ElfFunctions {
  readonly #names: SectionData;
  /** As a module in a dump has at most 4 GiB (SizeOfImage), so have these. */
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  /** The greatest end up to here: whether it is of use to look further back. */
  readonly #reach: Uint32Array;
  readonly #nameOffsets: Uint32Array;

  private constructor(names: SectionData, found: Found) {
    this.#names = names;
    const { starts, sizes, nameOffsets, count } = found;
    const order = orderBy(count, (i) => starts[i]!);
    bestLast(found, order);
    this.#starts = new Uint32Array(count);
    this.#ends = new Uint32Array(count);
    this.#reach = new Uint32Array(count);
    this.#nameOffsets = new Uint32Array(count);
    let reach = 0;
    for (let i = 0; i < count; i++) {
      const from = order[i]!;
      const start = starts[from]!;
      this.#starts[i] = start;
      this.#ends[i] = Math.min(start + sizes[from]!, 2 ** 32 - 1);
      this.#nameOffsets[i] = nameOffsets[from]!;
      reach = Math.max(reach, this.#ends[i]!);
      this.#reach[i] = reach;
    }
  }

  /** Reads `.symtab` or `.dynsym`; undefined where the file has none. Throws `malformed` if it is broken. */
  static *open(file: ElfFile, table: '.symtab' | '.dynsym'): Task<ElfFunctions | undefined> {
    const type = table === '.symtab' ? SHT_SYMTAB : SHT_DYNSYM;
    const section = file.sections.find((one) => one.type === type);
    const data = section && (yield* file.data(section));
    const texts = section && file.sections[section.link];
    const names = texts && (yield* file.data(texts));
    if (section === undefined || data === undefined || names === undefined) return undefined;
    const executable = file.sections.map(({ flags }) => (flags & SHF_EXECINSTR) !== 0);
    const layout: SymbolLayout = {
      pointerSize: file.pointerSize,
      machine: file.machine,
      linkBase: file.linkBase,
      entrySize: section.entrySize,
      isCode: (index) => executable[index] === true,
    };
    return yield* ElfFunctions.read(layout, data, names);
  }

  /** Of a symbol table wherever it is: of an image in memory nobody knows the sections. */
  static *read(layout: SymbolLayout, symbols: SectionData, names: SectionData): Task<ElfFunctions> {
    return new ElfFunctions(names, yield* readFunctions(layout, symbols));
  }

  get count(): number {
    return this.#starts.length;
  }

  /** The function that covers an RVA; one without a size reaches to the next. */
  *at(rva: number): Task<ElfFunction | undefined> {
    const after = upperBound(this.#starts, rva);
    for (let i = after - 1, steps = 0; i >= 0 && steps < MAX_STEPS_BACK; i--, steps++) {
      const start = this.#starts[i]!;
      const end = this.#ends[i]!;
      if (end > rva || (end === start && steps === 0)) return yield* this.#function(i);
      if (this.#reach[i]! <= rva) return undefined;
    }
    return undefined;
  }

  /** All of them, by address. */
  *all(): Task<ElfFunction[]> {
    const functions: ElfFunction[] = [];
    for (let i = 0; i < this.count; i++) functions.push(yield* this.#function(i));
    return functions;
  }

  *#function(index: number): Task<ElfFunction> {
    const start = this.#starts[index]!;
    const name = yield* this.#names.text(this.#nameOffsets[index]!);
    return { name, start, size: this.#ends[index]! - start };
  }
}

interface Found {
  starts: Uint32Array;
  sizes: Uint32Array;
  nameOffsets: Uint32Array;
  ranks: Uint8Array;
  count: number;
}

/** Of those that begin together, the one to be named comes last: then that which is first in the table. */
function bestLast({ starts, ranks }: Found, order: Uint32Array): void {
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && starts[order[to]!] === starts[order[from]!]) to++;
    if (to > from + 1) order.subarray(from, to).sort((a, b) => ranks[a]! - ranks[b]! || b - a);
    from = to;
  }
}

/** Reads the table piece by piece, and keeps of it what is about functions. */
function* readFunctions(layout: SymbolLayout, data: SectionData): Task<Found> {
  const { pointerSize, machine, linkBase, isCode } = layout;
  const wide = pointerSize === 8;
  const size = SYMBOL_SIZE[pointerSize];
  if (layout.entrySize !== size) throw broken(data.name, `entries of ${size} bytes`, `${layout.entrySize}`);
  const total = Math.floor(data.size / size);
  const found: Found = {
    starts: new Uint32Array(total),
    sizes: new Uint32Array(total),
    nameOffsets: new Uint32Array(total),
    ranks: new Uint8Array(total),
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
      // With a size before without, global before weak before local.
      const binding = info >> 4;
      found.ranks[i] = (length > 0 ? 4 : 0) + (binding === STB_GLOBAL ? 2 : binding === STB_LOCAL ? 0 : 1);
    }
  }
  return found;
}
