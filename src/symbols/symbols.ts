import { type Cache, type FolderFile, runAsync, type Source, type Task } from '../io/index.js';
import { BlockStore } from '../object/breakpad/index.js';
import { isCabinet, openCabinet } from '../object/cabinet/index.js';
import type { Decompressors } from '../object/elf-compression.js';
import type { DebugInformation, ListsSymbols, SymbolListingOptions } from '../object/index.js';
import { leafName } from '../reader/leaf-name.js';
import { Companions, isOfFile } from './companions.js';
import { headOf, isSymOpener, type Opening, openerFor, type SymbolPart } from './openers/index.js';
import { accept, type Candidate, type Offer, type SymbolSupplier, type WantedModule } from './supplier.js';

/** What came of the search for the symbols of a module. */
export interface ModuleSymbols {
  readonly information: DebugInformation | undefined;
  /** `corrupt`: there are some, and they are damaged; what could be read of them is used. */
  readonly state: 'loaded' | 'corrupt' | 'missing';
  /** The files that are used. */
  readonly files: readonly string[];
  /** Where the first of them that came from a server was fetched from. */
  readonly url?: string | undefined;
  /** What was wrong with files that were looked at. */
  readonly problems: readonly string[];
  /** Servers that were asked in vain. */
  readonly absentFrom?: readonly string[] | undefined;
  /** What the files that are used lack, as far as it was asked for until now: files that they name, sections that nothing unpacks. */
  readonly gaps: readonly string[];
  /** All that the files tell, to be written as a .sym file; undefined where that is what they are. */
  list?(options: SymbolListingOptions): ListsSymbols;
}

export interface SymbolsOptions {
  /** Keeps the indexes of .sym files: the second look at the same file costs next to nothing. */
  cache?: Cache | undefined;
  /** For compressed sections of ELF files. */
  decompress?: Decompressors | undefined;
  /** Leave .sym files alone: for whoever makes them. */
  withoutSym?: boolean | undefined;
}

const NOT_LOOKED_FOR: ModuleSymbols = {
  information: undefined,
  state: 'missing',
  files: [],
  problems: [],
  gaps: [],
};

/** What is kept of the indexes in a cache, in bytes. */
const KEPT_OF_INDEXES = 64 << 20;

/** Modules that `prefetch` looks for at a time: of a few the files come at once, while another one is opened. */
const PARALLEL = 8;

/** The files of one family that were found of a module. */
interface Parts {
  module?: SymbolPart;
  debug?: SymbolPart;
}

/** What was found of a module until now. */
interface Found {
  readonly families: Map<SymbolPart['family'], Parts>;
  readonly problems: string[];
  readonly asked: string[];
  /** Where parts were fetched from, in the order in which they came. */
  readonly urls: Map<SymbolPart, string>;
}

/**
 * Finds, opens and keeps the symbols of modules. Close it when no more is looked up: files stay open until then.
 */
export class Symbols implements Disposable {
  readonly #suppliers: readonly SymbolSupplier[];
  readonly #options: SymbolsOptions;
  readonly #known = new Map<string, ModuleSymbols>();
  /** The same by object: a key is made once for each module of a dump. */
  #ofModule = new WeakMap<WantedModule, { pointerSize: 4 | 8; symbols: ModuleSymbols }>();
  readonly #open = new Set<Disposable>();
  #blocks = new BlockStore(KEPT_OF_INDEXES);

  constructor(suppliers: readonly SymbolSupplier[], options: SymbolsOptions = {}) {
    this.#suppliers = suppliers;
    this.#options = options;
  }

  *of(module: WantedModule, pointerSize: 4 | 8): Task<ModuleSymbols> {
    if (this.#suppliers.length === 0) return NOT_LOOKED_FOR;
    const known = this.known(module, pointerSize);
    if (known !== undefined) return known;
    const found = yield* this.#find(module, pointerSize);
    this.#known.set(keyOf(module, pointerSize), found);
    return found;
  }

  /** What came of the search for a module that was looked for before. */
  known(module: WantedModule, pointerSize: 4 | 8): ModuleSymbols | undefined {
    const last = this.#ofModule.get(module);
    if (last?.pointerSize === pointerSize) return last.symbols;
    const symbols = this.#known.get(keyOf(module, pointerSize));
    if (symbols !== undefined) this.#ofModule.set(module, { pointerSize, symbols });
    return symbols;
  }

  /**
   * Looks for the symbols of several modules at once, as is good where they come from far away; then `of` has them at hand.
   *
   * @param parallel so many at a time
   */
  async prefetch(modules: Iterable<WantedModule>, pointerSize: 4 | 8, parallel = PARALLEL): Promise<void> {
    // Each once: the same module may be loaded at several addresses.
    const wanted = new Map([...modules].map((module) => [keyOf(module, pointerSize), module]));
    const left = wanted.values();
    const worker = async () => {
      for (const module of left) await runAsync(this.of(module, pointerSize));
    };
    await Promise.all(Array.from({ length: Math.min(parallel, wanted.size) }, worker));
  }

  *#find(module: WantedModule, pointerSize: 4 | 8): Task<ModuleSymbols> {
    const opening = this.#opening(module, pointerSize);
    const found: Found = { families: new Map(), problems: [], asked: [], urls: new Map() };
    const whole = yield* this.#search(found, opening);
    const { module: file, debug } = partsOf(found);
    const main = whole ?? file ?? debug;
    const { problems, asked, urls } = found;
    if (main === undefined) return { ...NOT_LOOKED_FOR, problems, absentFrom: asked };
    const other = main === file ? debug : undefined;
    const joined = yield* main.join(other, opening);
    const { information, state, files, list } = joined;
    return {
      ...(list && { list }),
      information,
      state,
      files,
      url: [...urls].find(([part]) => part === main || part === other)?.[1],
      problems,
      get gaps() {
        return joined.gaps;
      },
    };
  }

