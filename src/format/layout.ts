/**
 * The layout language: a structure is declared once, as a list of fields, and that declaration reads it, writes it,
 * knows its size and every offset, and gives its TypeScript type.
 *
 * Structures are packed: no padding is ever put in. Where the original has padding or a union, the declaration says so
 * with `at` (a field at a given offset) or `overlay` (a field at the offset of an earlier one).
 */
export interface Layout<Out, In = Out> {
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  read(view: DataView, offset: number, littleEndian?: boolean): Out;
  write(view: DataView, offset: number, value: In, littleEndian?: boolean): void;
}

/** The value that reading this layout gives. */
export type ValueOf<L> = L extends Layout<infer Out, infer _In> ? Out : never;
/** The value that writing this layout takes. */
export type InputOf<L> = L extends Layout<infer _Out, infer In> ? In : never;

function scalar<T>(
  name: string,
  size: number,
  read: (view: DataView, offset: number, le: boolean) => T,
  write: (view: DataView, offset: number, value: T, le: boolean) => void,
): Layout<T> {
  return {
    name,
    size,
    read: (view, offset, le = true) => read(view, offset, le),
    write: (view, offset, value, le = true) => write(view, offset, value, le),
  };
}

export const u8 = scalar<number>(
  'u8',
  1,
  (v, o) => v.getUint8(o),
  (v, o, x) => v.setUint8(o, x),
);
export const i8 = scalar<number>(
  'i8',
  1,
  (v, o) => v.getInt8(o),
  (v, o, x) => v.setInt8(o, x),
);
export const u16 = scalar<number>(
  'u16',
  2,
  (v, o, le) => v.getUint16(o, le),
  (v, o, x, le) => v.setUint16(o, x, le),
);
export const i16 = scalar<number>(
  'i16',
  2,
  (v, o, le) => v.getInt16(o, le),
  (v, o, x, le) => v.setInt16(o, x, le),
);
export const u32 = scalar<number>(
  'u32',
  4,
  (v, o, le) => v.getUint32(o, le),
  (v, o, x, le) => v.setUint32(o, x, le),
);
export const i32 = scalar<number>(
  'i32',
  4,
  (v, o, le) => v.getInt32(o, le),
  (v, o, x, le) => v.setInt32(o, x, le),
);
export const u64 = scalar<bigint>(
  'u64',
  8,
  (v, o, le) => v.getBigUint64(o, le),
  (v, o, x, le) => v.setBigUint64(o, x, le),
);
export const i64 = scalar<bigint>(
  'i64',
  8,
  (v, o, le) => v.getBigInt64(o, le),
  (v, o, x, le) => v.setBigInt64(o, x, le),
);

/** `length` bytes. Reading gives a copy; writing takes at most `length` bytes and fills the rest with zeros. */
export function bytes(length: number): Layout<Uint8Array> {
  return {
    name: `bytes(${length})`,
    size: length,
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, length).slice(),
    write: (view, offset, value) => {
      if (value.length > length) throw new RangeError(`${value.length} bytes do not fit in ${length}`);
      const to = new Uint8Array(view.buffer, view.byteOffset + offset, length);
      to.fill(0);
      to.set(value);
    },
  };
}

/** A fixed number of UTF-16 units; the value ends at the first NUL. A longer text is cut to leave room for one NUL. */
export function utf16(units: number): Layout<string> {
  return {
    name: `utf16(${units})`,
    size: units * 2,
    read: (view, offset, le = true) => {
      let text = '';
      for (let i = 0; i < units; i++) {
        const unit = view.getUint16(offset + i * 2, le);
        if (unit === 0) break;
        text += String.fromCharCode(unit);
      }
      return text;
    },
    write: (view, offset, value, le = true) => {
      for (let i = 0; i < units; i++) {
        view.setUint16(offset + i * 2, i < value.length && i < units - 1 ? value.charCodeAt(i) : 0, le);
      }
    },
  };
}

/** A fixed number of the same. Writing takes at most that many; the rest is zero. */
export function array<Out, In>(element: Layout<Out, In>, count: number): Layout<Out[], readonly In[]> {
  return {
    name: `${element.name}[${count}]`,
    size: element.size * count,
    read: (view, offset, le) => {
      const all: Out[] = [];
      for (let i = 0; i < count; i++) all.push(element.read(view, offset + i * element.size, le));
      return all;
    },
    write: (view, offset, value, le) => {
      if (value.length > count) throw new RangeError(`${value.length} elements do not fit in ${count}`);
      new Uint8Array(view.buffer, view.byteOffset + offset, element.size * count).fill(0);
      value.forEach((one, i) => {
        element.write(view, offset + i * element.size, one, le);
      });
    },
  };
}

/** A field that does not simply follow the one before it. */
export interface Placed<L> {
  readonly layout: L;
  readonly at: number | string;
}

/** A field at a given offset: after padding, or in a union. */
export function at<L extends AnyLayout>(offset: number, layout: L): Placed<L> {
  return { layout, at: offset };
}

