import { MinidumpError, type Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import { NumberList, orderBy, upperBound } from '../number-list.js';
import { type Cie, type Fde, parseCie, parseFde } from './frame-entry.js';

/** Bytes of .eh_frame or .debug_frame, or of an image that has one: SectionData is one. Fails where they are not there. */
export interface FrameBytes {
  readonly size: number;
  read(offset: number, length: number): Task<Uint8Array>;
}

/** An entry of the section: where it begins and ends, and what it is. */
export interface FrameEntry {
  readonly offset: number;
  readonly next: number;
  readonly cie: Cie | undefined;
  readonly fde: Fde | undefined;
}

/** Longer than any function's instructions; those of a switch-heavy interpreter reach some KB. */
const MAX_ENTRY = 256 * 1024;
const MAX_CIE = 16 * 1024;
/** A file has a handful; objects that were linked without merging them, some hundreds. */
const MAX_CIES = 4096;

interface EntryPlace {
  offset: number;
  /** Behind the length. */
  body: number;
  next: number;
  /** 64-bit DWARF. */
  wide: boolean;
}

/** Where the entries of a section are, by address. */
interface FrameIndex {
  starts: Float64Array;
  ends: Float64Array;
  offsets: Float64Array;
}

/** Call frame information, entry by entry. Addresses are those of the file. */
export class FrameSection {
  readonly #bytes: FrameBytes;
  readonly #address: number;
  readonly #isEhFrame: boolean;
  readonly #pointerSize: 4 | 8;
  /** Undefined for those that are broken, so that they are read once. */
  readonly #cies = new Map<number, Cie | undefined>();
  #index: FrameIndex | undefined;

  /** `address` is that of the first byte. */
  constructor(bytes: FrameBytes, address: number, kind: 'eh_frame' | 'debug_frame', pointerSize: 4 | 8) {
    this.#bytes = bytes;
    this.#address = address;
    this.#isEhFrame = kind === 'eh_frame';
    this.#pointerSize = pointerSize;
  }

  /** The FDE that covers an address, found by a look at every entry once. */
  *find(address: number): Task<Fde | undefined> {
    this.#index ??= yield* this.#build();
    const { starts, ends, offsets } = this.#index;
    const after = upperBound(starts, address);
    if (after === 0 || ends[after - 1]! <= address) return undefined;
    return (yield* this.entryAt(offsets[after - 1]!))?.fde;
  }

  /** The FDE whose entry is at an address, as .eh_frame_hdr tells it. */
  *fdeAtAddress(address: number): Task<Fde | undefined> {
    return (yield* this.entryAt(address - this.#address))?.fde;
  }

  /** The entry at an offset; undefined at the end. Throws `malformed` for one that cannot be read. */
  *entryAt(offset: number): Task<FrameEntry | undefined> {
    const frame = yield* this.#frame(offset);
    return frame && (yield* this.#parse(frame));
  }

  /** Where an entry begins and ends, from its length. */
  *#frame(offset: number): Task<EntryPlace | undefined> {
    const left = this.#bytes.size - offset;
    if (left < 4) return undefined;
    const head = new ByteReader(yield* this.#bytes.read(offset, Math.min(left, 12)), 'frame entry');
    let length = head.u32();
    // A length of 0 ends .eh_frame for the unwinder of GCC; linkers may leave one in the middle, so tools go on.
    const wide = length === 0xffffffff;
    if (wide) length = head.u64();
    const body = offset + head.position;
    const next = body + length;
    if (next > this.#bytes.size) {
      throw broken('frame entry', `an end inside ${this.#bytes.size} bytes`, `${length} bytes at ${offset}`);
    }
    return { offset, body, next, wide };
  }

  *#parse(frame: EntryPlace): Task<FrameEntry> {
    const { offset, body, next, wide } = frame;
    const length = next - body;
    if (length === 0) return { offset, next, cie: undefined, fde: undefined };
    if (length > MAX_ENTRY) throw broken('frame entry', `at most ${MAX_ENTRY} bytes`, `${length} bytes`);
    const reader = new ByteReader(yield* this.#bytes.read(body, length), 'frame entry');
    // In .eh_frame it has 4 bytes also where the length has 8 (LSB 5.0, 10.6.1).
    const id = wide && !this.#isEhFrame ? reader.u64() : reader.u32();
    if (this.#isCie(id, wide)) {
      return { offset, next, cie: parseCie(reader, this.#isEhFrame, this.#pointerSize), fde: undefined };
    }
    const cie = yield* this.#cieAt(this.#isEhFrame ? body - id : id);
    const bases = { start: this.#address + body, pointerSize: this.#pointerSize };
    return { offset, next, cie: undefined, fde: parseFde(reader, cie, bases) };
  }

  #isCie(id: number, wide: boolean): boolean {
    if (this.#isEhFrame) return id === 0;
    return id === (wide ? 2 ** 64 : 0xffffffff);
  }

  *#cieAt(offset: number): Task<Cie> {
    const known = this.#cies.get(offset);
    if (known) return known;
    if (this.#cies.has(offset) || this.#cies.size >= MAX_CIES)
      throw broken('FDE', 'a CIE', `a broken one at ${offset}`);
    this.#cies.set(offset, undefined);
    const place = offset >= 0 ? yield* this.#frame(offset) : undefined;
    const length = place ? place.next - place.body : 0;
    if (place === undefined || length < 8 || length > MAX_CIE)
      throw broken('FDE', 'a CIE', `none at ${offset}`);
    const reader = new ByteReader(yield* this.#bytes.read(place.body, length), 'CIE');
    if (!this.#isCie(place.wide && !this.#isEhFrame ? reader.u64() : reader.u32(), place.wide))
      throw broken('FDE', 'a CIE', `something else at ${offset}`);
    const cie = parseCie(reader, this.#isEhFrame, this.#pointerSize);
    this.#cies.set(offset, cie);
    return cie;
  }

  /** A length that reaches past the end ends the section. */
  *#placeAfter(offset: number): Task<EntryPlace | undefined> {
    try {
      return yield* this.#frame(offset);
    } catch (error) {
      if (error instanceof MinidumpError && error.code === 'malformed') return undefined;
      throw error;
    }
  }

  /** A broken entry costs its function only: the next one is found by its length. */
  *#fdeOf(place: EntryPlace): Task<Fde | undefined> {
    try {
      return (yield* this.#parse(place)).fde;
    } catch (error) {
      if (error instanceof MinidumpError && error.code === 'malformed') return undefined;
      throw error;
    }
  }

  /** All FDEs in the order of the section, with the offset of each; those that are broken or empty are left out. */
  *each(visit: (fde: Fde, offset: number) => void): Task<void> {
    for (let offset = 0; ; ) {
      const place = yield* this.#placeAfter(offset);
      if (place === undefined) return;
      const fde = yield* this.#fdeOf(place);
      if (fde && fde.end > fde.start) visit(fde, offset);
      offset = place.next;
    }
  }

  *#build(): Task<FrameIndex> {
    const found = new NumberList();
    yield* this.each((fde, offset) => {
      found.push(fde.start);
      found.push(fde.end);
      found.push(offset);
    });
    const order = orderBy(found.length / 3, (i) => found.at(3 * i));
    return {
      starts: Float64Array.from(order, (i) => found.at(3 * i)),
      ends: Float64Array.from(order, (i) => found.at(3 * i + 1)),
      offsets: Float64Array.from(order, (i) => found.at(3 * i + 2)),
    };
  }
}
