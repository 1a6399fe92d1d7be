import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import type { CompanionFiles } from '../companion-files.js';
import type { DwarfFile } from './dwarf-file.js';
import { joinPath, lineFileName } from './line-files.js';
import type { LineTable, Text } from './line-table.js';
import type { NameSources } from './names.js';
import { readDwarfSections } from './sections.js';
import { type SplitUnit, SplitUnits } from './split-units.js';
import type { UnitRoot } from './unit.js';
import { DwarfUnits } from './units.js';

export interface DwarfOptions {
  /** The file that `.gnu_debugaltlink` or `.debug_sup` names. */
  readonly supplementary?: DwarfFile | undefined;
  /** Finds .dwo files, and their package by these names. */
  readonly split?: { readonly files: CompanionFiles; readonly packageNames: readonly string[] } | undefined;
}

/** The units of a file, and what of them is in other files. */
export class DwarfContents {
  readonly names: NameSources;
  readonly #split: SplitUnits | undefined;
  readonly #missing: (name: string) => void;

  private constructor(names: NameSources, split: SplitUnits | undefined, missing: (name: string) => void) {
    this.names = names;
    this.#split = split;
    this.#missing = missing;
  }

  /**
   * Undefined where the file has no DWARF. Throws `unsupported` where it is compressed and nothing unpacks it.
   *
   * @param missing is told of each file that would have been needed
   */
  static *open(
    file: DwarfFile,
    { supplementary, split }: DwarfOptions,
    missing: (name: string) => void,
  ): Task<DwarfContents | undefined> {
    const sections = yield* readDwarfSections(file);
    if (sections === undefined) return undefined;
    const shared = supplementary && (yield* readDwarfSections(supplementary));
    const link = file.supplementaryLink && (yield* unlessBroken(file.supplementaryLink()));
    const names: NameSources = {
      units: new DwarfUnits(sections),
      supplementary: shared && new DwarfUnits(shared),
      missingSupplementary: () => missing(link?.name ?? 'the supplementary file'),
    };
    const splitUnits = split && new SplitUnits(sections, split.files, split.packageNames);
    return new DwarfContents(names, splitUnits, missing);
  }

  get units(): DwarfUnits {
    return this.names.units;
  }

  /** The unit that has the functions: of one that was split, that of the .dwo file where it can be had. */
  *whole(root: UnitRoot): Task<SplitUnit> {
    const own = { units: this.units, root };
    const { dwoName, compDir } = root;
    const name = dwoName && (yield* this.#text(root, dwoName));
    if (name === undefined) return own;
    const path = joinPath(compDir && (yield* this.#text(root, compDir)), name);
    const found = this.#split && (yield* this.#split.of(root, path));
    if (found === undefined) this.#missing(path);
    return found ?? own;
  }

  /** The path of a file of the line table of a unit; undefined where it is not known. */
  *fileName(root: UnitRoot, table: LineTable, fileNumber: number): Task<string | undefined> {
    return yield* unlessBroken(lineFileName(table, fileNumber, root, (text) => this.#text(root, text)));
  }

  *#text(root: UnitRoot, text: Text): Task<string | undefined> {
    if (typeof text === 'string') return text;
    const { units, supplementary, missingSupplementary } = this.names;
    if (text.kind === 'supplementary-text' && !supplementary) missingSupplementary();
    return yield* units.text(root, text, supplementary);
  }
}
