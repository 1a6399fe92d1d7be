import type { Task } from '../../io/index.js';
import type { ByteReader } from '../bytes.js';
import { builtInTypeName } from './built-in-types.js';
import { FIRST_TYPE_INDEX, type TypeRecord, type TypeStream } from './type-stream.js';

const LF_MODIFIER = 0x1001;
const LF_POINTER = 0x1002;
const LF_PROCEDURE = 0x1008;
const LF_MFUNCTION = 0x1009;
const LF_ARGLIST = 0x1201;
const LF_BITFIELD = 0x1205;
const LF_ARRAY = 0x1503;
const LF_CLASS = 0x1504;
const LF_STRUCTURE = 0x1505;
const LF_UNION = 0x1506;
const LF_ENUM = 0x1507;
const LF_INTERFACE = 0x1519;
const LF_FUNC_ID = 0x1601;
const LF_MFUNC_ID = 0x1602;
const LF_STRING_ID = 0x1605;

const MODIFIER_CONST = 1;
const POINTER_CONST = 1 << 10;
const POINTER_MODES = ['*', '&', '::*', '::*', '&&'];
/** Type records that one name may take: those of no program take a tenth of it. */
const MAX_RECORDS = 512;
const MAX_DEPTH = 24;
const MAX_NAME = 64 * 1024;

/** Its name would be too long, or its types go around in a circle. */
class TooMuch extends Error {}

/**
 * Names of functions with the types of their arguments, in C++: `ns::Class::method(wchar_t const*, const unsigned int) const`. Spelled as
 * symbolic does it (its pdb-addr2line); return types are left out, as in .sym files.
 */
export class TypeNames {
  readonly #types: TypeStream | undefined;
  readonly #ids: TypeStream | undefined;
  #left = 0;

  /**
   * @param types the TPI stream
   * @param ids the IPI stream
   */
  constructor(types: TypeStream | undefined, ids: TypeStream | undefined) {
    this.#types = types;
    this.#ids = ids;
  }

  /** Name and arguments of a function of the IPI stream; undefined where it has none of this index. */
  *functionOfId(index: number): Task<string | undefined> {
    const record = yield* this.#read(this.#ids, index);
    if (record?.kind !== LF_FUNC_ID && record?.kind !== LF_MFUNC_ID) return undefined;
    const { kind, reader } = record;
    const scope = reader.u32();
    const type = reader.u32();
    const name = reader.string();
    const outer =
      kind === LF_MFUNC_ID ? yield* this.#guarded(this.#name(scope, 0)) : yield* this.#text(scope);
    return (outer ? `${outer}::${name}` : name) + (yield* this.argumentsOf(type));
  }

  /** The type of a function of the IPI stream. */
  *typeOfId(index: number): Task<number | undefined> {
    const record = yield* this.#read(this.#ids, index);
    if (record?.kind !== LF_FUNC_ID && record?.kind !== LF_MFUNC_ID) return undefined;
    record.reader.skip(4);
    return record.reader.u32();
  }

  /** `(int, char**) const`: what follows the name of a function of this type; empty where it is not known. */
  *argumentsOf(type: number): Task<string> {
    return (yield* this.#guarded(this.#arguments(type))) ?? '';
  }

  *#guarded<T>(task: Task<T>): Task<T | undefined> {
    this.#left = MAX_RECORDS;
    try {
      return yield* task;
    } catch (error) {
      if (error instanceof TooMuch) return undefined;
      throw error;
    }
  }

  *#arguments(type: number): Task<string | undefined> {
    const record = yield* this.#read(this.#types, type);
    if (record?.kind === LF_PROCEDURE) {
      record.reader.skip(8);
      return yield* this.#list(record.reader.u32(), 0);
    }
    if (record?.kind !== LF_MFUNCTION) return undefined;
    const { reader } = record;
    reader.skip(8);
    const self = reader.u32();
    reader.skip(4);
    const list = yield* this.#list(reader.u32(), 0);
    return (yield* this.#pointsToConst(self)) ? `${list} const` : list;
  }

