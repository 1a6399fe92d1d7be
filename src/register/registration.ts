import { rmSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { setEnvironmentData } from 'node:worker_threads';
import { MinidumpError } from '../io/errors.js';
import { Channel, type Notice } from './channel.js';
import { describe, isWanted } from './exception.js';
import { beatInterval, type DumpAnswer } from './messages.js';
import { checkedOptions, optionsFrom, type RegisterOptions } from './options.js';
import { allowTracing, asksForPermission } from './permission.js';
import { startWatcher } from './start-watcher.js';

/** The variable, and the datum for worker threads, that says where the watcher of this tree of processes listens. */
export const WATCHER = 'MDMP_WATCHER';

/** How long to look for a watcher that is just being started by a parent: after so many milliseconds each. */
const LOOKS = [20, 40, 80, 160, 320, 640, 1280];
/** A dump of the last moment may take that much longer than the process may stand still for it. */
const MARGIN = 10_000;

/** This process as its watcher knows it. Nothing of it keeps the process from running, or from ending. */
export class Registration {
  /** Resolves when the process is watched, or will not be. */
  readonly ready: Promise<void>;
  #isReady = () => {};
  #options: RegisterOptions;
  #channel: Channel | undefined;
  #beat: NodeJS.Timeout | undefined;
  /** Why there is no watcher. */
  #lost: string | undefined;
  #welcomed = false;

  constructor() {
    this.#options = { quiet: /^(1|true|yes|on)$/i.test(process.env.MDMP_QUIET ?? '') };
    this.#options = absolute(optionsFrom(process.env, (text) => this.#say(text)));
    this.#options.dir ??= resolved('.');
    this.ready = new Promise((done) => {
      this.#isReady = done;
    });
  }

  /** Finds the watcher of this tree of processes, or starts it. */
  start(): void {
    process.on('uncaughtExceptionMonitor', (error, origin) => this.#uncaught(error, origin));
    const path = process.env[WATCHER];
    if (path === undefined || path === '') this.#startWatcher();
    else this.#join(path, 0);
  }

  configure(given: RegisterOptions): void {
    const checked = checkedOptions(given, (text) => this.#say(text));
    this.#options = { ...this.#options, ...absolute(checked) };
    this.#channel?.send({ kind: 'options', options: this.#options });
    this.#startBeat();
  }

  async dumpNow(text: string): Promise<string> {
    await awake(this.ready);
    return fileOf(await this.#channel?.request({ trigger: 'request', text }), this.#lost);
  }

  #startWatcher(): void {
    const { pid, socket, path } = startWatcher((error) =>
      this.#lose(`the watcher does not start: ${error.message}`),
    );
    if (pid === undefined) return;
    this.#allow(pid);
    process.env[WATCHER] = path;
    setEnvironmentData(WATCHER, path);
    this.#register(socket, true, () => {
      // Where it was killed, nobody else removes what it leaves.
      rmSync(dirname(path), { recursive: true, force: true });
      this.#lose('the watcher has ended: crashes bring no dumps any more');
    });
  }

  /** Registers with the watcher that a parent has started, or is starting. */
  #join(path: string, looks: number): void {
    this.#welcomed = false;
    this.#register(connect(path), !asksForPermission(), (error) => {
      if (this.#welcomed) this.#lose('the watcher has ended: crashes bring no dumps any more');
      else if (error?.code === 'ENOENT' && looks < LOOKS.length) {
        setTimeout(() => this.#join(path, looks + 1), LOOKS[looks]).unref();
      } else this.#startWatcher();
    });
    setEnvironmentData(WATCHER, path);
  }

  /** @param allowed whether the watcher may trace this process by now */
  #register(
    socket: Socket,
    allowed: boolean,
    closed: (error: NodeJS.ErrnoException | undefined) => void,
  ): void {
    this.#channel = new Channel(
      socket,
      { kind: 'hello', options: this.#options, allowed },
      (message) => this.#heard(message),
      (error) => {
        this.#channel = undefined;
        clearInterval(this.#beat);
        closed(error);
      },
    );
    this.#startBeat();
  }

  #heard(message: Notice): void {
    switch (message.kind) {
      case 'welcome':
        this.#welcomed = true;
        this.#allow(message.watcher);
        this.#channel?.send({ kind: 'allowed' });
        break;
      case 'watching':
        this.#isReady();
        break;
      case 'problem':
        if (message.final) this.#lose(message.text);
        else this.#say(message.text);
    }
  }

  #allow(watcher: number): void {
    try {
      allowTracing(watcher);
    } catch (error) {
      const { message, advice } = error as MinidumpError;
      this.#lose(`no dumps will be made: ${message}. ${advice}`);
    }
  }

  #lose(why: string): void {
    this.#isReady();
    if (this.#lost !== undefined) return;
    this.#lost = why;
    this.#say(why);
  }

  #startBeat(): void {
    clearInterval(this.#beat);
    const { hang } = this.#options;
    if (typeof hang !== 'number' || this.#channel === undefined) return;
    this.#beat = setInterval(() => this.#channel?.beat(), beatInterval(hang)).unref();
  }

  #uncaught(error: unknown, origin: 'uncaughtException' | 'unhandledRejection'): void {
    const fatal =
      process.listenerCount('uncaughtException') === 0 && !process.hasUncaughtExceptionCaptureCallback();
    if (this.#channel === undefined || !isWanted(error, origin, fatal, this.#options)) return;
    const trigger = origin === 'uncaughtException' ? 'uncaught-exception' : 'unhandled-rejection';
    const { message = true, maxPause = MARGIN } = this.#options;
    this.#channel.requestNow({ trigger, ...describe(error, origin, message) }, maxPause + MARGIN);
  }

  #say(text: string): void {
    if (this.#options.quiet === true) return;
    try {
      writeSync(2, `mdmp: ${text}\n`);
    } catch {
      // Nobody listens.
    }
  }
}

/** Nothing else keeps the program from ending meanwhile. */
async function awake(promise: Promise<void>): Promise<void> {
  const keeper = setInterval(() => {}, 60_000);
  await promise;
  clearInterval(keeper);
}

/** The path in the answer to a request. @throws MinidumpError that the answer holds */
export function fileOf(answer: DumpAnswer | undefined, lost: string | undefined): string {
  if (answer?.file !== undefined) return answer.file;
  const { code, message, advice } = answer?.error ?? {
    code: 'system-call',
    message: lost ?? 'the watcher has ended before it answered',
  };
  throw new MinidumpError(code as MinidumpError['code'], message, advice === undefined ? {} : { advice });
}

/** The watcher is in another folder, and this process may go to another one. */
function absolute(options: RegisterOptions): RegisterOptions {
  const { dir, callback, onDump } = options;
  const [program, ...words] = typeof onDump === 'string' ? [onDump] : (onDump ?? []);
  return {
    ...options,
    ...(dir === undefined ? {} : { dir: resolved(dir) }),
    ...(callback === undefined ? {} : { callback: resolved(callback) }),
    ...(program === undefined
      ? {}
      : { onDump: [program.includes('/') ? resolved(program) : program, ...words] }),
  };
}

function resolved(path: string): string {
  try {
    return resolve(path);
  } catch {
    return resolve(tmpdir(), path); // the current folder was removed
  }
}
