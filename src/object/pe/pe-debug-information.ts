import type { MinidumpError, Task } from '../../io/index.js';
import { BrokenParts } from '../broken-parts.js';
import type { CfiRow } from '../cfi.js';
import type { DebugInformation, FunctionAt, WindowsFrame } from '../debug-information.js';
import { describeFunction } from '../described-function.js';
import { DwarfInfo } from '../dwarf/dwarf-info.js';
import { type CallFrames, openDebugFrame, openEhFrame } from '../dwarf/frames.js';
import type { ListsSymbols, SymbolListener, SymbolListingOptions } from '../symbol-listing.js';
import { readCoffSymbols } from './coff-symbols.js';
import { readExports } from './exports.js';
import { openPeFrames, type PeFrames } from './frames.js';
import type { PeFunction, PeFunctions } from './functions.js';
import { mayRun } from './image.js';
import { nearestFunction } from './nearest-function.js';
import type { PeFile } from './pe-file.js';
import { PeSymbolListing } from './pe-symbol-listing.js';

/**
 * What a PE file tells of its own code: unwind data (x64, ARM64), the names that it exports and those of its COFF symbols, and DWARF, which
 * mingw puts into it. Each part is opened when it is first asked for.
 */
export class PeDebugInformation implements DebugInformation, ListsSymbols {
  readonly #file: PeFile;
  readonly #frames: PeFrames | undefined;
  #tables: readonly PeFunctions[] | undefined;
  #dwarf: readonly DwarfInfo[] | undefined;
  #dwarfFrames: readonly CallFrames[] | undefined;
  readonly #parts = new BrokenParts();

  constructor(file: PeFile) {
    this.#file = file;
    this.#frames = openPeFrames(file);
  }

  /** What could not be used until now. */
  get problems(): readonly MinidumpError[] {
    return this.#parts.problems;
  }

  /** Whether its section holds code: of most functions the file has no names. */
  *isCode(rva: number): Task<boolean> {
    return mayRun(this.#file.headers, rva);
  }

  *functionAt(rva: number): Task<FunctionAt | undefined> {
    this.#dwarf ??= yield* this.#parts.opened([DwarfInfo.open(this.#file.dwarf)]);
    return yield* describeFunction(this.#dwarf, yield* this.#symbolAt(rva), rva);
  }

  *cfiAt(rva: number, inCall = false): Task<CfiRow | undefined> {
    const row = this.#frames && (yield* this.#parts.attempt(this.#frames.cfiAt(rva, inCall)));
    // DWARF speaks of the same code, and of that of x86, which has no other unwind data.
    if (row && !row.leaf) return row;
    const { dwarf } = this.#file;
    this.#dwarfFrames ??= yield* this.#parts.opened([openEhFrame(dwarf), openDebugFrame(dwarf)]);
    for (const frames of this.#dwarfFrames) {
      const found = yield* this.#parts.attempt(frames.cfiAt(rva));
      if (found) return found;
    }
    return row;
  }

  /** They are in the PDB. */
  *windowsFrameAt(_rva: number): Task<WindowsFrame | undefined> {
    return undefined;
  }

  /** Functions, lines and inlined calls of DWARF, exports and COFF symbols as PUBLIC, unwind data as STACK CFI. */
  *list(listener: SymbolListener, options: SymbolListingOptions = {}): Task<void> {
    const listing = new PeSymbolListing(this.#file, options);
    yield* listing.list(listener);
    for (const problem of listing.problems) this.#parts.note(problem);
  }

  *#symbolAt(rva: number): Task<PeFunction | undefined> {
    let nearest: PeFunction | undefined;
    for (const table of yield* this.#functions()) {
      const found = yield* this.#parts.attempt(nearestFunction(table, this.#frames, rva));
      if (found && found.start > (nearest?.start ?? -1)) nearest = found;
    }
    return nearest;
  }

  *#functions(): Task<readonly PeFunctions[]> {
    this.#tables ??= yield* this.#parts.opened([readCoffSymbols(this.#file), readExports(this.#file)]);
    return this.#tables;
  }
}
