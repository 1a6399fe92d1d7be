import type { AddressRange } from '../dump/ranges.js';
import type { ReadMemory } from '../dump/target.js';
import type { Task } from '../io/index.js';
import type { NptlLayout } from './nptl.js';

/** tcbhead_t of x86-64, at the base of fs: `self` is the address of the block itself. */
const SELF = 16n;
/** Of a thread block whose library is not known. */
const UNKNOWN_SIZE = 4096n;
/** Longer tables of TLS blocks are a broken thread's. */
const MAX_DTV = 4096;
/** An entry of the DTV: the address of the block, and what to free. */
const DTV_ENTRY = 16;
/** TLS_DTV_UNALLOCATED */
const UNALLOCATED = 0xffff_ffff_ffff_ffffn;

/** The table in which a thread finds its TLS blocks (dynamic thread vector). */
export interface Dtv extends AddressRange {
  /** Address of the block of a module by its number; undefined if the thread has none yet. */
  block(module: number): bigint | undefined;
}

/**
 * The thread block of a glibc thread is at its base of fs and knows its own address and thread id; what is not so is no such
 * block (another library, a raw clone, memory that was overwritten).
 */
export function* isThreadBlock(
  fsBase: bigint,
  tid: number | undefined,
  layout: NptlLayout,
  read: ReadMemory,
): Task<boolean> {
  if (fsBase === 0n) return false;
  const self = yield* word(fsBase + SELF, read);
  if (self !== fsBase) return false;
  if (tid === undefined) return true;
  const bytes = yield* read(fsBase + BigInt(layout.tid), 4);
  return bytes.length === 4 && new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true) === tid;
}

/** The function that pthread_create was given for a thread; 0 where the block does not tell. */
export function* startRoutine(
  fsBase: bigint,
  tid: number | undefined,
  layout: NptlLayout,
  read: ReadMemory,
): Task<bigint> {
  if (!(yield* isThreadBlock(fsBase, tid, layout, read))) return 0n;
  return (yield* word(fsBase + BigInt(layout.startRoutine), read)) ?? 0n;
}

/** The DTV of a glibc thread: its length and a generation stand before and in the first entry. */
export function* readDtv(fsBase: bigint, layout: NptlLayout, read: ReadMemory): Task<Dtv | undefined> {
  if (!(yield* isThreadBlock(fsBase, undefined, layout, read))) return undefined;
  const at = yield* word(fsBase + BigInt(layout.dtv), read);
  if (at === undefined || at === 0n) return undefined;
  const start = at - BigInt(DTV_ENTRY);
  const length = Math.min(Number((yield* word(start, read)) ?? 0n), MAX_DTV);
  // Before the first entry the length, then the generation, then as many entries as the length says.
  const bytes = yield* read(start, (length + 2) * DTV_ENTRY);
  if (bytes.length < 2 * DTV_ENTRY) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    start,
    end: start + BigInt(bytes.length),
    block: (module) => {
      const offset = (module + 1) * DTV_ENTRY;
      if (module < 1 || offset + 8 > bytes.length) return undefined;
      const address = view.getBigUint64(offset, true);
      return address === 0n || address === UNALLOCATED ? undefined : address;
    },
  };
}

/** The thread block, and the DTV of a glibc thread. */
export function* threadBlockRanges(
  fsBase: bigint,
  layout: NptlLayout | undefined,
  read: ReadMemory,
): Task<AddressRange[]> {
  if (fsBase === 0n) return [];
  if (layout === undefined) return [{ start: fsBase, end: fsBase + UNKNOWN_SIZE }];
  const dtv = yield* readDtv(fsBase, layout, read);
  const block = { start: fsBase, end: fsBase + BigInt(layout.threadSize) };
  return dtv === undefined ? [block] : [block, { start: dtv.start, end: dtv.end }];
}

function* word(address: bigint, read: ReadMemory): Task<bigint | undefined> {
  const bytes = yield* read(address, 8);
  if (bytes.length < 8) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
}
