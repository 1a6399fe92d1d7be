import type { ByteReader } from '../bytes.js';
import { DW_FORM } from './constants.js';

/** What the forms of a unit depend on. */
export interface UnitEncoding {
  readonly version: number;
  readonly addressSize: number;
  /** 4, or 8 in 64-bit DWARF. */
  readonly offsetSize: 4 | 8;
  /** Of the unit, in its section: what references inside a unit are relative to. */
  readonly offset: number;
}

/** What a number that an attribute has is. */
export type ValueKind =
  /** An address, a constant, an offset in a section that the attribute implies, a flag. */
  | 'address'
  | 'constant'
  | 'offset'
  /** Of .debug_addr, .debug_rnglists, .debug_loclists, .debug_str_offsets. */
  | 'address-index'
  | 'list-index'
  | 'string-index'
  /** Where text is: in .debug_info itself, .debug_str, .debug_line_str. */
  | 'text-here'
  | 'text'
  | 'line-text'
  /** Of a DIE, in .debug_info. */
  | 'reference'
  /** In the supplementary file, for text and DIEs. */
  | 'supplementary-text'
  | 'supplementary-reference'
  /** Blocks, expressions, type signatures: nothing here asks for them. */
  | 'other';

export interface FormValue {
  kind: ValueKind;
  value: number;
}

/** DW_FORM_indirect may name itself. */
const MAX_INDIRECT = 4;

/**
 * Reads the value of an attribute into `into`, and leaves the reader behind it. Throws `malformed` for forms that are not
 * known: where the next attribute begins cannot be told then.
 */
