import { MinidumpError, type Task } from '../../../io/index.js';
import type { CfiRow } from '../../cfi.js';
import type { SymbolListener } from '../../symbol-listing.js';
import { EntryTable } from '../entry-table.js';
import type { FunctionRange, PeFrames } from '../frames.js';
import { mayRun, type PeImage } from '../image.js';
import { listRules } from './cfi-text.js';
import { type FrameEntry, operationsAt } from './frame-entry.js';
import { undo } from './frame-state.js';
import { unpack } from './packed.js';
import { LEAF, toCfiRow } from './row.js';
import { readUnpacked } from './unpacked.js';

const ENTRY_SIZE = 8;
/** The entry says where another one is, which counts. */
const FORWARDED = 3;
/** Operations that a list looks at: far more than those of the largest browser. */
const MAX_LISTED = 1 << 27;

/** Unwind data of ARM64: packed into .pdata, or in .xdata. */
export class Arm64Frames implements PeFrames {
  readonly #image: PeImage;
  readonly #table: EntryTable;

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
    if (rva >= found.start + entry.length) return leaf;
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
    let cost = 0;
    for (let i = 0; i < this.#table.count && cost < MAX_LISTED; i++) {
      const reader = yield* this.#table.entry(i);
      if (reader === undefined) continue;
      const start = reader.u32();
      // Zeros fill the table up: a damaged size may make them gigabytes.
      if (start === 0) break;
      const word = reader.u32();
      try {
        const entry = yield* this.#entry(word);
        if (entry) cost += listRules(start, entry, listener);
      } catch (error) {
        if (!(error instanceof MinidumpError) || error.code !== 'malformed') throw error;
      }
    }
  }

  *#entry(word: number): Task<FrameEntry | undefined> {
    const flag = word & 3;
    if (flag === 0) return yield* readUnpacked(this.#image, word);
    if (flag !== FORWARDED) return unpack(word);
    const other = yield* this.#image.read(word - FORWARDED + 4, 4);
    if (other === undefined) return undefined;
    const target = new DataView(other.buffer, other.byteOffset).getUint32(0, true);
    if ((target & 3) === FORWARDED) return undefined;
    return (target & 3) === 0 ? yield* readUnpacked(this.#image, target) : unpack(target);
  }
}
