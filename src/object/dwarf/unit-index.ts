import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import { ByteReader } from '../bytes.js';
import { NumberList } from '../number-list.js';
import { DW_TAG } from './constants.js';
import { Intervals } from './intervals.js';
import { RangeBudget, readRanges } from './ranges.js';
import type { DwarfUnits } from './units.js';

/** A set of `.debug_aranges` is about one unit; none is longer. */
const MAX_SET = 64 * 1024 * 1024;

/** Which unit an address is in: told by `.debug_aranges`, and for units that are not in there by their first DIEs. */
export class UnitIndex {
  readonly #units: DwarfUnits;
  #listed: { intervals: Intervals; units: ReadonlySet<number> } | undefined;
  #scanned: Intervals | undefined;

  constructor(units: DwarfUnits) {
    this.#units = units;
  }

  /** The offset of the unit that covers an address of the file. */
  *find(address: number): Task<number | undefined> {
    this.#listed ??= yield* this.#readAranges();
    const listed = this.#listed.intervals.find(address);
    if (listed !== undefined) return listed;
    // Clang writes no .debug_aranges, so a program may have them for some of its units only.
    this.#scanned ??= yield* this.#scan(this.#listed.units);
    return this.#scanned.find(address);
  }

  *#readAranges(): Task<{ intervals: Intervals; units: ReadonlySet<number> }> {
    const triples = new NumberList();
    const units = new Set<number>();
    const data = this.#units.sections.aranges;
    for (let at = 0; data && at + 12 <= data.size; ) {
      const head = new ByteReader(yield* data.read(at, Math.min(12, data.size - at)), '.debug_aranges');
      let length = head.u32();
      const offsetSize = length === 0xffffffff ? 8 : 4;
      if (offsetSize === 8) length = head.u64();
      const body = at + head.position;
      const end = body + length;
      if (end > data.size || length > MAX_SET) break;
      const reader = new ByteReader(yield* data.read(body, length), '.debug_aranges');
      yield* unlessBroken(parseSet(reader, body - at, offsetSize, triples, units));
      at = end;
    }
    return { intervals: new Intervals(triples), units };
  }

  *#scan(listed: ReadonlySet<number>): Task<Intervals> {
    const triples = new NumberList();
    const { ranges: old, rnglists } = this.#units.sections;
    // Each unit has lists of its own: together they are no more than the sections have bytes.
    const budget = new RangeBudget((old?.size ?? 0) + (rnglists?.size ?? 0));
    for (const offset of yield* this.#units.offsets()) {
      if (listed.has(offset)) continue;
      const ranges = yield* unlessBroken(this.#rangesOf(offset, budget));
      for (let i = 0; ranges && i < ranges.length; i += 2) add(triples, ranges[i]!, ranges[i + 1]!, offset);
    }
    return new Intervals(triples);
  }

  *#rangesOf(offset: number, budget: RangeBudget): Task<number[]> {
    const units = this.#units;
    const root = yield* units.root(offset);
    if (root.tag !== DW_TAG.compile_unit && root.tag !== DW_TAG.skeleton_unit) return [];
    const low = yield* units.addressOf(root, root.lowPc);
    if (root.ranges) return yield* readRanges(units, root, root.ranges, low ?? 0, budget);
    if (low === undefined || root.highPc === undefined) return [];
    // Since DWARF 4 the end may be a length.
    const high = yield* units.addressOf(root, root.highPc);
    return [low, high ?? low + root.highPc.value];
  }
}

/** Linkers leave the ranges of functions in that they have discarded, at address 0. There is never code there. */
function add(triples: NumberList, start: number, end: number, unit: number): void {
  if (start === 0) return;
  triples.push(start);
  triples.push(end);
  triples.push(unit);
}

/** One set (DWARF 5, 6.1.2); `before` is how many bytes of it came before the reader. */
function* parseSet(
  reader: ByteReader,
  before: number,
  offsetSize: 4 | 8,
  triples: NumberList,
  units: Set<number>,
): Task<void> {
  if (reader.u16() !== 2) return;
  const unit = reader.unsigned(offsetSize);
  const size = reader.u8();
  if (reader.u8() !== 0 || (size !== 4 && size !== 8)) return;
  // Tuples are aligned from the beginning of the set.
  const misaligned = (before + reader.position) % (2 * size);
  if (misaligned > 0) reader.skip(2 * size - misaligned);
  while (reader.left >= 2 * size) {
    const start = reader.unsigned(size);
    const length = reader.unsigned(size);
    if (start === 0 && length === 0) break;
    units.add(unit);
    add(triples, start, start + length, unit);
  }
}
