import type { MinidumpError, Task } from '../io/index.js';
import type { WindowsFrame } from './debug-information.js';

/**
 * Told of all that a file knows of the code of its module, one after the other: what a .sym file is made of. Addresses are relative to the
 * base of the module (RVA), sizes are bytes. Calls, not lists: a large program has millions of lines, and an object for each would cost
 * more memory than the file.
 */
export interface SymbolListener {
  /** The number by which `line` and `inline` name a source file; the same for the same name. */
  file(name: string): number;
  /** The number by which `inline` names a function that was inlined; the same for the same name. */
  origin(name: string): number;
  /**
   * A function, or one range of it where it has several. Its lines and inlined calls follow, before the next function.
   *
   * @param name as it is stored: mangled
   * @param parameterSize bytes of parameters on the stack, as x86 Windows has them; else 0
   */
  function(start: number, size: number, parameterSize: number, name: string): void;
  /** Code of one line. */
  line(start: number, size: number, line: number, file: number): void;
  /**
   * A call that was inlined into the last function. Outer calls come before those inside them.
   *
   * @param depth 0 for a call in the function itself
   * @param ranges pairs of start and size
   */
  inline(depth: number, callLine: number, callFile: number, origin: number, ranges: ArrayLike<number>): void;
  /** A name whose size is not known, or that no debug information describes. */
  publicSymbol(start: number, parameterSize: number, name: string): void;
  /**
   * Call frame information from an address on, in the words of STACK CFI INIT (`.cfa: $rsp 8 + .ra: .cfa -8 + ^`), for so many bytes.
   */
  cfi(start: number, size: number, rules: string): void;
  /** What changes at an address inside the range of the last `cfi`: only rules that differ. */
  cfiDelta(start: number, rules: string): void;
  /** A STACK WIN record. */
  windowsFrame(frame: WindowsFrame): void;
}

/** A file that can tell all it knows. */
export interface ListsSymbols {
  /** What could not be used, once all has been told: a part that is broken, or that nothing unpacks. */
  readonly problems?: readonly MinidumpError[];
  /** Names of files that would have been needed. */
  readonly missing?: readonly string[];
  /** In whatever order the file has it. What is broken costs its part. */
  list(listener: SymbolListener): Task<void>;
}

/** What a listener wants to hear of. */
export interface SymbolListingOptions {
  /** Inlined calls. Default true. */
  readonly inlines?: boolean;
  /** Call frame information, and STACK WIN. Default true. */
  readonly cfi?: boolean;
}
