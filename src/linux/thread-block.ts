import type { AddressRange } from '../dump/ranges.js';
import type { ReadMemory } from '../dump/target.js';
import type { Task } from '../io/index.js';
import type { NptlLayout } from './nptl.js';

/** tcbhead_t of x86-64, at the base of fs: `self` is the address of the block itself. */
const SELF = 16;
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
 * The thread block of a glibc thread (struct pthread) is at its base of fs and begins with its own address; what does not is no
 * such block: another library's, or memory that was overwritten.
 */
function* readThreadBlock(fsBase: bigint, layout: NptlLayout, read: ReadMemory): Task<DataView | undefined> {
  if (fsBase === 0n) return undefined;
  const bytes = yield* read(fsBase, layout.threadSize);
  if (bytes.length < layout.threadSize) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getBigUint64(SELF, true) === fsBase ? view : undefined;
}

/**
 * The function that pthread_create was given for a thread; 0 where the block does not tell, or is another thread's (a raw clone
 * may borrow one).
 *
 * @param tid the id of the thread in its own pid namespace
 */
export function* startRoutine(
  fsBase: bigint,
  tid: number,
  layout: NptlLayout,
  read: ReadMemory,
): Task<bigint> {
  const block = yield* readThreadBlock(fsBase, layout, read);
  if (block === undefined || block.getInt32(layout.tid, true) !== tid) return 0n;
  return block.getBigUint64(layout.startRoutine, true);
}

/** The DTV of a glibc thread: its length and a generation stand before and in the first entry. */
export function* readDtv(fsBase: bigint, layout: NptlLayout, read: ReadMemory): Task<Dtv | undefined> {
  const block = yield* readThreadBlock(fsBase, layout, read);
  const at = block?.getBigUint64(layout.dtv, true) ?? 0n;
  if (at < BigInt(DTV_ENTRY)) return undefined;
  const start = at - BigInt(DTV_ENTRY);
  const head = yield* read(start, 8);
  if (head.length < 8) return undefined;
  const counted = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  const length = counted > BigInt(MAX_DTV) ? MAX_DTV : Number(counted);
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
