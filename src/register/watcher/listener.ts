import { chmodSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';

/** The socket where the other processes of a tree find their watcher: mode 0600, in a folder of mode 0700. */
export class Listener {
  problem: (text: string) => void = () => {};
  readonly #server: Server;
  readonly #path: string;

  constructor(path: string, connected: (socket: Socket) => void) {
    this.#path = path;
    // Fails if it is there: then somebody else has made it.
    mkdirSync(dirname(path), { mode: 0o700 });
    this.#server = createServer(connected);
    this.#server.on('error', (error) =>
      this.problem(`child processes will not find the watcher: ${error.message}`),
    );
    process.umask(0o177);
    this.#server.listen(path);
    process.umask(0o077);
    chmodSync(path, 0o600);
  }

  /** Nobody finds it any more. */
  close(): void {
    this.#server.close();
    rmSync(this.#path, { force: true });
    try {
      rmdirSync(dirname(this.#path));
    } catch {
      // It was removed.
    }
  }
}
