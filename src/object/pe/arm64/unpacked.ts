import type { Task } from '../../../io/index.js';
import { ByteReader } from '../../bytes.js';
import type { PeImage } from '../image.js';
import { readCodes } from './codes.js';
import { type Epilogue, type FrameEntry, INSTRUCTION, ownPrologue } from './frame-entry.js';

/** Bytes of codes that a record may have: 255 words, each byte a code at the most. */
export const MAX_CODES = 255 * 4;

/** The record in .xdata at an RVA; undefined where it is not there, or is of a later version. */
export function* readUnpacked(image: PeImage, rva: number): Task<FrameEntry | undefined> {
  const head = yield* image.read(rva, 4);
  if (head === undefined) return undefined;
  const word = new ByteReader(head, '.xdata').u32();
  const length = (word & 0x3ffff) * INSTRUCTION;
  if ((word >>> 18) & 3) return undefined;
  const isSingle = ((word >>> 21) & 1) !== 0;
  let epilogues = (word >>> 22) & 31;
  let codeWords = word >>> 27;
  let at = rva + 4;
  if (epilogues === 0 && codeWords === 0) {
    const more = yield* image.read(at, 4);
    if (more === undefined) return undefined;
    const extended = new ByteReader(more, '.xdata').u32();
    epilogues = extended & 0xffff;
    codeWords = (extended >>> 16) & 0xff;
    at += 4;
  }
  const scopes = isSingle ? 0 : epilogues;
  const bytes = yield* image.read(at, scopes * 4 + codeWords * 4);
  if (bytes === undefined) return undefined;
  const codes = bytes.subarray(scopes * 4);
  // Many epilogues have the same codes.
  const known = new Map<number, Epilogue['operations']>();
  const operationsFrom = (index: number) => {
    let operations = known.get(index);
    if (operations === undefined) {
      operations = index < codes.length ? readCodes(codes, index).map(({ operation }) => operation) : [];
      known.set(index, operations);
    }
    return operations;
  };
  const prologue = operationsFrom(0);
  if (isSingle) {
    const operations = operationsFrom(epilogues);
    const start = length - (ownPrologue(operations) + 1) * INSTRUCTION;
    return { length, prologue, epilogues: start < 0 ? [] : [{ start, operations }] };
  }
  const reader = new ByteReader(bytes, '.xdata', 0, scopes * 4);
  const list = Array.from({ length: scopes }, (): Epilogue => {
    const scope = reader.u32();
    return {
      start: (scope & 0x3ffff) * INSTRUCTION,
      get operations() {
        return operationsFrom(scope >>> 22);
      },
    };
  });
  return { length, prologue, epilogues: list.sort((a, b) => a.start - b.start) };
}
