import { readSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type DumpAnswer, type DumpRequest, Lines, type ToProcess, type ToWatcher } from './messages.js';

/** What it says unasked. */
export type Notice = Exclude<ToProcess, DumpAnswer>;

type Answered = (answer: DumpAnswer | undefined) => void;

/** The way from a process to its watcher. It keeps no process from ending but while a dump is awaited. */
export class Channel {
  readonly #socket: Socket;
  readonly #lines = new Lines();
  readonly #heard: (message: Notice) => void;
  readonly #pending = new Map<number, Answered>();
  #closed = false;
  #lastId = 0;

  /**
   * @param first what is to be said before all else
   * @param closed the watcher has ended, or was not there
   */
  constructor(
    socket: Socket,
    first: ToWatcher,
    heard: (message: Notice) => void,
    closed: (error: NodeJS.ErrnoException | undefined) => void,
  ) {
    this.#socket = socket;
    this.#heard = heard;
    let failure: NodeJS.ErrnoException | undefined;
    socket.unref();
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      this.#closed = true;
      for (const answered of this.#pending.values()) answered(undefined);
      this.#pending.clear();
      closed(failure);
    });
    this.send(first);
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(message: ToWatcher): void {
    if (this.#closed) return;
    // A Unix socket is connected at once; the event loop only does not know yet, and may not come to know if the program throws now.
    if (!this.#socket.connecting || !this.#writeNow(lineOf(message))) this.#socket.write(lineOf(message));
  }

  /** The event loop has come round. */
  beat(): void {
    // What a watcher does not read, because somebody has stopped it, is not to pile up.
    if (!this.#closed && this.#socket.writableLength === 0) this.#socket.write('\n');
  }

  ref(keeps: boolean): void {
    if (keeps) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Asks for a dump. Undefined where the watcher ends before it answers. */
  request(request: Omit<DumpRequest, 'kind' | 'id'>): Promise<DumpAnswer | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const id = ++this.#lastId;
    return new Promise((done) => {
      this.#socket.ref();
      this.#pending.set(id, (answer) => {
        if (this.#pending.size <= 1) this.#socket.unref();
        done(answer);
      });
      this.send({ kind: 'dump', id, ...request });
    });
  }

  /** Asks for a dump, and blocks until it is there: no event loop will run any more. */
  requestNow(request: Omit<DumpRequest, 'kind' | 'id'>, limit: number): DumpAnswer | undefined {
    const id = ++this.#lastId;
    const deadline = performance.now() + limit;
    const answers: (DumpAnswer | undefined)[] = [];
    if (this.#closed || !this.#writeNow(lineOf({ kind: 'dump', id, ...request }))) return undefined;
    this.#pending.set(id, (answer) => answers.push(answer));
    while (answers.length === 0 && performance.now() < deadline && this.#readNow());
    this.#pending.delete(id);
    return answers[0];
  }

  /** The descriptor, as long as there is one. */
  get #descriptor(): number | undefined {
    const handle = (this.#socket as { _handle?: { fd?: number } })._handle;
    return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
  }

  /** Gives false if there is nobody to read it. */
  #writeNow(text: string): boolean {
    const fd = this.#descriptor;
    if (fd === undefined) return false;
    const bytes = Buffer.from(text);
    for (let done = 0, tries = 0; done < bytes.length; ) {
      try {
        done += writeSync(fd, bytes, done);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || ++tries > 1000) return false;
        pause();
      }
    }
    return true;
  }

  /** Takes what is there, or waits a moment. Gives false at the end. */
  #readNow(): boolean {
    const fd = this.#descriptor;
    if (fd === undefined) return false;
    const bytes = Buffer.alloc(4096);
    try {
      const got = readSync(fd, bytes);
      if (got === 0) return false;
      this.#take(bytes.subarray(0, got));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
      pause();
    }
    return true;
  }

  #take(bytes: Uint8Array): void {
    try {
      for (const line of this.#lines.take(bytes)) {
        if (line !== '') this.#hear(JSON.parse(line) as ToProcess);
      }
    } catch {
      // It does not speak as a watcher does.
      this.#socket.destroy();
    }
  }

  #hear(message: ToProcess): void {
    if (message.kind !== 'dump') this.#heard(message);
    else {
      const answered = this.#pending.get(message.id);
      answered?.(message);
      this.#pending.delete(message.id);
    }
  }
}

const nothing = new Int32Array(new SharedArrayBuffer(4));

function pause(): void {
  Atomics.wait(nothing, 0, 0, 1);
}

function lineOf(message: ToWatcher): string {
  return `${JSON.stringify(message)}\n`;
}
