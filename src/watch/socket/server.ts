import { chmodSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { MinidumpError } from '../../io/index.js';
import type { Destination } from '../../node/destination.js';
import { readText } from '../../targets/linux/procfs.js';
import type { FileDumpReport, WriteMinidumpOptions } from '../../targets/linux/write-minidump.js';
import { withOutputOnStderr } from './callback-output.js';
import { knownPeer, mayAsk } from './credentials.js';
import { FrameSink } from './frame-sink.js';
import { notWatched } from './not-watched.js';
import { isSocketOf, ownFolder, SOCKET_MODE, socketIn } from './place.js';
import {
  errorFrame,
  Frame,
  jsonFrame,
  PROTOCOL,
  type Request,
  type WatchedReport,
  type WatcherReport,
} from './protocol.js';
import { readRequest } from './read-request.js';
import { requestedOptions } from './requested-dump.js';
import { answers, removeDeadSockets } from './sockets.js';

/** Progress is told no oftener, in milliseconds. */
const PROGRESS_MS = 100;
/** How long the end of a watch waits for those who have not got all of their dumps. */
const LAST_LIMIT = 5_000;

/** How long one who does not hang up is waited for once he has been told all. */
const LINGER = 2_000;

/** A watch, as others may use it. */
export interface ServedWatch {
  readonly processes: readonly { readonly pid: number; readonly state: WatchedReport['state'] }[];
  watches(pid: number): boolean;
  dumpTo(
    pid: number,
    destination: Destination | null | undefined,
    options: WriteMinidumpOptions,
  ): Promise<FileDumpReport>;
  release(pid: number): Promise<void>;
  resume(pid: number): Promise<void>;
}

/** The socket of this process, for all of its watches. */
let opening: Promise<WatcherServer> | undefined;

/** A watch's part in the socket of this process. */
export interface Entrance {
  open(watch: ServedWatch): void;
  /** The socket goes with the last watch. Resolves when those who asked for something have it; nobody is waited for longer than 5 s. */
  close(): Promise<void>;
}

/** @throws MinidumpError where this process can have no socket */
export async function openEntrance(): Promise<Entrance> {
  for (;;) {
    opening ??= WatcherServer.start();
    const mine = opening;
    try {
      const server = await mine;
      // Else its last watch has ended just now.
      if (opening === mine) return server.entrance();
    } catch (error) {
      if (opening === mine) opening = undefined;
      throw error;
    }
  }
}

class WatcherServer {
  readonly #file: string;
  readonly #server: Server;
  readonly #watches = new Set<ServedWatch>();
  readonly #connections = new Set<Socket>();
  /** Those that something is done for. */
  readonly #served = new Set<Socket>();
  readonly #onExit = () => this.#remove();
  #entrances = 0;

  static async start(): Promise<WatcherServer> {
    const folder = ownFolder();
    await removeDeadSockets(folder);
    const file = socketIn(folder, process.pid);
    if (isSocketOf(file, process.geteuid!())) {
      // Of a process that had this id before; or another copy of mdmp in this one.
      if (await answers(file)) {
        throw new MinidumpError('unsupported', `somebody else listens at ${file}`, {
          advice: 'The watch goes on without a socket: is there another copy of mdmp in this process?',
        });
      }
      unlinkSync(file);
    }
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((done, failed) => {
      server.once('error', (cause) => {
        const message = `no socket for other commands of mdmp: ${cause.message}`;
        failed(new MinidumpError('system-call', message, { cause }));
      });
      // In a worker of a cluster the primary would listen, and its socket would it be.
      server.listen({ path: file, exclusive: true }, done);
    });
    chmodSync(file, SOCKET_MODE);
    return new WatcherServer(file, server);
  }

  private constructor(file: string, server: Server) {
    this.#file = file;
    this.#server = server;
    server.on('connection', (socket) => this.#accept(socket));
    server.on('error', () => {
      // Of a connection that could not be accepted (no descriptor is left): the next one may.
    });
    server.unref();
    process.on('exit', this.#onExit);
  }

  entrance(): Entrance {
    this.#entrances++;
    let watch: ServedWatch | undefined;
    let closed: Promise<void> | undefined;
    const close = async () => {
      if (watch !== undefined) this.#watches.delete(watch);
      if (--this.#entrances === 0) await this.#end();
    };
    return {
      open: (opened) => {
        watch = opened;
        this.#watches.add(opened);
      },
      close: () => {
        closed ??= close();
        return closed;
      },
    };
  }

  async #end(): Promise<void> {
    opening = undefined;
    process.off('exit', this.#onExit);
    // The file goes at once, connections that there are stay.
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    for (const socket of this.#connections) if (!this.#served.has(socket)) socket.destroy();
    const limit = setTimeout(() => {
      for (const socket of this.#connections) socket.destroy();
    }, LAST_LIMIT);
    await closed;
    clearTimeout(limit);
  }

  #remove(): void {
    try {
      unlinkSync(this.#file);
    } catch {
      // Somebody has removed it.
    }
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => {
      // He has gone: `close` follows.
    });
    try {
      const peer = knownPeer(socket);
      if (!mayAsk(peer)) {
        throw new MinidumpError(
          'watcher-denied',
          `the watcher (process ${process.pid}) does nothing for user ${peer.uid}`,
          {
            advice: `Ask as user ${process.geteuid!()}, or as root; of a watcher with capabilities, as root.`,
          },
        );
      }
    } catch (error) {
      finish(socket, errorFrame(error));
      return;
    }
    void this.#serve(socket);
  }

  async #serve(socket: Socket): Promise<void> {
    const gone = new AbortController();
    try {
      const request = await readRequest(socket);
      // He may say nothing more: his end of the connection is his end of interest.
      socket.on('data', () => socket.destroy());
      socket.on('end', () => socket.destroy());
      socket.on('close', () => gone.abort());
      socket.resume();
      if (socket.destroyed) gone.abort();
      this.#served.add(socket);
      socket.on('close', () => this.#served.delete(socket));
      finish(socket, jsonFrame(Frame.Report, await this.#perform(request, socket, gone.signal)));
    } catch (error) {
      finish(socket, errorFrame(error));
    }
  }

  async #perform(request: Request, socket: Socket, signal: AbortSignal): Promise<unknown> {
    if (request.protocol !== PROTOCOL) {
      throw new MinidumpError('unsupported', 'the watcher is of another version of mdmp', {
        advice: 'Start it again with this one.',
      });
    }
    switch (request.want) {
      case 'dump':
        return await this.#dump(request.pid, request.options, socket, signal);
      case 'release':
        await this.#watchOf(request.pid).release(request.pid);
        return {};
      case 'resume':
        await this.#watchOf(request.pid).resume(request.pid);
        return {};
      case 'list':
        return this.#report();
      default:
        throw new MinidumpError('unsupported', 'the watcher does not know what is wanted of it');
    }
  }

  async #dump(
    pid: number,
    given: Extract<Request, { want: 'dump' }>['options'],
    socket: Socket,
    signal: AbortSignal,
  ): Promise<FileDumpReport> {
    let next = 0;
    return await withOutputOnStderr(async () => {
      const options = await requestedOptions(given);
      return await this.#watchOf(pid).dumpTo(pid, new FrameSink(socket), {
        ...options,
        signal,
        onProgress: (progress) => {
          if (performance.now() < next) return;
          next = performance.now() + PROGRESS_MS;
          socket.write(jsonFrame(Frame.Progress, progress));
        },
      });
    });
  }

  #watchOf(pid: number): ServedWatch {
    for (const watch of this.#watches) if (watch.watches(pid)) return watch;
    throw notWatched(pid);
  }

  #report(): WatcherReport {
    const processes = [...this.#watches].flatMap((watch) =>
      watch.processes.map((one) => ({ ...one, name: readText(`/proc/${one.pid}/comm`)?.trim() ?? '' })),
    );
    return { pid: process.pid, uid: process.geteuid!(), processes };
  }
}

/** The last word, and some time to hear it. */
function finish(socket: Socket, bytes: Uint8Array): void {
  if (socket.destroyed) return;
  // To close with something unread would take the answer from him.
  socket.resume();
  socket.end(bytes, () => setTimeout(() => socket.destroy(), LINGER).unref());
}
