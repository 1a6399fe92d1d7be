import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import { ByteReader, broken } from '../bytes.js';
import { readUpperBound } from '../number-list.js';
import type { SectionData } from '../section-data.js';

/**
 * `__unwind_info` (mach-o/compact_unwind_encoding.h): an index of pages, and in each page functions with 32 bits that say how their frames
 * look between prologue and epilogue.
 */

const VERSION = 1;
const HEADER_SIZE = 28;
const INDEX_ENTRY_SIZE = 12;
/** Kinds of pages: an entry is an offset and its encoding, or 24 bits of offset and 8 that number an encoding. */
const REGULAR = 2;
const COMPRESSED = 3;

/** A range of functions with one encoding. Addresses are RVAs. */
export interface CompactEntry {
  readonly start: number;
  /** Where the next entry begins. */
  readonly end: number;
  readonly encoding: number;
}

/** One page of functions. */
interface Page {
  readonly count: number;
  /** Offset of its entries in the section. */
  readonly entries: number;
  readonly compressed: boolean;
  /** What offsets of a compressed page are relative to. */
  readonly base: number;
  /** Where the next page begins. */
  readonly limit: number;
  /** Of a compressed page: its own encodings, which are numbered on from the common ones. */
  readonly encodings: { readonly at: number; readonly count: number };
}

export class CompactUnwind {
  readonly #data: SectionData;
  readonly #common: { readonly at: number; readonly count: number };
  readonly #index: { readonly at: number; readonly count: number };

  private constructor(data: SectionData, header: ByteReader) {
    this.#data = data;
    this.#common = { at: header.u32(), count: header.u32() };
    header.skip(8); // personality functions, which handle exceptions
    const at = header.u32();
    // Each entry ends where the next begins; the last is there for that only.
    const count = header.u32() - 1;
    if (at + (count + 1) * INDEX_ENTRY_SIZE > data.size)
      throw broken(data.name, `an index inside ${data.size} bytes`, `${count + 1} entries at ${at}`);
    this.#index = { at, count: Math.max(0, count) };
  }

  /** Throws `malformed` if its header is broken. */
  static *open(data: SectionData): Task<CompactUnwind> {
    const header = new ByteReader(yield* data.read(0, HEADER_SIZE), data.name);
    const version = header.u32();
    if (version !== VERSION) throw broken(data.name, `version ${VERSION}`, `${version}`);
    return new CompactUnwind(data, header);
  }

  /** The entry that an RVA is in. Throws `malformed` where the page is broken. */
  *find(rva: number): Task<CompactEntry | undefined> {
    const { count } = this.#index;
    const index = (yield* readUpperBound((i) => this.#pageStart(i), rva, count)) - 1;
    const page = index < 0 ? undefined : yield* this.#page(index);
    if (page === undefined) return undefined;
    const found = (yield* readUpperBound((i) => this.#entryStart(page, i), rva, page.count)) - 1;
    const entry = found < 0 ? undefined : yield* this.#entry(page, found);
    return entry && rva >= entry.start && rva < entry.end ? entry : undefined;
  }

  /** All entries in their order, which is that of their addresses. A broken page costs what it has. */
  *each(visit: (entry: CompactEntry) => Task<void>): Task<void> {
    // Pages may lie on each other in what no linker has made: no more entries than there is room for.
    let left = Math.floor(this.#data.size / 4);
    let last = 0;
    for (let i = 0; i < this.#index.count; i++) {
      const page = yield* unlessBroken(this.#page(i));
      for (let k = 0; page && k < page.count && left > 0; k++, left--) {
        const entry = yield* unlessBroken(this.#entry(page, k));
        if (entry === undefined) break;
        if (entry.end <= entry.start || entry.start < last) continue;
        last = entry.end;
        yield* visit(entry);
      }
    }
  }

  *#u32(at: number): Task<number> {
    const bytes = yield* this.#data.read(at, 4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  #pageStart(index: number): Task<number> {
    return this.#u32(this.#index.at + index * INDEX_ENTRY_SIZE);
  }

  *#page(index: number): Task<Page | undefined> {
    const base = yield* this.#pageStart(index);
    const limit = yield* this.#pageStart(index + 1);
    const at = yield* this.#u32(this.#index.at + index * INDEX_ENTRY_SIZE + 4);
    if (at === 0) return undefined;
    const kind = yield* this.#u32(at);
    if (kind !== REGULAR && kind !== COMPRESSED)
      throw broken(this.#data.name, 'a page of kind 2 or 3', `${kind}`);
    const compressed = kind === COMPRESSED;
    const head = new ByteReader(yield* this.#data.read(at + 4, compressed ? 8 : 4), this.#data.name);
    const entries = at + head.u16();
    const count = head.u16();
    const encodings = compressed ? { at: at + head.u16(), count: head.u16() } : { at, count: 0 };
    return { count, entries, compressed, base, limit, encodings };
  }

  *#entryStart(page: Page, index: number): Task<number> {
    if (!page.compressed) return yield* this.#u32(page.entries + index * 8);
    return page.base + ((yield* this.#u32(page.entries + index * 4)) & 0xff_ffff);
  }

  *#entry(page: Page, index: number): Task<CompactEntry> {
    const start = yield* this.#entryStart(page, index);
    const end = index + 1 < page.count ? yield* this.#entryStart(page, index + 1) : page.limit;
    const encoding = page.compressed
      ? yield* this.#numbered(page, (yield* this.#u32(page.entries + index * 4)) >>> 24)
      : yield* this.#u32(page.entries + index * 8 + 4);
    return { start, end, encoding };
  }

  *#numbered({ encodings }: Page, number: number): Task<number> {
    const { at, count } = this.#common;
    if (number < count) return yield* this.#u32(at + number * 4);
    if (number - count >= encodings.count)
      throw broken(this.#data.name, `one of ${count + encodings.count} encodings`, `number ${number}`);
    return yield* this.#u32(encodings.at + (number - count) * 4);
  }
}
