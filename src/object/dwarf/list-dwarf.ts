import type { Task } from '../../io/index.js';
import { type BrokenParts, unlessBroken } from '../broken-parts.js';
import { isMangled } from '../demangle/index.js';
import type { SymbolListener } from '../symbol-listing.js';
import { DW_TAG } from './constants.js';
import { DwarfContents, type DwarfOptions } from './contents.js';
import { type CodeSpan, codeSpan, type DwarfFile } from './dwarf-file.js';
import type { FormValue } from './forms.js';
import { FunctionNodes } from './function-nodes.js';
import { readLineTable } from './line-table.js';
import { UnitListing, type UnitTexts } from './list-unit.js';
import { findName, type NameSources } from './names.js';
import { ScopeNames } from './scope-names.js';
import type { UnitRoot } from './unit.js';
import { collectNodes } from './unit-functions.js';

/** What a function without a name is called in .sym files. */
const NAMELESS = '<name omitted>';

export interface DwarfListingOptions extends DwarfOptions {
  /** Tell of inlined calls, too. */
  readonly inlines: boolean;
  /** The symbol at an address of the file, as it is mangled: GCC leaves linkage names of functions out that no other unit can call. */
  mangledAt(address: number): Task<string | undefined>;
  /** What a file lacks that is named by this one. */
  missing?(name: string): void;
  /** Is told of a unit that is broken: what could not be read of it is left out. */
  readonly parts: BrokenParts;
}

/** Tells the functions of a file with DWARF, their lines and inlined calls: unit by unit. false where it has none. */
export function* listDwarf(
  file: DwarfFile,
  options: DwarfListingOptions,
  listener: SymbolListener,
): Task<boolean> {
  const contents = yield* DwarfContents.open(file, options, (name) => options.missing?.(name));
  if (contents === undefined) return false;
  yield* new DwarfListing(contents, codeSpan(file), options, listener).list();
  return true;
}

class DwarfListing {
  readonly #contents: DwarfContents;
  readonly #span: CodeSpan;
  readonly #options: DwarfListingOptions;
  readonly #listener: SymbolListener;

  constructor(
    contents: DwarfContents,
    span: CodeSpan,
    options: DwarfListingOptions,
    listener: SymbolListener,
  ) {
    this.#contents = contents;
    this.#span = span;
    this.#options = options;
    this.#listener = listener;
  }

  *list(): Task<void> {
    for (const offset of yield* this.#contents.units.offsets()) {
      yield* this.#options.parts.attempt(this.#listUnit(offset));
    }
  }

  *#listUnit(offset: number): Task<void> {
    const { parts } = this.#options;
    const contents = this.#contents;
    const skeleton = yield* contents.units.root(offset);
    // Types and what dwz shares between units have no code.
    if (skeleton.tag !== DW_TAG.compile_unit && skeleton.tag !== DW_TAG.skeleton_unit) return;
    const { units, root } = yield* contents.whole(skeleton);
    const nodes = new FunctionNodes();
    const scopes = new ScopeNames();
    yield* parts.attempt(collectNodes(units, root, nodes, scopes));
    if (nodes.count === 0) return;
    const { line } = contents.units.sections;
    const { lineOffset, header } = skeleton;
    const table =
      line && lineOffset !== undefined
        ? yield* parts.attempt(readLineTable(line, lineOffset, header.addressSize))
        : undefined;
    const listener = this.#listener;
    const sources = { ...contents.names, units };
    const names = new UnitNames(sources, root, nodes, scopes, this.#options, listener);
    const texts: UnitTexts = {
      functionName: (node) => names.functionName(node),
      origin: (node) => names.origin(node),
      *file(fileNumber) {
        const path = table && (yield* contents.fileName(skeleton, table, fileNumber));
        return path === undefined ? -1 : listener.file(path);
      },
    };
    yield* new UnitListing(nodes, table?.rows, texts, this.#span, listener).list(this.#options.inlines);
  }
}

/** What the functions of one unit are called. */
class UnitNames {
  readonly #sources: NameSources;
  readonly #root: UnitRoot;
  readonly #nodes: FunctionNodes;
  readonly #scopes: ScopeNames;
  readonly #options: DwarfListingOptions;
  readonly #listener: SymbolListener;
  /** Numbers of the listener, by the DIE of the function that was inlined. */
  readonly #origins = new Map<number, number>();

  constructor(
    sources: NameSources,
    root: UnitRoot,
    nodes: FunctionNodes,
    scopes: ScopeNames,
    options: DwarfListingOptions,
    listener: SymbolListener,
  ) {
    this.#sources = sources;
    this.#root = root;
    this.#nodes = nodes;
    this.#scopes = scopes;
    this.#options = options;
    this.#listener = listener;
  }

  *functionName(node: number): Task<string> {
    const start = this.#nodes.entry(node) ?? this.#nodes.firstStart(node);
    return yield* this.#nameOf(this.#nodes.die(node), start);
  }

  *origin(node: number): Task<number> {
    const die = this.#nodes.origin(node) || this.#nodes.die(node);
    let number = this.#origins.get(die);
    if (number === undefined) {
      number = this.#listener.origin(yield* this.#nameOf(die, undefined));
      this.#origins.set(die, number);
    }
    return number;
  }

  /** The linkage name where it can be made readable (glibc calls raise `__GI_raise`, too), that of the symbol which begins there, or the plain one with its scopes. */
  *#nameOf(die: number, start: number | undefined): Task<string> {
    const found = yield* unlessBroken(findName(this.#sources, die, this.#root, isMangled));
    if (found?.isLinkageName) return found.text;
    const symbol = start === undefined ? undefined : yield* this.#options.mangledAt(start);
    if (symbol !== undefined) return symbol;
    if (found === undefined) return NAMELESS;
    if (found.die === undefined) return found.text;
    const { units, supplementary } = this.#sources;
    const text = (name: FormValue) => units.text(this.#root, name, supplementary);
    return (yield* unlessBroken(this.#scopes.qualify(found.die, found.text, text))) ?? found.text;
  }
}
