import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Command, TracerData, TracerOptions } from './tracer-protocol.js';

/** A thread that traces, as the driver of a dump (tracer.ts) sees it. */
export interface TracerThread {
  /** Where answers come that are no numbers. */
  readonly answers: MessagePort;
  /** Has it serve a dump. */
  serve(options: TracerOptions): void;
  /** Sends a command of that dump. */
  post(command: Command): void;
  /** Calls it again, should a notification have been lost. */
  nudge(): void;
  /** The dump is over, and the thread is free for another one. */
  free(): void;
  /** The dump is over, and the thread ends. */
  end(): void;
  /** It does not answer. */
  abandon(): void;
  /** Whether it traces the process also before and after the dump: then it collects the ends of threads by itself. */
  readonly attached: boolean;
}

let spare: SpareThread | undefined;

/**
 * Starts a tracer thread ahead of the dump that will need it. Starting one takes some 30 ms, which pass while the caller loads what
 * it needs itself. It knows of no process yet, touches none, and keeps no program from ending.
 */
export function startTracerThread(): void {
  spare ??= start();
}

/** The tracer thread of a dump: the one that waits, or a new one. */
export function tracerThread(): TracerThread {
  const thread = spare ?? start();
  spare = undefined;
  return thread;
}

/** A tracer thread of its own (tracer-thread.ts). */
class SpareThread implements TracerThread {
  readonly answers: MessagePort;
  readonly attached = false;
  readonly #worker: Worker;
  /** The word that it waits at for its next dump: 1 once that is posted, or once there will be none. */
  readonly #gate: Int32Array;

  constructor(worker: Worker, answers: MessagePort, gate: Int32Array) {
    this.#worker = worker;
    this.answers = answers;
    this.#gate = gate;
  }

  serve(options: TracerOptions): void {
    this.#worker.postMessage(options);
    this.#open();
  }

  post(command: Command): void {
    this.#worker.postMessage(command);
  }

  nudge(): void {
    Atomics.notify(this.#gate, 0);
  }

  /**
   * Keeps it for the next dump. Not only because that one then starts at once: koffi 3.3 never gives back what it has for a thread that
   * ends (two mappings and 70 KB each, with a new thread a dump: its InstanceData is not deleted).
   */
  free(): void {
    if (spare === undefined) spare = this;
    else {
      this.#open();
      this.end();
    }
  }

  end(): void {
    this.answers.close();
  }

  abandon(): void {
    void this.#worker.terminate();
  }

  #open(): void {
    Atomics.store(this.#gate, 0, 1);
    Atomics.notify(this.#gate, 0);
  }
}

function start(): SpareThread {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const data: TracerData = { gate, answers: port2 };
  const worker = startThread(new URL('./tracer-thread.js', import.meta.url), data, [port2]);
  worker.unref();
  port1.unref();
  return new SpareThread(worker, port1, gate);
}

/** Starts a thread that is small, needs little, and has nothing of this program's options and environment. */
export function startThread(file: URL, data: unknown, transfer: MessagePort[]): Worker {
  const worker = new Worker(file, {
    workerData: data,
    transferList: transfer,
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
    execArgv: [],
    env: {},
  });
  worker.on('error', () => {
    // Seen through the state word: nobody may be listening here while the dump blocks the event loop.
  });
  return worker;
}
