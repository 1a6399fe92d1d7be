import { AddressTable } from '../../../dump/pointers.js';
import { type AddressRange, mergeRanges, subtractRanges } from '../../../dump/ranges.js';
import { isExecutable } from '../../../dump/regions.js';
import { MemoryProtection } from '../../../format/index.js';
import type { Task } from '../../../io/index.js';
import type { MinidumpTarget } from '../minidump-target.js';
import type { Sanitiser } from '../sanitiser.js';
import { utf8Length } from './patterns.js';

/** A shorter run of printable characters is as likely a number. */
const LEAST_CHARACTERS = 6;
/** Bytes to either side that tell whether a run is long enough: five characters of four bytes; whole words. */
const MARGIN = 32n;
/** Memory is read in pieces of this size to count what there is. */
const CHUNK = 1 << 20;
/** Around an instruction pointer, as native dumps have it. */
const WINDOW = 0x80n;

const WRITABLE =
  MemoryProtection.PAGE_READWRITE |
  MemoryProtection.PAGE_WRITECOPY |
  MemoryProtection.PAGE_EXECUTE_READWRITE |
  MemoryProtection.PAGE_EXECUTE_WRITECOPY;

export interface StringsReport {
  /** Runs of printable characters that were zeroed, in memory. */
  runs: number;
  /** Bytes that were zeroed, in memory. */
  bytes: number;
}

/**
 * Zeroes text in memory: runs of six or more printable characters, in UTF-8 and in UTF-16 of the dump's byte order (of UTF-16
 * Latin-1 only: other scripts look like any numbers). Words that point to memory that is known stay, so that stacks can still be
 * walked; in 32-bit processes, where any four letters are the address of something, only those to modules and stacks. Code is left
 * alone: where it lies is known from the memory map, else the surroundings of the instruction pointers are taken for it.
 */
export class StringRedactor implements Sanitiser {
  readonly report: StringsReport = { runs: 0, bytes: 0 };
  readonly #target: MinidumpTarget;
  readonly #keep: AddressTable;
  readonly #code: readonly AddressRange[];

  private constructor(target: MinidumpTarget, keep: AddressTable, code: readonly AddressRange[]) {
    this.#target = target;
    this.#keep = keep;
    this.#code = code;
  }

  static *create(target: MinidumpTarget): Task<StringRedactor> {
    const { regions, protections } = yield* target.knownRegions();
    const modules = (yield* target.modules()).map(({ base, size }) => ({
      start: base,
      end: base + BigInt(size),
    }));
    const stacks = target.stored.threads.flatMap(({ stack, backingStore }) =>
      backingStore === undefined ? [stack] : [stack, backingStore],
    );
    const known = target.system.pointerSize === 8 ? regions : [];
    const keep = new AddressTable(mergeRanges([...modules, ...stacks, ...known]));
    const code = protections
      ? regions.filter((region) => isExecutable(region) && (region.protection & WRITABLE) === 0)
      : (yield* instructionPointers(target))
          .filter((pointer) => pointer >= WINDOW)
          .map((pointer) => ({ start: pointer - WINDOW, end: pointer + WINDOW }));
    const redactor = new StringRedactor(target, keep, mergeRanges(code));
    yield* redactor.#count();
    return redactor;
  }

