import { MinidumpError } from './errors.js';
import type { Sink } from './sink.js';
import { checkRange, type Source } from './source.js';

/**
 * Sans I/O: the reader, the engine and the analysis are generator functions that yield what they want of the
 * outside, and get the answer back from `yield`. They are written once; `runSync` and `runAsync` drive them.
 */
export type Task<T> = Generator<Request, T, Answer>;

export interface ByteRange {
  offset: number;
  length: number;
}

/** What a task may ask for. Ranges that are wanted together are asked for together. */
export type Request =
  | { readonly kind: 'read'; readonly source: Source; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'write'; readonly sink: Sink; readonly bytes: Uint8Array }
  | { readonly kind: 'close' | 'abort'; readonly sink: Sink }
  | { readonly kind: 'work'; readonly work: Work };

/** Something that goes on by itself, in other threads, and is waited for. */
export interface Work {
  /** Waits on the spot; throws if it fails. */
  block(): void;
  /** The same, with the event loop free meanwhile. */
  settled(): Promise<void>;
}

/** The answer to a read: one array of bytes a range, in order. To all else: nothing. */
export type Answer = readonly Uint8Array[] | undefined;

/** Reads one range. It must lie inside the source. `what` names it in the error when it does not. */
export function* readRange(source: Source, offset: number, length: number, what = 'read'): Task<Uint8Array> {
  const [bytes] = yield* readRanges(source, [{ offset, length }], what);
  return bytes!;
}

/** Reads several ranges at once; each must lie inside the source. */
export function* readRanges(
  source: Source,
  ranges: readonly ByteRange[],
  what = 'read',
): Task<readonly Uint8Array[]> {
  for (const { offset, length } of ranges) checkRange(what, offset, length, source.size);
  const answer = (yield { kind: 'read', source, ranges })!;
  ranges.forEach(({ offset, length }, i) => {
    if (answer[i]!.length !== length) {
      throw new MinidumpError(
        'truncated',
        `${what}: got ${answer[i]!.length} of ${length} bytes at ${offset}`,
      );
    }
  });
  return answer;
}

/** Writes bytes to a sink; they may be reused once this has returned. */
export function* writeBytes(sink: Sink, bytes: Uint8Array): Task<void> {
  yield { kind: 'write', sink, bytes };
}

/** All has been written to a sink: makes it final. */
export function* closeSink(sink: Sink): Task<void> {
  yield { kind: 'close', sink };
}

/** Leaves nothing behind of a sink. */
export function* abortSink(sink: Sink): Task<void> {
  yield { kind: 'abort', sink };
}

/** What was answered at once, or with a promise: then `runSync` fails with `async-source`. */
export function* awaited<T>(answer: T | Promise<T>): Task<T> {
  if (!isPromise(answer)) return answer;
  let value: { readonly is: T } | undefined;
  const settled = async () => {
    value = { is: await (answer as Promise<T>) };
  };
  yield { kind: 'work', work: { block: () => void atOnce(answer), settled } };
  return value!.is;
}

function act(request: Exclude<Request, { kind: 'read' | 'work' }>): void | Promise<void> {
  return request.kind === 'write' ? request.sink.write(request.bytes) : request.sink[request.kind]();
}

/** Runs a task to its end on the spot. Fails with `async-source` where the outside answers with a promise. */
export function runSync<T>(task: Task<T>): T {
  let step = task.next(undefined);
  while (!step.done) {
    let answer: Answer;
    try {
      const request = step.value;
      if (request.kind === 'read') {
        answer = request.ranges.map(({ offset, length }) => atOnce(request.source.read(offset, length)));
      } else if (request.kind === 'work') request.work.block();
      else {
        atOnce(act(request));
      }
    } catch (error) {
      step = task.throw(error);
      continue;
    }
    step = task.next(answer);
  }
  return step.value;
}

/** Runs a task, waiting wherever the outside answers with a promise. */
export async function runAsync<T>(task: Task<T>): Promise<T> {
  let step = task.next(undefined);
  while (!step.done) {
    let answer: Answer;
    try {
      const request = step.value;
      if (request.kind === 'read') {
        const parts = request.ranges.map(({ offset, length }) => request.source.read(offset, length));
        answer = parts.some(isPromise) ? await Promise.all(parts) : (parts as Uint8Array[]);
      } else if (request.kind === 'work') await request.work.settled();
      else {
        const done = act(request);
        if (isPromise(done)) await done;
      }
    } catch (error) {
      step = task.throw(error);
      continue;
    }
    step = task.next(answer);
  }
  return step.value;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Promise<unknown> | undefined)?.then === 'function';
}

function atOnce<T>(value: T | Promise<T>): T {
  if (isPromise(value)) {
    // Nobody will wait for it: a later rejection must not take the process down.
    value.catch(() => {});
    throw new MinidumpError(
      'async-source',
      'this source or sink answers later; a synchronous call cannot wait',
      {
        advice: 'Use the asynchronous function, or read the data into memory first.',
      },
    );
  }
  return value;
}
