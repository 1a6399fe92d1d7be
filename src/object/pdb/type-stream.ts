import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import { upperBound } from '../number-list.js';
import type { SectionData } from '../section-data.js';
import { NO_STREAM } from './dbi.js';
import { eachRow } from './pieces.js';

const HEADER_SIZE = 56;
/** Indexes below are of built-in types. */
export const FIRST_TYPE_INDEX = 0x1000;
/** Where there is no list of places, the place of each so many-th is kept. */
const STEP = 128;
/** A list of places has one each 8 KiB. It is not believed if it would have more than this walked for one. */
const MAX_WALK = 4096;

/** A record of a type, or of a function or text (IPI). */
export interface TypeRecord {
  /** LF_… */
  readonly kind: number;
  /** Behind the kind. */
  readonly reader: ByteReader;
}

/**
 * TPI or IPI (streams 2 and 4): records one after the other, numbered from 0x1000 on. A record is found from the nearest place that the
 * hash stream of the table tells, so that of hundreds of megabytes only a few kilobytes are read.
 *
 * @see https://llvm.org/docs/PDB/TpiStream.html
 */
export class TypeStream {
  readonly #records: SectionData;
  readonly #first: number;
  readonly #end: number;
  /** Some indexes in ascending order, and where they are. */
  readonly #indexes: ArrayLike<number>;
  readonly #offsets: ArrayLike<number>;

  private constructor(
    records: SectionData,
    first: number,
    end: number,
    indexes: ArrayLike<number>,
    offsets: ArrayLike<number>,
  ) {
    this.#records = records;
    this.#first = first;
    this.#end = end;
    this.#indexes = indexes;
    this.#offsets = offsets;
  }

  /** @param streamOf opens a stream by its number */
  static *open(
    data: SectionData,
    streamOf: (number: number) => Task<SectionData | undefined>,
  ): Task<TypeStream> {
    const reader = new ByteReader(yield* data.read(0, HEADER_SIZE), data.name);
    reader.skip(4);
    const headerSize = reader.u32();
    const first = reader.u32();
    const end = reader.u32();
    const size = reader.u32();
    const hashStream = reader.u16();
    reader.skip(2 + 4 + 4 + 8); // the other hash stream, sizes of keys and buckets, hash values
    const placesOffset = reader.u32();
    const placesSize = reader.u32();
    const records = data.slice(headerSize, size);
    // Four bytes a record at the least.
    if (end < first || end - first > size / 4)
      throw broken(data.name, `types that ${size} bytes can hold`, `${end - first}`);
    const hash = hashStream === NO_STREAM ? undefined : yield* streamOf(hashStream);
    const indexes: number[] = [];
    const offsets: number[] = [];
    if (hash !== undefined && placesSize >= 8) {
      let ascending = true;
      yield* eachRow(hash.slice(placesOffset, placesSize), 0, 8, (view, at) => {
        const index = view.getUint32(at, true);
        ascending &&= index > (indexes.at(-1) ?? -1);
        indexes.push(index);
        offsets.push(view.getUint32(at + 4, true));
      });
      if (ascending && indexes[0] === first && offsets[0] === 0)
        return new TypeStream(records, first, end, Uint32Array.from(indexes), Uint32Array.from(offsets));
    }
    const places = yield* walkAll(records, end - first);
    return new TypeStream(
      records,
      first,
      end,
      places.map((_, i) => first + i * STEP),
      places,
    );
  }

  /** Undefined where the index is of no record here: of a built-in type, or past the last. */
  *record(index: number): Task<TypeRecord | undefined> {
    if (index < this.#first || index >= this.#end) return undefined;
    const place = upperBound(this.#indexes, index) - 1;
    let left = index - this.#indexes[place]!;
    if (left > MAX_WALK)
      throw broken(this.#records.name, `a place near type ${index}`, `one ${left} before it`);
    let at = this.#offsets[place]!;
    for (; ; left--) {
      const length = new ByteReader(yield* this.#records.read(at, 2), this.#records.name).u16();
      if (length < 2) throw broken(this.#records.name, 'a record with a kind', `${length} bytes`);
      if (left === 0) {
        const reader = new ByteReader(yield* this.#records.read(at + 2, length), this.#records.name);
        return { kind: reader.u16(), reader };
      }
      at += 2 + length;
    }
  }
}

/** The place of each STEP-th record. */
function* walkAll(records: SectionData, count: number): Task<number[]> {
  const places: number[] = [];
  let at = 0;
  for (let i = 0; i < count && at + 4 <= records.size; i++) {
    if (i % STEP === 0) places.push(at);
    at += 2 + new ByteReader(yield* records.read(at, 2), records.name).u16();
  }
  return places;
}
