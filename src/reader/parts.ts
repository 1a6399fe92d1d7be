import { decodeUtf16, MINIDUMP_STRING, malformed } from '../format/index.js';
import { checkRange, MinidumpError, readRanges, type Source, type Task } from '../io/index.js';

/** A dump as the functions below need it. */
export interface DumpBytes {
  readonly source: Source;
  readonly littleEndian: boolean;
}

export interface Location {
  rva: number;
  size: number;
}

/** What a location holds, or why it cannot be had. */
export type Part<T = Uint8Array> = T | MinidumpError;

/**
 * The texts, contexts and records that a stream points to may all be the same megabyte, a million times. In a sound file
 * they lie side by side; sharing a short text is the most that happens. So all of them together may be this many times as
 * long as the file.
 */
const SHARING = 4;

/** Windows has no longer name: the length of a UNICODE_STRING is 16 bits. */
const LONGEST_STRING = 0xffff;

/** Parts this near each other are read at once, up to that much. */
const GAP = 4096;
const LARGEST_READ = 1 << 20;

/**
 * Reads many small parts in few requests. A part that lies outside the file or is longer than `longest` costs only
 * itself.
 */
export function* readParts(
  file: DumpBytes,
  what: string,
  locations: readonly Location[],
  longest: number,
): Task<Part[]> {
  const parts: Part[] = new Array(locations.length);
  const wanted: number[] = [];
  let left = file.source.size * SHARING;
  locations.forEach(({ rva, size }, i) => {
    try {
      checkRange(what, rva, size, file.source.size);
    } catch (error) {
      parts[i] = error as MinidumpError;
      return;
    }
    left -= size;
    if (size > longest || left < 0) {
      parts[i] = new MinidumpError('malformed', `${what}: ${size} bytes at ${rva} are more than it may be`, {
        expected: left < 0 ? 'parts that are not longer than the file' : `${longest} bytes or less`,
        found: `${size} bytes`,
      });
      return;
    }
    wanted.push(i);
  });

  const chunks: { offset: number; length: number; members: number[] }[] = [];
  wanted.sort((a, b) => locations[a]!.rva - locations[b]!.rva);
  for (const i of wanted) {
    const { rva, size } = locations[i]!;
    const last = chunks.at(-1);
    const length = last ? Math.max(last.length, rva + size - last.offset) : 0;
    if (last && rva <= last.offset + last.length + GAP && length <= LARGEST_READ) {
      last.length = length;
      last.members.push(i);
    } else {
      chunks.push({ offset: rva, length: size, members: [i] });
    }
  }
  const read = chunks.length === 0 ? [] : yield* readRanges(file.source, chunks, what);
  chunks.forEach(({ offset, members }, c) => {
    for (const i of members) {
      const start = locations[i]!.rva - offset;
      parts[i] = read[c]!.subarray(start, start + locations[i]!.size);
    }
  });
  return parts;
}

/** Reads one part, and throws where it cannot be had. */
export function* readPart(
  file: DumpBytes,
  what: string,
  location: Location,
  longest: number,
): Task<Uint8Array> {
  const [part] = yield* readParts(file, what, [location], longest);
  if (part instanceof MinidumpError) throw part;
  return part!;
}

/** Texts that begin with their length in bytes: MINIDUMP_STRING and Crashpad's forms of it. */
function* readCounted(file: DumpBytes, what: string, rvas: readonly number[], longest: number): Task<Part[]> {
  const heads = yield* readParts(
    file,
    what,
    rvas.map((rva) => ({ rva, size: MINIDUMP_STRING.size })),
    MINIDUMP_STRING.size,
  );
  const found = heads.flatMap((head, i) => (head instanceof MinidumpError ? [] : [i]));
  const bodies = yield* readParts(
    file,
    what,
    found.map((i) => ({
      rva: rvas[i]! + MINIDUMP_STRING.size,
      size: MINIDUMP_STRING.decode(heads[i] as Uint8Array, 0, file.littleEndian).Length,
    })),
    longest,
  );
  const parts: Part[] = [...heads];
  found.forEach((i, at) => {
    parts[i] = bodies[at]!;
  });
  return parts;
}

/** The texts of MINIDUMP_STRINGs. RVAs may be 64 bits wide, as those of thread names are. */
export function* readStrings(
  file: DumpBytes,
  what: string,
  rvas: readonly (number | bigint)[],
): Task<Part<string>[]> {
  const parts = yield* readCounted(file, what, rvas.map(Number), LONGEST_STRING);
  return parts.map((part) => (part instanceof MinidumpError ? part : decodeUtf16(part, file.littleEndian)));
}

/** Crashpad's texts and byte arrays may be as long as a log. */
const LONGEST_ANNOTATION = 1 << 24;

/** Crashpad's MinidumpByteArrays. */
export function* readByteArrays(file: DumpBytes, what: string, rvas: readonly number[]): Task<Part[]> {
  return yield* readCounted(file, what, rvas, LONGEST_ANNOTATION);
}

/** Crashpad's MinidumpUTF8Strings. */
export function* readUtf8Strings(
  file: DumpBytes,
  what: string,
  rvas: readonly number[],
): Task<Part<string>[]> {
  const parts = yield* readCounted(file, what, rvas, LONGEST_ANNOTATION);
  return parts.map((part) => (part instanceof MinidumpError ? part : utf8(part)));
}

/** Engines have a limit to the length of a string, of 512 MiB or so; no text of a dump comes near. */
const LONGEST_TEXT = 1 << 28;

export function checkTextLength(bytes: Uint8Array): void {
  if (bytes.length <= LONGEST_TEXT) return;
  throw malformed('text', `${LONGEST_TEXT} bytes or less`, `${bytes.length} bytes`);
}

/** Bytes that are no UTF-8 become U+FFFD. */
export function utf8(bytes: Uint8Array): string {
  checkTextLength(bytes);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/** Puts the error of a part with the others of its owner, and gives nothing for it. */
export function partOr<T>(part: Part<T>, problems: MinidumpError[]): T | undefined {
  if (!(part instanceof MinidumpError)) return part;
  problems.push(part);
  return undefined;
}
