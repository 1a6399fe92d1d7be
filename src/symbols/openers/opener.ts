import { type Cache, type FolderFile, MinidumpError, readRange, type Task } from '../../io/index.js';
import type { BlockStore, SymIdentity } from '../../object/breakpad/index.js';
import type { Decompressors } from '../../object/elf-compression.js';
import type { DebugInformation, ListsSymbols, SymbolListingOptions } from '../../object/index.js';
import type { Companions } from '../companions.js';
import type { WantedModule } from '../supplier.js';

/** So much of a file is looked at to tell what it is; the MODULE record is the first line of a .sym file. Bytes. */
const HEAD = 4096;

/** The first bytes of a file. */
export const headOf = (file: FolderFile): Task<Uint8Array> =>
  readRange(file, 0, Math.min(HEAD, file.size), 'symbol file');

/** What an opener needs beside the file. */
export interface Opening {
  readonly module: WantedModule;
  readonly pointerSize: 4 | 8;
  readonly decompress: Decompressors;
  /** Keeps indexes of .sym files. */
  readonly cache: Cache | undefined;
  readonly blocks: BlockStore;
  /** Files that are open, to be closed with the symbols at the latest. */
  readonly open: Set<Disposable>;
  /** For the files that a file names. */
  companionsOf(beside: string): Companions;
}

/** A file that was opened, and is of the module. */
export interface SymbolPart {
  /** `whole`: no other file could be put to it, and its own is not read any more. */
  readonly role: 'whole' | 'module' | 'debug';
  /** Parts of one family go together: a program and what was split off from it. */
  readonly family: 'sym' | 'elf' | 'windows' | 'mach';
  /** The whole path of its file. */
  readonly name: string;
  /** Whether it has functions, lines and call frames by itself: no server needs to be asked for more. */
  readonly complete: boolean;
  /** Together with the other file of its family: `debug` where this is the module. */
  join(debug: SymbolPart | undefined, opening: Opening): Task<JoinedSymbols>;
}

/** A file that is of another module, or of another build. */
export interface OtherBuild {
  readonly role: 'other';
  /** Which one, as far as the file says. */
  readonly identifier?: string | undefined;
}

/** What is known of a module, from one file or several. */
export interface JoinedSymbols {
  readonly information: DebugInformation;
  readonly state: 'loaded' | 'corrupt';
  /** The files that are used. */
  readonly files: readonly string[];
  readonly gaps: readonly string[];
  /** All that is known of it, to be written as a .sym file; undefined where that is what it is. */
  list?(options: SymbolListingOptions): ListsSymbols;
}

/** Of which module a file is, as far as it says. */
export interface FileIdentity {
  /** As a .sym file names it. */
  readonly sym: SymIdentity;
  /** As a dump would name it. */
  readonly module: WantedModule;
  readonly pointerSize: 4 | 8;
  /** Whether it is what was loaded, or was made for debuggers. */
  readonly kind: 'module' | 'debug';
  /** Of Mach-O files, as their tools call it: `x86_64`, `arm64e`. */
  readonly architecture?: string | undefined;
}

export interface IdentifyOptions {
  readonly decompress: Decompressors;
  /** The name of the module, where it is not that of the file. */
  readonly name?: string | undefined;
}

/** One format of files of symbols. */
export interface Opener {
  /** By the first bytes, as headOf gives them. */
  recognizes(head: Uint8Array): boolean;
  /** Says of which module a file is, where it can be made a .sym file of; a universal file is of several. */
  identify?(file: FolderFile, options: IdentifyOptions): Task<FileIdentity | readonly FileIdentity[]>;
  /**
   * Opens a file, and finds out whether it is of the module. Whoever calls closes the file: when the symbols are closed, if a part came of
   * it.
   */
  open(file: FolderFile, opening: Opening, head: Uint8Array): Task<SymbolPart | OtherBuild>;
}

/** Whether a debug identifier is that of a module; tools write its letters in either case. */
export const isIdOf = (id: string | undefined, { debugIdentifier }: WantedModule): boolean =>
  id !== undefined && id.toUpperCase() === debugIdentifier?.toUpperCase();

export function otherMachine(file: FolderFile, machine: number): MinidumpError {
  const what = `a program for machine ${machine}; .sym files are made for x86, x86-64, ARM and ARM64`;
  return new MinidumpError('unsupported', `${file.name}: ${what}`);
}

export const startsWith = (head: Uint8Array, magic: string): boolean =>
  head.length >= magic.length && [...magic].every((letter, i) => head[i] === letter.charCodeAt(0));
