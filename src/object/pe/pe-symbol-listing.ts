import type { MinidumpError, Task } from '../../io/index.js';
import { BrokenParts } from '../broken-parts.js';
import { isMangled } from '../demangle/index.js';
import { listFrames } from '../dwarf/frames.js';
import { listDwarf } from '../dwarf/list-dwarf.js';
import type { ListsSymbols, SymbolListener, SymbolListingOptions } from '../symbol-listing.js';
import { readCoffSymbols } from './coff-symbols.js';
import { readExports } from './exports.js';
import { openPeFrames } from './frames.js';
import type { PeFunctions } from './functions.js';
import type { PeFile } from './pe-file.js';

/** All that a PE file tells of its own code: DWARF, which mingw puts into it, COFF symbols and exports, unwind data. */
export class PeSymbolListing implements ListsSymbols {
  readonly #file: PeFile;
  readonly #options: Required<SymbolListingOptions>;
  readonly #parts = new BrokenParts();
  #tables: readonly PeFunctions[] | undefined;

  constructor(file: PeFile, { inlines = true, cfi = true }: SymbolListingOptions = {}) {
    this.#file = file;
    this.#options = { inlines, cfi };
  }

  /** What could not be used: a broken unit or table, a section that nothing decompresses. */
  get problems(): readonly MinidumpError[] {
    return this.#parts.problems;
  }

  *list(listener: SymbolListener): Task<void> {
    const options = {
      inlines: this.#options.inlines,
      mangledAt: (address: number) => this.#mangledAt(address - this.#file.headers.imageBase),
      parts: this.#parts,
    };
    yield* this.#parts.attempt(listDwarf(this.#file.dwarf, options, listener));
    yield* this.#listPublics(listener);
    if (this.#options.cfi) yield* this.#listFrames(listener);
  }

  *#mangledAt(rva: number): Task<string | undefined> {
    for (const table of yield* this.#functions()) {
      const found = yield* this.#parts.attempt(table.at(rva));
      if (found?.start === rva && isMangled(found.name)) return found.name;
    }
    return undefined;
  }

  *#listPublics(listener: SymbolListener): Task<void> {
    const known = new Set<number>();
    for (const table of yield* this.#functions()) {
      yield* this.#parts.attempt(
        table.each(({ start, name }) => {
          if (known.has(start)) return;
          known.add(start);
          listener.publicSymbol(start, 0, name);
        }),
      );
    }
  }

  /** Unwind data speak of all functions of x64 and ARM64; of x86 there is DWARF only. */
  *#listFrames(listener: SymbolListener): Task<void> {
    const frames = openPeFrames(this.#file);
    if (frames) {
      yield* this.#parts.attempt(frames.list(listener));
      return;
    }
    const { dwarf } = this.#file;
    yield* this.#parts.attempt(listFrames(dwarf, '.debug_frame', listener));
    yield* this.#parts.attempt(listFrames(dwarf, '.eh_frame', listener));
  }

  /** COFF symbols, where mingw keeps all names, come before exports. */
  *#functions(): Task<readonly PeFunctions[]> {
    this.#tables ??= yield* this.#parts.opened([readCoffSymbols(this.#file), readExports(this.#file)]);
    return this.#tables;
  }
}
