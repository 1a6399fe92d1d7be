import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import type { AbbreviationTables } from './abbreviations.js';
import { DW_AT } from './constants.js';
import { type FormValue, readForm, type UnitEncoding } from './forms.js';
import type { DwarfSections } from './sections.js';

/** Types of units with more in their header (DWARF 5, 7.5.1). */
const DW_UT_TYPE = 2;
const DW_UT_SKELETON = 4;
const DW_UT_SPLIT_COMPILE = 5;
const DW_UT_SPLIT_TYPE = 6;

/** The header and the first DIE of all but the strangest units; more is read where that is too little. */
const FIRST_READ = 256;

/** The header of a unit. Offsets are those of `.debug_info`. */
export interface UnitHeader extends UnitEncoding {
  readonly end: number;
  readonly abbrevOffset: number;
  /** Of the first DIE. */
  readonly firstDie: number;
  readonly isTypeUnit: boolean;
  /** What a skeleton and its split unit have in common: 64 bits, of which a number has 53. */
  readonly dwoId: number | undefined;
}

/** What the first DIE of a unit says. */
export interface UnitRoot {
  readonly header: UnitHeader;
  readonly tag: number;
  readonly name: FormValue | undefined;
  readonly compDir: FormValue | undefined;
  readonly lowPc: FormValue | undefined;
  readonly highPc: FormValue | undefined;
  readonly ranges: FormValue | undefined;
  /** Of the unit's line table; undefined where it has none. */
  readonly lineOffset: number | undefined;
  readonly strOffsetsBase: number | undefined;
  readonly addrBase: number | undefined;
  readonly rnglistsBase: number | undefined;
  /** Added to what DW_AT_ranges of a split unit before DWARF 5 says. */
  readonly rangesBase: number | undefined;
  /** See UnitHeader; before DWARF 5 the first DIE has it. */
  readonly dwoId: number | undefined;
  /** The file that has the rest of the unit, where it is a skeleton. */
  readonly dwoName: FormValue | undefined;
}

/** Reads a unit header; `malformed` if it reaches past the section. */
export function parseUnitHeader(bytes: Uint8Array, offset: number, sectionSize: number): UnitHeader {
  const reader = new ByteReader(bytes, '.debug_info');
  let length = reader.u32();
  const offsetSize = length === 0xffffffff ? 8 : 4;
  if (offsetSize === 8) length = reader.u64();
  const end = offset + reader.position + length;
  if (end > sectionSize || length >= 2 ** 31)
    throw broken('.debug_info', `a unit inside ${sectionSize} bytes`, `${length} bytes at ${offset}`);
  const version = reader.u16();
  if (version < 2 || version > 5) throw broken('.debug_info', 'DWARF 2 to 5', `version ${version}`);
  let type = 0;
  let addressSize: number;
  let abbrevOffset: number;
  let dwoId: number | undefined;
  if (version === 5) {
    type = reader.u8();
    addressSize = reader.u8();
    abbrevOffset = reader.unsigned(offsetSize);
    if (type === DW_UT_SKELETON || type === DW_UT_SPLIT_COMPILE) dwoId = reader.u64();
    else if (type === DW_UT_TYPE || type === DW_UT_SPLIT_TYPE) reader.skip(8 + offsetSize);
  } else {
    abbrevOffset = reader.unsigned(offsetSize);
    addressSize = reader.u8();
  }
  if (addressSize !== 4 && addressSize !== 8)
    throw broken('.debug_info', 'addresses of 4 or 8 bytes', `${addressSize}`);
  return {
    version,
    addressSize,
    offsetSize,
    offset,
    end,
    abbrevOffset,
    firstDie: offset + reader.position,
    dwoId,
    isTypeUnit: type === DW_UT_TYPE || type === DW_UT_SPLIT_TYPE,
  };
}

/** Where the unit after this one begins, from its length alone; undefined where none can. */
export function* nextUnit(sections: DwarfSections, offset: number): Task<number | undefined> {
  const head = yield* sections.info.glance(offset, 12);
  if (head.length < 11) return undefined;
  const reader = new ByteReader(head, '.debug_info');
  let length = reader.u32();
  if (length === 0xffffffff) length = reader.left >= 8 ? reader.u64() : 0;
  const next = offset + reader.position + length;
  return length > 0 && next <= sections.info.size ? next : undefined;
}

/** Header and first DIE. Throws `malformed`. */
export function* readUnitRoot(
  sections: DwarfSections,
  abbreviations: AbbreviationTables,
  offset: number,
): Task<UnitRoot> {
  for (let length = FIRST_READ; ; length *= 16) {
    const bytes = yield* sections.info.glance(offset, length);
    let end = Number.POSITIVE_INFINITY;
    try {
      const header = parseUnitHeader(bytes, offset, sections.info.size);
      end = header.end;
      const reader = new ByteReader(bytes, '.debug_info', header.firstDie - offset);
      const abbreviation = yield* abbreviations.find(header.abbrevOffset, reader.uleb());
      if (abbreviation === undefined) throw reader.broken('a known abbreviation');
      const found = new Map<number, FormValue>();
      for (let i = 0; i < abbreviation.attributes.length; i += 3) {
        const into: FormValue = { kind: 'other', value: 0 };
        readForm(reader, abbreviation.attributes[i + 1]!, abbreviation.attributes[i + 2]!, header, into);
        found.set(abbreviation.attributes[i]!, into);
      }
      const offsetOf = (attribute: number) => found.get(attribute)?.value;
      return {
        header,
        tag: abbreviation.tag,
        name: found.get(DW_AT.name),
        compDir: found.get(DW_AT.comp_dir),
        lowPc: found.get(DW_AT.low_pc),
        highPc: found.get(DW_AT.high_pc),
        ranges: found.get(DW_AT.ranges),
        lineOffset: offsetOf(DW_AT.stmt_list),
        strOffsetsBase: offsetOf(DW_AT.str_offsets_base),
        addrBase: offsetOf(DW_AT.addr_base) ?? offsetOf(DW_AT.GNU_addr_base),
        rnglistsBase: offsetOf(DW_AT.rnglists_base),
        rangesBase: offsetOf(DW_AT.GNU_ranges_base),
        dwoId: header.dwoId ?? offsetOf(DW_AT.GNU_dwo_id),
        dwoName: found.get(DW_AT.dwo_name) ?? found.get(DW_AT.GNU_dwo_name),
      };
    } catch (error) {
      // Cut off by this read, or broken: only more bytes can tell, unless these were all of the unit.
      if (bytes.length < length || offset + length >= end) throw error;
      if (length >= 1024 * 1024) throw error;
    }
  }
}
