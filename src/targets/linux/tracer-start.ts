import { Worker } from 'node:worker_threads';
import type { TracerOptions } from './tracer-protocol.js';

/** A tracer thread and the word that it waits at for its options: 1 once they are posted. */
interface Waiting {
  readonly worker: Worker;
  readonly gate: Int32Array;
}

let spare: Waiting | undefined;

/**
 * Starts a tracer thread (tracer-thread.ts) ahead of the dump that will need it. Starting one takes some 30 ms, which pass
 * while the caller loads what it needs itself. It knows of no process yet, touches none, and keeps no program from ending.
 */
export function startTracerThread(): void {
  spare ??= start();
}

/** The tracer thread of a dump: the one that was started ahead, or a new one. */
export function tracerThread(options: TracerOptions): Worker {
  const { worker, gate } = spare ?? start();
  spare = undefined;
  worker.postMessage(options);
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  return worker;
}

function start(): Waiting {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./tracer-thread.js', import.meta.url), {
    workerData: gate,
    // The thread is small; so is what it may need.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
    execArgv: [],
    env: {},
  });
  worker.on('error', () => {
    // Seen through the state word: nobody may be listening here while the dump blocks the event loop.
  });
  worker.unref();
  return { worker, gate };
}
