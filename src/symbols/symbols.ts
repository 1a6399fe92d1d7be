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
import { crc32Of } from '../object/crc32.js';
import { unlessBroken } from '../object/dwarf/units.js';
import type { Decompressors } from '../object/elf-compression.js';
import { ElfDebugInformation } from '../object/elf-debug-information.js';
import { ElfFile } from '../object/elf-file.js';
import { SHT_NOBITS } from '../object/elf-sections.js';
import type { DebugInformation } from '../object/index.js';
import { buildIdAsGuid, hex } from '../reader/index.js';
import { leafName } from '../reader/leaf-name.js';
import { Companions } from './companions.js';
import { type Candidate, plainName, type SymbolSupplier, type WantedModule } from './supplier.js';

/** What came of the search for the symbols of a module. */
export interface ModuleSymbols {
  readonly information: DebugInformation | undefined;
  /** `corrupt`: there are some, and they are damaged; what could be read of them is used. */
  readonly state: 'loaded' | 'corrupt' | 'missing';
  /** The files that are used. */
  readonly files: readonly string[];
  /** What was wrong with files that were looked at. */
  readonly problems: readonly string[];
  /** What the files that are used lack, as far as it was asked for until now: files that they name, sections that nothing unpacks. */
  readonly gaps: readonly string[];
}

export interface SymbolsOptions {
  /** Keeps the indexes of .sym files: the second look at the same file costs next to nothing. */
  cache?: Cache | undefined;
  /** For compressed sections of ELF files. */
  decompress?: Decompressors | undefined;
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

  *#find(module: WantedModule, pointerSize: 4 | 8): Task<ModuleSymbols> {
    const problems: string[] = [];
    const elf: ElfParts = { module: undefined, debug: undefined };
    for (const supplier of this.#suppliers) {
      for (const candidate of supplier.candidates(module)) {
        let used = false;
        try {
          if (candidate.kind === 'elf') {
            used = yield* this.#takeElf(candidate, module, elf, problems);
          } else {
            const index = yield* this.#symIndex(candidate.file, module, pointerSize);
            if (index !== undefined) {
              const state = index.corrupt ? 'corrupt' : 'loaded';
              return { information: index, state, files: [candidate.file.name], problems, gaps: [] };
            }
            if (isNamedAfter(candidate.file, module, ['.sym'])) problems.push(otherBuild(candidate.file));
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
    if (main === undefined)
      return { information: undefined, state: 'missing', files: [], problems, gaps: [] };
    if (elf.module) elf.debug ??= yield* this.#linkedDebugFile(elf.module);
    const unsure = hasId(module) ? [] : [`${main.name} has no build id: it was taken for its name and size`];
    const debug = main === elf.debug ? undefined : elf.debug;
    const dwarf = debug ?? main;
    const supplementary = yield* this.#supplementary(dwarf);
    const files = [main, debug, supplementary].flatMap((part) => part?.name ?? []);
    const information = new ElfDebugInformation({
      module: main.elf,
      debug: debug?.elf,
      supplementary: supplementary?.elf,
      split: {
        files: this.#companionsOf(dwarf),
        packageNames: [...new Set([`${main.name}.dwp`, `${dwarf.name}.dwp`])],
      },
    });
    return {
      information,
      state: 'loaded',
      files,
      problems,
      get gaps() {
        return [...unsure, ...gapsOf(information)];
      },
    };
  }

  #companionsOf({ name }: ElfPart): Companions {
    return new Companions({
      suppliers: this.#suppliers,
      beside: name,
      open: this.#open,
      options: { decompress: this.#options.decompress ?? {} },
    });
  }

  /** The file that `.gnu_debuglink` names: the same build id says that it is the one, without one the checksum of all of it. */
  *#linkedDebugFile(module: ElfPart): Task<ElfPart | undefined> {
    const link = yield* unlessBroken(module.elf.debugLink());
    if (link === undefined) return undefined;
    const buildId = yield* unlessBroken(module.elf.buildId());
    const found = yield* this.#companionsOf(module).find(link.name, function* take(elf, { name }) {
      const its = yield* elf.buildId();
      const same =
        buildId === undefined || its === undefined
          ? (yield* crc32Of(elf.source)) === link.crc
          : hex(its) === hex(buildId);
      return same ? { elf, name } : undefined;
    });
    return found?.value;
  }

