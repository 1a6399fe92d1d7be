import { MinidumpError, type Task } from '../../io/index.js';
import { ByteReader } from '../bytes.js';
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
/** Bytes of tables that are kept; a linked file has one for each unit, LTO one for all. */
const MAX_KEPT = 4 * 1024 * 1024;
/** A table for all units of a large program (dsymutil) has some ten thousand. */
const MAX_ABBREVIATIONS = 1 << 18;

/** `.debug_abbrev`, table by table. */
export class AbbreviationTables {
  readonly #data: SectionData;
  readonly #tables = new Recent<Abbreviations>(MAX_KEPT);

  constructor(data: SectionData) {
    this.#data = data;
  }

  /** The whole table at an offset. Throws `malformed` if it does not end. */
  *at(offset: number): Task<Abbreviations> {
    const known = this.#tables.get(offset);
    if (known) return known;
    const table = yield* this.#parse(offset, undefined);
    let weight = 0;
    for (const { attributes } of table.values()) weight += 100 + attributes.length * 8;
    this.#tables.set(offset, table, weight);
    return table;
  }

  /** One of the table, which is not read further than that. */
  *find(offset: number, code: number): Task<Abbreviation | undefined> {
    return (this.#tables.get(offset) ?? (yield* this.#parse(offset, code))).get(code);
  }

  *#parse(offset: number, wanted: number | undefined): Task<Map<number, Abbreviation>> {
    // How long a table is, only its end tells.
    for (let window = wanted === undefined ? FIRST_WINDOW : 512; ; window *= 8) {
      const length = Math.min(window, this.#data.size - offset);
      const reader = new ByteReader(yield* this.#data.read(offset, length), '.debug_abbrev');
      try {
        return parseAbbreviations(reader, wanted);
      } catch (error) {
        if (!(error instanceof MinidumpError) || length < window) throw error;
      }
    }
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
