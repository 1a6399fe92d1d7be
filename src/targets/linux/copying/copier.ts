import { constants, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { MinidumpError, type Task, type Work } from '../../../io/index.js';
import { errnoName } from '../../../node/libc.js';
import { openMemory } from '../remote-memory.js';
import {
  CONTROL_BYTES,
  type CopyJob,
  FAILURE_WORDS,
  FAILURES_OFFSET,
  LONGS_OFFSET,
  Long,
  MAX_FAILURES,
  RUN_WORDS,
  Word,
} from './copy-protocol.js';

/** More threads than this wait for each other: one file is written by one at a time. */
const MAX_THREADS = 3;
/** How often the driving thread looks up from its wait, in milliseconds. */
const TICK = 50;
/** How long a thread may take to start, and to end when it is told to; milliseconds. */
const START_LIMIT = 20_000;
const END_LIMIT = 10_000;

/** Memory that goes to a place in a file. */
export interface CopyRun {
  address: bigint;
  position: number;
  length: bigint;
}

/**
 * Copies memory of a process into a file by several threads (copy-thread.ts). They are started ahead, some 30 ms before they are
 * needed, and touch nothing until then.
 */
export class Copier {
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  readonly #failures: BigInt64Array;
  readonly #workers: Worker[] = [];
  #used = false;

  constructor() {
    const control = new SharedArrayBuffer(CONTROL_BYTES);
    this.#words = new Int32Array(control, 0, Word.Count);
    this.#longs = new BigInt64Array(control, LONGS_OFFSET, Long.Count);
    this.#failures = new BigInt64Array(control, FAILURES_OFFSET, MAX_FAILURES * FAILURE_WORDS);
    const threads = Math.min(MAX_THREADS, Math.max(2, availableParallelism()));
    for (let i = 0; i < threads; i++) {
      const worker = new Worker(new URL('./copy-thread.js', import.meta.url), {
        workerData: control,
        resourceLimits: { maxYoungGenerationSizeMb: 4 },
        // The file is opened here and closed there.
        trackUnmanagedFds: false,
        execArgv: [],
        env: {},
      });
      // Seen by its not starting: nobody may be listening here while the dump blocks the event loop.
      worker.on('error', () => {});
      worker.unref();
      this.#workers.push(worker);
    }
  }

  /**
   * Copies; may be called once.
   *
   * @param thread a living one of the process
   * @param fd the file
   * @param runs ascending by position, none of them empty; their pages exist
   * @param tick is told now and then how many bytes are done; what it throws ends the copying
   * @param gone the error for a process that is not there any more
   * @returns what could not be read: its places in the file are zeros
   */
  *copy(
    [pid, via]: readonly [pid: number, thread: number],
    fd: number,
    runs: readonly CopyRun[],
    tick: (done: number) => void,
    gone: () => Error,
  ): Task<CopyRun[]> {
    const shared = new SharedArrayBuffer(runs.length * RUN_WORDS * 8);
    const view = new BigInt64Array(shared);
    runs.forEach(({ address, position, length }, i) => {
      view.set([BigInt.asIntN(64, address), BigInt(position), length], i * RUN_WORDS);
    });
    this.#used = true;
    try {
      for (const worker of this.#workers) {
        const job: CopyJob = {
          runs: shared,
          memory: openMemory(pid, via),
          fd: openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY),
        };
        worker.postMessage(job);
      }
      this.#openGate();
      yield { kind: 'work', work: this.#work(tick) };
    } finally {
      this.#end();
    }
    if (this.#words[Word.Gone] !== 0) throw gone();
    const code = this.#words[Word.WriteErrno]!;
    if (code !== 0) throw Object.assign(new Error(errnoName(code)), { code: errnoName(code) });
    return this.#failed();
  }

  #failed(): CopyRun[] {
    const count = this.#words[Word.Failures]!;
    if (count > MAX_FAILURES) {
      throw new MinidumpError('memory-unreadable', `more than ${MAX_FAILURES} pages could not be read`, {
        advice: 'Leave that memory out with a callback.',
      });
    }
    return Array.from({ length: count }, (_, i) => ({
      address: BigInt.asUintN(64, this.#failures[i * FAILURE_WORDS]!),
      position: Number(this.#failures[i * FAILURE_WORDS + 1]),
      length: this.#failures[i * FAILURE_WORDS + 2]!,
    })).sort((a, b) => a.position - b.position);
  }

  #work(tick: (done: number) => void): Work {
    const began = performance.now();
    const words = this.#words;
    /** How many threads have ended; undefined once all have. */
    const look = (): number | undefined => {
      const ended = Atomics.load(words, Word.Ended);
      if (ended === this.#workers.length) return undefined;
      const late =
        performance.now() - began > START_LIMIT && Atomics.load(words, Word.Started) < this.#workers.length;
      if (late) throw new MinidumpError('system-call', 'a thread that copies memory does not start');
      tick(Number(Atomics.load(this.#longs, Long.Done)));
      return ended;
    };
    return {
      block() {
        for (let ended = look(); ended !== undefined; ended = look())
          Atomics.wait(words, Word.Ended, ended, TICK);
      },
      async settled() {
        for (let ended = look(); ended !== undefined; ended = look()) await changed(words, Word.Ended, ended);
      },
    };
  }

  #openGate(): void {
    Atomics.store(this.#words, Word.Gate, 1);
    Atomics.notify(this.#words, Word.Gate);
  }

  /** Has the threads end, also those that wait for something to do. */
  #stop(): void {
    Atomics.store(this.#words, Word.Stop, 1);
    this.#openGate();
  }

  /** Nothing is copied after this. */
  #end(): void {
    this.#stop();
    const deadline = performance.now() + END_LIMIT;
    for (;;) {
      const ended = Atomics.load(this.#words, Word.Ended);
      if (ended === this.#workers.length || performance.now() > deadline) return;
      Atomics.wait(this.#words, Word.Ended, ended, TICK);
    }
  }

  /** Ends threads that were not needed. */
  [Symbol.dispose](): void {
    if (this.#used) return;
    this.#used = true;
    this.#stop();
  }
}

/** Until a word is not `value` any more, or TICK has passed, without blocking the event loop. */
async function changed(words: Int32Array, index: number, value: number): Promise<void> {
  const waiting = Atomics.waitAsync(words, index, value, TICK);
  if (!waiting.async) return;
  // A wait by itself keeps no program from ending, and comes back later than a timer of the same length.
  const alive = setInterval(() => {}, TICK);
  await waiting.value;
  clearInterval(alive);
}
