import { existsSync } from 'node:fs';
import { MinidumpError } from '../../io/index.js';
import {
  type SharedAttachment,
  type StoredDump,
  type Watch,
  type WatchEnd,
  type WatchEvent,
  watchProcess,
} from '../../watch/index.js';
import type { DumpAnswer, DumpRequest } from '../messages.js';
import type { RegisterOptions } from '../options.js';
import { LoopWatch } from './loop-watch.js';
import type { Peer } from './peer.js';
import { writeToStderrOf } from './their-stderr.js';
import { isSameWatch, watchOptions } from './watch-options.js';

const ENOUGH = 'there are as many dumps as were wanted';

type Outcome = Pick<DumpAnswer, 'file' | 'error'>;

/** A Node process that has registered. */
export class WatchedNode {
  readonly #pid: number;
  readonly #peer: Peer;
  readonly #attachment: SharedAttachment;
  readonly #gone: () => void;
  #options: RegisterOptions;
  #watch: Watch | undefined;
  #loop: LoopWatch | undefined;
  /** Why it is not watched. */
  #failure: Outcome['error'];
  /** What is to be done for it, one after the other. */
  #turn: Promise<unknown>;
  #connected = true;
  #allowed = () => {};
  /** Of the dump that was asked for, what came of it. */
  #outcome: Outcome | undefined;

  /** @param gone called once, when it has ended */
  constructor(
    pid: number,
    options: RegisterOptions,
    peer: Peer,
    attachment: SharedAttachment,
    gone: () => void,
  ) {
    this.#pid = pid;
    this.#peer = peer;
    this.#attachment = attachment;
    this.#gone = gone;
    this.#options = options;
    const allowed = new Promise<void>((done) => {
      // Not before all that it has said by now is heard: it may have been configured meanwhile.
      this.#allowed = () => setImmediate(done);
    });
    this.#turn = allowed.then(() => this.#begin());
  }

  /** It lets itself be traced. */
  allow(): void {
    this.#allowed();
  }

  beat(): void {
    this.#loop?.beat();
  }

  configure(options: RegisterOptions): void {
    const before = this.#options;
    this.#options = options;
    this.#next(async () => {
      if (options !== this.#options) return;
      if (this.#watch === undefined || isSameWatch(before, options)) this.#watchLoop();
      else await this.#begin();
    });
  }

  /** Dumps it now. */
  dump({ trigger, text, comment }: DumpRequest): Promise<Outcome> {
    return this.#next(async () => {
      const watch = this.#watch;
      if (watch === undefined) return { error: this.#failure };
      this.#outcome = undefined;
      const stored = await watch.dump(text, trigger, { comment });
      if (stored !== undefined) return { file: stored.file };
      return this.#outcome ?? { error: { code: 'cancelled', message: ENOUGH } };
    });
  }

  /** It has closed its end: mostly it has ended. */
  disconnected(): void {
    this.#connected = false;
    this.#allowed();
    this.#loop?.[Symbol.dispose]();
    // Else the watch tells of its end, whose status others wait for.
    void this.#next(async () => {
      if (this.#watch === undefined || !existsSync(`/proc/${this.#pid}`)) await this.#end();
    });
  }

  #next<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(act);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #begin(): Promise<void> {
    await this.#watch?.close();
    this.#watch = undefined;
    try {
      const options = await watchOptions(this.#options);
      const onEvent = (event: WatchEvent) => this.#happened(event);
      const watch = await watchProcess(this.#pid, { ...options, onEvent }, this.#attachment);
      this.#watch = watch;
      void watch.ended.then(({ reason }) => this.#over(watch, reason));
      this.#peer.send({ kind: 'watching' });
      this.#watchLoop();
    } catch (error) {
      this.#failure = plain(error);
      if (existsSync(`/proc/${this.#pid}`) && this.#connected) {
        this.#peer.send({
          kind: 'problem',
          text: `no dumps will be made: ${sentence(this.#failure!)}`,
          final: true,
        });
      }
    }
  }

  #over(watch: Watch, reason: WatchEnd['reason']): void {
    if (this.#watch !== watch) return;
    if (reason === 'limit') this.#failure = { code: 'cancelled', message: ENOUGH };
    this.#watch = undefined;
    if (reason === 'ended' || !this.#connected) void this.#end();
  }

  async #end(): Promise<void> {
    this.#loop?.[Symbol.dispose]();
    const watch = this.#watch;
    this.#watch = undefined;
    await watch?.close();
    this.#gone();
  }

  #watchLoop(): void {
    this.#loop?.[Symbol.dispose]();
    const { hang } = this.#options;
    if (typeof hang !== 'number' || !this.#connected) return;
    const text = `the event loop has made no turn for ${hang} ms`;
    this.#loop = new LoopWatch(
      this.#pid,
      hang,
      () => void this.#next(async () => this.#watch?.dump(text, 'hang')),
    );
  }

  #happened(event: WatchEvent): void {
    switch (event.event) {
      case 'dump':
        this.#tell(dumpText(event.dump));
        break;
      case 'left-out':
        if (event.occasion.trigger !== 'crash')
          this.#outcome = { error: { code: 'cancelled', message: `no dump: ${event.reason}` } };
        this.#tell(`${event.occasion.text}: no dump, ${event.reason}`);
        break;
      case 'failed': {
        const error = plain(event.error);
        if (event.occasion.trigger !== 'crash') this.#outcome = { error };
        this.#tell(`${event.occasion.text}: no dump, ${sentence(error)}`);
        break;
      }
      case 'problem':
        this.#tell(event.text);
    }
  }

  #tell(text: string): void {
    if (this.#options.quiet !== true) writeToStderrOf(this.#pid, `mdmp: ${oneLine(text)}`);
  }
}

function dumpText({ file, occasion, warnings }: StoredDump): string {
  return [`${occasion.text}: ${file || 'dumped by the callback'}`, ...warnings].join('; ');
}

function plain(error: unknown): { code: string; message: string; advice?: string } {
  if (!(error instanceof MinidumpError)) return { code: 'system-call', message: String(error) };
  const { code, message, advice } = error;
  return advice === undefined ? { code, message } : { code, message, advice };
}

function sentence({ message, advice }: { message: string; advice?: string }): string {
  return advice === undefined ? message : `${message}. ${advice}`;
}

/** It goes to a terminal or a log, and holds what others have written. */
function oneLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu, (c) => `\\u${c.codePointAt(0)!.toString(16).padStart(4, '0')}`)
    .slice(0, 1000);
}
