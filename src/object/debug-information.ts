import type { MinidumpError, Task } from '../io/index.js';
import type { CfiRow } from './cfi.js';

/**
 * What is known of the code of one module: from a .sym file, or from an ELF file and its DWARF. Addresses are relative to the base of
 * the module (RVA): exact integers below 2^53.
 */

/** A place in a source file. */
export interface SourceLine {
  /** As the compiler wrote it; undefined where it is not known. */
  readonly file: string | undefined;
  /** Counted from 1; undefined where it is not known. */
  readonly line: number | undefined;
}

/** A call that was inlined, at an address. */
export interface InlinedCall extends SourceLine {
  /** The function that was inlined. `file` and `line` are where it stands at this address, not where it was called. */
  readonly name: string;
}

/** The function at an address. */
export interface FunctionAt extends SourceLine {
  /** As it is stored; see object/demangle. `file` and `line` are of this function itself: of the outermost call, if calls were inlined. */
  readonly name: string;
  /** RVA of its first instruction. */
  readonly start: number;
  /** RVA of the first instruction of `line`, where that is known. */
  readonly lineStart: number | undefined;
  /** Bytes of parameters on the stack, as .sym files of Windows have it; else 0. */
  readonly parameterSize: number;
  /** Innermost first. */
  readonly inlines: readonly InlinedCall[];
}

/** A STACK WIN record: how frames of x86 Windows are unwound. Sizes in bytes. */
export interface WindowsFrame {
  readonly start: number;
  readonly size: number;
  readonly prologSize: number;
  readonly epilogSize: number;
  readonly parameterSize: number;
  readonly savedRegisterSize: number;
  readonly localSize: number;
  readonly maxStackSize: number;
  /** Type 4 has a program; type 0 (FPO) tells whether ebp is used as a register like others. */
  readonly program: string | undefined;
  readonly allocatesBasePointer: boolean;
}

export interface DebugInformation {
  /** What could not be used until now. */
  readonly problems?: readonly MinidumpError[];
  /** Names of files that would have been needed for what was asked until now: those of dwz, .dwo files. */
  readonly missing?: readonly string[];
  /** The function at an RVA, its line, and what was inlined there. */
  functionAt(rva: number): Task<FunctionAt | undefined>;
  /**
   * Whether code is at an RVA, where that is known apart from the names of functions; undefined where it is not. Without this method
   * code is what has a name.
   */
  isCode?(rva: number): Task<boolean | undefined>;
  /**
   * Call frame information for the instruction at an RVA.
   *
   * @param inCall the RVA lies inside a call instruction: what stands there must not be read as an instruction
   */
  cfiAt(rva: number, inCall?: boolean): Task<CfiRow | undefined>;
  /** A frame-data record (type 4), else an FPO record (type 0). */
  windowsFrameAt(rva: number): Task<WindowsFrame | undefined>;
}
