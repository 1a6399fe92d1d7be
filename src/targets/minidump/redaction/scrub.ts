import type { AddressRange } from '../../../dump/ranges.js';
import { streamTypes } from '../../../format/index.js';
import type { Task } from '../../../io/index.js';
import type { MinidumpTarget } from '../minidump-target.js';
import type { Sanitiser } from '../sanitiser.js';
import { type CarriedStream, reachable } from '../streams.js';
import { type Match, maskMatch, type Pattern, patternsOf } from './patterns.js';

/** Memory is searched in pieces of this size, and what is needed of the one before. */
const CHUNK = 1 << 20;
/** Places that the report names, a pattern; the counts are of all. */
const MOST_PLACES = 1000;

/** What was found of a pattern, and overwritten. */
export interface ScrubReport {
  /** `a text of 12 characters`, or `expression 1`, the first of the regular expressions: what was looked for is a secret. */
  pattern: string;
  /** Matches, in memory and in streams. Bytes that match in two encodings, or twice, count twice. */
  count: number;
  /** Addresses of the first 1000 matches in memory. */
  memory: { address: bigint; size: bigint }[];
  memoryCount: number;
  /** Matches by the stream that they were in, or that what they were in belongs to. */
  streams: Record<string, number>;
}

/** Memory that lies in one piece, and the matches in it; their places count from its start. */
interface Run extends AddressRange {
  /** By their starts. */
  matches: Match[];
  longest: number;
}

/**
 * Overwrites values wherever they stand in the memory and in the streams of a dump, registers among them, with asterisks. Memory is
 * searched as a whole first, so that a value is found that lies across the border of two ranges or of two reads.
 */
export class Scrubber implements Sanitiser {
  readonly reports: ScrubReport[];
  readonly #patterns: readonly Pattern[];
  readonly #runs: readonly Run[];

  private constructor(patterns: readonly Pattern[], runs: readonly Run[], reports: ScrubReport[]) {
    this.#patterns = patterns;
    this.#runs = runs;
    this.reports = reports;
  }

  static *search(target: MinidumpTarget, wanted: readonly (string | RegExp)[]): Task<Scrubber> {
    const patterns = patternsOf(wanted, target.stored.littleEndian);
    const reports = patterns.map(
      ({ name }): ScrubReport => ({ pattern: name, count: 0, memory: [], memoryCount: 0, streams: {} }),
    );
    const runs: Run[] = [];
    for (const { start, end } of target.memory.contiguous()) {
      const run: Run = { start, end, matches: [], longest: 0 };
      for (const [i, pattern] of patterns.entries()) {
        for (const match of yield* searchRun(target, run, pattern)) {
          run.matches.push(match);
          run.longest = Math.max(run.longest, match.end - match.start);
          const report = reports[i]!;
          report.count++;
          report.memoryCount++;
          if (report.memory.length < MOST_PLACES) {
            report.memory.push({
              address: start + BigInt(match.start),
              size: BigInt(match.end - match.start),
            });
          }
        }
      }
      if (run.matches.length === 0) continue;
      run.matches.sort((a, b) => a.start - b.start);
      runs.push(run);
    }
    return new Scrubber(patterns, runs, reports);
  }

  *memory(address: bigint, bytes: Uint8Array): Task<void> {
    const end = address + BigInt(bytes.length);
    for (let i = firstAfter(this.#runs, address); i < this.#runs.length && this.#runs[i]!.start < end; i++) {
      const run = this.#runs[i]!;
      const from = Number(address - run.start);
      // A match that begins before may reach in.
      for (let m = firstFrom(run.matches, from - run.longest); m < run.matches.length; m++) {
        const match = run.matches[m]!;
        if (match.start >= from + bytes.length) break;
        if (match.end > from) maskMatch(bytes, from, match);
      }
    }
  }

  streams(streams: CarriedStream[]): void {
    for (const { stream, piece } of reachable(streams)) {
      if (piece.textFrom === undefined || piece.bytes.length <= piece.textFrom) continue;
      const name = streamTypes.nameOf(stream.type) ?? `0x${stream.type.toString(16)}`;
      const from = piece.textFrom;
      let masked: Uint8Array | undefined;
      this.#patterns.forEach((pattern, i) => {
        for (const match of pattern.find(piece.bytes.subarray(from))) {
          masked ??= piece.bytes.slice();
          maskMatch(masked.subarray(from), 0, match);
          const report = this.reports[i]!;
          report.count++;
          report.streams[name] = (report.streams[name] ?? 0) + 1;
        }
      });
      if (masked !== undefined) piece.bytes = masked;
    }
  }
}

/**
 * The matches of a pattern in memory that lies in one piece. A piece of it is searched together with the end of the one before, as long as
 * the longest match. A match at its very end may go on: it is left to the next piece, unless that cannot see its start.
 */
function* searchRun(target: MinidumpTarget, { start, end }: AddressRange, pattern: Pattern): Task<Match[]> {
  const matches: Match[] = [];
  const total = Number(end - start);
  let seen = 0;
  while (seen < total) {
    const from = Math.max(0, seen - pattern.longest);
    const to = Math.min(total, seen + CHUNK);
    const bytes = yield* target.memory.view.readTask(start + BigInt(from), to - from);
    for (const match of pattern.find(bytes)) {
      const [first, last] = [match.start + from, match.end + from];
      if (last < seen) continue;
      if (last === to && to < total && first >= to - pattern.longest) continue;
      matches.push({ ...match, start: first, end: last });
    }
    seen = to;
  }
  return matches;
}

/** Index of the first run that ends behind an address. */
function firstAfter(runs: readonly Run[], address: bigint): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle]!.end <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first match that does not start before a place. */
function firstFrom(matches: readonly Match[], place: number): number {
  let low = 0;
  let high = matches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (matches[middle]!.start < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What no search of this kind can promise. */
export const SCRUB_LIMITS: readonly string[] = [
  'Values in another encoding (base64, hexadecimal, UTF-32, escaped, another case or normal form), compressed, encrypted, or split into parts are not found.',
  'A value that lies across the edge of the stored memory is not found: the part that is stored is left.',
  'Tables of numbers (of threads, modules, handles) are not searched; the names they point to are.',
];
