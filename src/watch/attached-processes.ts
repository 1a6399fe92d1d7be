import { MinidumpError } from '../io/index.js';
import type { Destination } from '../node/destination.js';
import type { FollowOptions, ThreadMoment } from '../targets/linux/attached/attached-protocol.js';
import type { AttachmentUse } from '../targets/linux/attached/shared-attachment.js';
import type { Turn } from '../targets/linux/attached/turns.js';
import { writeAttached } from '../targets/linux/attached/write-attached.js';
import type { FileDumpReport, WriteMinidumpOptions } from '../targets/linux/write-minidump.js';
import { notWatched } from './socket/not-watched.js';

/** The processes of a watch that somebody is attached to, or was: dumps of them, and who else may come, one after the other. */
export class AttachedProcesses {
  readonly #attachment: AttachmentUse;
  readonly #options: FollowOptions;
  /** Whether a process is watched, still. */
  readonly #isWatched: (pid: number) => boolean;
  readonly #released = new Set<number>();
  /** Dumps that processes are held for. */
  readonly #held = new Map<number, Promise<unknown>>();
  /** Nobody is attached to anything any more. */
  #ended = false;

  constructor(attachment: AttachmentUse, options: FollowOptions, isWatched: (pid: number) => boolean) {
    this.#attachment = attachment;
    this.#options = options;
    this.#isWatched = isWatched;
  }

  /** Whether somebody is attached to a process that is watched. */
  has(pid: number): boolean {
    return !this.#ended && !this.#released.has(pid);
  }

  /** Lets others trace a process. What is being made of it is finished before. @throws MinidumpError `not-watched`, `watch-state` */
  async release(pid: number): Promise<void> {
    await this.#inTurn(pid, async () => {
      if (this.#released.has(pid)) {
        throw wrongState(`process ${pid} is released already`, 'Others may trace it.');
      }
      await this.#attachment.detach(pid);
      this.#checkWatched(pid);
      this.#released.add(pid);
    });
  }

  /** Attaches again. @throws MinidumpError `not-watched`, `watch-state`, `already-traced` */
  async resume(pid: number): Promise<void> {
    await this.#inTurn(pid, async () => {
      if (!this.#released.has(pid)) {
        throw wrongState(`process ${pid} was not released`, 'The watcher is attached to it.');
      }
      await this.#attachment.attach(pid, this.#options);
      this.#checkWatched(pid);
      this.#released.delete(pid);
    });
  }

  /** No dump is being made meanwhile. */
  async #inTurn(pid: number, act: () => Promise<void>): Promise<void> {
    for (;;) {
      this.#checkWatched(pid);
      const turn = await this.#attachment.turns.take();
      try {
        if (!this.#held.has(pid)) {
          this.#checkWatched(pid);
          return await act();
        }
      } finally {
        turn();
      }
      await this.#held.get(pid);
    }
  }

  #checkWatched(pid: number): void {
    if (!this.#isWatched(pid)) throw notWatched(pid);
  }

  /** The process is held until its dump is done; then it goes on. */
  hold(pid: number, dump: Promise<unknown>): void {
    const dumped = dump.finally(() => {
      if (this.#held.get(pid) === dumped) this.#held.delete(pid);
      this.#attachment.proceed(pid);
    });
    this.#held.set(pid, dumped);
  }

  /** Lets a process go on of which no dump is wanted. */
  proceed(pid: number): void {
    this.#attachment.proceed(pid);
  }

  /**
   * Dumps a process. Undefined where nobody is attached to it when its turn comes.
   *
   * @param moment what has just happened to it
   * @param held it is held for this dump: others wait
   */
  async write(
    pid: number,
    destination: Destination | null | undefined,
    options: WriteMinidumpOptions,
    moment: ThreadMoment | undefined,
    held: boolean,
  ): Promise<FileDumpReport | undefined> {
    const turn: Turn = await this.#attachment.turns.take(held);
    if (this.has(pid)) return await writeAttached(this.#attachment, pid, destination, options, moment, turn);
    turn();
    return undefined;
  }

  /** A process has ended. */
  forget(pid: number): void {
    this.#released.delete(pid);
  }

  /** The thread that traced them has failed. */
  lose(): void {
    this.#ended = true;
  }

  /** Lets all go, once no dump is being made. */
  async end(): Promise<void> {
    const turn = await this.#attachment.turns.take();
    this.#ended = true;
    this.#attachment[Symbol.dispose]();
    turn();
  }
}

function wrongState(message: string, advice: string): MinidumpError {
  return new MinidumpError('watch-state', message, { advice });
}

/** Nobody is attached: only thresholds and the like are watched. */
export function noneAttached(pid: number): MinidumpError {
  return wrongState(
    `nobody is attached to process ${pid}`,
    'Only thresholds and the like are watched: others may trace it.',
  );
}
