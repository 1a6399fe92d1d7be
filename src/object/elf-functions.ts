import type { Task } from '../io/index.js';
import type { ElfFile } from './elf-file.js';
import {
  type FunctionSymbols,
  openSymbolTable,
  readFunctions,
  type SymbolLayout,
} from './elf-symbol-table.js';
import { orderBy, upperBound } from './number-list.js';
import type { SectionData } from './section-data.js';

/** So many functions that begin before an address are asked whether they reach it; nested ones are few. */
const MAX_STEPS_BACK = 64;

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

  private constructor(names: SectionData, found: FunctionSymbols) {
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
    const found = yield* openSymbolTable(file, table);
    return found && (yield* ElfFunctions.read(found.layout, found.symbols, found.names));
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

/** Of those that begin together, the one to be named comes last: then that which is first in the table. */
function bestLast({ starts, ranks }: FunctionSymbols, order: Uint32Array): void {
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && starts[order[to]!] === starts[order[from]!]) to++;
    if (to > from + 1) order.subarray(from, to).sort((a, b) => ranks[a]! - ranks[b]! || b - a);
    from = to;
  }
}