  /** The file that dwz moved text and types of several debug files into. */
  *#supplementary(part: ElfPart): Task<ElfPart | undefined> {
    const link = yield* unlessBroken(part.elf.supplementaryLink());
    if (link === undefined) return undefined;
    const wanted = hex(link.buildId);
    const found = yield* this.#companionsOf(part).find(
      link.name,
      function* take(elf, { name }) {
        const id = yield* elf.supplementaryId();
        return id !== undefined && hex(id) === wanted ? { elf, name } : undefined;
      },
      wanted,
    );
    return found?.value;
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
      this.#open.add(kept);
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
  *#takeElf(candidate: Candidate, module: WantedModule, elf: ElfParts, problems: string[]): Task<boolean> {
    const { file } = candidate;
    if (!(yield* isElf(file))) return false;
    const opened = yield* ElfFile.open(file, { decompress: this.#options.decompress ?? {} });
    if (!(yield* isOf(opened, file.name, module))) {
      if (isNamedAfter(file, module, ['', '.debug']))
        problems.push(otherBuild(file, yield* opened.buildId()));
      return false;
    }
    // A debug file keeps the headers of the sections that it was split off from.
    const isDebugFile = opened.sections.some(({ name, type }) => name === '.text' && type === SHT_NOBITS);
    const part = isDebugFile ? 'debug' : 'module';
    if (elf[part] !== undefined) return false;
    elf[part] = { elf: opened, name: file.name };
    this.#open.add(file);
    return true;
  }

  [Symbol.dispose](): void {
    for (const one of this.#open) one[Symbol.dispose]();
    this.#open.clear();
    this.#known.clear();
    this.#ofModule = new WeakMap();
    this.#blocks = new BlockStore(KEPT_OF_INDEXES);
  }
}

interface ElfPart {
  readonly elf: ElfFile;
  /** Its whole path. */
  readonly name: string;
}

interface ElfParts {
  module: ElfPart | undefined;
  debug: ElfPart | undefined;
}

function gapsOf(information: ElfDebugInformation): string[] {
  return [
    ...information.problems.map(({ message }) => message),
    ...information.missing.map((name) => `${name} is missing, or what was found there is of another build`),
  ];
}

/** By the id of both; where neither has one, by name and size of the module. */
function* isOf(elf: ElfFile, name: string, module: WantedModule): Task<boolean> {
  const id = (yield* elf.buildId()) ?? (hasId(module) ? yield* elf.textId() : undefined);
  if (id !== undefined) return isBuildIdOf(id, module);
  return (
    !hasId(module) &&
    elf.imageSize === module.SizeOfImage &&
    plainName(name) !== undefined &&
    plainName(name) === plainName(module.name)
  );
}

const hasId = ({ codeIdentifier, debugIdentifier }: WantedModule): boolean =>
  codeIdentifier !== undefined || debugIdentifier !== undefined;

function isBuildIdOf(buildId: Uint8Array, { codeIdentifier, debugIdentifier }: WantedModule): boolean {
  return hex(buildId) === codeIdentifier || buildIdAsGuid(buildId) === debugIdentifier;
}

function keyOf({ debugIdentifier, codeIdentifier, name }: WantedModule, pointerSize: 4 | 8): string {
  return [debugIdentifier, codeIdentifier, name, pointerSize].join('\n');
}

const isIdOf = (id: string, { debugIdentifier }: WantedModule): boolean =>
  id.toUpperCase() === debugIdentifier?.toUpperCase();

/** Whether a file bears the name of a module: then it was put there for it, whatever is in it. */
function isNamedAfter(
  file: FolderFile,
  { name, debugFile }: WantedModule,
  suffixes: readonly string[],
): boolean {
  const leaf = leafName(file.name);
  return [name, debugFile, debugFile?.replace(/\.pdb$/i, '')].some(
    (own) => own !== undefined && suffixes.some((suffix) => leaf === `${leafName(own)}${suffix}`),
  );
}

const otherBuild = (file: FolderFile, buildId?: Uint8Array): string =>
  `${file.name}: it is of another build${buildId === undefined ? '' : `, ${hex(buildId)}`}`;

const ELF_MAGIC = '\x7fELF';

function* isElf(file: FolderFile): Task<boolean> {
  const head = yield* readRange(file, 0, Math.min(ELF_MAGIC.length, file.size), 'symbol file');
  return String.fromCharCode(...head) === ELF_MAGIC;
}

/** Whether the first line of a .sym file speaks of this module, or of none: so that others need not be read. */
function* mayBeOf(file: FolderFile, module: WantedModule): Task<boolean> {
  const head = yield* readRange(file, 0, Math.min(FIRST_LINE, file.size), 'symbol file');
  const text = new TextDecoder('latin1').decode(head);
  if (text.startsWith(ELF_MAGIC)) return false;
  const [, id] = /^MODULE \S+ \S+ (\S+)/.exec(text) ?? [];
  return id === undefined || isIdOf(id, module);
}
