import type { Task } from '../../io/index.js';
import { ByteReader } from '../bytes.js';
import { readEncodedPointer } from './frame-entry.js';
import type { FrameBytes } from './frame-section.js';

/** DW_EH_PE_datarel | DW_EH_PE_sdata4: how every linker writes the table, and the only way it can be searched. */
const SEARCHABLE = 0x3b;
const ENTRY_SIZE = 8;
const MAX_HEAD = 64;

/** `.eh_frame_hdr` (LSB 5.0, 10.6.2): where .eh_frame is, and a sorted table of its FDEs. */
export interface FrameHeader {
  /** Address of .eh_frame. */
  readonly frames: number;
  /** The address of the FDE that begins last at or before an address; undefined if all begin behind it. */
  find(address: number): Task<number | undefined>;
}

/**
 * @param start where the section begins in `bytes`
 * @param address of its first byte
 * @returns undefined where it has no table that can be searched
 */
export function* readFrameHeader(
  bytes: FrameBytes,
  start: number,
  address: number,
  pointerSize: 4 | 8,
): Task<FrameHeader | undefined> {
  const head = yield* bytes.read(start, Math.max(0, Math.min(MAX_HEAD, bytes.size - start)));
  const reader = new ByteReader(head, '.eh_frame_hdr');
  const version = reader.u8();
  const framesEncoding = reader.u8();
  const countEncoding = reader.u8();
  const tableEncoding = reader.u8();
  if (version !== 1 || tableEncoding !== SEARCHABLE) return undefined;
  const bases = { start: address, data: address, pointerSize };
  const frames = readEncodedPointer(reader, framesEncoding, bases);
  const count = readEncodedPointer(reader, countEncoding, bases);
  const table = start + reader.position;
  if (frames === undefined || count === undefined || count > (bytes.size - table) / ENTRY_SIZE)
    return undefined;

  function* entry(index: number): Task<DataView> {
    const found = yield* bytes.read(table + index * ENTRY_SIZE, ENTRY_SIZE);
    return new DataView(found.buffer, found.byteOffset, found.byteLength);
  }

  return {
    frames,
    *find(wanted) {
      let low = 0;
      let high = count;
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (address + (yield* entry(middle)).getInt32(0, true) <= wanted) low = middle + 1;
        else high = middle;
      }
      return low === 0 ? undefined : address + (yield* entry(low - 1)).getInt32(4, true);
    },
  };
}
