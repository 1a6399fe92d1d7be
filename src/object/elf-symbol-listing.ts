import type { MinidumpError, Task } from '../io/index.js';
import { BrokenParts } from './broken-parts.js';
import { isMangled } from './demangle/index.js';
import { listFrames } from './dwarf/frames.js';
import { listDwarf } from './dwarf/list-dwarf.js';
import type { ElfDebugFiles } from './elf-debug-information.js';
import type { ElfFile } from './elf-file.js';
import { ElfFunctions } from './elf-functions.js';
import { openSymbolTable, readFunctions, type SymbolTable } from './elf-symbol-table.js';
import type { ListsSymbols, SymbolListener, SymbolListingOptions } from './symbol-listing.js';

const MAX_MISSING = 1000;

/** All that an ELF file and its debug file tell of the code of a module. */
export class ElfSymbolListing implements ListsSymbols {
  readonly #files: readonly ElfFile[];
  readonly #debugFiles: ElfDebugFiles;
  readonly #options: Required<SymbolListingOptions>;
  readonly #parts = new BrokenParts();
  readonly #missing = new Set<string>();
  #functions: readonly ElfFunctions[] | undefined;

  constructor(files: ElfDebugFiles, { inlines = true, cfi = true }: SymbolListingOptions = {}) {
    this.#files = files.debug ? [files.debug, files.module] : [files.module];
    this.#debugFiles = files;
    this.#options = { inlines, cfi };
  }

  /** What could not be used: a broken unit or table, a section that nothing decompresses. */
  get problems(): readonly MinidumpError[] {
    return this.#parts.problems;
  }

  /** Names of files that would have been needed: those of dwz, .dwo files. */
  get missing(): readonly string[] {
    return [...this.#missing];
  }

  *list(listener: SymbolListener): Task<void> {
    yield* this.#listDwarf(listener);
    yield* this.#listPublics(listener);
    if (!this.#options.cfi) return;
    for (const file of this.#files) yield* this.#parts.attempt(listFrames(file, '.debug_frame', listener));
    // The debug file has only the header of the other section.
    for (const file of this.#files) yield* this.#parts.attempt(listFrames(file, '.eh_frame', listener));
  }

  *#listDwarf(listener: SymbolListener): Task<void> {
    const { supplementary, split } = this.#debugFiles;
    for (const file of this.#files) {
      const options = {
        supplementary,
        split,
        inlines: this.#options.inlines,
        mangledAt: (address: number) => this.#mangledAt(address - file.linkBase),
        missing: (name: string) => {
          if (this.#missing.size < MAX_MISSING) this.#missing.add(name);
        },
        parts: this.#parts,
      };
      const found = yield* this.#parts.attempt(listDwarf(file, options, listener));
      // An executable that was not stripped has the same once more.
      if (found) return;
    }
  }

  /** The name that says most of the symbol which begins there. */
  *#mangledAt(rva: number): Task<string | undefined> {
    this.#functions ??= yield* this.#openFunctions();
    for (const table of this.#functions) {
      const found = yield* this.#parts.attempt(table.at(rva));
      if (found?.start === rva && isMangled(found.name)) return found.name;
    }
    return undefined;
  }

  *#openFunctions(): Task<ElfFunctions[]> {
    const functions: ElfFunctions[] = [];
    for (const { layout, symbols, names } of yield* this.#tables()) {
      const table = yield* this.#parts.attempt(ElfFunctions.read(layout, symbols, names));
      if (table) functions.push(table);
    }
    return functions;
  }

  /** What a linker calls a function comes before labels, the first of the table first: the one that dump_syms would name. */
  *#listPublics(listener: SymbolListener): Task<void> {
    for (const { layout, symbols, names } of yield* this.#tables()) {
      const found = yield* this.#parts.attempt(readFunctions(layout, symbols));
      if (found === undefined) continue;
      for (const wanted of [1, 0]) {
        for (let i = 0; i < found.count; i++) {
          if (found.areFunctions[i] !== wanted) continue;
          const name = yield* this.#parts.attempt(names.text(found.nameOffsets[i]!));
          if (name !== undefined) listener.publicSymbol(found.starts[i]!, 0, name);
        }
      }
    }
  }

  /** `.symtab`, which has all symbols, or else what there is instead of it. */
  *#tables(): Task<SymbolTable[]> {
    for (const file of this.#files) {
      const table = yield* this.#parts.attempt(openSymbolTable(file, '.symtab'));
      if (table) return [table];
    }
    const tables: SymbolTable[] = [];
    for (const file of this.#files) {
      const inner = yield* this.#parts.attempt(file.miniDebugInfo());
      const table = inner && (yield* this.#parts.attempt(openSymbolTable(inner, '.symtab')));
      if (table) tables.push(table);
    }
    for (const file of this.#files) {
      const table = yield* this.#parts.attempt(openSymbolTable(file, '.dynsym'));
      if (table) tables.push(table);
    }
    return tables;
  }
}