export function readForm(
  reader: ByteReader,
  wanted: number,
  implicit: number,
  unit: UnitEncoding,
  into: FormValue,
): void {
  let form = wanted;
  for (let i = 0; form === DW_FORM.indirect; i++) {
    if (i >= MAX_INDIRECT) throw reader.broken('a form');
    form = reader.uleb();
  }
  into.kind = 'constant';
  switch (form) {
    case DW_FORM.addr:
      into.kind = 'address';
      into.value = reader.unsigned(unit.addressSize);
      return;
    case DW_FORM.data1:
    case DW_FORM.flag:
      into.value = reader.u8();
      return;
    case DW_FORM.data2:
      into.value = reader.u16();
      return;
    case DW_FORM.data4:
      into.value = reader.u32();
      return;
    case DW_FORM.data8:
      into.value = reader.u64();
      return;
    case DW_FORM.udata:
      into.value = reader.uleb();
      return;
    case DW_FORM.sdata:
      into.value = reader.sleb();
      return;
    case DW_FORM.implicit_const:
      into.value = implicit;
      return;
    case DW_FORM.flag_present:
      into.value = 1;
      return;
    case DW_FORM.sec_offset:
      into.kind = 'offset';
      into.value = reader.unsigned(unit.offsetSize);
      return;
    case DW_FORM.string:
      into.kind = 'text-here';
      into.value = unit.offset + reader.position;
      reader.skipString();
      return;
    case DW_FORM.strp:
      into.kind = 'text';
      into.value = reader.unsigned(unit.offsetSize);
      return;
    case DW_FORM.line_strp:
      into.kind = 'line-text';
      into.value = reader.unsigned(unit.offsetSize);
      return;
    case DW_FORM.strp_sup:
    case DW_FORM.GNU_strp_alt:
      into.kind = 'supplementary-text';
      into.value = reader.unsigned(unit.offsetSize);
      return;
    case DW_FORM.ref1:
      into.kind = 'reference';
      into.value = unit.offset + reader.u8();
      return;
    case DW_FORM.ref2:
      into.kind = 'reference';
      into.value = unit.offset + reader.u16();
      return;
    case DW_FORM.ref4:
      into.kind = 'reference';
      into.value = unit.offset + reader.u32();
      return;
    case DW_FORM.ref8:
      into.kind = 'reference';
      into.value = unit.offset + reader.u64();
      return;
    case DW_FORM.ref_udata:
      into.kind = 'reference';
      into.value = unit.offset + reader.uleb();
      return;
    case DW_FORM.ref_addr:
      into.kind = 'reference';
      // DWARF 2 gave it the size of an address.
      into.value = reader.unsigned(unit.version === 2 ? unit.addressSize : unit.offsetSize);
      return;
    case DW_FORM.ref_sup4:
      into.kind = 'supplementary-reference';
      into.value = reader.u32();
      return;
    case DW_FORM.ref_sup8:
      into.kind = 'supplementary-reference';
      into.value = reader.u64();
      return;
    case DW_FORM.GNU_ref_alt:
      into.kind = 'supplementary-reference';
      into.value = reader.unsigned(unit.offsetSize);
      return;
    case DW_FORM.strx:
    case DW_FORM.GNU_str_index:
      into.kind = 'string-index';
      into.value = reader.uleb();
      return;
    case DW_FORM.strx1:
      into.kind = 'string-index';
      into.value = reader.u8();
      return;
    case DW_FORM.strx2:
      into.kind = 'string-index';
      into.value = reader.u16();
      return;
    case DW_FORM.strx3:
      into.kind = 'string-index';
      into.value = reader.u24();
      return;
    case DW_FORM.strx4:
      into.kind = 'string-index';
      into.value = reader.u32();
      return;
    case DW_FORM.addrx:
    case DW_FORM.GNU_addr_index:
      into.kind = 'address-index';
      into.value = reader.uleb();
      return;
    case DW_FORM.addrx1:
      into.kind = 'address-index';
      into.value = reader.u8();
      return;
    case DW_FORM.addrx2:
      into.kind = 'address-index';
      into.value = reader.u16();
      return;
    case DW_FORM.addrx3:
      into.kind = 'address-index';
      into.value = reader.u24();
      return;
    case DW_FORM.addrx4:
      into.kind = 'address-index';
      into.value = reader.u32();
      return;
    case DW_FORM.rnglistx:
    case DW_FORM.loclistx:
      into.kind = 'list-index';
      into.value = reader.uleb();
      return;
  }
  into.kind = 'other';
  into.value = 0;
  switch (form) {
    case DW_FORM.block1:
      reader.skip(reader.u8());
      return;
    case DW_FORM.block2:
      reader.skip(reader.u16());
      return;
    case DW_FORM.block4:
      reader.skip(reader.u32());
      return;
    case DW_FORM.block:
    case DW_FORM.exprloc:
      reader.skip(reader.uleb());
      return;
    case DW_FORM.data16:
      reader.skip(16);
      return;
    case DW_FORM.ref_sig8:
      reader.skip(8);
      return;
    default:
      throw reader.broken(`a known form, not 0x${form.toString(16)},`);
  }
}

/** How many bytes a form takes in a unit, where that does not depend on the value; else -1. */
export function fixedSize(form: number, unit: UnitEncoding): number {
  switch (form) {
    case DW_FORM.flag_present:
    case DW_FORM.implicit_const:
      return 0;
    case DW_FORM.data1:
    case DW_FORM.flag:
    case DW_FORM.ref1:
    case DW_FORM.strx1:
    case DW_FORM.addrx1:
      return 1;
    case DW_FORM.data2:
    case DW_FORM.ref2:
    case DW_FORM.strx2:
    case DW_FORM.addrx2:
      return 2;
    case DW_FORM.strx3:
    case DW_FORM.addrx3:
      return 3;
    case DW_FORM.data4:
    case DW_FORM.ref4:
    case DW_FORM.ref_sup4:
    case DW_FORM.strx4:
    case DW_FORM.addrx4:
      return 4;
    case DW_FORM.data8:
    case DW_FORM.ref8:
    case DW_FORM.ref_sup8:
    case DW_FORM.ref_sig8:
      return 8;
    case DW_FORM.data16:
      return 16;
    case DW_FORM.addr:
      return unit.addressSize;
    case DW_FORM.sec_offset:
    case DW_FORM.strp:
    case DW_FORM.line_strp:
    case DW_FORM.strp_sup:
    case DW_FORM.GNU_strp_alt:
    case DW_FORM.GNU_ref_alt:
      return unit.offsetSize;
    default:
      return -1;
  }
}
