import type { Folder, FolderFile } from '../../io/index.js';
import type { Candidate, Offer, SymbolSupplier, WantedCompanion } from '../supplier.js';
import { SymbolFolder } from './symbol-folder.js';

/** One file, for the module that it says it is of. */
export class SymbolFile implements SymbolSupplier {
  readonly #open: () => FolderFile | undefined;
  readonly #folder: SymbolFolder | undefined;

  /** @param folder the one that it is in: for files that it names */
  constructor(open: () => FolderFile | undefined, folder?: Folder) {
    this.#open = open;
    this.#folder = folder && new SymbolFolder(folder);
  }

  *candidates(): Iterable<Candidate> {
    const file = this.#open();
    if (file !== undefined) yield { file, isSym: true };
  }

  companions(wanted: WantedCompanion): Iterable<Offer> {
    return this.#folder?.companions(wanted) ?? [];
  }
}
