import type { MinidumpError, Task } from '../../io/index.js';
import { BrokenParts } from '../broken-parts.js';
import { isMangled } from '../demangle/index.js';
import { FrameText } from '../dwarf/frame-text.js';
import { listFrames } from '../dwarf/frames.js';
import { listDwarf } from '../dwarf/list-dwarf.js';
import { NumberList, orderBy, upperBound } from '../number-list.js';
import type { ListsSymbols, SymbolListener, SymbolListingOptions } from '../symbol-listing.js';
import { returnAddressRegister } from './compact-encoding.js';
import { CompactFrames } from './compact-frames.js';
import { readFunctionStarts } from './function-starts.js';
import type { MachDebugFiles } from './mach-debug-information.js';
import { withDwarf, withEhFrame } from './mach-dwarf.js';
import type { MachFile } from './mach-file.js';
import { MachFunctions } from './mach-functions.js';

/** All that a Mach-O file and its dSYM tell of the code of a module. */
export class MachSymbolListing implements ListsSymbols {
  readonly #files: readonly MachFile[];
  readonly #options: Required<SymbolListingOptions>;
  readonly #parts = new BrokenParts();
  #functions: MachFunctions | null | undefined;

  constructor({ module, debug }: MachDebugFiles, { inlines = true, cfi = true }: SymbolListingOptions = {}) {
    this.#files = debug ? [debug, module] : [module];
    this.#options = { inlines, cfi };
  }

  /** What could not be used: a broken unit or table, a section that nothing decompresses. */
  get problems(): readonly MinidumpError[] {
    return this.#parts.problems;
  }

  *list(listener: SymbolListener): Task<void> {
    for (const file of this.#files) {
      const found = yield* this.#parts.attempt(this.#listDwarf(file, listener));
      // A file that was linked with its DWARF in it has the same once more.
      if (found) break;
    }
    const functions = yield* this.#openFunctions();
    if (functions)
      yield* this.#parts.attempt(functions.each(({ start, name }) => listener.publicSymbol(start, 0, name)));
    if (this.#options.cfi) yield* this.#listFrames(listener);
  }

  #listDwarf(file: MachFile, listener: SymbolListener): Task<boolean> {
    const options = {
      inlines: this.#options.inlines,
      mangledAt: (address: number) => this.#mangledAt(address - file.linkBase),
      parts: this.#parts,
    };
    return withDwarf(file, (one) => listDwarf(one, options, listener));
  }

  *#mangledAt(rva: number): Task<string | undefined> {
    const functions = yield* this.#openFunctions();
    const found = functions && (yield* this.#parts.attempt(functions.at(rva)));
    return found?.start === rva && isMangled(found.name) ? found.name : undefined;
  }

  /** Those of the file that has a symbol table, or else of what is exported. */
  *#openFunctions(): Task<MachFunctions | undefined> {
    if (this.#functions === undefined) {
      const none = new Uint32Array();
      let found: MachFunctions | undefined;
      for (const open of [MachFunctions.open, MachFunctions.openExports]) {
        for (const file of this.#files) found ??= yield* this.#parts.attempt(open(file, none));
      }
      this.#functions = found ?? null;
    }
    return this.#functions ?? undefined;
  }

  *#listFrames(listener: SymbolListener): Task<void> {
    const told = new ToldRanges(listener);
    for (const file of this.#files) {
      yield* this.#parts.attempt(withDwarf(file, (one) => listFrames(one, '.debug_frame', told)));
      yield* this.#parts.attempt(withEhFrame(file, (one) => listFrames(one, '.eh_frame', told)));
    }
    const isTold = told.lookup();
    for (const file of this.#files) yield* this.#parts.attempt(this.#listCompact(file, isTold, listener));
  }

  /** What compact unwind information says of functions that DWARF does not speak of. */
  *#listCompact(file: MachFile, isTold: (rva: number) => boolean, listener: SymbolListener): Task<void> {
    const compact = yield* CompactFrames.open(file);
    if (compact === undefined) return;
    const text = new FrameText(file.machine, file.pointerSize, 0, listener);
    const starts = (yield* this.#parts.attempt(readFunctionStarts(file))) ?? new Uint32Array();
    yield* compact.each((row) => {
      // One entry may be of several functions: what DWARF has of them is left out of it.
      let from = row.address;
      const tell = (end: number) => {
        if (end > from) text.listRow({ ...row, address: from, end }, returnAddressRegister(file.machine));
      };
      let start = row.address;
      for (let i = upperBound(starts, start); start < row.end; i++) {
        const next = Math.min(starts[i] ?? row.end, row.end);
        if (isTold(start)) {
          tell(start);
          from = next;
        }
        start = next;
      }
      tell(row.end);
    });
  }
}

/** Passes call frame information on, and keeps of which code it was. */
class ToldRanges implements Pick<SymbolListener, 'cfi' | 'cfiDelta'> {
  readonly #listener: SymbolListener;
  readonly #starts = new NumberList();
  readonly #ends = new NumberList();

  constructor(listener: SymbolListener) {
    this.#listener = listener;
  }

  cfi(start: number, size: number, rules: string): void {
    this.#starts.push(start);
    this.#ends.push(start + size);
    this.#listener.cfi(start, size, rules);
  }

  cfiDelta(start: number, rules: string): void {
    this.#listener.cfiDelta(start, rules);
  }

  /** Whether the function at an RVA was among them: by the range that begins last before it. */
  lookup(): (rva: number) => boolean {
    const order = orderBy(this.#starts.length, (i) => this.#starts.at(i));
    const starts = Float64Array.from(order, (i) => this.#starts.at(i));
    return (rva) => {
      const last = upperBound(starts, rva) - 1;
      return last >= 0 && rva < this.#ends.at(order[last]!);
    };
  }
}
