import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import { Intervals } from '../dwarf/intervals.js';
import { NumberList } from '../number-list.js';
import type { SectionData } from '../section-data.js';
import { LineRanges, NO_LINE } from './line-ranges.js';
import type { PdbSections } from './sections.js';

const DEBUG_S_LINES = 0xf2;
const DEBUG_S_FILECHKSMS = 0xf4;
const DEBUG_S_INLINEELINES = 0xf6;
const DEBUG_S_CROSSSCOPEIMPORTS = 0xf7;
const DEBUG_S_CROSSSCOPEEXPORTS = 0xf8;
/** Set where a subsection is to be left out. */
const DEBUG_S_IGNORE = 0x8000_0000;

const LINES_HEADER = 12;
const LINES_HAVE_COLUMNS = 1;
/** Lines that debuggers step over or into: no lines of a file. */
const HIDDEN_LINES = new Set([0xfeefee, 0xf00f00]);
const LINE_BITS = 0xff_ffff;
/** A larger subsection is none. */
const MAX_SUBSECTION = 256 * 1024 * 1024;

/** Where the parts of the lines of a module are (C13: the format since Visual C++ 8). */
export class LineSections {
  readonly #data: SectionData;
  readonly #lines: Intervals;
  readonly #places: readonly { offset: number; size: number }[];
  readonly #checksums: SectionData | undefined;
  readonly inlinees: SectionData | undefined;
  readonly imports: SectionData | undefined;
  readonly exports: SectionData | undefined;

  private constructor(
    data: SectionData,
    lines: Intervals,
    places: readonly { offset: number; size: number }[],
    found: ReadonlyMap<number, SectionData>,
  ) {
    this.#data = data;
    this.#lines = lines;
    this.#places = places;
    this.#checksums = found.get(DEBUG_S_FILECHKSMS);
    this.inlinees = found.get(DEBUG_S_INLINEELINES);
    this.imports = found.get(DEBUG_S_CROSSSCOPEIMPORTS);
    this.exports = found.get(DEBUG_S_CROSSSCOPEEXPORTS);
  }

  /** Reads the heads of all subsections. */
  static *open(data: SectionData, sections: PdbSections): Task<LineSections> {
    const triples = new NumberList();
    const places: { offset: number; size: number }[] = [];
    const found = new Map<number, SectionData>();
    for (let at = 0; at + 8 <= data.size; ) {
      const head = yield* data.read(at, Math.min(8 + LINES_HEADER, data.size - at));
      const reader = new ByteReader(head, data.name);
      const kind = reader.u32();
      const size = reader.u32();
      const offset = at + 8;
      if (offset + size > data.size) throw broken(data.name, 'a subsection', `${size} bytes at ${at}`);
      if (kind === DEBUG_S_LINES && size >= LINES_HEADER) {
        const place = reader.u32();
        const section = reader.u16();
        reader.skip(2);
        const start = sections.rva(section, place);
        if (start !== undefined) {
          triples.push(start);
          triples.push(start + reader.u32());
          triples.push(places.length);
          places.push({ offset, size });
        }
      } else if ((kind & DEBUG_S_IGNORE) === 0 && !found.has(kind)) found.set(kind, data.slice(offset, size));
      at = offset + ((size + 3) & ~3);
    }
    return new LineSections(data, new Intervals(triples), places, found);
  }

  /** Bytes, for whoever keeps it. */
  get weight(): number {
    return this.#places.length * 100 + 65536;
  }

  /** The number of the piece of code that an address lies in; undefined where it has no lines. */
  find(rva: number): number | undefined {
    return this.#lines.find(rva);
  }

  /** The lines of the piece of code of this number: ranges in RVAs, in order. */
  *lines(index: number, sections: PdbSections): Task<LineRanges> {
    const ranges = new LineRanges();
    const { offset, size } = this.#places[index]!;
    if (size > MAX_SUBSECTION) throw broken(this.#data.name, 'lines of a function', `${size} bytes`);
    const reader = new ByteReader(yield* this.#data.read(offset, size), this.#data.name);
    const place = reader.u32();
    const start = sections.rva(reader.u16(), place) ?? 0;
    const hasColumns = (reader.u16() & LINES_HAVE_COLUMNS) !== 0;
    const end = start + reader.u32();
    while (reader.left >= 12) {
      const blockStart = reader.position;
      const file = reader.u32();
      const count = reader.u32();
      const blockSize = reader.u32();
      if (count * (hasColumns ? 12 : 8) > reader.left) throw reader.broken(`${count} lines`);
      for (let i = 0; i < count; i++) {
        const from = Math.min(end, start + reader.u32());
        const number = reader.u32() & LINE_BITS;
        // Blocks of several files take turns: a line ends where the next one begins in the order of all.
        ranges.add(from, end, HIDDEN_LINES.has(number) ? NO_LINE : number, file);
      }
      if (blockSize < 12) throw reader.broken('a block of lines');
      reader.position = Math.min(reader.end, blockStart + blockSize);
    }
    return ranges.sorted();
  }

  /** The offset in /names of the name of a file, from the offset of its checksum. */
  *fileName(checksum: number): Task<number | undefined> {
    if (this.#checksums === undefined || checksum + 4 > this.#checksums.size) return undefined;
    return new ByteReader(yield* this.#checksums.read(checksum, 4), this.#data.name).u32();
  }
}
