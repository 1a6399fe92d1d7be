import { existsSync } from 'node:fs';
import { receiveMessageOnPort } from 'node:worker_threads';
import { MinidumpError } from '../../io/index.js';
import type { CpuName } from '../../linux/cpu/index.js';
import { sleep } from '../../node/sleep.js';
import { bindWaitid, collect, hasEnded } from './ended-threads.js';
import { targetExited } from './memory.js';
import { listThreads, stateIn } from './procfs.js';
import type { QuickPlan } from './quick-capture.js';
import type { Candidate, ForkResult } from './snapshot/frozen-copy.js';
import type { Gadgets } from './snapshot/guard.js';
import { hasLeft } from './stop-patience.js';
import type { ThreadHolder } from './thread-holder.js';
import {
  ANSWER_BYTES,
  Answer,
  CONTROL_BYTES,
  type Command,
  Control,
  type QuickAnswer,
  readAnswerText,
  State,
  slotSize,
  TIMES_OFFSET,
  Times,
  type TracerOptions,
} from './tracer-protocol.js';
import { type TracerThread, tracerThread } from './tracer-start.js';

/** How long the tracer thread may take to start, and how long beyond its own limits to answer; milliseconds. */
const START_LIMIT = 20_000;
const REPLY_LIMIT = 30_000;
/** How long a process may take to end that could not be looked into. */
const ENDING_LIMIT = 300;
/** How long the end of the thread is waited for. */
const END_LIMIT = 1_000;
/** A stop that takes longer than this, in milliseconds, may be one of a process that waits for us: see `#awaitStop`. */
const SLICE = 50;

export interface TracerSettings {
  cpu: CpuName;
  /** Take the registers beyond SSE too. */
  xstate: boolean;
  /** Longest stop in milliseconds. */
  maxPause: number;
  abandonExitCode?: number | undefined;
  /** The thread that traces the process already. */
  thread?: TracerThread | undefined;
}

/**
 * Drives the tracer thread (tracer-thread.ts) and blocks while it works: from the first seize to the last detach the
 * calling thread does not return to its event loop.
 */
export class Tracer implements ThreadHolder {
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #thread: TracerThread;
  readonly #maxPause: number;
  readonly #slotSize: number;
  readonly #pid: number;
  /** All that were to be stopped but the leader, whose end belongs to its parent. */
  readonly #traced = new Set<number>();
  #replies = 0;
  #released = false;

  /** Starts the thread, or takes the one that was started; it gets ready (some 30 ms) while the caller prepares. */
  constructor(pid: number, settings: TracerSettings) {
    const control = new SharedArrayBuffer(CONTROL_BYTES);
    this.#words = new Int32Array(control, 0, Control.Words);
    this.#times = new Float64Array(control, TIMES_OFFSET, Times.Count);
    this.#maxPause = settings.maxPause;
    this.#pid = pid;
    this.#slotSize = slotSize(settings.xstate);
    const options: TracerOptions = {
      control,
      pid,
      cpu: settings.cpu,
      xstate: settings.xstate,
      maxPause: settings.maxPause,
      abandonExitCode: settings.abandonExitCode,
      abandonMessage: `mdmp: ${pauseMessage(settings.maxPause)}\n`,
    };
    this.#thread = settings.thread ?? tracerThread();
    this.#thread.serve(options);
  }

