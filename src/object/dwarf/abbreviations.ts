import { MinidumpError, type Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import type { SectionData } from '../section-data.js';
import { DW_FORM } from './constants.js';
import { Recent } from './recent.js';

/** What the DIEs of one code look like. */
export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  /** DW_AT, DW_FORM and the value of DW_FORM_implicit_const, one triple after the other. */
  readonly attributes: readonly number[];
}

/** By code. Compilers number them from 1 without gaps. */
export type Abbreviations = ReadonlyMap<number, Abbreviation>;

const FIRST_WINDOW = 16 * 1024;
/** Where a unit's own abbreviation is looked for before the whole table is read; it is nearly always the first. */
const SHORT_LOOK = 512;
/** Bytes of tables that are kept; a linked file has one for each unit, LTO one for all. */
const MAX_KEPT = 4 * 1024 * 1024;
/** A table for all units of a large program (dsymutil) has some ten thousand. */
const MAX_ABBREVIATIONS = 1 << 18;
/** Tables do not overlap: those of all units together are no longer than the section. A hostile file has one from each byte on. */
const TIMES_THE_SECTION = 2;

/** `.debug_abbrev`, table by table. */
export class AbbreviationTables {
  readonly #data: SectionData;
  readonly #tables = new Recent<Abbreviations>(MAX_KEPT);
  /** Where tables begin that were read until now. */
  readonly #seen = new Set<number>();
  #seenBytes = 0;

  constructor(data: SectionData) {
    this.#data = data;
  }

  /** The whole table at an offset. Throws `malformed` if it does not end. */
  *at(offset: number): Task<Abbreviations> {
    const known = this.#tables.get(offset);
    if (known) return known;
    if (!this.#seen.has(offset) && this.#seenBytes > this.#data.size * TIMES_THE_SECTION)
      throw broken('.debug_abbrev', 'tables that do not overlap', `another at ${offset}`);
    let size = this.#data.size - offset;
    try {
      const { table, end } = yield* this.#parse(offset);
      size = end;
      let weight = 0;
      for (const { attributes } of table.values()) weight += 100 + attributes.length * 8;
      this.#tables.set(offset, table, weight);
      return table;
    } finally {
      if (!this.#seen.has(offset)) this.#seenBytes += Math.max(size, 0);
      this.#seen.add(offset);
    }
  }

  /** One of the table. If it is near the beginning no more is read. */
  *find(offset: number, code: number): Task<Abbreviation | undefined> {
    if (!this.#tables.get(offset)) {
      const length = Math.min(SHORT_LOOK, this.#data.size - offset);
      const found = lookFor(code, new ByteReader(yield* this.#data.read(offset, length), '.debug_abbrev'));
      if (found) return found;
    }
    return (yield* this.at(offset)).get(code);
  }

  *#parse(offset: number): Task<{ table: Abbreviations; end: number }> {
    // How long a table is, only its end tells.
    for (let window = FIRST_WINDOW; ; window *= 8) {
      const length = Math.min(window, this.#data.size - offset);
      const reader = new ByteReader(yield* this.#data.read(offset, length), '.debug_abbrev');
      try {
        return { table: parseAbbreviations(reader, undefined), end: reader.position };
      } catch (error) {
        if (!(error instanceof MinidumpError) || length < window) throw error;
      }
    }
  }
}

/** Undefined where the bytes end before it. */
function lookFor(code: number, reader: ByteReader): Abbreviation | undefined {
  try {
    return parseAbbreviations(reader, code).get(code);
  } catch (error) {
    if (error instanceof MinidumpError) return undefined;
    throw error;
  }
}

function parseAbbreviations(reader: ByteReader, wanted: number | undefined): Map<number, Abbreviation> {
  const table = new Map<number, Abbreviation>();
  for (;;) {
    const code = reader.uleb();
    if (code === 0) return table;
    const tag = reader.uleb();
    const hasChildren = reader.u8() !== 0;
    const attributes: number[] = [];
    for (;;) {
      const name = reader.uleb();
      const form = reader.uleb();
      const value = form === DW_FORM.implicit_const ? reader.sleb() : 0;
      if (name === 0 && form === 0) break;
      attributes.push(name, form, value);
    }
    if (!table.has(code)) table.set(code, { tag, hasChildren, attributes });
    if (code === wanted) return table;
    if (table.size > MAX_ABBREVIATIONS) throw reader.broken(`at most ${MAX_ABBREVIATIONS} abbreviations`);
  }
}
