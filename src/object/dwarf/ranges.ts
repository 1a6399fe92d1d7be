import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import type { FormValue } from './forms.js';
import type { UnitRoot } from './unit.js';
import type { DwarfUnits } from './units.js';

/** Bytes that are looked at together; lists are short. */
const WINDOW = 512;
/** Ranges that one unit may have in all its lists: a hostile file refers to a long one again and again. */
const MAX_RANGES = 1 << 20;

/** How many ranges a unit may still have, or all units of a file together: at least as many as a unit. */
export class RangeBudget {
  readonly #most: number;
  #left: number;

  constructor(most = MAX_RANGES) {
    this.#most = Math.max(most, MAX_RANGES);
    this.#left = this.#most;
  }

  spend(): void {
    if (--this.#left < 0) throw broken('DWARF ranges', `at most ${this.#most}`, 'more');
  }
}

/**
 * The ranges of an attribute DW_AT_ranges, as start and end, one pair after the other, in the order of the list; empty ones
 * are left out. Addresses are those of the file. Throws `malformed`.
 *
 * @param base the DW_AT_low_pc of the unit
 */
export function* readRanges(
  units: DwarfUnits,
  root: UnitRoot,
  value: FormValue,
  base: number,
  budget: RangeBudget,
): Task<number[]> {
  if (root.header.version < 5) {
    // What a skeleton itself says is not relative to its base.
    const listBase = units.isSplit ? (root.rangesBase ?? 0) : 0;
    return yield* readOldRanges(units, root, value.value + listBase, base, budget);
  }
  const { rnglists } = units.sections;
  if (rnglists === undefined) return [];
  let offset = value.value;
  if (value.kind === 'list-index') {
    const { offsetSize } = root.header;
    // Without a base the table behind the first header is meant.
    const table = root.rnglistsBase ?? (offsetSize === 8 ? 20 : 12);
    const entry = yield* rnglists.read(table + value.value * offsetSize, offsetSize);
    offset = table + new ByteReader(entry, '.debug_rnglists').unsigned(offsetSize);
  }
  return yield* readRangeList(units, root, offset, base, budget);
}

/** `.debug_ranges`: pairs of addresses (DWARF 4, 2.17.3). */
function* readOldRanges(
  units: DwarfUnits,
  { header }: UnitRoot,
  from: number,
  unitBase: number,
  budget: RangeBudget,
): Task<number[]> {
  const { ranges } = units.sections;
  if (ranges === undefined) return [];
  const size = header.addressSize;
  const selector = size === 8 ? 2 ** 64 : 2 ** 32 - 1;
  const found: number[] = [];
  let base = unitBase;
  for (let offset = from; ; offset += 2 * size) {
    const reader = new ByteReader(yield* ranges.read(offset, 2 * size), '.debug_ranges');
    const start = reader.unsigned(size);
    const end = reader.unsigned(size);
    budget.spend();
    if (start === 0 && end === 0) return found;
    if (start === selector) base = end;
    else if (end > start) found.push(base + start, base + end);
  }
}

/** `.debug_rnglists` (DWARF 5, 7.25). */
function* readRangeList(
  units: DwarfUnits,
  root: UnitRoot,
  offset: number,
  unitBase: number,
  budget: RangeBudget,
): Task<number[]> {
  const data = units.sections.rnglists!;
  const size = root.header.addressSize;
  const found: number[] = [];
  let base = unitBase;
  let at = offset;
  for (;;) {
    const there = Math.min(WINDOW, data.size - at);
    const reader = new ByteReader(yield* data.read(at, there), '.debug_rnglists');
    // No entry is longer than 21 bytes: what is left in this window is enough, or all there is.
    while (reader.left >= 24 || (there < WINDOW && reader.left > 0)) {
      budget.spend();
      const kind = reader.u8();
      let start: number;
      let end: number;
      switch (kind) {
        case 0x00: // DW_RLE_end_of_list
          return found;
        case 0x01: // DW_RLE_base_addressx
          base = yield* units.address(root, reader.uleb());
          continue;
        case 0x02: // DW_RLE_startx_endx
          start = yield* units.address(root, reader.uleb());
          end = yield* units.address(root, reader.uleb());
          break;
        case 0x03: // DW_RLE_startx_length
          start = yield* units.address(root, reader.uleb());
          end = start + reader.uleb();
          break;
        case 0x04: // DW_RLE_offset_pair
          start = base + reader.uleb();
          end = base + reader.uleb();
          break;
        case 0x05: // DW_RLE_base_address
          base = reader.unsigned(size);
          continue;
        case 0x06: // DW_RLE_start_end
          start = reader.unsigned(size);
          end = reader.unsigned(size);
          break;
        case 0x07: // DW_RLE_start_length
          start = reader.unsigned(size);
          end = start + reader.uleb();
          break;
        default:
          throw reader.broken('a known kind of range');
      }
      if (end > start) found.push(start, end);
    }
    if (there < WINDOW) throw reader.broken('an end of the list');
    at += reader.position;
  }
}
