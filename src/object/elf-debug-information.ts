import type { MinidumpError, Task } from '../io/index.js';
import { BrokenParts } from './broken-parts.js';
import type { CfiRow } from './cfi.js';
import type { DebugInformation, FunctionAt, WindowsFrame } from './debug-information.js';
import { describeFunction } from './described-function.js';
import type { DwarfOptions } from './dwarf/contents.js';
import { DwarfInfo } from './dwarf/dwarf-info.js';
import { type CallFrames, openDebugFrame, openEhFrame } from './dwarf/frames.js';
import type { ElfFile } from './elf-file.js';
import { type ElfFunction, ElfFunctions } from './elf-functions.js';

export interface ElfDebugFiles {
  /** The file that was loaded. */
  readonly module: ElfFile;
  /** What was split off it: the file with the same build id. */
  readonly debug?: ElfFile | undefined;
  /** The file that `.gnu_debugaltlink` of the debug file names. */
  readonly supplementary?: ElfFile | undefined;
  /** Finds .dwo files, and their package by these names. */
  readonly split?: DwarfOptions['split'];
}

/** What an ELF file and its debug file tell of the code of a module. Each part is opened when it is first asked for. */
export class ElfDebugInformation implements DebugInformation {
  readonly #files: readonly ElfFile[];
  readonly #dwarfOptions: DwarfOptions;
  #dwarf: readonly DwarfInfo[] | undefined;
  #tables: readonly ElfFunctions[] | undefined;
  #frames: readonly CallFrames[] | undefined;
  readonly #parts = new BrokenParts();

  constructor({ module, debug, ...dwarfOptions }: ElfDebugFiles) {
    // DWARF and .symtab are looked for in the debug file first, which has all of them if it has any.
    this.#files = debug ? [debug, module] : [module];
    this.#dwarfOptions = dwarfOptions;
  }

  /** What could not be used until now: a broken table, a section that nothing decompresses. */
  get problems(): readonly MinidumpError[] {
    return this.#parts.problems;
  }

  /** Names of files that would have been needed for what was asked until now: those of dwz, .dwo files. */
  get missing(): readonly string[] {
    return (this.#dwarf ?? []).flatMap((one) => one.missing);
  }

  *functionAt(rva: number): Task<FunctionAt | undefined> {
    this.#dwarf ??= yield* this.#parts.opened(
      this.#files.map((file) => DwarfInfo.open(file, this.#dwarfOptions)),
    );
    const symbol = yield* this.#symbolAt(rva);
    return yield* describeFunction(this.#dwarf, symbol, rva);
  }

  *cfiAt(rva: number): Task<CfiRow | undefined> {
    // .eh_frame is in the file that is loaded (the debug file has only its header), .debug_frame may be in either.
    const loadedFirst = [...this.#files].reverse();
    this.#frames ??= [
      ...(yield* this.#parts.opened(loadedFirst.map(openEhFrame))),
      ...(yield* this.#parts.opened(this.#files.map(openDebugFrame))),
    ];
    for (const frames of this.#frames) {
      const row = yield* this.#parts.attempt(frames.cfiAt(rva));
      if (row) return row;
    }
    return undefined;
  }

  /** ELF files have none. */
  *windowsFrameAt(_rva: number): Task<WindowsFrame | undefined> {
    return undefined;
  }

  *#symbolAt(rva: number): Task<ElfFunction | undefined> {
    this.#tables ??= [
      ...(yield* this.#parts.opened(this.#files.map((file) => ElfFunctions.open(file, '.symtab')))),
      ...(yield* this.#parts.opened(this.#files.map(openMiniDebugInfo))),
      ...(yield* this.#parts.opened(this.#files.map((file) => ElfFunctions.open(file, '.dynsym')))),
    ];
    for (const table of this.#tables) {
      const found = yield* this.#parts.attempt(table.at(rva));
      if (found) return found;
    }
    return undefined;
  }
}

function* openMiniDebugInfo(file: ElfFile): Task<ElfFunctions | undefined> {
  const inner = yield* file.miniDebugInfo();
  return inner && (yield* ElfFunctions.open(inner, '.symtab'));
}

/** What is known of a module, from its ELF file and from its debug file if there is one. */
export function elfDebugInformation(files: ElfDebugFiles): ElfDebugInformation {
  return new ElfDebugInformation(files);
}
