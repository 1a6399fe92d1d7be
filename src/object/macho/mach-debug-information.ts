import type { MinidumpError, Task } from '../../io/index.js';
import { BrokenParts } from '../broken-parts.js';
import type { CfiRow } from '../cfi.js';
import type { DebugInformation, FunctionAt, WindowsFrame } from '../debug-information.js';
import { describeSymbol } from '../described-function.js';
import { DwarfInfo } from '../dwarf/dwarf-info.js';
import { type CallFrames, openDebugFrame, openEhFrame } from '../dwarf/frames.js';
import { CompactFrames } from './compact-frames.js';
import { readFunctionStarts } from './function-starts.js';
import { withDwarf, withEhFrame } from './mach-dwarf.js';
import type { MachFile } from './mach-file.js';
import { type MachFunction, MachFunctions } from './mach-functions.js';

export interface MachDebugFiles {
  /** The file that was loaded; where only its dSYM is at hand, that. */
  readonly module: MachFile;
  /** The DWARF of its dSYM bundle, which has the same UUID. */
  readonly debug?: MachFile | undefined;
}

/** What a Mach-O file and its dSYM tell of the code of a module. Each part is opened when it is first asked for. */
export class MachDebugInformation implements DebugInformation {
  readonly #files: readonly MachFile[];
  #dwarf: readonly DwarfInfo[] | undefined;
  #tables: readonly MachFunctions[] | undefined;
  #frames: readonly CallFrames[] | undefined;
  readonly #parts = new BrokenParts();

  constructor({ module, debug }: MachDebugFiles) {
    this.#files = debug ? [debug, module] : [module];
  }

  /** What could not be used until now: a broken table, a section that nothing decompresses. */
  get problems(): readonly MinidumpError[] {
    return this.#parts.problems;
  }

  *functionAt(rva: number): Task<FunctionAt | undefined> {
    this.#dwarf ??= yield* this.#parts.opened(this.#files.map((file) => withDwarf(file, DwarfInfo.open)));
    for (const dwarf of this.#dwarf) {
      const found = yield* dwarf.functionAt(rva);
      if (found === undefined) continue;
      const symbol = found.name === '??' ? yield* this.#symbolAt(rva) : undefined;
      return symbol ? { ...found, name: symbol.name } : found;
    }
    const symbol = yield* this.#symbolAt(rva);
    if (symbol === undefined) return undefined;
    const { start } = symbol;
    // A symbol reaches to the next one. Where DWARF has that function, this is behind its end: padding.
    for (const dwarf of this.#dwarf) if ((yield* dwarf.functionAt(start))?.start === start) return undefined;
    return yield* describeSymbol(this.#dwarf, symbol, rva);
  }

  /**
   * DWARF first, where a function has both: it says what holds at each instruction, compact unwind information what holds between prologue
   * and epilogue.
   */
  *cfiAt(rva: number): Task<CfiRow | undefined> {
    const loadedFirst = [...this.#files].reverse();
    this.#frames ??= [
      ...(yield* this.#parts.opened(loadedFirst.map((file) => withEhFrame(file, openEhFrame)))),
      ...(yield* this.#parts.opened(this.#files.map((file) => withDwarf(file, openDebugFrame)))),
      ...(yield* this.#parts.opened(loadedFirst.map(CompactFrames.open))),
    ];
    for (const frames of this.#frames) {
      const row = yield* this.#parts.attempt(frames.cfiAt(rva));
      if (row) return row;
    }
    return undefined;
  }

  /** Mach-O files have none. */
  *windowsFrameAt(_rva: number): Task<WindowsFrame | undefined> {
    return undefined;
  }

  *#symbolAt(rva: number): Task<MachFunction | undefined> {
    for (const table of yield* this.#openTables()) {
      const found = yield* this.#parts.attempt(table.at(rva));
      if (found) return found;
    }
    return undefined;
  }

  *#openTables(): Task<readonly MachFunctions[]> {
    if (this.#tables) return this.#tables;
    // The module has them, a dSYM does not: its symbols end where the next function of the module begins.
    const [starts = new Uint32Array()] = (yield* this.#parts.opened(
      this.#files.map(readFunctionStarts),
    )).filter(({ length }) => length > 0);
    this.#tables = [
      ...(yield* this.#parts.opened(this.#files.map((file) => MachFunctions.open(file, starts)))),
      ...(yield* this.#parts.opened(this.#files.map((file) => MachFunctions.openExports(file, starts)))),
    ];
    return this.#tables;
  }
}

/** What is known of a module, from its Mach-O file and from its dSYM if there is one. */
export function machDebugInformation(files: MachDebugFiles): MachDebugInformation {
  return new MachDebugInformation(files);
}
