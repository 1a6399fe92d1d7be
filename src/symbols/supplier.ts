import type { FolderFile, Task } from '../io/index.js';
import type { ModuleIdentity } from '../reader/index.js';
import { leafName } from '../reader/leaf-name.js';

/** A module whose symbols are wanted. */
export interface WantedModule extends ModuleIdentity {
  /** Path of the file that was loaded. */
  readonly name: string | undefined;
  /** Bytes, where it is known: a module without an id is told by it. */
  readonly SizeOfImage?: number;
}

/** A file that may have the symbols of a module: whether it does is found out by opening it. */
export interface Candidate {
  readonly file: FolderFile;
  /** It lies where only .sym files do: one that does not say of which module it is, is taken for this one. */
  readonly isSym?: boolean;
  /** Where it was fetched from. */
  readonly url?: string | undefined;
  /** Is told whether the file is what it was fetched as, once: before that, nobody keeps it. */
  verified?(isRight: boolean): void;
}

/** What is at hand, or what it takes to get it; undefined where it turns out that there is nothing. */
export type Offer = Candidate | Task<Candidate | undefined>;

/** A file that a file of symbols names: the target of a debug link, what dwz or split DWARF moved out of it. */
export interface WantedCompanion {
  /** As it is named: absolute, or relative to the folder of `beside`. */
  readonly path: string;
  /** The whole path of the file that names it. */
  readonly beside: string;
  /** In hexadecimal digits, where it is known. */
  readonly buildId?: string | undefined;
}

/** What of a module was found elsewhere already. */
export interface FoundParts {
  /** The file that was loaded, without all that debugging wants. */
  readonly module: boolean;
  /** The debug file of it: a PDB, a .debug file. */
  readonly debug: boolean;
}

/** Where symbols are looked for. One that has to wait, as servers do, wants the tasks run asynchronously. */
export interface SymbolSupplier {
  /** Far away: it is asked only for what those before it do not have. */
  readonly remote?: boolean;
  /** For people. */
  readonly name?: string;
  /**
   * The files in question, the best first. Each is asked for when those before it have not been what was wanted. Whoever takes one closes it.
   */
  candidates(module: WantedModule, found?: FoundParts): Iterable<Offer>;
  /** The same for a file that one of these names. Whoever takes one closes it, and sees to it that it is the right one. */
  companions?(wanted: WantedCompanion): Iterable<Offer>;
}

/** Names come from a dump, and are made a path: nothing but a plain name may be part of one. */
export function plainName(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const leaf = leafName(path);
  return leaf === '' || leaf === '.' || leaf === '..' || leaf.includes('\0') ? undefined : leaf;
}

/** What is offered, in hand. */
export function* accept(offer: Offer): Task<Candidate | undefined> {
  return 'file' in offer ? offer : yield* offer;
}