  /** Waits until the thread is ready to trace. */
  ready(): void {
    this.#awaitReply(START_LIMIT);
    if (this.#state() !== State.Ready) {
      // The thread has served others before: what it does not know any more is this process.
      if (this.#thread.attached) throw targetExited(this.#pid);
      throw new MinidumpError('koffi-missing', 'the tracer thread could not load koffi', {
        advice: 'Install it beside mdmp: npm install koffi@3',
      });
    }
  }

  /** Stops these threads, all together. The results hold one slot a thread, each of `slotSize` bytes (tracer-protocol.ts). */
  stop(threads: readonly number[]): DataView {
    const results = new SharedArrayBuffer(Math.max(1, threads.length) * this.#slotSize);
    for (const tid of threads) if (tid !== this.#pid) this.#traced.add(tid);
    this.#post({ kind: 'stop', threads, results });
    this.#awaitStop();
    this.checkHeld();
    return new DataView(results);
  }

  /** Stops all threads, copies what a dump needs, and lets them go at once, unless that cannot be done (QuickAnswer.parts). */
  capture(plan: QuickPlan): QuickAnswer {
    this.#post({ kind: 'capture', plan });
    this.#awaitStop();
    this.checkHeld();
    this.#checkWhole(undefined);
    return (receiveMessageOnPort(this.#thread.answers) as { message: QuickAnswer }).message;
  }

  /** Throws if the threads that were stopped are stopped no longer, because it took too long. */
  checkHeld(): void {
    if (this.#state() === State.Expired) {
      this.#acknowledge();
      throw new MinidumpError('max-pause', pauseMessage(this.#maxPause), {
        advice: 'Shorten what the callback does, or allow a longer stop with --max-pause.',
      });
    }
  }

  /** Gets ready to fork, before anything is stopped. */
  arm(gadgets: Gadgets): void {
    this.#post({ kind: 'arm', gadgets });
    this.#awaitReply(REPLY_LIMIT);
  }

  /** Has one of the stopped threads fork: the copy stands still, and lives until `killCopy` or `release`. */
  fork(candidates: readonly Candidate[]): ForkResult {
    const results = this.#ask((results) => ({ kind: 'fork', candidates, results }));
    const words = new Int32Array(results);
    return { pid: words[Answer.Pid]!, ownPid: words[Answer.OwnPid]!, why: readAnswerText(results) };
  }

  /** Lets the target go; a copy stays. */
  resume(): void {
    this.#post({ kind: 'resume' });
    this.#awaitReply(REPLY_LIMIT);
    this.checkHeld();
  }

  /** Ends the copy. The target has a dead child then, until `collect`. */
  killCopy(): void {
    this.#post({ kind: 'kill-copy' });
    this.#awaitReply(REPLY_LIMIT);
  }

  /** Has one of the stopped threads wait for the copy that was ended; gives whether that was done. */
  collect(candidates: readonly Candidate[], ownPid: number): boolean {
    const results = this.#ask((results) => ({ kind: 'collect', candidates, ownPid, results }));
    return new Int32Array(results)[Answer.Pid] === 1;
  }

  #ask(command: (results: SharedArrayBuffer) => Command): SharedArrayBuffer {
    const results = new SharedArrayBuffer(ANSWER_BYTES);
    this.#post(command(results));
    this.#awaitReply(REPLY_LIMIT + this.#maxPause);
    this.checkHeld();
    this.#checkWhole(results);
    return results;
  }

  #checkWhole(results: SharedArrayBuffer | undefined): void {
    if (this.#state() !== State.Broken) return;
    if (isEnding(this.#pid)) throw targetExited(this.#pid);
    const why = results === undefined ? 'a step failed' : readAnswerText(results);
    throw new MinidumpError(
      'system-call',
      `process ${this.#pid} could not be looked into: ${why}; it runs on, the dump is given up`,
      { advice: 'Try again, or copy the memory while it stands still with --snapshot never.' },
    );
  }

  /** Lets the target go; the thread is free for another dump. May be called again. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    // It is not ended while it starts: see tracer-thread.ts.
    if (this.#state() === State.Starting) this.#awaitReply(START_LIMIT);
    if (this.#state() === State.Expired) {
      this.#acknowledge();
    } else if (this.#state() === State.Ready || this.#state() === State.Holding) {
      this.#post({ kind: 'release' });
      // A stop that its caller gave up (a deadline ended it in the middle of `#awaitStop`) is answered first, and still needs help.
      do this.#awaitStop();
      while (this.#state() === State.Ready || this.#state() === State.Holding);
      // The limit may have passed in just this moment.
      if (this.#state() === State.Expired) this.#acknowledge();
      const tid = Atomics.load(this.#words, Control.FreedByEnd);
      if (tid === 0 && this.#state() === State.Ended) {
        this.#thread.free();
        return;
      }
      this.#awaitEnd(tid);
    }
    this.#thread.end();
  }

  /** Where only the end of the tracer thread frees a thread of the target, waits for that end. */
  #awaitEnd(tid: number): void {
    const deadline = performance.now() + END_LIMIT;
    while (tid !== 0 && existsSync(`/proc/self/task/${tid}`) && performance.now() < deadline) sleep(1);
  }

  get slotSize(): number {
    return this.#slotSize;
  }

  /** How long the target was stopped, in milliseconds, all stops together; known once it is let go. */
  get pause(): number {
    return this.#times[Times.Held]!;
  }

  /** Tells the thread that its caller is back: a command need not be ended (`abandonExitCode`). */
  #acknowledge(): void {
    Atomics.store(this.#words, Control.Acknowledged, 1);
    Atomics.notify(this.#words, Control.Acknowledged);
  }

  #state(): number {
    return Atomics.load(this.#words, Control.State);
  }

  #post(command: Command): void {
    this.#thread.post(command);
    Atomics.add(this.#words, Control.Request, 1);
    Atomics.notify(this.#words, Control.Request);
  }

  /**
   * Waits for the answer to a stop, or to what comes behind one. A target that executes another program ends its other threads first, and holds the lock that
   * PTRACE_SEIZE takes (cred_guard_mutex) until those that we trace have been waited for: the tracer thread, which sits in
   * the seize of the next one, cannot, so that both would wait for ever. Any thread of this process can, and this one does.
   */
  #awaitStop(): void {
    const deadline = performance.now() + REPLY_LIMIT;
    while (!this.#answered(SLICE) && performance.now() < deadline) {
      if (this.#thread.attached) continue;
      const waitid = bindWaitid();
      const info = new Int32Array(32);
      // There may be new ones meanwhile; those that have ended and are not collected are still listed.
      for (const tid of listThreads(this.#pid)) if (tid !== this.#pid) this.#traced.add(tid);
      for (const tid of this.#traced) if (hasEnded(waitid, tid, info)) collect(waitid, tid, info);
    }
    this.#awaitReply(0);
  }

  #awaitReply(limit: number): void {
    if (!this.#answered(limit)) {
      this.#thread.abandon();
      throw new MinidumpError('system-call', 'the tracer thread does not answer');
    }
    this.#replies = Atomics.load(this.#words, Control.Reply);
  }

  /**
   * Whether the answer has come within so many milliseconds. It is looked for now and then, and the tracer thread is called again: on a machine
   * under load both threads were twice found in Atomics.wait, each waiting for the other (in some 5,000 dumps; which notification was
   * lost is not known).
   */
  #answered(limit: number): boolean {
    const deadline = performance.now() + limit;
    const hasAnswered = () => Atomics.load(this.#words, Control.Reply) !== this.#replies;
    for (let left = limit; !hasAnswered(); left = deadline - performance.now()) {
      if (left <= 0) return false;
      if (Atomics.wait(this.#words, Control.Reply, this.#replies, Math.min(left, SLICE)) !== 'timed-out')
        continue;
      Atomics.notify(this.#words, Control.Request);
      this.#thread.nudge();
    }
    return true;
  }
}

/** Whether a process is gone, or soon is: on its way out it can be neither read nor made to do anything. */
function isEnding(pid: number): boolean {
  const deadline = performance.now() + ENDING_LIMIT;
  do {
    if (hasLeft(stateIn(`/proc/${pid}/stat`))) return true;
    sleep(10);
  } while (performance.now() < deadline);
  return false;
}

function pauseMessage(maxPause: number): string {
  return `the dump held the process longer than ${maxPause / 1000} s; the process runs again, the dump is given up`;
}
