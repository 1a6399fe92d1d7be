import type { Task } from '../../io/index.js';
import { ByteReader } from '../bytes.js';
import { DW_AT } from './constants.js';
import { type FormValue, readForm } from './forms.js';
import type { UnitRoot } from './unit.js';
import type { DwarfUnits } from './units.js';

/** Concrete code → inlined function → its declaration: three steps; a circle ends here. */
const MAX_STEPS = 16;
const FIRST_READ = 256;

/** What a name is looked for in, and what is missing for it. */
export interface NameSources {
  readonly units: DwarfUnits;
  /** The file of `.gnu_debugaltlink` or `.debug_sup`, if it was given. */
  readonly supplementary: DwarfUnits | undefined;
  /** Is told when a DIE refers to that file and it was not given. */
  missingSupplementary(): void;
}

/**
 * The name of a function by its DIE: the linkage name of the DIE or of one that it comes from (DW_AT_abstract_origin,
 * DW_AT_specification, also in other units), else the first name among them. Throws `malformed`.
 */
export function* functionName(sources: NameSources, die: number, unit: UnitRoot): Task<string | undefined> {
  return (yield* findName(sources, die, unit))?.text;
}

/** A name of a function. */
export interface FoundName {
  readonly text: string;
  /** As the linker knows it. */
  readonly isLinkageName: boolean;
  /** The last DIE that was asked: the declaration, where there is one; undefined in another file. */
  readonly die: number | undefined;
}

/**
 * The same, and where it was found.
 *
 * @param accept whether a linkage name is wanted; the plain one goes before others
 */
export function* findName(
  sources: NameSources,
  die: number,
  unit: UnitRoot,
  accept: (linkageName: string) => boolean = () => true,
): Task<FoundName | undefined> {
  let units = sources.units;
  let at: number | undefined = die;
  let last: number | undefined = die;
  let plain: string | undefined;
  let refused: string | undefined;
  let near: UnitRoot | undefined = unit;
  for (let step = 0; at !== undefined && step < MAX_STEPS; step++) {
    const { root, found }: DieText = yield* readDie(units, at, near);
    last = units === sources.units ? at : undefined;
    near = root;
    const linkage = found.get(DW_AT.linkage_name) ?? found.get(DW_AT.MIPS_linkage_name);
    const ownSupplementary = units === sources.units ? sources.supplementary : undefined;
    const name = plain === undefined ? found.get(DW_AT.name) : undefined;
    for (const textual of [linkage, name]) {
      if (textual === undefined) continue;
      if (textual.kind === 'supplementary-text' && !ownSupplementary) sources.missingSupplementary();
      const text: string | undefined = yield* units.text(root, textual, ownSupplementary);
      if (textual === name) plain = text;
      else if (text !== undefined) {
        if (accept(text)) return { text, isLinkageName: true, die: last };
        refused ??= text;
      }
    }
    const origin: FormValue | undefined = found.get(DW_AT.abstract_origin) ?? found.get(DW_AT.specification);
    at = origin?.kind === 'reference' ? origin.value : undefined;
    if (origin?.kind === 'supplementary-reference') {
      if (ownSupplementary) {
        units = ownSupplementary;
        near = undefined;
        at = origin.value;
      } else sources.missingSupplementary();
    }
  }
  const text = plain ?? refused;
  return text === undefined ? undefined : { text, isLinkageName: false, die: last };
}

interface DieText {
  root: UnitRoot;
  found: ReadonlyMap<number, FormValue>;
}

/** The attributes of one DIE that have to do with its name. */
function* readDie(units: DwarfUnits, die: number, near: UnitRoot | undefined): Task<DieText> {
  const root = yield* units.containing(die, near);
  const abbreviations = yield* units.abbreviations.at(root.header.abbrevOffset);
  for (let length = FIRST_READ; ; length *= 16) {
    const there = Math.min(length, root.header.end - die);
    const reader = new ByteReader(yield* units.sections.info.read(die, there), '.debug_info');
    try {
      const abbreviation = abbreviations.get(reader.uleb());
      const found = new Map<number, FormValue>();
      const attributes = abbreviation?.attributes ?? [];
      for (let i = 0; i < attributes.length; i += 3) {
        const into: FormValue = { kind: 'other', value: 0 };
        const from = reader.position;
        readForm(reader, attributes[i + 1]!, attributes[i + 2]!, root.header, into);
        // Its place in the section: these bytes begin with the DIE, not with the unit.
        if (into.kind === 'text-here') into.value = die + from;
        found.set(attributes[i]!, into);
      }
      return { root, found };
    } catch (error) {
      if (there < length) throw error;
    }
  }
}
