import { connect } from 'node:net';
import { getEnvironmentData } from 'node:worker_threads';
import { MinidumpError } from '../io/errors.js';
import { Channel } from './channel.js';
import { fileOf, WATCHER } from './registration.js';

/** A worker thread: its process is registered by the main thread, which may hang just when this one asks for a dump. */
export class OtherThread {
  #channel: Channel | undefined;
  readonly ready = Promise.resolve();

  configure(): void {
    throw new MinidumpError('invalid-argument', 'only the main thread can configure mdmp/register');
  }

  async dumpNow(text: string): Promise<string> {
    this.#channel ??= this.#connect();
    const answer = await this.#channel?.request({ trigger: 'request', text });
    return fileOf(answer, 'the watcher of this process has ended, or was never there');
  }

  #connect(): Channel | undefined {
    const path = getEnvironmentData(WATCHER) ?? process.env[WATCHER];
    if (typeof path !== 'string') return undefined;
    return new Channel(
      connect(path),
      { kind: 'join' },
      () => {},
      () => {
        this.#channel = undefined;
      },
    );
  }
}
