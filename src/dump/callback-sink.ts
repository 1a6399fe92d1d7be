import type { Sink } from '../io/index.js';
import type { CallbackProtocol } from './protocol.js';

/** The output of a dump whose callback writes it by itself: IoWriteAllCallback for each piece, IoFinishCallback at the end. */
export class CallbackSink implements Sink {
  /** What a program does with its dump may take any time. */
  readonly mayWait = true;
  readonly #protocol: CallbackProtocol;
  #offset = 0n;

  constructor(protocol: CallbackProtocol) {
    this.#protocol = protocol;
  }

  write(bytes: Uint8Array): void {
    this.#protocol.ioWriteAll(this.#offset, bytes);
    this.#offset += BigInt(bytes.length);
  }

  close(): void {
    this.#protocol.ioFinish();
  }

  /** The callback learns of a failure by not being asked to finish. */
  abort(): void {}
}