  *#pointsToConst(type: number): Task<boolean> {
    const pointer = yield* this.#read(this.#types, type);
    if (pointer?.kind !== LF_POINTER) return false;
    const target = yield* this.#read(this.#types, pointer.reader.u32());
    if (target?.kind !== LF_MODIFIER) return false;
    target.reader.skip(4);
    return (target.reader.u16() & MODIFIER_CONST) !== 0;
  }

  *#list(type: number, depth: number): Task<string> {
    const record = yield* this.#read(this.#types, type);
    if (record?.kind !== LF_ARGLIST) return '()';
    const count = record.reader.u32();
    const names: string[] = [];
    for (let i = 0; i < count; i++) {
      const one = record.reader.u32();
      // The last argument of a function with a variable number of them has no type.
      names.push(one === 0 ? '...' : yield* this.#name(one, depth + 1));
    }
    return `(${names.join(', ')})`;
  }

  *#name(type: number, depth: number): Task<string> {
    if (depth > MAX_DEPTH) throw new TooMuch();
    if (type < FIRST_TYPE_INDEX) return builtInTypeName(type);
    if (--this.#left < 0) throw new TooMuch();
    const record = yield* this.#read(this.#types, type);
    const name = record === undefined ? '?' : yield* this.#nameOf(record, depth);
    if (name.length > MAX_NAME) throw new TooMuch();
    return name;
  }

  *#nameOf({ kind, reader }: TypeRecord, depth: number): Task<string> {
    switch (kind) {
      case LF_MODIFIER: {
        const name = yield* this.#name(reader.u32(), depth + 1);
        return (reader.u16() & MODIFIER_CONST) !== 0 ? `const ${name}` : name;
      }
      case LF_POINTER:
        return yield* this.#pointer(reader, depth);
      case LF_PROCEDURE:
      case LF_MFUNCTION:
        return yield* this.#functionType(kind, reader, '', depth);
      case LF_ARRAY:
        return `${yield* this.#name(reader.u32(), depth + 1)}[]`;
      case LF_BITFIELD:
        return yield* this.#name(reader.u32(), depth + 1);
      case LF_CLASS:
      case LF_STRUCTURE:
      case LF_INTERFACE:
        reader.skip(16);
        skipNumeric(reader);
        return reader.string();
      case LF_UNION:
        reader.skip(8);
        skipNumeric(reader);
        return reader.string();
      case LF_ENUM:
        reader.skip(12);
        return reader.string();
      default:
        return '?';
    }
  }

  *#pointer(reader: ByteReader, depth: number): Task<string> {
    const target = reader.u32();
    const attributes = reader.u32();
    const mode = (attributes >> 5) & 7;
    let sigil = POINTER_MODES[mode] ?? '*';
    if (mode === 2 || mode === 3) sigil = ` ${yield* this.#name(reader.u32(), depth + 1)}${sigil}`;
    if (attributes & POINTER_CONST) sigil += ' const';
    const record = target < FIRST_TYPE_INDEX ? undefined : yield* this.#read(this.#types, target);
    if (record?.kind === LF_PROCEDURE || record?.kind === LF_MFUNCTION) {
      if (--this.#left < 0) throw new TooMuch();
      return yield* this.#functionType(record.kind, record.reader, sigil.trim(), depth + 1);
    }
    if (record?.kind === LF_MODIFIER) {
      const name = yield* this.#name(record.reader.u32(), depth + 1);
      return `${name}${(record.reader.u16() & MODIFIER_CONST) !== 0 ? ' const' : ''}${sigil}`;
    }
    return (yield* this.#name(target, depth + 1)) + sigil;
  }

  /** `bool (*)(int)` */
  *#functionType(kind: number, reader: ByteReader, sigil: string, depth: number): Task<string> {
    if (depth > MAX_DEPTH) throw new TooMuch();
    const result = yield* this.#name(reader.u32(), depth + 1);
    reader.skip(kind === LF_MFUNCTION ? 12 : 4);
    const list = yield* this.#list(reader.u32(), depth + 1);
    return `${result} ${sigil === '' ? '' : `(${sigil})`}${list}`;
  }

  *#text(index: number): Task<string> {
    const record = index === 0 ? undefined : yield* this.#read(this.#ids, index);
    if (record?.kind !== LF_STRING_ID) return '';
    record.reader.skip(4);
    return record.reader.string();
  }

  *#read(stream: TypeStream | undefined, index: number): Task<TypeRecord | undefined> {
    return stream && (yield* stream.record(index));
  }
}

/** Sizes of a number whose kind comes before it. */
const NUMERIC_SIZES = new Map([
  [0x8000, 1],
  [0x8001, 2],
  [0x8002, 2],
  [0x8003, 4],
  [0x8004, 4],
  [0x8009, 8],
  [0x800a, 8],
]);

function skipNumeric(reader: ByteReader): void {
  const leaf = reader.u16();
  if (leaf < 0x8000) return;
  const size = NUMERIC_SIZES.get(leaf);
  if (size === undefined) throw reader.broken('a number of a type record');
  reader.skip(size);
}
