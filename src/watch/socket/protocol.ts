import { MinidumpError } from '../../io/index.js';
import { errorFromPlain, type PlainError, plainError } from '../../io/plain-error.js';

/*
 * What is said on the socket of a watcher.
 *
 * The client sends one line of JSON (a Request), at most MAX_REQUEST bytes with its line feed, and nothing more. It keeps the connection
 * open: to close it is to give the request up.
 *
 * The watcher answers with frames, and closes the connection behind the last one:
 *
 *   byte 0      what it is (Frame)
 *   bytes 1-4   length of what follows, little endian, at most MAX_FRAME
 *   ...         Data: bytes of the dump, in order. The others: JSON.
 *
 * Data and Progress come in any number, then one Report (all went well; of a dump: it is complete) or one Error. What ends without either
 * has failed.
 *
 * In JSON a bigint is { "$bigint": "123" }, and bytes are { "$bytes": base64 }.
 */

export const PROTOCOL = 1;
export const MAX_REQUEST = 4 * 1024 * 1024;
export const MAX_FRAME = 64 * 1024 * 1024;
const HEADER = 5;

export const Frame = { Data: 0x44, Progress: 0x50, Report: 0x52, Error: 0x45 } as const;

export type Request = { readonly protocol: number } & (
  | { readonly want: 'dump'; readonly pid: number; readonly options: RequestedOptions }
  | { readonly want: 'release' | 'resume'; readonly pid: number }
  | { readonly want: 'list' }
);

/** What of the options of a dump can be sent: all but functions. Unknown until it was looked at. */
export type RequestedOptions = { readonly [name: string]: unknown };

/** Answers `list`. */
export interface WatcherReport {
  readonly pid: number;
  readonly uid: number;
  readonly processes: readonly WatchedReport[];
}

export interface WatchedReport {
  readonly pid: number;
  readonly name: string;
  /** `conditions`: nobody is attached, as only thresholds and the like are watched. */
  readonly state: 'attached' | 'released' | 'conditions';
}

export function frame(kind: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER + body.length);
  bytes[0] = kind;
  bytes.writeUInt32LE(body.length, 1);
  bytes.set(body, HEADER);
  return bytes;
}

export function jsonFrame(kind: number, value: unknown): Buffer {
  return frame(kind, Buffer.from(encode(value)));
}

/** The frames in what comes in pieces. @throws MinidumpError `watcher-lost` for what is no frame, and where it ends in the middle of one */
export async function* frames(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly kind: number; readonly body: Uint8Array }> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  let needed = HEADER;
  for await (const piece of pieces) {
    waiting.push(piece);
    size += piece.length;
    while (size >= needed) {
      const bytes =
        waiting.length === 1
          ? Buffer.from(waiting[0]!.buffer, waiting[0]!.byteOffset, size)
          : Buffer.concat(waiting);
      const length = bytes.readUInt32LE(1);
      if (length > MAX_FRAME) throw watcherLost('says what this mdmp does not understand');
      needed = HEADER + length;
      waiting = [bytes];
      if (size < needed) break;
      yield { kind: bytes[0]!, body: bytes.subarray(HEADER, needed) };
      const rest = bytes.subarray(needed);
      waiting = rest.length > 0 ? [rest] : [];
      size = rest.length;
      needed = HEADER;
    }
  }
  if (size > 0) throw watcherLost('has ended in the middle of its answer');
}

/** @param what it does, after "the watcher" */
export function watcherLost(what: string, cause?: unknown): MinidumpError {
  return new MinidumpError('watcher-lost', `the watcher ${what}`, {
    advice: 'Try again; `mdmp watch --list` shows the watchers that there are.',
    cause,
  });
}

export function encode(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one === 'bigint') return { $bigint: String(one) };
    return ArrayBuffer.isView(one) ? { $bytes: base64(one) } : one;
  });
}

function base64({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/** @throws SyntaxError */
export function decode(text: string): unknown {
  return JSON.parse(text, (_key, one: unknown) => {
    if (typeof one !== 'object' || one === null) return one;
    const { $bigint, $bytes } = one as Record<string, unknown>;
    if (typeof $bigint === 'string' && /^-?\d{1,40}$/.test($bigint)) return BigInt($bigint);
    return typeof $bytes === 'string' ? new Uint8Array(Buffer.from($bytes, 'base64')) : one;
  });
}

/** One of another kind has no code. */
type ToldError = PlainError | { readonly code?: undefined; readonly message: string };

export function errorFrame(error: unknown): Buffer {
  const told: ToldError =
    error instanceof MinidumpError
      ? plainError(error)
      : { message: error instanceof Error ? error.message : String(error) };
  return jsonFrame(Frame.Error, told);
}

/** The error that a watcher told of. One that is none of mdmp's is a bug there. */
export function errorFrom(value: unknown): Error {
  const told = value as ToldError;
  return told.code === undefined ? new Error(`in the watcher: ${told.message}`) : errorFromPlain(told);
}
