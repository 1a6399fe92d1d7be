import { closeSync, constants, openSync, write } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { outputFailure, type Sink } from '../io/index.js';
import { checkDescriptor, writeSome } from './descriptor-sink.js';
import { descriptorFlags, untilWritable } from './writable.js';

/** What a thread may be stuck with where a write cannot be made not to block. */
const PIECE = 64 * 1024;
const writeInThread = promisify(write);

/**
 * A sink over a pipe, a socket or a device, whose descriptor belongs to the caller and stays open. While the reader is slow
 * the event loop is free: the writing waits in poll(2), in a thread of libuv's.
 */
export class AsyncDescriptorSink implements Sink {
  readonly mayWait = true;
  /** What is written to: the caller's, or the same pipe opened once more. */
  readonly #fd: number;
  #own: number | undefined;
  readonly #nonBlocking: boolean;

  /** Fails with `invalid-argument` where nothing can be written to the descriptor. */
  constructor(fd: number) {
    if (checkDescriptor(fd).isFIFO()) this.#own = reopen(fd);
    this.#fd = this.#own ?? fd;
    this.#nonBlocking = descriptorFlags(this.#fd)?.nonBlocking ?? false;
  }

  async write(bytes: Uint8Array): Promise<void> {
    // A reader that keeps up would else leave no turn to anybody.
    await setImmediate();
    for (let done = 0; done < bytes.length; ) {
      const count = this.#nonBlocking
        ? writeSome(this.#fd, bytes, done)
        : await this.#writeBlocking(bytes.subarray(done, done + PIECE));
      if (count === 0) await untilWritable(this.#fd);
      done += count;
    }
  }

  async #writeBlocking(bytes: Uint8Array): Promise<number> {
    await untilWritable(this.#fd);
    try {
      return (await writeInThread(this.#fd, bytes)).bytesWritten;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw outputFailure(cause);
    }
  }

  close(): void {
    if (this.#own !== undefined) closeSync(this.#own);
    this.#own = undefined;
  }

  abort(): void {
    try {
      this.close();
    } catch {}
  }
}

/**
 * A pipe opened once more: O_NONBLOCK set there is seen by nobody else, while on the descriptor that we were given it would be
 * set for all processes that share it. Undefined where that does not work (no /proc, another user's pipe).
 */
function reopen(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | (constants.O_NONBLOCK ?? 0));
  } catch {
    return undefined;
  }
}
