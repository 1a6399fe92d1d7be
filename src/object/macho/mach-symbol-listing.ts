import { MinidumpError, type Task } from '../../io/index.js';
import { isMangled } from '../demangle/index.js';
import { FrameText } from '../dwarf/frame-text.js';
import { type CallFrames, listFrames, openDebugFrame, openEhFrame } from '../dwarf/frames.js';
import { listDwarf } from '../dwarf/list-dwarf.js';
import { upperBound } from '../number-list.js';
import type { ListsSymbols, SymbolListener, SymbolListingOptions } from '../symbol-listing.js';
import { returnAddressRegister } from './compact-encoding.js';
import { CompactFrames } from './compact-frames.js';
import { readFunctionStarts } from './function-starts.js';
import type { MachDebugFiles } from './mach-debug-information.js';
import { withDwarf, withEhFrame } from './mach-dwarf.js';
import type { MachFile } from './mach-file.js';
import { MachFunctions } from './mach-functions.js';

/** Of parts that are broken more than a few are not told. */
const MAX_PROBLEMS = 16;

/** All that a Mach-O file and its dSYM tell of the code of a module. */
export class MachSymbolListing implements ListsSymbols {
  readonly #files: readonly MachFile[];
  readonly #options: Required<SymbolListingOptions>;
  readonly #problems: MinidumpError[] = [];
  #functions: MachFunctions | null | undefined;

  constructor({ module, debug }: MachDebugFiles, { inlines = true, cfi = true }: SymbolListingOptions = {}) {
    this.#files = debug ? [debug, module] : [module];
    this.#options = { inlines, cfi };
  }

  /** What could not be used: a broken unit or table, a section that nothing decompresses. */
  get problems(): readonly MinidumpError[] {
    return this.#problems;
  }

  *list(listener: SymbolListener): Task<void> {
    for (const file of this.#files) {
      const found = yield* this.#attempt(this.#listDwarf(file, listener));
      // A file that was linked with its DWARF in it has the same once more.
      if (found) break;
    }
    const functions = yield* this.#openFunctions();
    if (functions)
      yield* this.#attempt(functions.each(({ start, name }) => listener.publicSymbol(start, 0, name)));
    if (this.#options.cfi) yield* this.#listFrames(listener);
  }

  #listDwarf(file: MachFile, listener: SymbolListener): Task<boolean> {
    const options = {
      inlines: this.#options.inlines,
      mangledAt: (address: number) => this.#mangledAt(address - file.linkBase),
      missing: () => {},
      problem: (error: MinidumpError) => this.#keep(error),
    };
    return withDwarf(file, (one) => listDwarf(one, options, listener));
  }

  *#mangledAt(rva: number): Task<string | undefined> {
    const functions = yield* this.#openFunctions();
    const found = functions && (yield* this.#attempt(functions.at(rva)));
    return found?.start === rva && isMangled(found.name) ? found.name : undefined;
  }

  /** Those of the file that has a symbol table, or else of what is exported. */
  *#openFunctions(): Task<MachFunctions | undefined> {
    if (this.#functions === undefined) {
      const none = new Uint32Array();
      let found: MachFunctions | undefined;
      for (const open of [MachFunctions.open, MachFunctions.openExports]) {
        for (const file of this.#files) found ??= yield* this.#attempt(open(file, none));
      }
      this.#functions = found ?? null;
    }
    return this.#functions ?? undefined;
  }

  *#listFrames(listener: SymbolListener): Task<void> {
    const dwarf: CallFrames[] = [];
    for (const file of this.#files) {
      yield* this.#attempt(withDwarf(file, (one) => listFrames(one, '.debug_frame', listener)));
      yield* this.#attempt(withEhFrame(file, (one) => listFrames(one, '.eh_frame', listener)));
      for (const frames of [
        yield* this.#attempt(withDwarf(file, openDebugFrame)),
        yield* this.#attempt(withEhFrame(file, openEhFrame)),
      ]) {
        if (frames) dwarf.push(frames);
      }
    }
    for (const file of this.#files) yield* this.#attempt(this.#listCompact(file, dwarf, listener));
  }

  /** What compact unwind information says of functions that DWARF does not speak of. */
  *#listCompact(file: MachFile, dwarf: readonly CallFrames[], listener: SymbolListener): Task<void> {
    const compact = yield* CompactFrames.open(file);
    if (compact === undefined) return;
    const listing = this;
    const text = new FrameText(file.machine, file.pointerSize, 0, listener);
    const starts = (yield* this.#attempt(readFunctionStarts(file))) ?? new Uint32Array();
    yield* compact.each(function* (row) {
      // One entry may be of several functions: what DWARF has of them is left out of it.
      let from = row.address;
      const tell = (end: number) => {
        if (end > from) text.listRow({ ...row, address: from, end }, returnAddressRegister(file.machine));
      };
      for (
        let i = upperBound(starts, row.address), start = row.address;
        start < row.end;
        start = starts[i++] ?? row.end
      ) {
        const next = Math.min(starts[i] ?? row.end, row.end);
        if (!(yield* listing.#isInDwarf(dwarf, start))) continue;
        tell(start);
        from = next;
      }
      tell(row.end);
    });
  }

  *#isInDwarf(dwarf: readonly CallFrames[], rva: number): Task<boolean> {
    for (const frames of dwarf) if (yield* this.#attempt(frames.cfiAt(rva))) return true;
    return false;
  }

  #keep(error: MinidumpError): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(error);
  }

  /** A part that is broken, or that nothing decompresses, costs that part. */
  *#attempt<T>(task: Task<T>): Task<T | undefined> {
    try {
      return yield* task;
    } catch (error) {
      if (!(error instanceof MinidumpError)) throw error;
      if (error.code !== 'malformed' && error.code !== 'unsupported' && error.code !== 'truncated')
        throw error;
      this.#keep(error);
      return undefined;
    }
  }
}