/** A field at the offset of an earlier field: the other arm of a union. */
export function overlay<L extends AnyLayout>(field: string, layout: L): Placed<L> {
  return { layout, at: field };
}

// biome-ignore lint/suspicious/noExplicitAny: a field may be of any layout; the types of each are inferred from it
type AnyLayout = Layout<any, any>;
export type Fields = Readonly<Record<string, AnyLayout | Placed<AnyLayout>>>;
type LayoutOf<F> = F extends Placed<infer L> ? L : F;

type StructValue<F extends Fields> = { [K in keyof F]: ValueOf<LayoutOf<F[K]>> };
/** What writing takes: a field that is left out is zero. */
type StructInput<F extends Fields> = { readonly [K in keyof F]?: InputOf<LayoutOf<F[K]>> | undefined };

export interface FieldInfo {
  readonly name: string;
  readonly offset: number;
  readonly layout: AnyLayout;
  /** It shares bytes with an earlier field. */
  readonly overlaid: boolean;
}

export interface Struct<F extends Fields> extends Layout<StructValue<F>, StructInput<F>> {
  readonly fields: readonly FieldInfo[];
  offsetOf(field: keyof F & string): number;
  /** Reads it from `offset` of `bytes`, which must hold at least `size` bytes from there. */
  decode(bytes: Uint8Array, offset?: number, littleEndian?: boolean): StructValue<F>;
  /** Writes it into `size` new bytes. */
  encode(value: StructInput<F>, littleEndian?: boolean): Uint8Array;
}

/**
 * Declares a structure. Fields follow each other without padding, unless placed by `at` or `overlay`.
 *
 * Reading gives all fields, those of every arm of a union. Writing starts from zeros; of the fields that share bytes the
 * first one that is given wins, so a value that was read can be changed through its first name and written again.
 */
export function struct<const F extends Fields>(name: string, fields: F, size?: number): Struct<F> {
  const infos: FieldInfo[] = [];
  const offsets = new Map<string, number>();
  let end = 0;
  let total = 0;
  for (const [field, declared] of Object.entries(fields)) {
    const placed = 'at' in declared;
    const layout = placed ? declared.layout : declared;
    let offset = end;
    if (placed) {
      const given = typeof declared.at === 'number' ? declared.at : offsets.get(declared.at);
      if (given === undefined) throw new TypeError(`${name}.${field}: no earlier field ${declared.at}`);
      offset = given;
    }
    infos.push({ name: field, offset, layout, overlaid: offset < total });
    offsets.set(field, offset);
    total = Math.max(total, offset + layout.size);
    end = placed && typeof declared.at === 'string' ? total : offset + layout.size;
  }
  total = size ?? total;

  const self: Struct<F> = {
    name,
    size: total,
    fields: infos,
    offsetOf: (field) => offsets.get(field)!,
    read(view, offset, le = true) {
      const value: Record<string, unknown> = {};
      for (const field of infos) value[field.name] = field.layout.read(view, offset + field.offset, le);
      return value as StructValue<F>;
    },
    write(view, offset, value, le = true) {
      new Uint8Array(view.buffer, view.byteOffset + offset, total).fill(0);
      const given = value as Readonly<Record<string, unknown>>;
      const taken: FieldInfo[] = [];
      for (const field of infos) {
        if (given[field.name] === undefined) continue;
        if (field.overlaid && taken.some((other) => overlaps(other, field))) continue;
        field.layout.write(view, offset + field.offset, given[field.name], le);
        taken.push(field);
      }
    },
    decode(bytes, offset = 0, littleEndian = true) {
      return self.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset, littleEndian);
    },
    encode(value, littleEndian = true) {
      const bytes = new Uint8Array(total);
      self.write(new DataView(bytes.buffer), 0, value, littleEndian);
      return bytes;
    },
  };
  return self;
}

function overlaps(a: FieldInfo, b: FieldInfo): boolean {
  return a.offset < b.offset + b.layout.size && b.offset < a.offset + a.layout.size;
}

/** A table of named constants, as the header has them: the one place for values, names and look-up by value. */
export interface ConstantTable<T extends Readonly<Record<string, number>>> {
  readonly values: T;
  /** The first name with this value. */
  nameOf(value: number): string | undefined;
  /** For flags: the names of the single bits that are set, and what remains in hexadecimal. */
  flagNames(value: number): string[];
}

export function constants<const T extends Readonly<Record<string, number>>>(values: T): ConstantTable<T> {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(values)) if (!names.has(value)) names.set(value, name);
  return {
    values,
    nameOf: (value) => names.get(value),
    flagNames(value) {
      const found: string[] = [];
      let rest = value >>> 0;
      for (const [name, bit] of Object.entries(values)) {
        if (bit !== 0 && (bit & (bit - 1)) === 0 && (rest & bit) !== 0) {
          found.push(name);
          rest = (rest & ~bit) >>> 0;
        }
      }
      if (rest !== 0) found.push(`0x${rest.toString(16)}`);
      return found;
    },
  };
}
