import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { MinidumpError } from '../../../io/index.js';
import { checkProcess, tracingRefused } from '../checks.js';
import type { Command, TracerOptions } from '../tracer-protocol.js';
import { startThread, type TracerThread } from '../tracer-start.js';
import {
  type AttachedData,
  type AttachedEvent,
  type AttachedRequest,
  AttachedWord,
  type FollowOptions,
} from './attached-protocol.js';
import { findProgram, spawnTraced } from './spawn.js';
import { Turns } from './turns.js';
import { prepareWaking, wake } from './wake-signal.js';

/** How long the thread may take to start and to look at what was posted, in milliseconds. */
const LIMIT = 20_000;

type Request = AttachedRequest extends infer One
  ? One extends { id: number }
    ? Omit<One, 'id'>
    : One
  : never;
export type FollowEvent =
  | Exclude<AttachedEvent, { kind: 'reply' | 'ready' }>
  /** The thread has failed, which is a bug: nobody is traced any more. */
  | { readonly kind: 'lost'; readonly error: MinidumpError };

interface Asked {
  done(reply: { pid: number; errno: number }): void;
  failed(error: unknown): void;
}

/** Stays attached to processes from now on, or from their birth, and tells what happens to them. Drives attached-thread.ts. */
export class Attachment implements Disposable {
  readonly #words: Int32Array;
  readonly #worker: Worker;
  readonly #answers: MessagePort;
  readonly #asked = new Map<number, Asked>();
  /** Resolves when the thread serves: nobody need block while it starts. */
  readonly #ready: Promise<void>;
  readonly #onExit = () => this[Symbol.dispose]();
  /** The thread serves one dump at a time; who asks for a second one would wait for ever in `Tracer.ready`. */
  readonly turns = new Turns();
  #lastId = 0;

  /** @param tell is called with each event, from the event loop */
  constructor(tell: (event: FollowEvent) => void) {
    prepareWaking();
    this.#words = new Int32Array(new SharedArrayBuffer(AttachedWord.Words * 4));
    const { port1, port2 } = new MessageChannel();
    const data: AttachedData = { words: this.#words, answers: port2 };
    this.#answers = port1;
    this.#worker = startThread(new URL('./attached-thread.js', import.meta.url), data, [port2]);
    port1.unref();
    this.#ready = new Promise((ready, failed) => {
      this.#worker.on('message', (event: AttachedEvent) => {
        if (event.kind === 'ready') ready();
        else if (event.kind === 'reply') {
          this.#asked.get(event.id)?.done(event);
          this.#asked.delete(event.id);
        } else tell(event);
      });
      let cause: unknown;
      this.#worker.on('error', (error) => {
        cause = error;
      });
      this.#worker.on('exit', () => {
        if (Atomics.exchange(this.#words, AttachedWord.Ended, 1) !== 0) return;
        process.off('exit', this.#onExit);
        const why = cause instanceof Error ? `: ${cause.message.split('\n')[0]}` : '';
        const error = new MinidumpError('system-call', `the thread that watches processes has failed${why}`, {
          cause,
        });
        failed(error);
        for (const one of this.#asked.values()) one.failed(error);
        tell({ kind: 'lost', error });
      });
    });
    // Whoever waits for it hears of it.
    this.#ready.catch(() => {});
    // The thread sits in the kernel: nobody could end it there.
    process.on('exit', this.#onExit);
  }

  /** Traces a process from now on. */
  async attach(pid: number, options: FollowOptions): Promise<void> {
    checkProcess(pid);
    await this.#ready;
    const { errno } = await this.#ask({ kind: 'attach', pid, options });
    if (errno !== 0) throw tracingRefused(pid, errno);
  }

  /**
   * Starts a program and traces it from before its first instruction. It has the terminal, the standard streams, the environment and the
   * folder of this process.
   *
   * @param words the program, as execvp(3) finds it, and its arguments
   */
  async launch(words: readonly string[], options: FollowOptions): Promise<number> {
    const [name = ''] = words;
    const program = findProgram(name);
    await this.#ready;
    return await spawnTraced(program, words, async (gate) => {
      const { pid, errno } = await this.#ask({ kind: 'adopt', ...gate, options });
      if (errno !== 0) throw tracingRefused(pid, errno);
      return pid;
    });
  }

  /** Lets a process go on that an event said is held. */
  proceed(pid: number): void {
    this.#post({ kind: 'proceed', pid });
  }

  /** Traces a process no longer; it runs on. */
  async detach(pid: number): Promise<void> {
    await this.#ask({ kind: 'detach', pid });
  }

  /** For the driver of a dump (tracer.ts): the thread that traces the process. */
  get thread(): TracerThread {
    return {
      attached: true,
      answers: this.#answers,
      serve: (options: TracerOptions) => this.#post({ kind: 'dump', options }),
      post: (command: Command) => this.#worker.postMessage({ kind: 'command', command }),
      nudge() {},
      free() {},
      end() {},
      abandon() {},
    };
  }

  /** Lets all processes go. */
  [Symbol.dispose](): void {
    if (Atomics.load(this.#words, AttachedWord.Ended) !== 0) return;
    process.off('exit', this.#onExit);
    this.#post({ kind: 'end' });
    this.#await(AttachedWord.Ended, 0);
    this.#answers.close();
  }

  #ask(
    request: Extract<Request, { kind: 'attach' | 'adopt' | 'detach' }>,
  ): Promise<{ pid: number; errno: number }> {
    const id = ++this.#lastId;
    return new Promise((done, failed) => {
      this.#asked.set(id, { done, failed });
      this.#post({ ...request, id } as AttachedRequest);
    });
  }

  /** Blocks until the thread has come to look, which is at once but for the time that one dump takes. */
  #post(request: AttachedRequest): void {
    this.#await(AttachedWord.Thread, 0);
    // In this order: who comes to look takes all that is there, and does not look again.
    this.#worker.postMessage(request);
    Atomics.store(this.#words, AttachedWord.Gate, 1);
    Atomics.notify(this.#words, AttachedWord.Gate);
    const tid = Atomics.load(this.#words, AttachedWord.Thread);
    const deadline = performance.now() + LIMIT;
    // A signal that comes just before it goes to wait is lost.
    while (Atomics.load(this.#words, AttachedWord.Gate) === 1 && performance.now() < deadline) {
      if (Atomics.load(this.#words, AttachedWord.Ended) !== 0) return;
      wake(tid);
      Atomics.wait(this.#words, AttachedWord.Gate, 1, 1);
    }
  }

  #await(word: number, not: number): void {
    const deadline = performance.now() + LIMIT;
    while (Atomics.load(this.#words, word) === not) {
      if (performance.now() > deadline) {
        throw new MinidumpError('system-call', 'the thread that watches processes does not answer');
      }
      Atomics.wait(this.#words, word, not, 50);
    }
  }
}