  /** Asks one supplier after the other. What needs no other file ends the search, and is given back. */
  *#search(found: Found, opening: Opening): Task<SymbolPart | undefined> {
    for (const supplier of this.#suppliers) {
      const parts = partsOf(found);
      if (supplier.remote && isEnough(parts)) continue;
      if (supplier.remote) found.asked.push(supplier.name ?? 'a server');
      const offers = supplier.candidates(opening.module, {
        module: parts.module !== undefined,
        debug: parts.debug !== undefined || parts.module?.complete === true,
      });
      for (const offer of offers) {
        const whole = yield* this.#take(offer, found, opening);
        if (whole !== undefined) return whole;
        if (supplier.remote && isEnough(partsOf(found))) break;
      }
    }
    return undefined;
  }

  /** Opens what is offered. What needs no other file is given back; what does is put to the others. */
  *#take(offer: Offer, found: Found, opening: Opening): Task<SymbolPart | undefined> {
    const { problems, families, urls } = found;
    let candidate: Candidate | undefined;
    try {
      candidate = yield* accept(offer);
    } catch (error) {
      problems.push(messageOf(error));
    }
    if (candidate === undefined) return undefined;
    const { url, isSym = false } = candidate;
    let { file } = candidate;
    let isUsed = false;
    let isRight = false;
    try {
      let head = yield* headOf(file);
      if (isCabinet(head)) {
        // The cabinet itself is not needed any more.
        const packed = file;
        file = inCabinet(packed, yield* openCabinet(packed));
        packed[Symbol.dispose]();
        head = yield* headOf(file);
      }
      const opener = openerFor(head, isSym);
      if (isSymOpener(opener) && this.#options.withoutSym) return undefined;
      if (opener === undefined) {
        if (url !== undefined) problems.push(`${url}: it is no file of symbols`);
        return undefined;
      }
      const part = yield* opener.open(file, opening, head);
      if (part.role === 'other') {
        if (url !== undefined || isNamedAfter(file, opening.module))
          problems.push(otherBuild(url ?? file.name, part.identifier));
        return undefined;
      }
      isRight = true;
      if (url !== undefined) urls.set(part, url);
      if (part.role === 'whole') return part;
      const parts = families.get(part.family) ?? {};
      families.set(part.family, parts);
      if (parts[part.role] !== undefined) return undefined;
      parts[part.role] = part;
      isUsed = true;
      return undefined;
    } catch (error) {
      problems.push(`${url ?? file.name}: ${messageOf(error)}`);
      return undefined;
    } finally {
      candidate.verified?.(isRight);
      if (isUsed) this.#open.add(file);
      else file[Symbol.dispose]();
    }
  }

  #opening(module: WantedModule, pointerSize: 4 | 8): Opening {
    const { cache, decompress = {} } = this.#options;
    return {
      module,
      pointerSize,
      decompress,
      cache,
      blocks: this.#blocks,
      open: this.#open,
      companionsOf: (beside) =>
        new Companions({
          suppliers: this.#suppliers,
          beside,
          open: this.#open,
          options: { decompress },
        }),
    };
  }

  [Symbol.dispose](): void {
    for (const one of this.#open) one[Symbol.dispose]();
    this.#open.clear();
    this.#known.clear();
    this.#ofModule = new WeakMap();
    this.#blocks = new BlockStore(KEPT_OF_INDEXES);
  }
}

/** What was unpacked, under the name that it was found by. */
function inCabinet({ name, stamp }: FolderFile, source: Source): FolderFile {
  return {
    name,
    stamp,
    size: source.size,
    read: (offset, length) => source.read(offset, length),
    [Symbol.dispose]() {},
  };
}

/** Of the family that was found first: files of two of them are never of one module. */
const partsOf = ({ families }: Found): Parts => families.values().next().value ?? {};

const isEnough = ({ module, debug }: Parts): boolean =>
  module?.complete === true || debug?.complete === true || (module !== undefined && debug !== undefined);

function messageOf(error: unknown): string {
  if (isOfFile(error)) return error.message;
  throw error;
}

function keyOf({ debugIdentifier, codeIdentifier, name }: WantedModule, pointerSize: 4 | 8): string {
  return [debugIdentifier, codeIdentifier, name, pointerSize].join('\n');
}

const SUFFIXES = ['', '.debug', '.sym'];

/** Whether a file bears the name of a module: then it was put there for it, whatever is in it. */
function isNamedAfter(file: FolderFile, { name, debugFile }: WantedModule): boolean {
  const leaf = leafName(file.name);
  return [name, debugFile, debugFile?.replace(/\.pdb$/i, '')].some(
    (own) => own !== undefined && SUFFIXES.some((suffix) => leaf === `${leafName(own)}${suffix}`),
  );
}

const otherBuild = (name: string, identifier?: string): string =>
  `${name}: it is of another build${identifier === undefined ? '' : `, ${identifier}`}`;
