import { MinidumpError } from '../errors.js';
import type { Source } from '../source.js';
import { readRange, type Task } from '../task.js';
import { mostOf } from './frame.js';

/*
 * The seek table of zstd's seekable format, version 0.1.0: a skippable frame at the end of the file that says how long each frame is,
 * compressed and not. To any other zstd decoder it is nothing.
 */

const SKIPPABLE_MAGIC = 0x184d2a5e;
const FOOTER_MAGIC = 0x8f92eab1;
const HEADER = 8;
const FOOTER = 9;
const HAS_CHECKSUMS = 0x80;
const RESERVED = 0x7c;
/** ZSTD_SEEKABLE_MAXFRAMES is eight times as many; these are 16 TiB in frames of 1 MiB. */
const MOST_FRAMES = 1 << 24;

export interface SeekTable {
  /** Of each frame that holds something, its offset in the file; ascending. */
  readonly offsets: Float64Array;
  readonly compressed: Uint32Array;
  /** Of each frame, where its bytes begin in what was compressed; one more, the end of all. */
  readonly starts: Float64Array;
}

/** The sizes of frames, as they come. */
export class SeekTableWriter {
  readonly #sizes: number[] = [];

  add(compressed: number, size: number): void {
    this.#sizes.push(compressed, size);
  }

  bytes(): Uint8Array {
    const size = this.#sizes.length * 4 + FOOTER;
    const bytes = new Uint8Array(HEADER + size);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, SKIPPABLE_MAGIC, true);
    view.setUint32(4, size, true);
    this.#sizes.forEach((one, i) => {
      view.setUint32(HEADER + i * 4, one, true);
    });
    view.setUint32(bytes.length - FOOTER, this.#sizes.length / 2, true);
    view.setUint32(bytes.length - 4, FOOTER_MAGIC, true);
    return bytes;
  }
}

/** Whether a file that ends in these bytes seems to have a seek table. */
export function endsSeekTable(last: Uint8Array): boolean {
  return last.length >= 4 && view(last).getUint32(last.length - 4, true) === FOOTER_MAGIC;
}

/**
 * Reads the seek table at the end of a source, and believes nothing of it: the frames have to fill the file up to the table, and
 * none may be said to hold more than so many bytes can.
 *
 * @returns undefined if there is none
 * @throws MinidumpError `malformed`
 */
export function* readSeekTable(source: Source): Task<SeekTable | undefined> {
  if (source.size < HEADER + FOOTER) return undefined;
  const last = yield* readRange(source, source.size - FOOTER, FOOTER, 'seek table');
  if (!endsSeekTable(last)) return undefined;
  const footer = view(last);
  const count = footer.getUint32(0, true);
  const descriptor = footer.getUint8(4);
  const entry = (descriptor & HAS_CHECKSUMS) !== 0 ? 12 : 8;
  const start = source.size - FOOTER - count * entry - HEADER;
  // A checksum may look like a footer; a footer with the frame that belongs to it is one.
  if (start < 0) return undefined;
  const header = view(yield* readRange(source, start, HEADER, 'seek table'));
  if (header.getUint32(0, true) !== SKIPPABLE_MAGIC) return undefined;
  if (header.getUint32(4, true) !== count * entry + FOOTER) return undefined;
  if ((descriptor & RESERVED) !== 0) throw broken('is of a later version');
  if (count > MOST_FRAMES) throw broken(`has ${count} frames, more than ${MOST_FRAMES}`);
  return decode(view(yield* readRange(source, start + HEADER, count * entry, 'seek table')), entry, start);
}

function decode(table: DataView, entry: number, end: number): SeekTable {
  const count = table.byteLength / entry;
  const offsets = new Float64Array(count);
  const compressed = new Uint32Array(count);
  const starts = new Float64Array(count + 1);
  let used = 0;
  let offset = 0;
  let start = 0;
  for (let i = 0; i < count; i++) {
    const packed = table.getUint32(i * entry, true);
    const size = table.getUint32(i * entry + 4, true);
    if (packed > end - offset) throw broken(`lets frame ${i} reach into the table itself`);
    if (size > mostOf(packed)) throw broken(`lets frame ${i} hold ${size} bytes in ${packed}`);
    // Of skippable and empty frames nobody asks for anything.
    if (size > 0) {
      offsets[used] = offset;
      compressed[used] = packed;
      starts[used] = start;
      used++;
    }
    offset += packed;
    start += size;
  }
  if (offset !== end) throw broken(`ends ${end - offset} bytes before the table`);
  if (!Number.isSafeInteger(start)) throw broken('speaks of more than 8 PiB');
  starts[used] = start;
  return {
    offsets: offsets.subarray(0, used),
    compressed: compressed.subarray(0, used),
    starts: starts.subarray(0, used + 1),
  };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function broken(what: string): MinidumpError {
  return new MinidumpError('malformed', `the seek table of the zstd file ${what}`, {
    advice: 'If the frames are whole, `zstd -dc FILE > app.dmp` decompresses them without it.',
  });
}
