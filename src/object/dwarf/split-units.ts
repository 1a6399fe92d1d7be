import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import type { Companion, CompanionFiles } from '../companion-files.js';
import type { ElfFile } from '../elf-file.js';
import { DW_TAG } from './constants.js';
import { DwarfPackage } from './package.js';
import { Recent } from './recent.js';
import { type DwarfSections, readSplitSections } from './sections.js';
import type { UnitRoot } from './unit.js';
import { DwarfUnits } from './units.js';

/** .dwo files that are open at once. */
const MAX_OPEN = 32;

/** The rest of a unit whose skeleton is in the file that was linked. */
export interface SplitUnit {
  readonly units: DwarfUnits;
  readonly root: UnitRoot;
}

/** Finds the units that were split off a file: in its package (.dwp), else each in a file of its own (.dwo). */
export class SplitUnits {
  readonly #main: DwarfSections;
  readonly #files: CompanionFiles;
  readonly #packageNames: readonly string[];
  readonly #open = new Recent<Companion<SplitUnit>>(MAX_OPEN, ({ close }) => close());
  readonly #missing = new Set<number>();
  /** Null where there is none. */
  #package: DwarfPackage | null | undefined;

  constructor(main: DwarfSections, files: CompanionFiles, packageNames: readonly string[]) {
    this.#main = main;
    this.#files = files;
    this.#packageNames = packageNames;
  }

  /**
   * Undefined where it is not to be had, or another of this name is.
   *
   * @param path of the .dwo file, as the skeleton names it
   */
  *of(skeleton: UnitRoot, path: string): Task<SplitUnit | undefined> {
    const { offset } = skeleton.header;
    const known = this.#open.get(offset);
    if (known || this.#missing.has(offset)) return known?.value;
    const packed = yield* this.#fromPackage(skeleton);
    const main = this.#main;
    const found = packed
      ? { value: packed, close: () => {} }
      : yield* this.#files.find(path, function* take(file: ElfFile): Task<SplitUnit | undefined> {
          const sections = yield* readSplitSections(file, main);
          return sections && (yield* unitIn(sections, skeleton));
        });
    if (found) this.#open.set(offset, found, 1);
    else this.#missing.add(offset);
    return found?.value;
  }

  *#fromPackage(skeleton: UnitRoot): Task<SplitUnit | undefined> {
    if (this.#package === undefined) {
      this.#package = null;
      const main = this.#main;
      for (const name of this.#packageNames) {
        const found = yield* this.#files.find(name, (file) => DwarfPackage.open(file, main));
        this.#package ??= found?.value ?? null;
        if (this.#package) break;
      }
    }
    const sections = skeleton.dwoId === undefined ? undefined : this.#package?.unit(skeleton.dwoId);
    return sections && (yield* unlessBroken(unitIn(sections, skeleton)));
  }
}

/** The unit with the id of a skeleton. */
function* unitIn(sections: DwarfSections, skeleton: UnitRoot): Task<SplitUnit | undefined> {
  const units = new DwarfUnits(sections, skeleton);
  for (const offset of yield* units.offsets()) {
    const root = yield* unlessBroken(units.root(offset));
    if (root?.tag === DW_TAG.compile_unit && root.dwoId === skeleton.dwoId) return { units, root };
  }
  return undefined;
}
