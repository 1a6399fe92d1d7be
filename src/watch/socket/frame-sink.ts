import type { Socket } from 'node:net';
import { outputClosed, type Sink } from '../../io/index.js';
import { Frame, frame } from './protocol.js';

/** What a frame has of the dump at most, in bytes. */
const PIECE = 256 * 1024;

/** Sends a dump to whoever asked for it, at his own pace. The connection stays: a report or an error follows. */
export class FrameSink implements Sink {
  readonly mayWait = true;
  readonly #socket: Socket;
  #wake = (): void => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    for (const event of ['drain', 'close', 'error']) socket.on(event, () => this.#wake());
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE) {
      if (this.#socket.destroyed) throw outputClosed();
      // The frame is a copy: the buffer is used again.
      this.#socket.write(frame(Frame.Data, bytes.subarray(at, at + PIECE)));
      while (this.#socket.writableNeedDrain && !this.#socket.destroyed) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  close(): void {}

  abort(): void {}
}
