import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import type { SectionData } from '../section-data.js';
import type { DwarfFile } from './dwarf-file.js';
import { type DwarfSections, readSplitSections } from './sections.js';

/** Columns of the index that are used here, by their numbers (DWARF 5, table 7.1; those of GNU's version 2 are the same). */
const COLUMNS = { info: 1, abbrev: 3, strOffsets: 6 } as const;
/** In version 5 only. */
const RNGLISTS = 8;
const MAX_COLUMNS = 16;

interface Contribution {
  offset: number;
  size: number;
}

/** A .dwp file: the .dwo files of a program in one (DWARF 5, 7.3.5; before it an extension of GNU). */
export class DwarfPackage {
  readonly #sections: DwarfSections;
  /** By the id of the unit and the number of the column. */
  readonly #rows: ReadonlyMap<number, ReadonlyMap<number, Contribution>>;

  private constructor(sections: DwarfSections, rows: ReadonlyMap<number, ReadonlyMap<number, Contribution>>) {
    this.#sections = sections;
    this.#rows = rows;
  }

  /** Undefined where the file is none. @param main the sections of the file that was split */
  static *open(file: DwarfFile, main: DwarfSections): Task<DwarfPackage | undefined> {
    const sections = yield* readSplitSections(file, main);
    const index = yield* file.data('.debug_cu_index');
    if (sections === undefined || index === undefined) return undefined;
    return new DwarfPackage(sections, yield* readIndex(index));
  }

  /** The sections of one unit, as if they were those of a .dwo file. */
  unit(id: number): DwarfSections | undefined {
    const row = this.#rows.get(id);
    if (row === undefined) return undefined;
    const part = (data: SectionData, column: number) => {
      const contribution = row.get(column);
      return contribution && data.slice(contribution.offset, contribution.size);
    };
    const { info, abbrev, strOffsets, rnglists } = this.#sections;
    const ownInfo = part(info, COLUMNS.info);
    const ownAbbrev = part(abbrev, COLUMNS.abbrev);
    if (ownInfo === undefined || ownAbbrev === undefined) return undefined;
    return {
      ...this.#sections,
      info: ownInfo,
      abbrev: ownAbbrev,
      strOffsets: strOffsets && part(strOffsets, COLUMNS.strOffsets),
      rnglists: rnglists && part(rnglists, RNGLISTS),
    };
  }
}

/** `.debug_cu_index`: a hash table of ids, which is read from one end to the other, then offsets and sizes of each unit. */
function* readIndex(data: SectionData): Task<Map<number, Map<number, Contribution>>> {
  const reader = new ByteReader(yield* data.read(0, data.size), '.debug_cu_index');
  // In version 5 it is half a word, before padding.
  const version = reader.u32();
  if (version !== 2 && version !== 5) throw broken('.debug_cu_index', 'version 2 or 5', `${version}`);
  const columns = reader.u32();
  const units = reader.u32();
  const slots = reader.u32();
  if (columns > MAX_COLUMNS || slots * 12 + columns * 4 + units * columns * 8 > reader.left)
    throw reader.broken('an index');
  const ids = new ByteReader(reader.take(slots * 8), '.debug_cu_index');
  const numbers = new ByteReader(reader.take(slots * 4), '.debug_cu_index');
  const kinds = Array.from({ length: columns }, () => reader.u32());
  const table = reader.position;
  const rows = new Map<number, Map<number, Contribution>>();
  for (let slot = 0; slot < slots; slot++) {
    const id = ids.u64();
    const number = numbers.u32();
    if (number === 0 || number > units) continue;
    const row = new Map<number, Contribution>();
    kinds.forEach((kind, column) => {
      reader.position = table + ((number - 1) * columns + column) * 4;
      const offset = reader.u32();
      reader.position += (units * columns - 1) * 4;
      row.set(kind, { offset, size: reader.u32() });
    });
    rows.set(id, row);
  }
  return rows;
}
