import type { Task } from '../../../io/index.js';
import { ByteReader } from '../../bytes.js';
import type { CfiRow } from '../../cfi.js';
import type { SymbolListener } from '../../symbol-listing.js';
import { EntryTable } from '../entry-table.js';
import type { FunctionRange, PeFrames } from '../frames.js';
import { mayRun, type PeImage } from '../image.js';
import { cfiText } from './cfi-text.js';
import { epilogueAt } from './epilogue.js';
import { type FrameState, unwindPrologues } from './frame-state.js';
import { LEAF, toCfiRow } from './row.js';
import {
  MAX_CHAIN,
  RUNTIME_FUNCTION_SIZE,
  type RuntimeFunction,
  readChain,
  readRuntimeFunction,
  type UnwindInfo,
} from './unwind-info.js';

/** The longest epilogue: an addition, 15 pops, a jump. */
const MAX_EPILOGUE = 48;
/** RUNTIME_FUNCTION_INDIRECT: the entry says where another is. */
const INDIRECT = 1;
/** What a list may cost for each entry: several times what functions have on average. */
const COST_OF_ENTRY = 64;
const COST_OF_SMALL_LISTS = 1 << 16;
/** Reading UNWIND_INFO takes as long as so many operations. */
const COST_OF_READING = 16;

interface CodeSpan {
  readonly start: number;
  readonly end: number;
}

interface CoveringEntry {
  /** Of the entry that the table has for the code. */
  readonly range: CodeSpan;
  /** That entry, or the one that it refers to. */
  readonly entry: RuntimeFunction;
}

/** Unwind data of x64: RUNTIME_FUNCTION and UNWIND_INFO, versions 1 and 2. */
export class X64Frames implements PeFrames {
  readonly #image: PeImage;
  readonly #table: EntryTable;

  private constructor(image: PeImage, table: EntryTable) {
    this.#image = image;
    this.#table = table;
  }

  static open(image: PeImage): X64Frames | undefined {
    const table = EntryTable.open(image, RUNTIME_FUNCTION_SIZE);
    return table && new X64Frames(image, table);
  }

  *cfiAt(rva: number, inCall: boolean): Task<CfiRow | undefined> {
    const found = yield* this.#entryAt(rva);
    if (found === undefined) return undefined;
    if (found === null) return mayRun(this.#image.headers, rva) ? LEAF : undefined;
    const { range, entry } = found;
    const chain = yield* readChain(this.#image, entry);
    if (chain === undefined) return undefined;
    const infos = chain.map(({ info }) => info);
    const isInside = rva >= entry.start && rva < entry.end;
    // A part of a function that shares the unwind data of another: the prologue ran there.
    const done = isInside ? rva - entry.start : Number.POSITIVE_INFINITY;
    const state =
      (inCall ? undefined : yield* this.#epilogue(rva, isInside ? entry : range, done, infos[0]!)) ??
      unwindPrologues(infos, done);
    return toCfiRow(state);
  }

  *rangeAt(rva: number): Task<FunctionRange | undefined> {
    const found = yield* this.#entryAt(rva);
    if (!found) return undefined;
    const { range, entry } = found;
    const chain = yield* readChain(this.#image, entry);
    return { ...range, functionStart: chain?.at(-1)?.entry.start ?? entry.start };
  }

  *list(listener: SymbolListener): Task<void> {
    const frames = this;
    yield* this.#table.each(COST_OF_SMALL_LISTS, COST_OF_ENTRY, function* (start, rest, budget) {
      const entry = { start, end: rest.u32(), info: rest.u32() };
      if (entry.end <= start) return;
      budget.left -= MAX_CHAIN * COST_OF_READING;
      const chain = yield* readChain(frames.#image, yield* frames.#direct(entry));
      budget.left += MAX_CHAIN * COST_OF_READING;
      if (chain === undefined) return;
      const infos = chain.map(({ info }) => info);
      for (const { operations } of infos) budget.left -= operations.length + COST_OF_READING;
      const state = unwindPrologues(infos, Number.POSITIVE_INFINITY);
      listener.cfi(start, entry.end - start, cfiText(state));
    });
  }

  /** Null where there is certainly none. */
  *#entryAt(rva: number): Task<CoveringEntry | null | undefined> {
    const found = yield* this.#table.find(rva);
    if (!found) return found;
    const entry = { start: found.start, end: found.rest.u32(), info: found.rest.u32() };
    if (rva >= entry.end) return found.isFollowed ? null : undefined;
    return { range: { start: entry.start, end: entry.end }, entry: yield* this.#direct(entry) };
  }

  *#direct(entry: RuntimeFunction): Task<RuntimeFunction> {
    if ((entry.info & INDIRECT) === 0) return entry;
    const bytes = yield* this.#image.read(entry.info - INDIRECT, RUNTIME_FUNCTION_SIZE);
    return bytes === undefined ? entry : readRuntimeFunction(new ByteReader(bytes, 'indirect unwind data'));
  }

  *#epilogue(
    rva: number,
    { start, end }: CodeSpan,
    done: number,
    info: UnwindInfo,
  ): Task<FrameState | undefined> {
    const isChained = info.chained !== undefined;
    if (done < info.prologSize && !isChained) return undefined;
    const { epilogues } = info;
    // An epilogue of version 2 begins behind what gives the frame back.
    const inside = epilogues?.beforeEnd.some(
      (begin) => rva >= end - begin && rva < end - begin + epilogues.size,
    );
    if (inside === false) return undefined;
    const code = yield* this.#image.read(rva, Math.min(MAX_EPILOGUE, end - rva));
    return code && epilogueAt(code, { rva, start, end, frameRegister: info.frameRegister, isChained });
  }
}
