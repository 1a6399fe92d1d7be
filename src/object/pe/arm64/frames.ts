import type { Task } from '../../../io/index.js';
import type { CfiRow } from '../../cfi.js';
import { Recent } from '../../dwarf/recent.js';
import type { SymbolListener } from '../../symbol-listing.js';
import { EntryTable } from '../entry-table.js';
import type { FunctionRange, PeFrames } from '../frames.js';
import { mayRun, type PeImage } from '../image.js';
import { listRules } from './cfi-text.js';
import { type FrameEntry, operationsAt } from './frame-entry.js';
import { undo } from './frame-state.js';
import { unpack } from './packed.js';
import { LEAF, toCfiRow } from './row.js';
import { MAX_CODES, readUnpacked } from './unpacked.js';

const ENTRY_SIZE = 8;
/** The entry says where another one is, which counts. */
const FORWARDED = 3;
/** What a list may cost for each entry: several times what functions have on average. */
const COST_OF_ENTRY = 256;
const COST_OF_SMALL_LISTS = 1 << 18;
/** Epilogues and operations of entries that are kept. */
const MAX_RECENT = 1 << 17;

/** Unwind data of ARM64: packed into .pdata, or in .xdata. */
export class Arm64Frames implements PeFrames {
  readonly #image: PeImage;
  readonly #table: EntryTable;
  /** A function may have thousands of epilogues, and be on a stack a thousand times. */
  readonly #recent = new Recent<FrameEntry>(MAX_RECENT);

  private constructor(image: PeImage, table: EntryTable) {
    this.#image = image;
    this.#table = table;
  }

  static open(image: PeImage): Arm64Frames | undefined {
    const table = EntryTable.open(image, ENTRY_SIZE);
    return table && new Arm64Frames(image, table);
  }

  *cfiAt(rva: number, _inCall: boolean): Task<CfiRow | undefined> {
    const found = yield* this.#table.find(rva);
    if (found === undefined) return undefined;
    const leaf = mayRun(this.#image.headers, rva) ? LEAF : undefined;
    if (found === null) return leaf;
    const entry = yield* this.#entry(found.rest.u32());
    if (entry === undefined) return undefined;
    if (rva >= found.start + entry.length) return found.isFollowed ? leaf : undefined;
    const state = undo(operationsAt(entry, rva - found.start));
    return state && toCfiRow(state);
  }

  *rangeAt(rva: number): Task<FunctionRange | undefined> {
    const found = yield* this.#table.find(rva);
    const entry = found ? yield* this.#entry(found.rest.u32()) : undefined;
    if (!found || entry === undefined || rva >= found.start + entry.length) return undefined;
    // Where the function of a part begins is not told.
    return { start: found.start, end: found.start + entry.length, functionStart: found.start };
  }

  *list(listener: SymbolListener): Task<void> {
    const frames = this;
    yield* this.#table.each(COST_OF_SMALL_LISTS, COST_OF_ENTRY, function* (start, rest, budget) {
      budget.left -= MAX_CODES;
      const entry = yield* frames.#entry(rest.u32());
      budget.left += MAX_CODES;
      if (entry) listRules(start, entry, listener, budget);
    });
  }

  *#entry(word: number): Task<FrameEntry | undefined> {
    const flag = word & 3;
    if (flag === 0) return yield* this.#unpacked(word);
    if (flag !== FORWARDED) return unpack(word);
    const other = yield* this.#image.read(word - FORWARDED + 4, 4);
    if (other === undefined) return undefined;
    const target = new DataView(other.buffer, other.byteOffset).getUint32(0, true);
    if ((target & 3) === FORWARDED) return undefined;
    return (target & 3) === 0 ? yield* this.#unpacked(target) : unpack(target);
  }

  *#unpacked(rva: number): Task<FrameEntry | undefined> {
    let entry = this.#recent.get(rva);
    if (entry === undefined) {
      entry = yield* readUnpacked(this.#image, rva);
      if (entry) this.#recent.set(rva, entry, 1 + entry.prologue.length + entry.epilogues.length);
    }
    return entry;
  }
}
