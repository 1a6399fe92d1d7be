import { type FolderFile, MinidumpError, type Task } from '../io/index.js';
import type { Companion, CompanionFiles } from '../object/companion-files.js';
import { ElfFile, type ElfFileOptions } from '../object/elf-file.js';
import { accept, type Candidate, type Offer, type SymbolSupplier } from './supplier.js';

/** Where a file of symbols is whose companions are wanted. */
export interface CompanionPlace {
  readonly suppliers: readonly SymbolSupplier[];
  /** The whole path of the file that names them. */
  readonly beside: string;
  /** Files that are open, to be closed with the symbols at the latest. */
  readonly open: Set<Disposable>;
  readonly options: ElfFileOptions;
}

/** Files that one file of symbols names, wherever symbols are looked for. */
export class Companions implements CompanionFiles {
  readonly #place: CompanionPlace;

  constructor(place: CompanionPlace) {
    this.#place = place;
  }

  /** @param buildId of the file, in hexadecimal digits, where it is known: it is looked for by that, too */
  *find<T>(
    path: string,
    take: (file: ElfFile, opened: FolderFile) => Task<T | undefined>,
    buildId?: string,
  ): Task<Companion<T> | undefined> {
    const { suppliers, beside, open } = this.#place;
    for (const supplier of suppliers) {
      for (const offer of supplier.companions?.({ path, beside, buildId }) ?? []) {
        const candidate = yield* inHand(offer);
        if (candidate === undefined) continue;
        const { file } = candidate;
        const value = yield* this.#take(candidate, take);
        if (value === undefined) continue;
        open.add(file);
        const close = () => {
          if (open.delete(file)) file[Symbol.dispose]();
        };
        return { value, close };
      }
    }
    return undefined;
  }

  /** Closes the file if nothing comes of it: also where it is broken, or no ELF file. */
  *#take<T>(
    { file, verified }: Candidate,
    take: (file: ElfFile, opened: FolderFile) => Task<T | undefined>,
  ): Task<T | undefined> {
    let value: T | undefined;
    try {
      value = yield* take(yield* ElfFile.open(file, this.#place.options), file);
    } catch (error) {
      if (!isOfFile(error)) throw error;
    } finally {
      verified?.(value !== undefined);
      if (value === undefined) file[Symbol.dispose]();
    }
    return value;
  }
}

/** What a server does not have, or does not give, is missing: that is told in any case. */
function* inHand(offer: Offer): Task<Candidate | undefined> {
  try {
    return yield* accept(offer);
  } catch (error) {
    if (isOfFile(error)) return undefined;
    throw error;
  }
}

/** What is told of a file that another one names. */
export const missingFile = (name: string): string =>
  `${name} is missing, or what was found there is of another build`;

/** Whether it speaks of a file. That somebody waits for what cannot be waited for is no fault of one. */
export const isOfFile = (error: unknown): error is MinidumpError =>
  error instanceof MinidumpError && error.code !== 'async-source';