  /** Goes through all memory once, so that the report does not depend on what is read how often. */
  *#count(): Task<void> {
    for (const { start, end } of this.#target.memory.contiguous()) {
      for (let at = start; at < end; at += BigInt(CHUNK)) {
        const left = end - at;
        const bytes = yield* this.#target.memory.view.readTask(at, left < CHUNK ? Number(left) : CHUNK);
        const { runs, zeroed } = yield* this.#redact(at, bytes.slice());
        this.report.runs += runs;
        this.report.bytes += zeroed;
      }
    }
  }

  *memory(address: bigint, bytes: Uint8Array): Task<void> {
    yield* this.#redact(address, bytes);
  }

  *#redact(address: bigint, bytes: Uint8Array): Task<{ runs: number; zeroed: number }> {
    const all = { runs: 0, zeroed: 0 };
    const end = address + BigInt(bytes.length);
    for (const part of subtractRanges([{ start: address, end }], this.#code)) {
      const into = bytes.subarray(Number(part.start - address), Number(part.end - address));
      const { runs, zeroed } = yield* this.#redactPart(part, into);
      all.runs += runs;
      all.zeroed += zeroed;
    }
    return all;
  }

  /** Looks at what surrounds a part, too: a run may begin before it and end behind it. */
  *#redactPart({ start, end }: AddressRange, into: Uint8Array): Task<{ runs: number; zeroed: number }> {
    const { view } = this.#target.memory;
    const [before, behind] = this.#surroundings(start, end);
    const bytes = yield* view.readTask(before, Number(behind - before));
    const inner = Number(start - before);
    const { pointerSize } = this.#target.system;
    const littleEndian = this.#target.stored.littleEndian;
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const firstWord = Number((BigInt(pointerSize) - (before % BigInt(pointerSize))) % BigInt(pointerSize));
    const isPointer = (at: number): boolean => {
      if (at < 0 || at + pointerSize > bytes.length) return false;
      const value =
        pointerSize === 8 ? Number(words.getBigUint64(at, littleEndian)) : words.getUint32(at, littleEndian);
      return this.#keep.indexOf(value) >= 0;
    };
    const counted = { runs: 0, zeroed: 0 };
    for (const run of printableRuns(bytes, littleEndian)) {
      const from = Math.max(run.start, inner);
      const to = Math.min(run.end, inner + into.length);
      if (from >= to) continue;
      // A run is counted where it begins.
      if (run.start >= inner || before === start) counted.runs++;
      for (let at = from; at < to; ) {
        const word = at - ((((at - firstWord) % pointerSize) + pointerSize) % pointerSize);
        const next = Math.min(word + pointerSize, to);
        if (!isPointer(word)) {
          for (let i = at; i < next; i++) {
            if (into[i - inner] !== 0) counted.zeroed++;
            into[i - inner] = 0;
          }
        }
        at = next;
      }
    }
    return counted;
  }

  /** As much of the margins as is in the dump, without a hole. */
  #surroundings(start: bigint, end: bigint): [before: bigint, behind: bigint] {
    const low = start > MARGIN ? start - MARGIN : 0n;
    const parts = this.#target.memory.probe(low, end + MARGIN);
    const whole = parts.find((part) => part.kind === 'data' && part.start <= start && part.end >= end);
    return whole === undefined ? [start, end] : [whole.start, whole.end];
  }
}

function* instructionPointers(target: MinidumpTarget): Task<bigint[]> {
  const exception = yield* target.ownException();
  const pointers = target.stored.threads.map(({ instructionPointer }) => instructionPointer);
  return exception === undefined ? pointers : [...pointers, exception.instructionPointer];
}

interface Run {
  start: number;
  end: number;
}

/** Runs of text; those in different encodings may overlap. */
function printableRuns(bytes: Uint8Array, littleEndian: boolean): Run[] {
  const runs: Run[] = [];
  utf8Runs(bytes, runs);
  for (const shift of [0, 1]) utf16Runs(bytes, shift, littleEndian, runs);
  return runs;
}

function utf8Runs(bytes: Uint8Array, runs: Run[]): void {
  const { length } = bytes;
  let start = 0;
  let characters = 0;
  for (let at = 0; at < length; ) {
    const kind = KINDS[bytes[at]!]!;
    const size = kind === ASCII ? 1 : kind === HIGH ? utf8Length(bytes, at) : 0;
    if (size > 0) {
      if (characters++ === 0) start = at;
      at += size;
      continue;
    }
    if (characters >= LEAST_CHARACTERS) runs.push({ start, end: at });
    characters = 0;
    at++;
  }
  if (characters >= LEAST_CHARACTERS) runs.push({ start, end: length });
}

function utf16Runs(bytes: Uint8Array, shift: number, littleEndian: boolean, runs: Run[]): void {
  const end = bytes.length - 1;
  const low = littleEndian ? 0 : 1;
  const high = 1 - low;
  let characters = 0;
  let at = shift;
  for (; at < end; at += 2) {
    if (bytes[at + high] === 0) {
      const letter = bytes[at + low]!;
      if (KINDS[letter] === ASCII || letter >= 0xa0) {
        characters++;
        continue;
      }
    }
    if (characters >= LEAST_CHARACTERS) runs.push({ start: at - 2 * characters, end: at });
    characters = 0;
  }
  if (characters >= LEAST_CHARACTERS) runs.push({ start: at - 2 * characters, end: at });
}

/** What a byte can be: printable ASCII (the white space of texts is a part of them), a part of UTF-8, or neither. */
const [NEITHER, ASCII, HIGH] = [0, 1, 2];
const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x80) return HIGH;
  const white = byte === 0x09 || byte === 0x0a || byte === 0x0d;
  return white || (byte >= 0x20 && byte < 0x7f) ? ASCII : NEITHER;
});

/** What no search of this kind can promise. */
export const STRINGS_LIMITS: readonly string[] = [
  'Runs of fewer than six characters, text of other encodings than UTF-8 and Latin-1 in UTF-16, and what is no text (keys, hashes, numbers) stay in memory.',
  'Text that looks like a pointer to known memory stays, up to the size of a pointer; so does text in the memory of code.',
  'Streams keep their texts but for the environment and the command line: names of modules, threads and handles, annotations, the memory map.',
];
