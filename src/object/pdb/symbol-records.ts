import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import type { SectionData } from '../section-data.js';

const S_END = 0x0006;
export const S_THUNK32 = 0x1102;
export const S_BLOCK32 = 0x1103;
export const S_WITH32 = 0x1104;
export const S_PUB32 = 0x110e;
const S_LPROC32 = 0x110f;
const S_GPROC32 = 0x1110;
export const S_SEPCODE = 0x1132;
const S_LPROC32_ID = 0x1146;
const S_GPROC32_ID = 0x1147;
export const S_INLINESITE = 0x114d;
export const S_INLINESITE_END = 0x114e;
const S_PROC_ID_END = 0x114f;
const S_LPROC32_DPC = 0x1155;
const S_LPROC32_DPC_ID = 0x1156;
export const S_INLINESITE2 = 0x115d;

/** Their length has 16 bits and does not count itself. */
const LARGEST_RECORD = 0xffff + 2;
const PIECE = 2 * (LARGEST_RECORD + 1);

const PROCEDURES = new Set([
  S_LPROC32,
  S_GPROC32,
  S_LPROC32_ID,
  S_GPROC32_ID,
  S_LPROC32_DPC,
  S_LPROC32_DPC_ID,
]);
const WITH_IDS = new Set([S_LPROC32_ID, S_GPROC32_ID, S_LPROC32_DPC_ID]);
const ENDS = new Set([S_END, S_PROC_ID_END]);

/** S_[GL]PROC32 and its kin, or S_THUNK32. */
export interface ProcedureSymbol {
  readonly section: number;
  readonly offset: number;
  readonly size: number;
  /** Where S_END is in the stream, as it is written. */
  readonly end: number;
  /** Index in the TPI stream, in the IPI stream where `hasId`; 0 where there is none. */
  readonly type: number;
  readonly hasId: boolean;
  readonly name: string;
}

/** S_SEPCODE: code of a function that lies apart from it, as compilers put what is seldom run. */
export interface SeparatedCode {
  readonly section: number;
  readonly offset: number;
  readonly size: number;
  /** Where S_END is in the stream, as it is written. */
  readonly end: number;
  /** Where the function begins that it is of, or the code that was separated before. */
  readonly parentSection: number;
  readonly parentOffset: number;
}

/** Undefined where it is another record. */
export function separatedCodeOf({ kind, reader }: SymbolRecord): SeparatedCode | undefined {
  if (kind !== S_SEPCODE) return undefined;
  reader.skip(4);
  const end = reader.u32();
  const size = reader.u32();
  reader.skip(4);
  const offset = reader.u32();
  const parentOffset = reader.u32();
  const section = reader.u16();
  return { section, offset, size, end, parentSection: reader.u16(), parentOffset };
}

/** What `visit` gives where nothing more is wanted. */
export const STOP = -1;

/** One record, seen while it is walked over. */
export interface SymbolRecord {
  readonly kind: number;
  /** Where it is in the stream: its length is there. */
  readonly at: number;
  /** Behind the kind, to the end of the record. */
  readonly reader: ByteReader;
}

export const isScopeEnd = (kind: number): boolean => ENDS.has(kind);
export const isProcedure = (kind: number): boolean => PROCEDURES.has(kind);

/** Undefined where it is another record. */
export function procedureOf({ kind, reader }: SymbolRecord): ProcedureSymbol | undefined {
  if (PROCEDURES.has(kind)) {
    reader.skip(4);
    const end = reader.u32();
    reader.skip(4);
    const size = reader.u32();
    reader.skip(8);
    const type = reader.u32();
    const offset = reader.u32();
    const section = reader.u16();
    reader.skip(1);
    return { section, offset, size, end, type, hasId: WITH_IDS.has(kind), name: reader.string() };
  }
  if (kind !== S_THUNK32) return undefined;
  reader.skip(4);
  const end = reader.u32();
  reader.skip(4);
  const offset = reader.u32();
  const section = reader.u16();
  const size = reader.u16();
  reader.skip(1);
  return { section, offset, size, end, type: 0, hasId: false, name: reader.string() };
}

/**
 * Walks over the records of a range of a stream, reading it piece by piece.
 *
 * @param visit may give where the scope that the record opens is closed: what is in it is left out; or STOP
 */
export function* walkSymbols(
  data: SectionData,
  from: number,
  to: number,
  visit: (record: SymbolRecord) => number | undefined,
): Task<void> {
  const end = Math.min(to, data.size);
  let bytes: Uint8Array = new Uint8Array();
  let start = from;
  let jumpedFrom: number | undefined;
  let trusted = true;
  for (let at = from; at + 4 <= end; ) {
    if (at < start || at + Math.min(LARGEST_RECORD, end - at) > start + bytes.length) {
      start = at;
      bytes = yield* data.glance(at, Math.min(PIECE, end - at));
    }
    const place = at - start;
    const length = bytes[place]! | (bytes[place + 1]! << 8);
    const kind = bytes[place + 2]! | (bytes[place + 3]! << 8);
    if (jumpedFrom !== undefined) {
      const back = jumpedFrom;
      jumpedFrom = undefined;
      if (length < 2 || !isScopeEnd(kind)) {
        // What one record says wrongly others may too: from here on all are looked at.
        trusted = false;
        at = back;
        continue;
      }
    }
    if (length < 2 || at + 2 + length > end)
      throw broken(data.name, 'a symbol record', `${length} bytes at ${at} of ${end}`);
    const next = at + 2 + length;
    const reader = new ByteReader(bytes, data.name, place + 4, place + 2 + length);
    const close = visit({ kind, at, reader });
    if (close === STOP) return;
    if (trusted && close !== undefined && close > next && close + 4 <= end) {
      jumpedFrom = next;
      at = close;
    } else at = next;
  }
}
