import {
  BytesSource,
  type Cache,
  type CachedSource,
  type FolderFile,
  MinidumpError,
  readRange,
  type Task,
} from '../io/index.js';
import { BlockStore, parseSymFile, SymIndex, writeSymIndex } from '../object/breakpad/index.js';
import type { Decompressors } from '../object/elf-compression.js';
import { ElfDebugInformation } from '../object/elf-debug-information.js';
import { ElfFile } from '../object/elf-file.js';
import { SHT_NOBITS } from '../object/elf-sections.js';
import type { DebugInformation } from '../object/index.js';
import { buildIdAsGuid, hex } from '../reader/index.js';
import type { Candidate, SymbolSupplier, WantedModule } from './supplier.js';

/** What came of the search for the symbols of a module. */
export interface ModuleSymbols {
  readonly information: DebugInformation | undefined;
  /** `corrupt`: there are some, and they are damaged; what could be read of them is used. */
  readonly state: 'loaded' | 'corrupt' | 'missing';
  /** The files that are used. */
  readonly files: readonly string[];
  /** What was wrong with files that were looked at. */
  readonly problems: readonly string[];
}

export interface SymbolsOptions {
  /** Keeps the indexes of .sym files: the second look at the same file costs next to nothing. */
  cache?: Cache | undefined;
  /** For compressed sections of ELF files. */
  decompress?: Decompressors | undefined;
}

const NOT_LOOKED_FOR: ModuleSymbols = { information: undefined, state: 'missing', files: [], problems: [] };

/** What is kept of the indexes in a cache, in bytes. */
const KEPT_OF_INDEXES = 64 << 20;

/** The MODULE record is the first line of a .sym file. */
const FIRST_LINE = 4096;

/**
 * Finds, opens and keeps the symbols of modules. Close it when no more is looked up: files stay open until then.
 */
export class Symbols implements Disposable {
  readonly #suppliers: readonly SymbolSupplier[];
  readonly #options: SymbolsOptions;
  readonly #known = new Map<string, ModuleSymbols>();
  /** The same by object: a key is made once for each module of a dump. */
  #ofModule = new WeakMap<WantedModule, { pointerSize: 4 | 8; symbols: ModuleSymbols }>();
  readonly #open: Disposable[] = [];
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

  *#find(module: WantedModule, pointerSize: 4 | 8): Task<ModuleSymbols> {
    const problems: string[] = [];
    const elf: ElfParts = { module: undefined, debug: undefined };
    for (const supplier of this.#suppliers) {
      for (const candidate of supplier.candidates(module)) {
        let used = false;
        try {
          if (candidate.kind === 'elf') {
            used = yield* this.#takeElf(candidate, module, elf);
          } else {
            const index = yield* this.#symIndex(candidate.file, module, pointerSize);
            if (index !== undefined) {
              const state = index.corrupt ? 'corrupt' : 'loaded';
              return { information: index, state, files: [candidate.file.name], problems };
            }
          }
        } catch (error) {
          if (!(error instanceof MinidumpError)) throw error;
          problems.push(`${candidate.file.name}: ${error.message}`);
        } finally {
          if (!used) candidate.file[Symbol.dispose]();
        }
      }
    }
    const main = elf.module ?? elf.debug;
    if (main === undefined) return { information: undefined, state: 'missing', files: [], problems };
    const debug = main === elf.debug ? undefined : elf.debug?.elf;
    const files = [main, elf.debug].flatMap((part) => (part === undefined ? [] : [part.name]));
    return {
      information: new ElfDebugInformation({ module: main.elf, debug }),
      state: 'loaded',
      files: [...new Set(files)],
      problems,
    };
  }

  /** A .sym file as an index; undefined if it is of another module. */
  *#symIndex(file: FolderFile, module: WantedModule, pointerSize: 4 | 8): Task<SymIndex | undefined> {
    if (!(yield* mayBeOf(file, module))) return undefined;
    const { cache } = this.#options;
    const key = `sym-${module.debugIdentifier}-${pointerSize}-${file.stamp}-${file.name}`;
    const kept = cache?.open(key);
    if (kept !== undefined) {
      const index = yield* this.#fromCache(kept, pointerSize);
      if (index !== undefined) return this.#matches(index, module) ? index : undefined;
    }
    const bytes = writeSymIndex(yield* parseSymFile(file));
    const index = yield* SymIndex.open(new BytesSource(bytes), { pointerSize });
    if (!this.#matches(index, module)) return undefined;
    cache?.store(key, [bytes]);
    return index;
  }

  *#fromCache(kept: CachedSource, pointerSize: 4 | 8): Task<SymIndex | undefined> {
    try {
      const index = yield* SymIndex.open(kept, { pointerSize, blocks: this.#blocks });
      this.#open.push(kept);
      return index;
    } catch (error) {
      kept.close();
      // It is of another version, or damaged: made anew.
      if (error instanceof MinidumpError) return undefined;
      throw error;
    }
  }

  /** A file without a MODULE record is of whatever module it was found for, if it is a .sym file at all. */
  #matches(index: SymIndex, module: WantedModule): boolean {
    const id = index.module?.id;
    return id === undefined ? !index.corrupt : isIdOf(id, module);
  }

  /** Takes an ELF file if it has the build id of the module: as the module itself, or as its debug file. */
  *#takeElf(candidate: Candidate, module: WantedModule, elf: ElfParts): Task<boolean> {
    const { file } = candidate;
    const opened = yield* ElfFile.open(file, { decompress: this.#options.decompress ?? {} });
    const buildId = yield* opened.buildId();
    if (buildId === undefined || !isBuildIdOf(buildId, module)) return false;
    // A debug file keeps the headers of the sections that it was split off from.
    const isDebugFile = opened.sections.some(({ name, type }) => name === '.text' && type === SHT_NOBITS);
    const part = isDebugFile ? 'debug' : 'module';
    if (elf[part] !== undefined) return false;
    elf[part] = { elf: opened, name: file.name };
    this.#open.push(file);
    return true;
  }

  [Symbol.dispose](): void {
    for (const one of this.#open.splice(0)) one[Symbol.dispose]();
    this.#known.clear();
    this.#ofModule = new WeakMap();
    this.#blocks = new BlockStore(KEPT_OF_INDEXES);
  }
}

interface ElfParts {
  module: { elf: ElfFile; name: string } | undefined;
  debug: { elf: ElfFile; name: string } | undefined;
}

function isBuildIdOf(buildId: Uint8Array, { codeIdentifier, debugIdentifier }: WantedModule): boolean {
  return hex(buildId) === codeIdentifier || buildIdAsGuid(buildId) === debugIdentifier;
}

function keyOf({ debugIdentifier, codeIdentifier, name }: WantedModule, pointerSize: 4 | 8): string {
  return [debugIdentifier, codeIdentifier, name, pointerSize].join('\n');
}

const isIdOf = (id: string, { debugIdentifier }: WantedModule): boolean =>
  id.toUpperCase() === debugIdentifier?.toUpperCase();

/** Whether the first line of a .sym file speaks of this module, or of none: so that others need not be read. */
function* mayBeOf(file: FolderFile, module: WantedModule): Task<boolean> {
  const head = yield* readRange(file, 0, Math.min(FIRST_LINE, file.size), 'symbol file');
  const [, id] = /^MODULE \S+ \S+ (\S+)/.exec(new TextDecoder('latin1').decode(head)) ?? [];
  return id === undefined || isIdOf(id, module);
}
