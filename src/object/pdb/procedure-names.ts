import type { Task } from '../../io/index.js';
import type { BrokenParts } from '../broken-parts.js';
import { exportedIndex, importedName, isCrossModule } from './cross-module.js';
import type { ModuleSymbols, Procedure } from './module-symbols.js';
import type { PdbFile } from './pdb-file.js';

const MAX_KEPT = 16_384;
/** What MSVC calls an unnamed namespace; the number is of the source file. */
const UNNAMED = /\?A0x[0-9a-f]{8}(?=::)/g;
/** Of a function that was inlined and is not known. */
const NAMELESS = '??';

/** Names of procedures and of what was inlined, with their arguments as their types tell them. Each is made once. */
export class ProcedureNames {
  readonly #pdb: PdbFile;
  readonly #parts: BrokenParts;
  readonly #kept = new Map<string, string>();

  /** @param parts is told of what could not be used */
  constructor(pdb: PdbFile, parts: BrokenParts) {
    this.#pdb = pdb;
    this.#parts = parts;
  }

  /**
   * Functions of C are called by their name alone, as in .sym files and everywhere else: they are those whose public symbol is the plain name.
   */
  *ofProcedure(procedure: Procedure, module: ModuleSymbols, isC: boolean): Task<string> {
    const { name, type, hasId } = procedure;
    if (isC || type === 0) return withoutNumbers(name);
    const key = `${hasId ? 'i' : 't'}${this.#keyOf(type, module)}`;
    const suffix = yield* this.#once(key, '', () => this.#argumentsOf(type, hasId, module));
    return withoutNumbers(name) + suffix;
  }

  *ofInlinee(inlinee: number, module: ModuleSymbols): Task<string> {
    const key = `f${this.#keyOf(inlinee, module)}`;
    return yield* this.#once(key, NAMELESS, () => this.#inlinee(inlinee, module));
  }

  #keyOf(index: number, module: ModuleSymbols): string {
    return isCrossModule(index) ? `${index} ${module.name}` : `${index}`;
  }

  *#once(key: string, otherwise: string, make: () => Task<string>): Task<string> {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const made = yield* this.#parts.attempt(make());
    const name = made === undefined ? otherwise : withoutNumbers(made);
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(key, name);
    return name;
  }

  *#argumentsOf(type: number, hasId: boolean, module: ModuleSymbols): Task<string> {
    const names = yield* this.#pdb.typeNames();
    const index = yield* this.#resolve(type, module);
    const own = index !== undefined && hasId ? yield* names.typeOfId(index) : index;
    return own === undefined ? '' : yield* names.argumentsOf(own);
  }

  *#inlinee(inlinee: number, module: ModuleSymbols): Task<string> {
    const names = yield* this.#pdb.typeNames();
    const index = yield* this.#resolve(inlinee, module);
    return (index === undefined ? undefined : yield* names.functionOfId(index)) ?? NAMELESS;
  }

  /** The index in the type streams. */
  *#resolve(index: number, module: ModuleSymbols): Task<number | undefined> {
    if (!isCrossModule(index)) return index;
    const { imports } = module.lines;
    const wanted = imports && (yield* importedName(imports, index));
    const strings = yield* this.#pdb.strings();
    if (wanted === undefined || strings === undefined) return undefined;
    const number = yield* this.#pdb.moduleNamed(yield* strings.text(wanted.module));
    const other = number === undefined ? undefined : yield* this.#pdb.module(number);
    const exports = other?.lines.exports;
    return exports && (yield* exportedIndex(exports, wanted.local));
  }
}

/** As undname spells it. */
const withoutNumbers = (name: string): string => name.replace(UNNAMED, "`anonymous namespace'");
