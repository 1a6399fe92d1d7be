import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import type { FunctionAt, InlinedCall, SourceLine } from '../debug-information.js';
import { DwarfContents, type DwarfOptions } from './contents.js';
import type { DwarfFile } from './dwarf-file.js';
import type { LineRow } from './line-program.js';
import { type LineTable, readLineTable } from './line-table.js';
import { functionName, type NameSources } from './names.js';
import { Recent } from './recent.js';
import type { UnitRoot } from './unit.js';
import { type Covering, UnitFunctions } from './unit-functions.js';
import { UnitIndex } from './unit-index.js';
import type { DwarfUnits } from './units.js';

/** Bytes of functions and of line tables that are kept. */
const MAX_KEPT = 6 * 1024 * 1024;
/** Characters of all names and paths of one answer. A hostile file has a thousand calls in one place, each with another end of one long text. */
const MAX_TEXT = 1 << 20;
const NOWHERE: SourceLine = { file: undefined, line: undefined };
/** What is called where its name cannot be told, as addr2line and llvm-symbolizer write it. */
const UNKNOWN = '??';
/** Of them more than a few are not read by anybody. */
const MAX_MISSING = 1000;

/** A line of a module, and where it begins. */
export interface LineAt extends SourceLine {
  /** RVA. */
  readonly start: number;
}

/** DWARF of one file: functions, inlined calls and lines by RVA. Units are read when they are asked for. */
export class DwarfInfo {
  readonly #contents: DwarfContents;
  readonly #index: UnitIndex;
  readonly #linkBase: number;
  readonly #functions = new Recent<UnitFunctions>(MAX_KEPT);
  readonly #lines = new Recent<LineTable>(MAX_KEPT);
  readonly #missing: ReadonlySet<string>;

  private constructor(contents: DwarfContents, linkBase: number, missing: ReadonlySet<string>) {
    this.#contents = contents;
    this.#linkBase = linkBase;
    this.#missing = missing;
    this.#index = new UnitIndex(contents.units);
  }

  /** Undefined where the file has no DWARF. Throws `unsupported` where it is compressed and nothing unpacks it. */
  static *open(file: DwarfFile, options: DwarfOptions = {}): Task<DwarfInfo | undefined> {
    const missing = new Set<string>();
    const contents = yield* DwarfContents.open(file, options, (name) => {
      if (missing.size < MAX_MISSING) missing.add(name);
    });
    return contents && new DwarfInfo(contents, file.linkBase, missing);
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
    const { units, root: unit } = yield* this.#contents.whole(root);
    const names = { ...this.#contents.names, units };
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
    return offset === undefined ? undefined : yield* this.#contents.units.root(offset);
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
    const { line } = this.#contents.units.sections;
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
      file: yield* this.#contents.fileName(root, table, fileNumber),
      line: line === 0 ? undefined : line,
    };
  }
}

function* nameOf(sources: NameSources, { die }: Covering, unit: UnitRoot): Task<string> {
  return (yield* unlessBroken(functionName(sources, die, unit))) ?? UNKNOWN;
}
