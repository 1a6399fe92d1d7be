import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import type { CompanionFiles } from '../companion-files.js';
import type { FunctionAt, InlinedCall, SourceLine } from '../debug-information.js';
import type { DwarfFile } from './dwarf-file.js';
import type { FormValue } from './forms.js';
import { joinPath, lineFileName } from './line-files.js';
import type { LineRow } from './line-program.js';
import { type LineTable, readLineTable, type Text } from './line-table.js';
import { functionName, type NameSources } from './names.js';
import { Recent } from './recent.js';
import { readDwarfSections } from './sections.js';
import { type SplitUnit, SplitUnits } from './split-units.js';
import type { UnitRoot } from './unit.js';
import { type Covering, UnitFunctions } from './unit-functions.js';
import { UnitIndex } from './unit-index.js';
import { DwarfUnits } from './units.js';

/** Bytes of functions and of line tables that are kept. */
const MAX_KEPT = 6 * 1024 * 1024;
/** Characters of all names and paths of one answer. A hostile file has a thousand calls in one place, each with another end of one long text. */
const MAX_TEXT = 1 << 20;
const NOWHERE: SourceLine = { file: undefined, line: undefined };
/** What is called where its name cannot be told, as addr2line and llvm-symbolizer write it. */
const UNKNOWN = '??';
/** Of them more than a few are not read by anybody. */
const MAX_MISSING = 1000;

export interface DwarfOptions {
  /** The file that `.gnu_debugaltlink` or `.debug_sup` names. */
  readonly supplementary?: DwarfFile | undefined;
  /** Finds .dwo files, and their package by these names. */
  readonly split?: { readonly files: CompanionFiles; readonly packageNames: readonly string[] } | undefined;
}

/** A line of a module, and where it begins. */
export interface LineAt extends SourceLine {
  /** RVA. */
  readonly start: number;
}

/** DWARF of one file: functions, inlined calls and lines by RVA. Units are read when they are asked for. */
export class DwarfInfo {
  readonly #units: DwarfUnits;
  readonly #index: UnitIndex;
  readonly #linkBase: number;
  readonly #names: NameSources;
  readonly #split: SplitUnits | undefined;
  readonly #functions = new Recent<UnitFunctions>(MAX_KEPT);
  readonly #lines = new Recent<LineTable>(MAX_KEPT);
  readonly #missing = new Set<string>();

  private constructor(
    file: DwarfFile,
    units: DwarfUnits,
    supplementary: DwarfUnits | undefined,
    supplementaryName: string,
    split: SplitUnits | undefined,
  ) {
    this.#split = split;
    this.#units = units;
    this.#linkBase = file.linkBase;
    this.#index = new UnitIndex(units);
    this.#names = { units, supplementary, missingSupplementary: () => this.#missing.add(supplementaryName) };
  }

  /** Undefined where the file has no DWARF. Throws `unsupported` where it is compressed and nothing unpacks it. */
  static *open(file: DwarfFile, { supplementary, split }: DwarfOptions = {}): Task<DwarfInfo | undefined> {
    const sections = yield* readDwarfSections(file);
    if (sections === undefined) return undefined;
    const shared = supplementary && (yield* readDwarfSections(supplementary));
    const link = file.supplementaryLink && (yield* unlessBroken(file.supplementaryLink()));
    const units = new DwarfUnits(sections);
    const others = shared && new DwarfUnits(shared);
    const splitUnits = split && new SplitUnits(sections, split.files, split.packageNames);
    return new DwarfInfo(file, units, others, link?.name ?? 'the supplementary file', splitUnits);
  }

