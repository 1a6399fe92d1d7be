import type { Task } from '../../io/index.js';
import { NumberList, orderBy, upperBound } from '../number-list.js';
import { readExports } from './exports-trie.js';
import type { MachSection } from './load-commands.js';
import type { MachFile } from './mach-file.js';

/** Bytes of a symbol (nlist), by the size of a pointer. */
const NLIST_SIZE = { 4: 12, 8: 16 } as const;
const CHUNK = 256 * 1024;
/** n_type: debugging entries have one of the upper bits; what is defined in a section; external. */
const N_STAB = 0xe0;
const N_TYPE = 0x0e;
const N_SECT = 0x0e;
const N_EXT = 0x01;

/** A function that has a symbol. */
export interface MachFunction {
  /** As it is stored, without the underscore that compilers put before each name. */
  readonly name: string;
  /** RVA; the bit that tells Thumb code is not part of it. */
  readonly start: number;
  /** Bytes to the next symbol or function, or the end of the section: symbols do not say it. */
  readonly size: number;
}

/** What was found, in the order of the table. */
interface Found {
  readonly starts: NumberList;
  /** Index of the section that it is in. */
  readonly sections: NumberList;
  /** Of those that begin together, the greatest is the name. */
  readonly ranks: NumberList;
  name(index: number): Task<string>;
}

/** Functions that have symbols, by address: names are read when they are asked for. */
export class MachFunctions {
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #indices: Uint32Array;
  readonly #name: (index: number) => Task<string>;

  private constructor(file: MachFile, found: Found, functionStarts: Uint32Array) {
    const { starts, sections, ranks } = found;
    const count = starts.length;
    const byRank = orderBy(count, (i) => ranks.at(i));
    const order = orderBy(count, (i) => starts.at(byRank[i]!));
    this.#indices = Uint32Array.from(order, (i) => byRank[i]!);
    this.#starts = Uint32Array.from(this.#indices, (i) => starts.at(i));
    this.#ends = new Uint32Array(count);
    this.#name = found.name;
    let next = 2 ** 32 - 1;
    for (let i = count - 1; i >= 0; i--) {
      const start = this.#starts[i]!;
      if (i + 1 < count && this.#starts[i + 1]! > start) next = this.#starts[i + 1]!;
      const section = file.commands.sections[sections.at(this.#indices[i]!)]!;
      const sectionEnd = section.address + section.size - file.linkBase;
      const other = functionStarts[upperBound(functionStarts, start)] ?? next;
      this.#ends[i] = Math.max(start, Math.min(next, other, sectionEnd));
    }
  }

  /**
   * Of the symbol table; undefined where the file has none.
   *
   * @param functionStarts see readFunctionStarts
   */
  static *open(file: MachFile, functionStarts: Uint32Array): Task<MachFunctions | undefined> {
    const found = yield* readSymbols(file);
    return found && new MachFunctions(file, found, functionStarts);
  }

  /** Of what the file exports, by its trie; undefined where it has none. */
  static *openExports(file: MachFile, functionStarts: Uint32Array): Task<MachFunctions | undefined> {
    const exported = yield* readExports(file);
    if (exported === undefined) return undefined;
    const sections = codeSections(file);
    const found = {
      starts: new NumberList(),
      sections: new NumberList(),
      ranks: new NumberList(),
      names: new NumberList(),
    };
    for (let i = 0; i < exported.addresses.length; i++) {
      const rva = exported.addresses.at(i);
      const section = sections.findIndex(
        (one) => one && rva + file.linkBase >= one.address && rva + file.linkBase < one.address + one.size,
      );
      if (section < 0) continue;
      found.starts.push(file.cpu === 'arm' && rva % 2 === 1 ? rva - 1 : rva);
      found.sections.push(section);
      found.ranks.push(0);
      found.names.push(i);
    }
    const { names } = found;
    return new MachFunctions(
      file,
      {
        ...found,
        *name(index) {
          return exported.name(names.at(index));
        },
      },
      functionStarts,
    );
  }

  get count(): number {
    return this.#starts.length;
  }

  /** The function that covers an RVA. */
  *at(rva: number): Task<MachFunction | undefined> {
    const index = upperBound(this.#starts, rva) - 1;
    return index >= 0 && rva < this.#ends[index]! ? yield* this.#function(index) : undefined;
  }

  /** All of them, by address. */
  *all(): Task<MachFunction[]> {
    const functions: MachFunction[] = [];
    for (let i = 0; i < this.count; i++) functions.push(yield* this.#function(i));
    return functions;
  }

  /** Calls for each of them, by address: of those that begin together only the last, which is the one to be named. */
  *each(visit: (one: MachFunction) => void): Task<void> {
    for (let i = 0; i < this.count; i++) {
      if (this.#starts[i + 1] !== this.#starts[i]) visit(yield* this.#function(i));
    }
  }

  *#function(index: number): Task<MachFunction> {
    const start = this.#starts[index]!;
    const name = yield* this.#name(this.#indices[index]!);
    return { name: name.replace(/^_/, ''), start, size: this.#ends[index]! - start };
  }
}

/** Sections by index; undefined for those that hold no instructions. */
function codeSections(file: MachFile): (MachSection | undefined)[] {
  return file.commands.sections.map((section) => (section.isCode ? section : undefined));
}

/** Reads the symbol table piece by piece, and keeps of it what is about code. */
function* readSymbols(file: MachFile): Task<Found | undefined> {
  const { symbols } = file.commands;
  if (symbols === undefined || symbols.count === 0) return undefined;
  const size = NLIST_SIZE[file.pointerSize];
  const table = file.range('symbol table', { offset: symbols.offset, size: symbols.count * size });
  const texts = file.range('string table', symbols.texts);
  const isCode = codeSections(file);
  const starts = new NumberList();
  const sections = new NumberList();
  const ranks = new NumberList();
  const names = new NumberList();
  const perChunk = Math.floor(CHUNK / size);
  for (let first = 0; first < symbols.count; first += perChunk) {
    const here = Math.min(perChunk, symbols.count - first);
    const bytes = yield* table.glance(first * size, here * size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const little = file.littleEndian;
    for (let at = 0; at < bytes.length; at += size) {
      const type = view.getUint8(at + 4);
      const section = view.getUint8(at + 5) - 1;
      const name = view.getUint32(at, little);
      if ((type & N_STAB) !== 0 || (type & N_TYPE) !== N_SECT || !isCode[section] || name === 0) continue;
      const value =
        file.pointerSize === 8 ? Number(view.getBigUint64(at + 8, little)) : view.getUint32(at + 8, little);
      const rva = value - file.linkBase;
      if (!(rva >= 0 && rva < 2 ** 32)) continue;
      // N_ARM_THUMB_DEF of n_desc says that it is Thumb code; the address is even all the same.
      starts.push(rva);
      sections.push(section);
      // Exported before local, then that which is first in the table.
      ranks.push((type & N_EXT ? 2 ** 32 : 0) + symbols.count - 1 - (first + at / size));
      names.push(name);
    }
  }
  return { starts, sections, ranks, name: (index) => texts.text(names.at(index)) };
}
