import type { Writable } from 'node:stream';
import { MinidumpError, outputClosed, outputFailure, type Sink } from '../io/index.js';

/** Small against highWaterMark, so that what waits in the stream is what the stream wants to have waiting. */
const PIECE = 64 * 1024;

/**
 * A sink over a Node stream. The stream belongs to the dump: it is ended when all has been written, and destroyed if the dump
 * fails, so that who reads it can tell a whole dump from a part. process.stdout and process.stderr are neither.
 *
 * While the stream is full (`write` gave false) nothing is written: at most its highWaterMark and a piece of 64 KiB wait in memory.
 */
export class NodeWritableSink implements Sink {
  readonly mayWait = true;
  readonly #stream: Writable;
  readonly #standard: boolean;
  /** `write` gave false, and `drain` has not come yet. */
  #full: boolean;
  #failure: MinidumpError | undefined;
  /** Pieces that the stream has taken but not passed on yet. */
  #underway = 0;
  #finished = false;
  #wake = (): void => {};
  readonly #onError = (error: unknown): void => this.#fail(outputFailure(error));
  readonly #onClose = (): void => {
    if (!this.#finished) this.#fail(outputClosed());
  };
  readonly #onDrain = (): void => {
    this.#full = false;
    this.#wake();
  };
  readonly #onFinish = (): void => {
    this.#finished = true;
    this.#wake();
  };

  /** Fails with `invalid-argument` if nothing can be written to the stream, and if it takes objects. */
  constructor(stream: Writable) {
    if (stream.writableObjectMode) {
      throw new MinidumpError('invalid-argument', 'the output stream takes objects, not bytes');
    }
    if (!stream.writable) {
      throw new MinidumpError('invalid-argument', 'the output stream has ended already, or was destroyed', {
        advice: 'Give a stream that can still be written to.',
      });
    }
    this.#stream = stream;
    this.#full = stream.writableNeedDrain === true;
    this.#standard = stream === process.stdout || stream === process.stderr;
    stream.on('error', this.#onError);
    stream.on('close', this.#onClose);
    stream.on('drain', this.#onDrain);
    stream.on('finish', this.#onFinish);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE) {
      await this.#until(() => !this.#full);
      this.#underway++;
      // A copy, as the stream keeps what it is given, and the buffer is used again.
      const goOn = this.#stream.write(bytes.slice(at, at + PIECE), (error) => {
        this.#underway--;
        if (error) this.#fail(outputFailure(error));
        else this.#wake();
      });
      if (!goOn) this.#full = true;
    }
    await this.#until(() => !this.#full);
  }

  async close(): Promise<void> {
    if (!this.#standard) this.#stream.end();
    // Both: a piece that came after somebody else had ended the stream fails after the stream has finished.
    await this.#until(() => this.#underway === 0 && (this.#standard || this.#finished));
    this.#leave();
  }

  abort(): void {
    if (this.#standard) this.#leave();
    else if (this.#stream.destroyed) this.#leave();
    else {
      // Without an error: the dump's own is thrown where the dump was asked for. Readers see the stream close before its end.
      this.#stream.once('close', () => this.#leave());
      this.#stream.destroy();
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    while (this.#failure === undefined && !condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #fail(failure: MinidumpError): void {
    this.#failure ??= failure;
    this.#wake();
  }

  #leave(): void {
    this.#stream.off('error', this.#onError);
    this.#stream.off('close', this.#onClose);
    this.#stream.off('drain', this.#onDrain);
    this.#stream.off('finish', this.#onFinish);
  }
}