  /** Files that would have been needed for what was asked until now: supplementary ones (dwz) and .dwo files. */
  get missing(): readonly string[] {
    return [...this.#missing];
  }

  /** The function at an RVA; undefined where DWARF has none. A broken unit is as if it were absent. */
  *functionAt(rva: number): Task<FunctionAt | undefined> {
    return yield* unlessBroken(this.#functionAt(rva));
  }

  /** The line at an RVA, of the innermost call. */
  *lineAt(rva: number): Task<LineAt | undefined> {
    return yield* unlessBroken(this.#lineAt(rva));
  }

  *#functionAt(rva: number): Task<FunctionAt | undefined> {
    const address = rva + this.#linkBase;
    const root = yield* this.#unitAt(address);
    if (root === undefined) return undefined;
    const split = root.dwoName && (yield* this.#splitOf(root, root.dwoName));
    const { units, root: unit } = split ?? { units: this.#units, root };
    const names = { ...this.#names, units };
    const functions = yield* this.#functionsOf(root, units, unit);
    const chain = functions.at(address);
    const outermost = chain[0];
    if (outermost === undefined) return undefined;
    const table = yield* unlessBroken(this.#tableOf(root));
    const row = table?.rows.find(address);
    // What stands at this address, from the inside out: each call stands where it was called from.
    const inlines: InlinedCall[] = [];
    let place = table && row ? yield* this.#place(root, table, row.file, row.line) : NOWHERE;
    let length = 0;
    for (let i = chain.length - 1; i > 0; i--) {
      const call = chain[i]!;
      const name = length > MAX_TEXT ? UNKNOWN : yield* nameOf(names, call, unit);
      length += name.length + (place.file?.length ?? 0);
      inlines.push({ name, ...place });
      place =
        table && length <= MAX_TEXT ? yield* this.#place(root, table, call.callFile, call.callLine) : NOWHERE;
    }
    return {
      name: yield* nameOf(names, outermost, unit),
      start: outermost.start - this.#linkBase,
      ...place,
      lineStart: this.#lineStart(chain, row),
      parameterSize: 0,
      inlines,
    };
  }

  /** Of the line of the outermost function: where the row begins, or the call that was inlined there. */
  #lineStart(chain: readonly Covering[], row: LineRow | undefined): number | undefined {
    const inlined = chain[1];
    if (inlined) return inlined.rangeStart - this.#linkBase;
    if (row === undefined) return undefined;
    return Math.max(row.start, chain[0]!.rangeStart) - this.#linkBase;
  }

  *#lineAt(rva: number): Task<LineAt | undefined> {
    const address = rva + this.#linkBase;
    const root = yield* this.#unitAt(address);
    const table = root && (yield* this.#tableOf(root));
    const row = table?.rows.find(address);
    if (root === undefined || table === undefined || row === undefined) return undefined;
    return { ...(yield* this.#place(root, table, row.file, row.line)), start: row.start - this.#linkBase };
  }

  *#unitAt(address: number): Task<UnitRoot | undefined> {
    const offset = yield* this.#index.find(address);
    return offset === undefined ? undefined : yield* this.#units.root(offset);
  }

  /** The rest of a unit that was split; undefined, and noted as missing, where it cannot be had. */
  *#splitOf(root: UnitRoot, dwoName: FormValue): Task<SplitUnit | undefined> {
    const name = yield* this.#text(root, dwoName);
    if (name === undefined) return undefined;
    const path = joinPath(root.compDir && (yield* this.#text(root, root.compDir)), name);
    const found = yield* this.#split?.of(root, path) ?? nothing();
    if (found === undefined && this.#missing.size < MAX_MISSING) this.#missing.add(path);
    return found;
  }

  /** By the place of the skeleton, where the unit was split. */
  *#functionsOf({ header: { offset } }: UnitRoot, units: DwarfUnits, unit: UnitRoot): Task<UnitFunctions> {
    let functions = this.#functions.get(offset);
    if (functions === undefined) {
      functions = yield* UnitFunctions.read(units, unit);
      this.#functions.set(offset, functions, functions.weight);
    }
    return functions;
  }

  *#tableOf({ lineOffset, header }: UnitRoot): Task<LineTable | undefined> {
    const { line } = this.#units.sections;
    if (line === undefined || lineOffset === undefined) return undefined;
    let table = this.#lines.get(lineOffset);
    if (table === undefined) {
      table = yield* readLineTable(line, lineOffset, header.addressSize);
      this.#lines.set(lineOffset, table, table.weight);
    }
    return table;
  }

  *#place(root: UnitRoot, table: LineTable, fileNumber: number, line: number): Task<SourceLine> {
    return {
      file: yield* unlessBroken(lineFileName(table, fileNumber, root, (text) => this.#text(root, text))),
      line: line === 0 ? undefined : line,
    };
  }

  *#text(root: UnitRoot, text: Text): Task<string | undefined> {
    if (typeof text === 'string') return text;
    if (text.kind === 'supplementary-text' && !this.#names.supplementary) this.#names.missingSupplementary();
    return yield* this.#units.text(root, text, this.#names.supplementary);
  }
}

function* nothing(): Task<undefined> {
  return undefined;
}

function* nameOf(sources: NameSources, { die }: Covering, unit: UnitRoot): Task<string> {
  return (yield* unlessBroken(functionName(sources, die, unit))) ?? UNKNOWN;
}
