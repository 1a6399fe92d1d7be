import { MinidumpError } from './errors.js';
import { outputFailure } from './output-failure.js';
import type { Sink } from './sink.js';

/** A stream counts chunks unless it was told otherwise: of this size one is enough, and it is what waits in it at most. */
const PIECE = 64 * 1024;

/**
 * A sink over a WritableStream, in a browser as in Node. The stream belongs to the dump: it is closed at the end, and aborted
 * if the dump fails, so that who reads it can tell a whole dump from a part.
 *
 * No more is handed over than the stream asks for (`ready`): what waits in memory is what its queuing strategy allows.
 */
export class WebStreamSink implements Sink {
  readonly mayWait = true;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  /** Fails with `invalid-argument` if somebody else has the stream's writer. */
  constructor(stream: WritableStream<Uint8Array>) {
    if (stream.locked) {
      throw new MinidumpError('invalid-argument', 'the output stream is locked to another writer', {
        advice: 'Release the writer first, or do not pipe anything else into the stream.',
      });
    }
    this.#writer = stream.getWriter();
    // Failures come from the next write or the close; nobody waits for this promise, which would be an unhandled rejection.
    this.#writer.closed.catch(() => {});
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; at += PIECE) {
        await this.#writer.ready;
        // A copy, as the stream keeps what it is given, and the buffer is used again.
        this.#writer.write(bytes.slice(at, at + PIECE)).catch(() => {});
      }
      // What the last pieces came to: else the next to hear of a failure would be the reader, of half a dump.
      await this.#writer.ready;
    } catch (cause) {
      throw outputFailure(cause);
    }
  }

  async close(): Promise<void> {
    try {
      await this.#writer.close();
    } catch (cause) {
      throw outputFailure(cause);
    }
    this.#writer.releaseLock();
  }

  async abort(): Promise<void> {
    try {
      await this.#writer.abort(new MinidumpError('write-failed', 'the dump was given up'));
    } catch {}
    this.#writer.releaseLock();
  }
}
