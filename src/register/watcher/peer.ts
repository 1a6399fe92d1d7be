import type { Socket } from 'node:net';
import { peerCredentials } from '../../node/peer-credentials.js';
import { type DumpRequest, Lines, type ToProcess, type ToWatcher } from '../messages.js';
import type { Processes } from './processes.js';
import type { WatchedNode } from './watched-node.js';

/** One conversation: with a process, or with another thread of it. */
export class Peer {
  readonly #socket: Socket;
  readonly #processes: Processes;
  readonly #lines = new Lines();
  readonly #pid: number;
  #process: WatchedNode | undefined;
  /** It has registered the process, which else another one has done. */
  #registered = false;

  constructor(socket: Socket, processes: Processes) {
    this.#socket = socket;
    this.#processes = processes;
    const peer = peerCredentials(socket);
    this.#pid = peer?.pid ?? 0;
    socket.on('error', () => {});
    if (this.#pid === 0 || peer?.uid !== process.geteuid!()) {
      socket.destroy();
      return;
    }
    processes.connected(this);
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('close', () => {
      if (this.#registered) this.#process?.disconnected();
      processes.disconnected(this);
    });
  }

  send(message: ToProcess): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  #take(bytes: Uint8Array): void {
    try {
      for (const line of this.#lines.take(bytes)) {
        if (line === '') this.#process?.beat();
        else this.#hear(JSON.parse(line) as ToWatcher);
      }
    } catch {
      // It does not speak as a registered process does.
      this.#socket.destroy();
    }
  }

  #hear(message: ToWatcher): void {
    switch (message.kind) {
      case 'hello':
        this.send({ kind: 'welcome', watcher: process.pid });
        this.#registered = true;
        this.#process = this.#processes.register(this.#pid, message.options, this);
        if (message.allowed) this.#process.allow();
        break;
      case 'allowed':
        this.#process?.allow();
        break;
      case 'join':
        this.#process = this.#processes.get(this.#pid);
        break;
      case 'options':
        this.#process?.configure(message.options);
        break;
      case 'dump':
        void this.#dump(message);
    }
  }

  async #dump(request: DumpRequest): Promise<void> {
    const { id } = request;
    const error = { code: 'no-such-process', message: 'this process is not registered with its watcher' };
    this.send({ kind: 'dump', id, ...((await this.#process?.dump(request)) ?? { error }) });
  }
}
