import { type ChildProcess, spawn } from 'node:child_process';
import { helperEnvironment } from '../../../node/helper-environment.js';
import { isSingleFile } from '../../../node/single-file.js';
import { Spool } from '../../../node/spool.js';
import { closeHandle, isInvalidHandle, type NativePointer } from '../../../node/win32.js';
import { HELPER_VARIABLES, helperProgram } from '../helper-program.js';
import { openProcess } from '../open-process.js';
import { type GuardAnswer, receive, send } from './protocol.js';
import { createEvent, SYNCHRONIZE, setEvent, waitForAny } from './waiting.js';

/** How long a guard may take to start and open the threads, and to answer at the end; milliseconds. */
const PATIENCE = 10_000;

/** A guard process of this process' dumps: it resumes what they leave suspended where this process cannot. */
class Guard implements Disposable {
  readonly #asked = createEvent();
  readonly #ready = createEvent();
  readonly #over = createEvent();
  readonly #request: Spool;
  readonly #answer: Spool;
  readonly #child: ChildProcess;
  readonly #process: NativePointer;

  /** @throws why it cannot start */
  constructor(folder: string | undefined) {
    this.#request = new Spool(folder);
    this.#answer = new Spool(folder);
    const handles = [this.#asked, this.#ready, this.#over].map(String);
    this.#child = spawn(process.execPath, [helperProgram('windows-guard'), String(process.pid), ...handles], {
      // Detached: else it ends with this process (libuv's job), or by the Ctrl+C that ends it.
      detached: true,
      stdio: [this.#request.reserve(0).fd, this.#answer.reserve(0).fd, 'inherit'],
      env: helperEnvironment(HELPER_VARIABLES),
      windowsHide: true,
    });
    this.#child.on('error', () => {}); // It has no pid then.
    this.#child.unref();
    const { pid } = this.#child;
    this.#process = pid === undefined ? null : openProcess(SYNCHRONIZE, pid);
    if (isInvalidHandle(this.#process)) {
      this[Symbol.dispose]();
      throw new Error('no process could be started');
    }
  }

  /** It watches a process from now on. Undefined where it has ended. */
  begin(pid: number, maxPause: number): GuardAnswer | undefined {
    send(this.#request.reserve(0).fd, { pid, maxPause });
    setEvent(this.#asked);
    return this.#answered();
  }

  /** The dump is over. */
  end(): GuardAnswer | undefined {
    setEvent(this.#over);
    return this.#answered();
  }

  [Symbol.dispose](): void {
    this.#child.kill();
    for (const handle of [this.#process, this.#asked, this.#ready, this.#over]) closeHandle(handle);
    this.#request[Symbol.dispose]();
    this.#answer[Symbol.dispose]();
  }

  #answered(): GuardAnswer | undefined {
    if (waitForAny([this.#ready, this.#process], PATIENCE) !== 0) return undefined;
    return receive<GuardAnswer>(this.#answer.reserve(0).fd);
  }
}

/** The one that runs. It stays some seconds for the next dump, as starting it takes longer than many a dump. */
let running: Guard | undefined;

/** A process that is being dumped, with a guard beside it. */
export interface Guarded {
  readonly before: GuardAnswer;
  /** The dump is over, however it ended. Undefined where the guard has not lived so long. */
  end(): GuardAnswer | undefined;
}

/**
 * Has a process watched, by a guard that runs already or a new one.
 *
 * @param maxPause milliseconds from now after which its threads are resumed
 * @param folder for the files of the guard
 * @returns why there is no guard, in a few words, where none can be had
 */
export function guardProcess(pid: number, maxPause: number, folder: string | undefined): Guarded | string {
  const why = cannotRunPrograms();
  if (why !== undefined) return why;
  try {
    let before = running?.begin(pid, maxPause);
    if (before === undefined) {
      stopGuard();
      running = new Guard(folder);
      before = running.begin(pid, maxPause);
    }
    if (before !== undefined && before.failure === undefined) return { before, end: endOf(running!) };
    stopGuard();
    return before?.failure ?? 'it did not start';
  } catch (error) {
    stopGuard();
    return (error as Error).message.split('\n')[0]!;
  }
}

function endOf(guard: Guard): () => GuardAnswer | undefined {
  return () => {
    const after = guard.end();
    if (after === undefined) stopGuard();
    return after;
  };
}

function stopGuard(): void {
  running?.[Symbol.dispose]();
  running = undefined;
}

function cannotRunPrograms(): string | undefined {
  if (isSingleFile()) return 'this program is a single executable file';
  // Electron can be told to be no Node: then it would start the application once more.
  if (process.versions.electron !== undefined && process.env.ELECTRON_RUN_AS_NODE === undefined)
    return 'this program is Electron';
  return undefined;
}
