import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { TracerData, TracerOptions } from './tracer-protocol.js';

/** A tracer thread (tracer-thread.ts). */
export interface TracerThread {
  readonly worker: Worker;
  /** Where answers come that are no numbers. */
  readonly answers: MessagePort;
  /** The word that it waits at for its next dump: 1 once that is posted, or once there will be none. */
  readonly gate: Int32Array;
}

let spare: TracerThread | undefined;

/**
 * Starts a tracer thread ahead of the dump that will need it. Starting one takes some 30 ms, which pass while the caller loads what
 * it needs itself. It knows of no process yet, touches none, and keeps no program from ending.
 */
export function startTracerThread(): void {
  spare ??= start();
}

/** The tracer thread of a dump: the one that waits, or a new one. */
export function tracerThread(options: TracerOptions): TracerThread {
  const thread = spare ?? start();
  spare = undefined;
  thread.worker.postMessage(options);
  open(thread);
  return thread;
}

/**
 * Keeps a thread that has finished its dump for the next one. Not only because that one then starts at once: koffi 3.3 never gives back
 * what it has for a thread that ends (two mappings and 70 KB each, with a new thread a dump: its InstanceData is not deleted).
 */
export function keepTracerThread(thread: TracerThread): void {
  if (spare === undefined) spare = thread;
  else endTracerThread(thread);
}

/** Ends a thread that waits. */
function endTracerThread(thread: TracerThread): void {
  open(thread);
  thread.answers.close();
}

function open({ gate }: TracerThread): void {
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
}

function start(): TracerThread {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const data: TracerData = { gate, answers: port2 };
  const worker = new Worker(new URL('./tracer-thread.js', import.meta.url), {
    workerData: data,
    transferList: [port2],
    // The thread is small; so is what it may need.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
    execArgv: [],
    env: {},
  });
  worker.on('error', () => {
    // Seen through the state word: nobody may be listening here while the dump blocks the event loop.
  });
  worker.unref();
  port1.unref();
  return { worker, gate, answers: port1 };
}
